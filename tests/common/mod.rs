//! What the tests of the engine share. Not a test itself: a module of those that need it.
//!
//! - `scratch`: folders that are made fresh for a test, copied, listed and compared;
//! - `logs`: directories, topics and logs opened in a line, records appended and read back;
//! - `bytes`: batches and sparse indexes by Kafka's rules, written down a second time, apart from the library;
//! - `child`: parts of a test that run in processes of their own, and mounts of their own;
//! - `random`: numbers that a seed repeats.

pub mod bytes;
pub mod child;
pub mod logs;
pub mod random;
pub mod scratch;

use std::io::Write;

/// Says, past the capture of output, that a test was left out, and what it would take.
pub fn skip(test: &str, needs: &str) {
    let notice = format!("\nSKIPPED: {test} needs {needs}\n");
    std::io::stderr().write_all(notice.as_bytes()).expect("standard error takes a line");
}
