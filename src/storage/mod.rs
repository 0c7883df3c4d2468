//! The engine of one partition: segments, indexes, control page, append, durability, readers, recovery. Knows no C and no socket.
//!
//! - `config`, `names`, `index`, `tail`: what a log is made of, and the sparse-index rule;
//! - `control`, `slots`, `session`: what processes share;
//! - `partition` (the handle), `active`, `append`, `grow`, `roll`, `takeover`, `durable`: the writing side;
//! - `segments`, `lookup`, `view`, `table`, `reader`, `isolation`, `wait`, `sender`: the reading side;
//! - `recovery` (the order of steps), `housekeeping`, `survey`, `clean_tail`, `set_aside`, `rebuild`, `producer_recovery`: a folder made ready for a writer;
//! - `window`, `scan`, `segment_scan`: log files read from front to back;
//! - `checkpoint`, `leader_epoch`, `producers`, `transactions`: Kafka's small files.

pub mod active;
pub mod checkpoint;
mod clean_tail;
pub mod config;
pub mod control;
#[cfg(test)]
mod fixture;
pub mod grow;
mod housekeeping;
pub mod index;
pub mod leader_epoch;
pub mod names;
pub mod partition;
mod producer_recovery;
pub mod producers;
pub mod reader;
pub mod rebuild;
pub mod recovery;
pub mod roll;
mod scan;
mod segment_scan;
pub mod segments;
pub mod sender;
pub mod session;
mod set_aside;
pub mod slots;
mod survey;
pub mod tail;
pub mod transactions;
pub mod view;
mod window;
pub mod writer;
