//! Many threads append to one log while others read it live: every record is there once, each thread's in its order, and one sync serves many.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use ckafka::Error;
use ckafka::broker::Log;
use ckafka::storage::config::ReaderConfig;
use ckafka::storage::reader::{Reader, Start};
use common::logs::{self, Owned};
use common::scratch::Scratch;

const THREADS: i64 = 8;
const PER_THREAD: i64 = 4000;
const PATIENCE: Duration = Duration::from_secs(60);

fn value(thread: i64, number: i64) -> Vec<u8> {
    format!("{thread}:{number}").into_bytes()
}

fn parse(record: &Owned) -> (i64, i64) {
    let text = String::from_utf8(record.value.clone().expect("a value")).expect("text");
    let (thread, number) = text.split_once(':').expect("thread and number");
    (thread.parse().expect("a thread"), number.parse().expect("a number"))
}

/// Appends a thread's numbers in batches of 1 to 3; its records with the offsets that they got.
fn append_all(log: &Log, thread: i64) -> Vec<(i64, i64)> {
    let mut offsets = Vec::new();
    let mut number = 0;
    while number < PER_THREAD {
        let count = (1 + (number + thread) % 3).min(PER_THREAD - number);
        let records: Vec<Owned> =
            (number..number + count).map(|n| Owned::new(1_700_000_000_000 + n, value(thread, n))).collect();
        let base_offset = logs::append(log, &records).expect("append");
        offsets.extend((0..count).map(|n| (base_offset + n, number + n)));
        number += count;
    }
    offsets
}

/// Follows the log from its start, sleeping at its end, until all records have come.
fn follow(log: &Log) -> Vec<Owned> {
    let mut reader = Reader::open(Arc::clone(log), Start::Earliest, ReaderConfig::default()).expect("reader opens");
    let mut records = Vec::new();
    while records.len() < (THREADS * PER_THREAD) as usize {
        let view = reader.fetch(16 << 10, Some(PATIENCE)).expect("fetch");
        records.extend(logs::records_of(&view).expect("records"));
    }
    assert!(matches!(reader.fetch(1, Some(Duration::ZERO)), Err(Error::TimedOut { .. })), "nothing is left");
    records
}

/// Watches the watermarks: none ever steps back, and durable stays below published.
fn watch(log: &Log, stop: &AtomicBool) -> usize {
    let (mut last, mut looks) = (log.watermarks(), 0);
    while !stop.load(Ordering::SeqCst) {
        // Read first: by the time that the end is read it may only have grown.
        let durable = log.durable_end();
        let end = log.published_end();
        assert!(durable <= end, "durable {durable} above published {end}");
        let marks = log.watermarks();
        assert!(marks.end >= last.end && marks.durable >= last.durable && marks.low == 0, "{last:?} then {marks:?}");
        assert!(marks.durable <= marks.end, "one look saw {marks:?}");
        last = marks;
        looks += 1;
    }
    looks
}

#[test]
fn every_record_is_there_once_and_in_order() {
    let place = Scratch::new("threads-append");
    let (directory, log) = logs::create(place.path(), &[("segment.bytes", "65536")]);
    let stop = AtomicBool::new(false);
    let (appended, followed) = thread::scope(|scope| {
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(|| follow(&log))).collect();
        let watcher = scope.spawn(|| watch(&log, &stop));
        let syncer = scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                log.sync().expect("sync");
                thread::sleep(Duration::from_millis(1));
            }
        });
        let log = &log;
        let writers: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || append_all(log, thread))).collect();
        let appended: Vec<_> = writers.into_iter().map(|writer| writer.join().expect("writer")).collect();
        let followed: Vec<_> = readers.into_iter().map(|reader| reader.join().expect("reader")).collect();
        stop.store(true, Ordering::SeqCst);
        syncer.join().expect("syncer");
        assert!(watcher.join().expect("watcher") > 100, "the watcher hardly looked");
        (appended, followed)
    });
    for records in &followed {
        let offsets: Vec<i64> = records.iter().map(|record| record.offset).collect();
        assert!(offsets.iter().copied().eq(0..THREADS * PER_THREAD), "each offset once, in order");
        for (thread, expected) in (0..).zip(&appended) {
            let found: Vec<(i64, i64)> = records
                .iter()
                .map(|record| (record.offset, parse(record)))
                .filter(|(_, (from, _))| *from == thread)
                .map(|(offset, (_, number))| (offset, number))
                .collect();
            assert_eq!(&found, expected, "thread {thread}");
        }
    }
    logs::close((directory, log));
    let (directory, log) = logs::reopen(place.path());
    logs::assert_same(&logs::read_all(&log), &followed[0]);
    logs::close((directory, log));
}

#[test]
fn one_sync_serves_all_who_wait() {
    let place = Scratch::new("threads-durable");
    let (directory, log) = logs::create(place.path(), &[("segment.bytes", "65536")]);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&log, &stop));
        let log = &log;
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    for number in 0..60 {
                        let offset = logs::append(log, &[Owned::new(1, value(thread, number))]).expect("append");
                        log.wait_durable(offset, Some(PATIENCE)).expect("durable");
                        assert!(log.durable_end() > offset, "told durable, and it was not");
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().expect("writer"));
        stop.store(true, Ordering::SeqCst);
        watcher.join().expect("watcher");
    });
    let marks = log.watermarks();
    assert_eq!((marks.end, marks.durable), (THREADS * 60, THREADS * 60));
    logs::close((directory, log));
}

#[test]
fn waits_for_durable_end_when_they_should() {
    let place = Scratch::new("threads-waits");
    let (directory, log) = logs::create(place.path(), &[]);
    // Nothing published at the offset: the wait ends with its time, and not before.
    let begun = Instant::now();
    let waited = log.wait_durable(0, Some(Duration::from_millis(120)));
    assert!(matches!(waited, Err(Error::TimedOut { .. })), "{waited:?}");
    assert!(begun.elapsed() >= Duration::from_millis(120) && begun.elapsed() < PATIENCE / 6);
    assert!(matches!(log.wait_durable(-1, None), Err(Error::InvalidArgument { name: "offset", .. })));
    // A wait begun before the append ends with the record's sync.
    let appended = AtomicI64::new(-1);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            log.wait_durable(0, Some(PATIENCE)).expect("durable");
            assert_eq!(appended.load(Ordering::SeqCst), 0, "the wait ended before there was a record");
        });
        thread::sleep(Duration::from_millis(50));
        appended.store(0, Ordering::SeqCst);
        assert_eq!(logs::append(&log, &[Owned::new(1, "late")]).expect("append"), 0);
        waiter.join().expect("waiter");
    });
    logs::close((directory, log));
}

#[test]
fn sleeping_readers_wake_for_what_is_appended() {
    let place = Scratch::new("threads-wake");
    let (directory, log) = logs::create(place.path(), &[]);
    let opened = Reader::open(Arc::clone(&log), Start::Latest, ReaderConfig::default());
    let mut reader = opened.expect("reader opens");
    let (seen, next) = mpsc::channel();
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            for n in 0..40 {
                let view = reader.fetch(1 << 20, Some(PATIENCE)).expect("fetch");
                let records = logs::records_of(&view).expect("records");
                assert_eq!(records.iter().map(|record| record.offset).collect::<Vec<_>>(), [n]);
                seen.send(n).expect("the appender waits");
            }
        });
        for n in 0..40 {
            // By then the reader sleeps.
            thread::sleep(Duration::from_millis(5));
            logs::append(&log, &[Owned::new(1, value(0, n))]).expect("append");
            next.recv_timeout(PATIENCE).expect("the reader woke");
        }
        reader.join().expect("reader");
    });
    logs::close((directory, log));
}
