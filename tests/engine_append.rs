//! An append leaves Kafka's bytes: batches as a producer's encoder makes them, in segments that roll when Kafka's do, with the
//! sparse indexes that a broker would have written beside them.
//!
//! Held against worked bytes that another encoder made, against files of real brokers, and against the index rule written down a second time.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::fs;
use std::path::Path;

use ckafka::broker::OpenMode;
use ckafka::record::Codec;
use ckafka::{Error, record};
use common::bytes::{Batch, batches, from_hex, indexes};
use common::logs::{self, Owned, PARTITION, TOPIC};
use common::random::Random;
use common::scratch::{self, Scratch, segment_bases, segment_file};

const T: i64 = 1_700_000_000_000;

/// One record, key null, value "hello", offset 0.
const HELLO: &str = "
00 00 00 00 00 00 00 00 00 00 00 3d 00 00 00 00 02 e6 41 a4 4b 00 00 00 00 00 00 00 00 01 8b cf
e5 68 00 00 00 01 8b cf e5 68 00 ff ff ff ff ff ff ff ff ff ff ff ff ff ff 00 00 00 01 16 00 00
00 01 0a 68 65 6c 6c 6f 00";

/// Three records at offset 100, 5 ms apart: k1=v1, k2=v2 with the header h=x, k3=null.
const THREE: &str = "
00 00 00 00 00 00 00 64 00 00 00 54 00 00 00 00 02 3b 2f be 35 00 00 00 00 00 02 00 00 01 8b cf
e5 68 00 00 00 01 8b cf e5 68 0a ff ff ff ff ff ff ff ff ff ff ff ff ff ff 00 00 00 03 14 00 00
00 04 6b 31 04 76 31 00 1c 00 0a 02 04 6b 32 04 76 32 02 02 68 02 78 10 00 14 04 04 6b 33 01 00";

fn three() -> Vec<Owned> {
    let record = |timestamp, key: &str, value: Option<&str>, headers: &[u8]| Owned {
        timestamp,
        key: Some(key.into()),
        value: value.map(Into::into),
        headers: headers.to_vec(),
        ..Owned::default()
    };
    vec![
        record(T, "k1", Some("v1"), &[]),
        record(T + 5, "k2", Some("v2"), b"\x02h\x02x"),
        record(T + 10, "k3", None, &[]),
    ]
}

#[test]
fn worked_bytes_come_out_exactly() {
    let place = Scratch::new("append-worked-bytes");
    let (directory, log) = logs::create(place.path(), &[]);
    assert_eq!(logs::append(&log, &[Owned::new(T, "hello")]).expect("append"), 0);
    let filler: Vec<Owned> = (0..99).map(|_| Owned::new(T, "filler")).collect();
    assert_eq!(logs::append(&log, &filler).expect("append"), 1);
    assert_eq!(logs::append(&log, &three()).expect("append"), 100);
    logs::close((directory, log));

    let bytes = fs::read(segment_file(&place.join(PARTITION), 0, "log")).expect("segment is readable");
    let (hello, three) = (from_hex(HELLO), from_hex(THREE));
    assert_eq!((hello.len(), three.len()), (73, 96));
    assert_eq!(bytes[..73], hello);
    assert_eq!(bytes[bytes.len() - 96..], three);
}

#[test]
fn rule_gives_a_brokers_indexes() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kafka/kafka-3.9.2/multi-segment/log-dir");
    for (partition, interval) in [("multi-0", 512), ("idxfull-0", 256), ("timeroll-0", 256)] {
        assert!(check_indexes(&golden.join(partition), interval).len() > 2, "{partition} has several segments");
    }
}

/// Compares both indexes of every segment of a closed log with what the rule gives; the batches of each segment.
#[track_caller]
fn check_indexes(partition: &Path, interval: u64) -> Vec<Vec<Batch>> {
    let mut segments = Vec::new();
    for base in segment_bases(partition) {
        let file = |kind| fs::read(segment_file(partition, base, kind)).expect("file of the segment is readable");
        let found = batches(&file("log"));
        assert!(found.first().is_none_or(|first| first.base_offset >= base));
        let (offsets, times) = indexes(base, &found, interval);
        assert_eq!(file("index"), offsets, "index of {base} in {}", partition.display());
        assert_eq!(file("timeindex"), times, "time index of {base} in {}", partition.display());
        segments.push(found);
    }
    segments
}

/// Batches of 1 to 12 records of 0 to 200 bytes, one in eight timestamps earlier than the one before.
fn append_random(log: &ckafka::broker::Log, random: &mut Random, count: usize) {
    let mut time = T + log.watermarks().end * 10;
    for _ in 0..count {
        let records: Vec<Owned> = (0..1 + random.below(12))
            .map(|_| {
                time += if random.below(8) == 0 { -700 } else { random.below(200) as i64 };
                let size = random.below(200) as usize;
                Owned::new(time, random.bytes(size))
            })
            .collect();
        logs::append(log, &records).expect("append");
    }
}

#[test]
fn indexes_are_those_of_the_rule() {
    for mode in ["mmap", "pwrite"] {
        let place = Scratch::new(&format!("append-indexes-{mode}"));
        let conf = logs::conf(&[("ckafka.append.mode", mode)]);
        let directory = ckafka::broker::Directory::open(place.path(), &conf, OpenMode::Create).expect("opens");
        let settings = logs::conf(&[("segment.bytes", "20000"), ("index.interval.bytes", "512")]);
        directory.create_topic(TOPIC, 1, &settings).expect("topic is created");
        let log = directory.open_log(TOPIC, 0).expect("log opens");
        append_random(&log, &mut Random(7), 150);
        logs::close((directory, log));
        let segments = check_indexes(&place.join(PARTITION), 512);
        assert!(segments.len() > 4, "{} segments in {mode}", segments.len());
        assert!(segments.iter().any(|segment| indexes(0, segment, 512).0.len() > 40), "several entries");
    }
}

/// As many bytes as the interval are not more than the interval.
#[test]
fn entry_is_due_only_beyond_the_interval() {
    let place = Scratch::new("append-interval");
    let (directory, log) = logs::create(place.path(), &[("index.interval.bytes", "146")]);
    for n in 0..20 {
        logs::append(&log, &[Owned::new(T + n, "hello")]).expect("append");
    }
    logs::close((directory, log));
    let partition = place.join(PARTITION);
    let found = check_indexes(&partition, 146);
    assert!(found[0].iter().all(|batch| batch.size == 73), "two batches are exactly the interval");
    let index = fs::read(segment_file(&partition, 0, "index")).expect("index is readable");
    let positions: Vec<u8> = index
        .chunks(8)
        .map(|entry| (u32::from_be_bytes([entry[4], entry[5], entry[6], entry[7]]) / 73) as u8)
        .collect();
    assert_eq!(positions, [3, 6, 9, 12, 15, 18], "batches with an entry");
}

/// A broker counts bytes from 0 after a reopen; here the count goes on, so that an index does not tell how often a log was opened.
#[test]
fn reopened_logs_go_on_where_the_rule_was() {
    let place = Scratch::new("append-reopened");
    let mut random = Random(8);
    logs::close(logs::create(place.path(), &[("segment.bytes", "20000"), ("index.interval.bytes", "512")]));
    for _ in 0..12 {
        let (directory, log) = logs::reopen(place.path());
        append_random(&log, &mut random, 9);
        logs::close((directory, log));
        check_indexes(&place.join(PARTITION), 512);
    }
}

#[test]
fn rebuilt_indexes_equal_those_written() {
    let place = Scratch::new("append-rebuilt");
    let (directory, log) = logs::create(place.path(), &[("segment.bytes", "20000"), ("index.interval.bytes", "512")]);
    append_random(&log, &mut Random(9), 150);
    logs::close((directory, log));
    let partition = place.join(PARTITION);
    for base in segment_bases(&partition) {
        for kind in ["index", "timeindex"] {
            fs::remove_file(segment_file(&partition, base, kind)).expect("index is removed");
        }
    }
    for name in [".kafka_cleanshutdown", "recovery-point-offset-checkpoint"] {
        fs::remove_file(place.join(name)).expect("left by the clean close");
    }
    let (directory, log) = logs::reopen(place.path());
    append_random(&log, &mut Random(10), 10);
    logs::close((directory, log));
    assert!(check_indexes(&partition, 512).len() > 4);
}

#[test]
fn segments_roll_when_the_next_batch_does_not_fit() {
    let place = Scratch::new("append-roll-bytes");
    let (directory, log) = logs::create(place.path(), &[("segment.bytes", "2048")]);
    append_random(&log, &mut Random(11), 60);
    let partition = place.join(PARTITION);
    // Also while the log is open no finished segment has a tail: `batches` refuses one.
    let bases = segment_bases(&partition);
    for base in &bases[..bases.len() - 1] {
        batches(&fs::read(segment_file(&partition, *base, "log")).expect("segment is readable"));
    }
    let end = log.watermarks().end;
    logs::close((directory, log));
    let segments = check_indexes(&partition, 4096);
    let mut next = 0;
    for (n, (base, segment)) in segment_bases(&partition).iter().zip(&segments).enumerate() {
        assert_eq!(*base, next, "segments follow each other");
        let size: u64 = segment.iter().map(|batch| batch.size).sum();
        assert!(size <= 2048, "{size} bytes in segment {base}");
        if let Some(following) = segments.get(n + 1) {
            assert!(size + following[0].size > 2048, "segment {base} had room for the batch behind it");
        }
        for batch in segment {
            assert_eq!(batch.base_offset, next);
            next = batch.last_offset + 1;
        }
    }
    assert_eq!(next, end);
}

#[test]
fn segments_roll_by_the_time_of_records() {
    let place = Scratch::new("append-roll-time");
    let (directory, log) = logs::create(place.path(), &[("segment.ms", "60000")]);
    for after in [0, 30_000, 60_000, 60_001, 90_000, 120_001, 120_002, 1_000_000] {
        logs::append(&log, &[Owned::new(T + after, "tick")]).expect("append");
    }
    logs::close((directory, log));
    // More than 60,000 ms behind the first batch of the segment rolls; 60,000 does not.
    assert_eq!(segment_bases(&place.join(PARTITION)), [0, 3, 6, 7]);
    check_indexes(&place.join(PARTITION), 4096);
}

#[test]
fn segments_roll_when_an_index_is_full() {
    let place = Scratch::new("append-roll-index");
    let settings = [("segment.index.bytes", "48"), ("index.interval.bytes", "256")];
    let (directory, log) = logs::create(place.path(), &settings);
    for n in 0..60 {
        logs::append(&log, &[Owned::new(T + n, vec![b'x'; 100])]).expect("append");
    }
    logs::close((directory, log));
    let partition = place.join(PARTITION);
    check_indexes(&partition, 256);
    let bases = segment_bases(&partition);
    assert!(bases.len() > 3, "{bases:?}");
    for base in &bases[..bases.len() - 1] {
        // 48 bytes are 4 time entries, of which one place is kept for the entry at roll.
        let size = fs::metadata(segment_file(&partition, *base, "index")).expect("index is there").len();
        assert_eq!(size, 3 * 8, "index of {base}");
    }
}

#[test]
fn log_append_time_is_the_clock_of_the_append() {
    let place = Scratch::new("append-log-append-time");
    let (directory, log) = logs::create(place.path(), &[("message.timestamp.type", "LogAppendTime")]);
    let now =
        || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let before = now();
    logs::append(&log, &[Owned::new(5, "a"), Owned::new(7, "b")]).expect("append");
    let after = now();
    let read = logs::read_all(&log);
    assert!(read.iter().all(|record| (before..=after).contains(&record.timestamp)), "{before} {read:?} {after}");
    assert_eq!(read[0].timestamp, read[1].timestamp);
    logs::close((directory, log));
    let bytes = fs::read(segment_file(&place.join(PARTITION), 0, "log")).expect("segment is readable");
    assert_eq!(bytes[22] & 0x0f, 8, "attributes say append time, no codec");
    assert_eq!(
        i64::from_be_bytes(bytes[27..35].try_into().expect("8 bytes")),
        5,
        "the base timestamp stays the first record's"
    );
    assert_eq!(batches(&bytes)[0].max_timestamp, read[0].timestamp);
    record::check_crc(&bytes).expect("the checksum covers the new time");
}

#[test]
fn every_codec_reads_back_what_was_written() {
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_available()) {
        let name = codec.name();
        let place = Scratch::new(&format!("append-codec-{name}"));
        let (directory, log) = logs::create(place.path(), &[("compression.type", name), ("segment.bytes", "4096")]);
        let mut random = Random(12);
        let mut expected = Vec::new();
        for n in 0..40 {
            let mut records = three();
            records.push(Owned { timestamp: T + n, key: Some(Vec::new()), value: None, ..Owned::default() });
            records.push(Owned::new(T - n, random.bytes(200)));
            records.push(Owned::new(T, "again and again ".repeat(20)));
            let base_offset = logs::append(&log, &records).expect("append");
            (base_offset..).zip(&mut records).for_each(|(offset, record)| record.offset = offset);
            expected.extend(records);
        }
        logs::assert_same(&logs::read_all(&log), &expected);
        logs::close((directory, log));
        let partition = place.join(PARTITION);
        for base in segment_bases(&partition) {
            let bytes = fs::read(segment_file(&partition, base, "log")).expect("segment is readable");
            for batch in batches(&bytes) {
                assert_eq!(bytes[batch.position as usize + 22] & 7, codec as u8, "{name} in the attributes");
            }
        }
        let (directory, log) = logs::reopen(place.path());
        logs::assert_same(&logs::read_all(&log), &expected);
        logs::close((directory, log));
    }
}

#[test]
fn batches_too_large_are_refused_and_nothing_is_lost() {
    let place = Scratch::new("append-too-large");
    let settings = [("max.message.bytes", "4000"), ("segment.bytes", "3000")];
    let (directory, log) = logs::create(place.path(), &settings);
    let append = |size: usize| logs::append(&log, &[Owned::new(T, vec![b'x'; size])]);
    assert_eq!(append(100).expect("append"), 0);
    match append(5000) {
        Err(Error::BatchTooLarge { size, limit: 4000 }) => assert!(size > 5000),
        other => panic!("{other:?}"),
    }
    match append(3500) {
        Err(Error::BatchExceedsSegment { size, limit: 3000 }) => assert!(size > 3500 && size < 4000),
        other => panic!("{other:?}"),
    }
    assert_eq!(append(100).expect("append"), 1);
    assert_eq!(logs::read_all(&log).len(), 2);
    logs::close((directory, log));
    assert_eq!(scratch::names(&place.join(PARTITION)).iter().filter(|name| name.ends_with(".log")).count(), 1);
}
