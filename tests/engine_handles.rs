//! A directory that one process has open more than once: what one handle starts, closes or is about to open is true for the others.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::time::{Duration, Instant};

use ckafka::Error;
use ckafka::broker::{IoRoles, Log, OpenMode};
use common::logs::{self, Owned, TOPIC};
use common::scratch::Scratch;

fn becomes_durable(log: &Log) {
    log.request_sync().expect("a flush thread runs");
    let begun = Instant::now();
    while log.watermarks().durable < log.watermarks().end {
        assert!(begun.elapsed() < Duration::from_secs(20), "a sync was asked for, and nobody synced");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A flush thread ends with its handle: then the others are told, and can have one of their own.
#[test]
fn sync_request_reaches_a_thread_that_runs() {
    let place = Scratch::new("handles-flush");
    let (first, log) = logs::create(place.path(), &[]);
    let second = logs::open(place.path(), OpenMode::ReadWrite);
    let kept = second.open_log(TOPIC, 0).expect("log opens");
    assert!(matches!(kept.request_sync(), Err(Error::ConfigRefused { .. })));
    first.start_io_threads(IoRoles(IoRoles::FLUSH)).expect("thread starts");
    logs::append(&kept, &[Owned::new(1, "by the thread of the first")]).expect("append");
    becomes_durable(&kept);
    logs::close((first, log));
    assert!(matches!(kept.request_sync(), Err(Error::ConfigRefused { .. })), "its thread is gone");
    second.start_io_threads(IoRoles(IoRoles::FLUSH)).expect("thread starts");
    logs::append(&kept, &[Owned::new(1, "by the thread of the second")]).expect("append");
    becomes_durable(&kept);
    logs::close((second, kept));
}
