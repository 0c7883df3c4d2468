//! The C API: one file per C noun. Each entry point unwraps pointers, makes one call and maps the result.
//!
//! - `codes`, `types`: the numbers and structs of the header; `library`, `conf`, `directory`, `topic`, `log`, `packed`,
//!   `batch`, `headers`, `reader`, `view`, `sender`, `thread`: the functions;
//! - `boundary`, `error`, `message`: no panic crosses, every failure has a number and a text;
//! - `handle`, `slot`, `object`, `exclusive`: what a handle is and who may use it; `args`: what a pointer may be.
//!
//! The header is made from the doc comments of this room in the order of the list in `build.rs`; "Safety" sections
//! appear there as "Pointers". Policy lives below: nothing here decides about records, files or waiting.

mod args;
pub mod batch;
mod boundary;
#[expect(non_camel_case_types, reason = "the name of a C type")]
pub mod codes;
pub mod conf;
pub mod directory;
mod error;
mod exclusive;
mod handle;
pub mod headers;
pub mod library;
pub mod log;
mod memory;
mod message;
mod object;
pub mod packed;
pub mod reader;
pub mod sender;
mod slot;
pub mod thread;
pub mod topic;
#[expect(non_camel_case_types, reason = "the names of C types")]
pub mod types;
pub mod view;

/// What a call of the old interface needs that is given a handle of this one.
#[cfg(feature = "compat")]
pub(crate) mod edge {
    pub(crate) use super::args::{out, path};
    pub(crate) use super::boundary::on;
    pub(crate) use super::directory::hand_over_text;
    pub(crate) use super::error::Failure;
}
