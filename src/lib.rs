//! libckafka: Kafka's log as a library.
//!
//! A directory of Apache Kafka's own files is opened in-process, appended to, read without a copy and sent to a
//! descriptor without a copy. The rooms, each using only those below it:
//!
//! - [`ffi`]: the C API, one file per C noun; [`compat`]: the C-Kafka interface, one file per old folder;
//! - [`broker`]: a data directory, its topics and partitions;
//! - [`storage`]: the engine of one partition: segments, indexes, control page, readers, recovery;
//! - [`sys`]: every system call and mapping; [`record`]: pure bytes of batches and records;
//! - [`error`]: the error type, and [`json`]: text of reports, leaves for all; [`broken`]: what tests of the sharing rules leave out, nothing without its feature.

pub mod broken;
pub mod broker;
#[cfg(feature = "compat")]
#[expect(unsafe_code, reason = "the C boundary dereferences what C callers pass")]
pub mod compat;
pub mod error;
#[expect(unsafe_code, reason = "the C boundary dereferences what C callers pass")]
pub mod ffi;
pub mod json;
pub mod record;
pub mod storage;
#[expect(unsafe_code, reason = "system calls and mappings live here, behind safe types")]
pub mod sys;

pub use error::{Error, Result};
