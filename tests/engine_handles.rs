//! A directory that one process has open more than once: what one handle starts, closes or is about to open is true for the others.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::sync::Barrier;
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

/// A signal for the process is for the program's threads: one of the library's would run the handler and wake nobody.
#[test]
fn threads_of_the_library_take_no_signal() {
    let place = Scratch::new("handles-signals");
    let (directory, log) = logs::create(place.path(), &[]);
    directory.start_io_threads(IoRoles(IoRoles::FLUSH | IoRoles::PRETOUCH)).expect("threads start");
    let mut found = 0;
    for thread in std::fs::read_dir("/proc/self/task").expect("threads") {
        let folder = thread.expect("a thread").path();
        let Ok(status) = std::fs::read_to_string(folder.join("status")) else { continue };
        let field = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel says so").trim().to_owned()
        };
        if field("Name:") == "ckafka-pretouch" || field("Name:") == "ckafka-flush" {
            let blocked = u64::from_str_radix(&field("SigBlk:"), 16).expect("a mask");
            // Interrupt, alarm, termination, child: bits from 0. Another test's thread may be about to block them.
            let takes_none = [2, 14, 15, 17].iter().all(|signal| blocked >> (signal - 1) & 1 == 1);
            found += usize::from(takes_none);
        }
    }
    assert!(found >= 2, "{found} threads of the library that take none");
    logs::close((directory, log));
}

/// A log that was opened keeps its directory open, also where a close runs beside it.
#[test]
fn close_beside_an_open_does_one_of_them() {
    let place = Scratch::new("handles-race");
    logs::close(logs::create(place.path(), &[]));
    let mut both = [0, 0];
    for round in 0..200 {
        let directory = logs::open(place.path(), OpenMode::ReadWrite);
        if round % 2 == 0 {
            drop(directory.open_log(TOPIC, 0).expect("log opens"));
        }
        let barrier = Barrier::new(2);
        let (opened, closed) = std::thread::scope(|scope| {
            let opener = scope.spawn(|| {
                barrier.wait();
                directory.open_log(TOPIC, 0)
            });
            barrier.wait();
            let closed = directory.close();
            (opener.join().expect("opener"), closed)
        });
        match (opened, closed) {
            (Ok(log), Err(Error::Busy { .. })) => {
                both[0] += 1;
                logs::append(&log, &[Owned::new(1, "v")]).expect("it is open");
                logs::close((directory, log));
            }
            (Err(_), Ok(())) => both[1] += 1,
            (Err(Error::Busy { .. }), Err(Error::Busy { .. })) => directory.close().expect("closes"),
            (opened, closed) => panic!("round {round}: opened {:?}, closed {closed:?}", opened.map(|_| ())),
        }
    }
    assert!(both[0] + both[1] > 0, "{both:?}");
    let directory = logs::open(place.path(), OpenMode::ReadWrite);
    assert_eq!(directory.watermarks(TOPIC, 0).expect("whole").end, both[0]);
    directory.close().expect("closes");
}

/// A sync says that all is durable, which a handle that only reads cannot see to.
#[test]
fn sync_of_a_handle_that_only_reads_is_refused() {
    let place = Scratch::new("handles-sync");
    let (directory, log) = logs::create(place.path(), &[]);
    logs::append(&log, &[Owned::new(1, "not durable")]).expect("append");
    let (reading, read) = logs::reopen_for_reading(place.path());
    assert!(matches!(reading.sync(), Err(Error::ReadOnly { .. })));
    assert_eq!(read.watermarks().durable, 0);
    directory.sync().expect("synced");
    assert_eq!(read.watermarks().durable, 1);
    logs::close((reading, read));
    logs::close((directory, log));
}
