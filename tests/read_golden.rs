//! What brokers wrote is read as an independent consumer read it.
//!
//! Every golden partition with `expected` records: all of them in order, by views of any size, and what follows a seek to each offset and
//! to each time, against the expected records searched by brute force.

#[path = "read/golden.rs"]
mod golden;

use std::sync::Arc;
use std::time::Duration;

use ckafka::Error;
use ckafka::storage::config::{IsolationLevel, ReaderConfig};
use ckafka::storage::partition::PartitionLog;
use ckafka::storage::reader::{Reader, Start};
use golden::{Partition, Record};

const POLL: Option<Duration> = Some(Duration::ZERO);

fn reader(log: &Arc<PartitionLog>, isolation: IsolationLevel) -> Reader {
    let config = ReaderConfig { isolation, ..ReaderConfig::default() };
    Reader::open(Arc::clone(log), Start::Earliest, config).expect("reader")
}

/// Partitions of magic 2 alone.
fn modern() -> impl Iterator<Item = Partition> {
    golden::partitions().into_iter().filter(|partition| !partition.name.contains("old-format"))
}

/// The ways to see a partition of which the consumer told what is to be seen, and up to where.
fn isolations(partition: &Partition) -> Vec<(IsolationLevel, &[Record], i64)> {
    let mut ways = vec![(IsolationLevel::ReadUncommitted, &partition.records[..], partition.end)];
    if let Some(committed) = &partition.committed {
        ways.push((IsolationLevel::ReadCommitted, committed, partition.stable));
    }
    ways
}

#[test]
fn all_records_in_order() {
    let mut count = 0;
    for partition in modern() {
        let log = golden::open_static(&partition);
        for (isolation, expected, end) in isolations(&partition) {
            for max_bytes in [0, 1000, 5000, usize::MAX] {
                let mut reader = reader(&log, isolation);
                let found = golden::read_all(&mut reader, max_bytes);
                golden::assert_same(&found, expected, &format!("{} {isolation:?}", partition.name));
                assert_eq!(reader.position(), end, "{} {isolation:?}", partition.name);
            }
        }
        count += 1;
    }
    assert!(count >= 50, "only {count} golden partitions were found");
}

#[test]
fn a_seek_to_each_offset() {
    for partition in modern() {
        let log = golden::open_static(&partition);
        for (isolation, expected, end) in isolations(&partition) {
            let mut reader = reader(&log, isolation);
            for offset in partition.log_start..end {
                reader.seek(offset).expect("seek");
                let wanted = expected.iter().find(|record| record.offset >= offset);
                let found = match reader.fetch(1, POLL) {
                    Ok(view) => golden::records_of(&view).into_iter().next(),
                    Err(Error::TimedOut { .. }) => None,
                    Err(error) => panic!("{} at {offset}: {error}", partition.name),
                };
                assert_eq!(found.as_ref(), wanted, "{} {isolation:?} at {offset}", partition.name);
            }
        }
    }
}

#[test]
fn a_seek_to_each_time() {
    for partition in modern() {
        let log = golden::open_static(&partition);
        for (isolation, expected, end) in isolations(&partition) {
            let mut reader = reader(&log, isolation);
            let mut times: Vec<i64> =
                expected.iter().flat_map(|record| (record.timestamp - 1)..=(record.timestamp + 1)).collect();
            times.extend([0, i64::MAX]);
            times.sort_unstable();
            times.dedup();
            for time in times {
                let wanted = expected.iter().find(|record| record.timestamp >= time);
                let found = reader.seek_time(time).expect("seek");
                assert_eq!(
                    found,
                    wanted.map(|record| (record.offset, record.timestamp)),
                    "{} {isolation:?} at {time}",
                    partition.name
                );
                assert_eq!(reader.position(), wanted.map_or(end, |record| record.offset));
            }
        }
    }
}

#[test]
fn old_formats_are_named_with_their_place() {
    let mut count = 0;
    for partition in golden::partitions().into_iter().filter(|partition| partition.name.contains("old-format")) {
        let (_, path) = golden::logs(&partition.folder).remove(0);
        let entries = golden::entries(&std::fs::read(path).expect("a log"));
        let mut reader = reader(&golden::open_static(&partition), IsolationLevel::ReadUncommitted);
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

#[test]
fn offsets_outside_the_log_are_refused() {
    for partition in modern() {
        let mut reader = reader(&golden::open_static(&partition), IsolationLevel::ReadUncommitted);
        for wrong in [partition.log_start - 1, partition.end + 1] {
            match reader.seek(wrong) {
                Err(Error::OffsetOutOfRange { offset, start, end, .. }) => {
                    assert_eq!((offset, start, end), (wrong, partition.log_start, partition.end));
                }
                other => panic!("{}: {other:?}", partition.name),
            }
        }
        assert_eq!(reader.position(), partition.log_start);
    }
}
