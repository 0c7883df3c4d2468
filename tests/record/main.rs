//! Record bytes, from outside: one claim a file.
//!
//! One program, since they share a model of records (`support`) and all of them link the whole library.

mod allocation;
mod bomb;
mod flipped_bit;
mod golden;
mod lz4_frames;
mod python;
mod round_trip;
mod support;
mod truncation;
mod worked_bytes;
