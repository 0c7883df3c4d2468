//! What brokers wrote is read as an independent consumer read it.
//!
//! Every golden partition with `expected` records: all of them in order, by views of any size, and what follows a seek to each offset and
//! to each time, against the expected records searched by brute force.

#[path = "read/golden.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod golden;

use std::sync::Arc;
use std::time::Duration;

use ckafka::Error;
use ckafka::storage::config::{IsolationLevel, ReaderConfig};
use ckafka::storage::partition::PartitionLog;
use ckafka::storage::reader::{Reader, Start};
use golden::{Partition, Record};

const POLL: Option<Duration> = Some(Duration::ZERO);

/// One way to see a golden partition, with what the consumer told is to be seen, and up to where.
struct Way<'a> {
    what: String,
    log: &'a Arc<PartitionLog>,
    isolation: IsolationLevel,
    start: i64,
    expected: &'a [Record],
    end: i64,
}

impl Way<'_> {
    fn reader(&self) -> Reader {
        let config = ReaderConfig { isolation: self.isolation, ..ReaderConfig::default() };
        Reader::open(Arc::clone(self.log), Start::Earliest, config).expect("reader")
    }
}

fn is_old(partition: &Partition) -> bool {
    partition.name.contains("old-format")
}

/// Calls `check` for all partitions of magic 2: as they lie, read by copying, and in a copy that this process holds for writing, read
/// by map; with each isolation that the consumer tried. The number of partitions.
fn each_way(check: impl Fn(&Way<'_>)) -> usize {
    let partitions = golden::partitions();
    let modern = partitions.iter().filter(|partition| !is_old(partition));
    modern
        .inspect(|partition| {
            let copy = golden::CopiedLog::open(partition);
            for (kind, log) in [("as it lies", &golden::open_static(partition)), ("held", copy.log())] {
                let what = |isolation| format!("{} {kind} {isolation:?}", partition.name);
                let start = partition.log_start;
                let isolation = IsolationLevel::ReadUncommitted;
                let what_all = what(isolation);
                check(&Way { what: what_all, log, isolation, start, expected: &partition.records, end: partition.end });
                if let Some(expected) = &partition.committed {
                    let isolation = IsolationLevel::ReadCommitted;
                    check(&Way { what: what(isolation), log, isolation, start, expected, end: partition.stable });
                }
            }
        })
        .count()
}

#[test]
fn all_records_in_order() {
    let count = each_way(|way| {
        for max_bytes in [0, 1000, 5000, usize::MAX] {
            let mut reader = way.reader();
            golden::assert_same(&golden::read_all(&mut reader, max_bytes), way.expected, &way.what);
            assert_eq!(reader.position(), way.end, "{}", way.what);
        }
    });
    assert!(count >= 50, "only {count} golden partitions were found");
}

#[test]
fn a_seek_to_each_offset() {
    each_way(|way| {
        let mut reader = way.reader();
        for offset in way.start..way.end {
            reader.seek(offset).expect("seek");
            let wanted = way.expected.iter().find(|record| record.offset >= offset);
            let found = match reader.fetch(1, POLL) {
                Ok(view) => golden::records_of(&view).into_iter().next(),
                Err(Error::TimedOut { .. }) => None,
                Err(error) => panic!("{} at {offset}: {error}", way.what),
            };
            assert_eq!(found.as_ref(), wanted, "{} at {offset}", way.what);
        }
    });
}

#[test]
fn a_seek_to_each_time() {
    each_way(|way| {
        let mut reader = way.reader();
        let mut times: Vec<i64> =
            way.expected.iter().flat_map(|record| (record.timestamp - 1)..=(record.timestamp + 1)).collect();
        times.extend([0, i64::MAX]);
        times.sort_unstable();
        times.dedup();
        for time in times {
            let wanted = way.expected.iter().find(|record| record.timestamp >= time);
            let found = reader.seek_time(time).expect("seek");
            assert_eq!(found, wanted.map(|record| (record.offset, record.timestamp)), "{} at {time}", way.what);
            assert_eq!(reader.position(), wanted.map_or(way.end, |record| record.offset), "{}", way.what);
        }
    });
}

#[test]
fn offsets_outside_the_log_are_refused() {
    each_way(|way| {
        let mut reader = way.reader();
        let log_end = way.log.published_end();
        for wrong in [way.start - 1, log_end + 1] {
            match reader.seek(wrong) {
                Err(Error::OffsetOutOfRange { offset, start, end, .. }) => {
                    assert_eq!((offset, start, end), (wrong, way.start, log_end), "{}", way.what);
                }
                other => panic!("{}: {other:?}", way.what),
            }
        }
        assert_eq!(reader.position(), way.start, "{}", way.what);
    });
}

#[test]
fn old_formats_are_named_with_their_place() {
    let mut count = 0;
    for partition in golden::partitions().into_iter().filter(is_old) {
        let (_, path) = golden::logs(&partition.folder).remove(0);
        let entries = golden::entries(&std::fs::read(path).expect("a log"));
        let log = golden::open_static(&partition);
        let mut reader = Reader::open(log, Start::Earliest, ReaderConfig::default()).expect("reader");
        match reader.fetch(usize::MAX, POLL) {
            Err(Error::UnsupportedMagic { position: 0, offset, magic, .. }) => {
                assert_eq!((0, magic, offset), entries[0], "{}", partition.name);
            }
            other => panic!("{}: {other:?}", partition.name),
        }
        if let Some((_, _, first)) = entries.iter().find(|(_, magic, _)| *magic == 2) {
            reader.seek(*first).expect("seek");
            let wanted: Vec<Record> = partition.records.iter().filter(|r| r.offset >= *first).cloned().collect();
            assert!(!wanted.is_empty());
            golden::assert_same(&golden::read_all(&mut reader, usize::MAX), &wanted, &partition.name);
            let time = wanted.iter().map(|record| record.timestamp).max().expect("a record");
            assert!(reader.seek_time(time + 1).expect("seek").is_none());
        }
        count += 1;
    }
    assert_eq!(count, 9);
}
