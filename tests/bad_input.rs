//! What a caller gets wrong is refused with what was wrong, where, and what would be right; and nothing is lost by it.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use ckafka::Error;
use ckafka::broker::{Conf, Directory, OpenMode};
use ckafka::record::{BatchBuilder, BatchError, Compression, TimestampType};
use ckafka::storage::config::ReaderConfig;
use ckafka::storage::reader::{Reader, Start};
use common::logs::{self, Owned, PARTITION, TOPIC};
use common::scratch::{self, Scratch, assert_unchanged, listing};
use nix::unistd::{Gid, Uid, geteuid, setfsgid, setfsuid};

/// The message holds each of these.
#[track_caller]
fn assert_says(error: &Error, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

#[test]
fn batch_above_the_limit_says_both_sizes() {
    let place = Scratch::new("input-batch-size");
    let (directory, log) = logs::create(place.path(), &[("max.message.bytes", "1000")]);
    let expected = logs::append_numbered(&log, 0..10, 3);
    let error = logs::append(&log, &[Owned::new(1, vec![b'x'; 2000])]).expect_err("refused");
    assert!(matches!(error, Error::BatchTooLarge { limit: 1000, .. }), "{error}");
    assert_says(&error, &["max.message.bytes", "1000"]);
    // Many records that are too much together.
    let many = vec![Owned::new(1, vec![b'x'; 100]); 20];
    assert!(matches!(logs::append(&log, &many), Err(Error::BatchTooLarge { limit: 1000, .. })));
    assert_eq!(logs::append(&log, &many[..5]).expect("five fit"), 10);
    logs::assert_same(&logs::read_all(&log)[..10], &expected);
    assert_eq!(log.watermarks().end, 15);
    logs::close((directory, log));
}

#[test]
fn records_that_cannot_be_are_refused() {
    let place = Scratch::new("input-records");
    let (directory, log) = logs::create(place.path(), &[]);
    for timestamp in [-2, i64::MIN] {
        let error = logs::append(&log, &[Owned::new(1, "a"), Owned::new(timestamp, "b")]).expect_err("refused");
        assert!(matches!(error, Error::InvalidTimestamp { index: 1, found } if found == timestamp), "{error}");
    }
    assert!(matches!(logs::append(&log, &[]), Err(Error::InvalidBatch(_))), "a batch of nothing");
    for headers in [&b"\x02"[..], b"\x09ab", b"\x02h\x7f", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"] {
        let record = Owned { headers: headers.to_vec(), ..Owned::new(1, "v") };
        assert!(matches!(logs::append(&log, &[record]), Err(Error::InvalidBatch(_))), "{headers:?}");
    }
    assert_eq!(log.watermarks().end, 0);
    assert_eq!(logs::append(&log, &[Owned::new(-1, "now")]).expect("-1 is now"), 0);
    assert!(logs::read_all(&log)[0].timestamp > 1_700_000_000_000);
    logs::close((directory, log));
}

#[test]
fn ready_batches_are_checked_as_a_broker_checks_them() {
    let place = Scratch::new("input-raw");
    let (directory, log) = logs::create(place.path(), &[]);
    let mut builder = BatchBuilder::new(Compression::default(), TimestampType::CreateTime);
    for n in 0..3 {
        builder.add(1_700_000_000_000 + n, Some(b"key"), Some(b"value"), &[]).expect("added");
    }
    let good = builder.finish(-1).expect("finished").to_vec();
    assert_eq!(log.append_raw(&good).expect("append"), 0);
    let mut outside_crc = good.clone();
    outside_crc[..8].copy_from_slice(&77_i64.to_be_bytes());
    outside_crc[12..16].copy_from_slice(&9_i32.to_be_bytes());
    assert_eq!(log.append_raw(&outside_crc).expect("offset and epoch are ours to give"), 3);

    for size in [0, 1, 11, 12, 16, 17, 60, 61, good.len() - 1] {
        let error = log.append_raw(&good[..size]).expect_err("refused");
        assert!(
            matches!(error, Error::InvalidBatch(BatchError::Truncated { .. } | BatchError::Malformed { .. })),
            "{size}: {error}"
        );
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(matches!(log.append_raw(&longer), Err(Error::InvalidRecord { .. })), "more than one batch");
    for bit in 0..good.len() * 8 {
        let ours_to_give = (0..8).contains(&(bit / 8)) || (12..16).contains(&(bit / 8));
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(log.append_raw(&flipped).is_ok(), ours_to_give, "bit {bit}");
    }
    let end = log.watermarks().end;
    let read = logs::read_all(&log);
    assert_eq!(read.len() as i64, end);
    assert!(
        read.iter().all(|record| record.key.as_deref() == Some(b"key") && record.value.as_deref() == Some(b"value"))
    );
    logs::close((directory, log));
}

#[test]
fn unknown_keys_and_values_out_of_range_say_what_is_allowed() {
    let refused = |key: &str, value: &str, words: &[&str]| {
        let mut conf = Conf::new();
        let error = conf.set(key, value).expect_err("refused");
        match &error {
            Error::ConfigRefused { key: k, value: v, .. } => assert_eq!((k.as_str(), v.as_str()), (key, value)),
            other => panic!("{key}={value}: {other:?}"),
        }
        assert_says(&error, words);
        assert_eq!(conf, Conf::new(), "nothing was set");
    };
    refused("segment.byte", "4096", &["segment.bytes"]);
    refused("nonsense", "1", &["nonsense"]);
    refused("", "", &[]);
    refused("segment.bytes", "1023", &["1024", "2147483647"]);
    refused("segment.bytes", "2147483648", &["1024", "2147483647"]);
    refused("segment.bytes", "many", &["1024"]);
    refused("compression.type", "brotli", &["gzip", "snappy", "lz4", "zstd", "none"]);
    refused("compression.zstd.level", "23", &["22"]);
    refused("message.timestamp.type", "createtime", &["CreateTime", "LogAppendTime"]);
    refused("ckafka.append.mode", "direct", &["mmap", "pwrite"]);
    refused("ckafka.check.crcs", "yes", &["true", "false"]);
    refused("ckafka.on.corrupt", "", &["stop", "skip"]);
    refused("isolation.level", "serializable", &["read_committed", "read_uncommitted"]);
    refused("index.interval.bytes", "-1", &["0"]);
}

#[test]
fn flush_by_time_needs_the_flush_thread() {
    let place = Scratch::new("input-flush-ms");
    let directory = logs::open(place.path(), OpenMode::Create);
    directory.create_topic(TOPIC, 1, &logs::conf(&[("flush.ms", "50")])).expect("created");
    match directory.open_log(TOPIC, 0) {
        Err(error @ Error::ConfigRefused { .. }) => assert_says(&error, &["flush.ms", "50", "flush thread"]),
        other => panic!("{other:?}"),
    }
    directory.close().expect("closes");
}

#[test]
fn path_that_is_a_file_is_refused() {
    let place = Scratch::new("input-file");
    let file = place.join("file");
    fs::write(&file, b"not a directory").expect("file");
    for path in [file.clone(), file.join("below")] {
        for mode in [OpenMode::ReadOnly, OpenMode::ReadWrite, OpenMode::Create] {
            match Directory::open(&path, &Conf::new(), mode) {
                Err(error @ Error::Io { .. }) => assert_says(&error, &[&file.display().to_string(), "directory"]),
                other => panic!("{mode:?}: {:?}", other.err()),
            }
        }
    }
    assert_eq!(fs::read(&file).expect("there"), b"not a directory");
}

#[test]
fn directory_of_something_else_is_refused() {
    let place = Scratch::new("input-stranger");
    fs::write(place.join("letter.txt"), b"dear").expect("file");
    let before = listing(place.path());
    for mode in [OpenMode::ReadWrite, OpenMode::Create] {
        match Directory::open(place.path(), &Conf::new(), mode) {
            Err(error @ Error::InvalidArgument { name: "path", .. }) => assert_says(&error, &["data directory"]),
            other => panic!("{mode:?}: {:?}", other.err()),
        }
    }
    assert_unchanged(&before, &listing(place.path()));
}

/// Runs as a user who owns nothing here: a thread's file system user is its own.
fn as_somebody_else(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if geteuid().is_root() {
                setfsgid(Gid::from_raw(65534));
                setfsuid(Uid::from_raw(65534));
            }
            work();
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("mode is set");
}

#[track_caller]
fn assert_denied<T>(result: Result<T, Error>, path: &Path) {
    match result {
        Err(error @ Error::Io { .. }) => assert_says(&error, &[&path.display().to_string(), "ermission"]),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("{} was opened", path.display()),
    }
}

#[test]
fn what_this_user_may_not_read_is_named() {
    let place = Scratch::for_any_user("input-denied");
    set_mode(place.path(), 0o755);
    let path = place.join("data");
    let (directory, log) = logs::create(&path, &[]);
    let expected = logs::append_numbered(&log, 0..100, 10);
    logs::close((directory, log));
    for entry in scratch::walk(&path) {
        set_mode(&entry, if entry.is_dir() { 0o555 } else { 0o444 });
    }
    // Read permission is enough to read.
    as_somebody_else(|| {
        let (directory, log) = logs::reopen_for_reading(&path);
        logs::assert_same(&logs::read_all(&log), &expected);
        logs::close((directory, log));
        assert_denied(Directory::open(&path, &Conf::new(), OpenMode::ReadWrite), &path);
    });
    let segment = scratch::segment_file(&path.join(PARTITION), 0, "log");
    for (denied, is_top) in [(segment, false), (path.join(PARTITION), false), (path.clone(), true)] {
        let before = fs::metadata(&denied).expect("there").permissions();
        set_mode(&denied, 0);
        as_somebody_else(|| {
            if is_top {
                assert_denied(Directory::open(&path, &Conf::new(), OpenMode::ReadOnly), &denied);
                assert_denied(Directory::open(&path, &Conf::new(), OpenMode::Create), &denied);
            } else {
                let directory = logs::open(&path, OpenMode::ReadOnly);
                let opened = directory.open_log(TOPIC, 0);
                let read = opened.and_then(|log| {
                    logs::read_until(&log, Start::Earliest, ReaderConfig::default()).1.map_or(Ok(()), Err)
                });
                assert_denied(read, &denied);
            }
        });
        fs::set_permissions(&denied, before).expect("mode is set");
    }
    set_mode(place.path(), 0o555);
    as_somebody_else(|| {
        assert_denied(Directory::open(&place.join("new"), &Conf::new(), OpenMode::Create), &place.join("new"))
    });
    set_mode(place.path(), 0o755);
    for entry in scratch::walk(&path) {
        set_mode(&entry, 0o755);
    }
    let (directory, log) = logs::reopen(&path);
    logs::assert_same(&logs::read_all(&log), &expected);
    logs::close((directory, log));
}

#[test]
fn offsets_outside_the_log_say_its_bounds() {
    let place = Scratch::new("input-offsets");
    let (directory, log) = logs::create(place.path(), &[]);
    logs::append_numbered(&log, 0..100, 10);
    logs::close((directory, log));
    // A log start above the first segment's base, as deleted records leave it.
    fs::write(place.join("log-start-offset-checkpoint"), "0\n1\nevents 0 35\n").expect("checkpoint");
    let (directory, log) = logs::reopen(place.path());
    assert_eq!(log.watermarks().low, 35);
    let mut reader = Reader::open(Arc::clone(&log), Start::Earliest, ReaderConfig::default()).expect("reader opens");
    assert_eq!(reader.position(), 35);
    for outside in [34, 0, -1, 101, i64::MAX, i64::MIN] {
        let error = reader.seek(outside).expect_err("refused");
        assert!(matches!(error, Error::OffsetOutOfRange { start: 35, end: 100, .. }), "{error:?}");
        assert_says(&error, &[&outside.to_string(), "[35, 100]"]);
        assert_eq!(reader.position(), 35, "a refused seek moves nothing");
        let opened = Reader::open(Arc::clone(&log), Start::At(outside), ReaderConfig::default());
        assert!(matches!(opened, Err(Error::OffsetOutOfRange { .. })), "{outside}");
    }
    let read = logs::read_all(&log);
    assert_eq!((read[0].offset, read.len()), (35, 65), "the batch begins at 30, the log at 35");
    assert_eq!(log.offset_for_time(0).expect("lookup").map(|(offset, _)| offset), Some(35));
    logs::close((directory, log));
    let checkpoint = fs::read_to_string(place.join("log-start-offset-checkpoint")).expect("checkpoint");
    assert_eq!(checkpoint, "0\n1\nevents 0 35\n", "a close keeps the log start");
}
