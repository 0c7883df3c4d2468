//! An orderly close leaves what Kafka leaves, so that the next open has nothing to look through: marker, checkpoints, snapshot, files of the
//! length of what they hold.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ckafka::Error;
use ckafka::broker::{Conf, OpenMode};
use ckafka::storage::config::{OnCorrupt, ReaderConfig};
use ckafka::storage::reader::{Reader, Start};
use common::bytes::{Batch, batches};
use common::logs::{self, Owned, PARTITION, TOPIC};
use common::scratch::{self, Scratch, segment_bases, segment_file};

const MARKER: &str = ".kafka_cleanshutdown";
const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
const LOG_STARTS: &str = "log-start-offset-checkpoint";

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every segment of [`PARTITION`] with its batches.
fn segments(place: &Scratch) -> Vec<(i64, Vec<Batch>)> {
    let partition = place.join(PARTITION);
    let bases = segment_bases(&partition);
    bases.into_iter().map(|base| (base, batches(&read(&segment_file(&partition, base, "log"))))).collect()
}

fn findings(directory: &ckafka::broker::Directory) -> usize {
    let report: serde_json::Value =
        serde_json::from_str(&directory.recovery_report().expect("report")).expect("report is JSON");
    report["findings"].as_array().expect("findings").len()
}

#[test]
fn close_leaves_marker_checkpoints_snapshot_and_trimmed_files() {
    let place = Scratch::new("close-leaves");
    let (directory, log) = logs::create(place.path(), &[("segment.bytes", "8192"), ("index.interval.bytes", "512")]);
    directory.create_topic("idle", 2, &Conf::new()).expect("created");
    logs::append_numbered(&log, 0..1000, 9);
    assert!(!place.join(MARKER).exists(), "no marker while a writer is there");
    logs::close((directory, log));

    assert_eq!(read(&place.join(MARKER)), br#"{"version":0,"brokerEpoch":-1}"#);
    let points = String::from_utf8(read(&place.join(RECOVERY_POINTS))).expect("text");
    let mut lines: Vec<&str> = points.lines().collect();
    assert_eq!(lines.drain(..2).collect::<Vec<_>>(), ["0", "3"]);
    lines.sort_unstable();
    assert_eq!(lines, ["events 0 1000", "idle 0 0", "idle 1 0"]);
    assert!(points.ends_with('\n'));
    assert_eq!(read(&place.join(LOG_STARTS)), b"0\n0\n");

    let partition = place.join(PARTITION);
    // `batches` fails on a tail, so that these files end where their last batch does.
    let segments = segments(&place);
    assert!(segments.len() > 3);
    let snapshot = read(&partition.join("00000000000000001000.snapshot"));
    assert_eq!((snapshot.len(), &snapshot[..2], &snapshot[6..]), (10, &[0, 1][..], &[0; 4][..]), "no producers");
    for (base, found) in &segments {
        let len = |kind| read(&segment_file(&partition, *base, kind)).len();
        assert!(len("index") % 8 == 0 && len("timeindex") % 12 == 0 && len("timeindex") > 0);
        assert!(len("index") / 8 < found.len());
        if *base > 0 {
            assert_eq!(len("snapshot"), 10, "one at each roll");
        }
    }
    let names = scratch::names(&partition);
    assert!(!names.iter().any(|name| name.starts_with("ckafka.next") || name.ends_with(".tmp")), "{names:?}");
    assert_eq!(read(&partition.join("leader-epoch-checkpoint")), b"0\n1\n0 0\n");
}

#[test]
fn next_writer_removes_the_marker_before_anything_else() {
    let place = Scratch::new("close-marker");
    logs::close(logs::create(place.path(), &[]));
    assert!(place.join(MARKER).exists());
    let directory = logs::open(place.path(), OpenMode::ReadWrite);
    assert!(!place.join(MARKER).exists());
    directory.close().expect("closes");
    assert!(place.join(MARKER).exists(), "nothing was opened, and all is as clean as before");
}

#[test]
fn abandoned_session_leaves_no_marker_and_the_next_close_does() {
    let place = Scratch::new("close-abandoned");
    let (directory, log) = logs::create(place.path(), &[]);
    directory.create_topic("other", 1, &Conf::new()).expect("created");
    let expected = logs::append_numbered(&log, 0..50, 5);
    drop((log, directory));
    assert!(!place.join(MARKER).exists());
    // Only one of the two partitions is recovered: a marker would vouch for the other one too.
    let (directory, log) = logs::reopen(place.path());
    logs::assert_same(&logs::read_all(&log), &expected);
    logs::close((directory, log));
    assert!(!place.join(MARKER).exists(), "a partition of an unclean directory was not looked at");
    let (directory, log) = logs::reopen(place.path());
    drop(directory.open_log("other", 0).expect("opens"));
    logs::close((directory, log));
    assert!(place.join(MARKER).exists());
}

#[test]
fn open_after_a_clean_close_scans_nothing() {
    let place = Scratch::new("close-no-scan");
    let (directory, log) = logs::create(place.path(), &[("segment.bytes", "8192")]);
    let expected = logs::append_numbered(&log, 0..2000, 10);
    logs::close((directory, log));
    let segments = segments(&place);
    let (base, found) = &segments[1];
    let batch = found[found.len() / 2];
    let damaged = segment_file(&place.join(PARTITION), *base, "log");
    scratch::change(&damaged, |bytes| bytes[(batch.position + batch.size / 2 + 30) as usize] ^= 0x10);

    // The damage is not seen, since nothing looks; the read that meets it says where it is.
    let (directory, log) = logs::reopen(place.path());
    assert_eq!((log.watermarks().end, findings(&directory)), (2000, 0));
    let (before, error) = logs::read_until(&log, Start::Earliest, ReaderConfig::default());
    logs::assert_same(&before, &expected[..batch.base_offset as usize]);
    match error {
        Some(Error::Corrupt { path, position, .. }) => assert_eq!((path, position), (damaged.clone(), batch.position)),
        other => panic!("{other:?}"),
    }
    let behind = batch.last_offset + 1;
    logs::assert_same(&logs::read_from(&log, behind), &expected[behind as usize..]);
    let skip = ReaderConfig { on_corrupt: OnCorrupt::Skip, ..ReaderConfig::default() };
    let (records, error) = logs::read_until(&log, Start::Earliest, skip);
    assert!(error.is_none(), "{error:?}");
    let whole: Vec<Owned> =
        expected.iter().filter(|r| !(batch.base_offset..behind).contains(&r.offset)).cloned().collect();
    logs::assert_same(&records, &whole);
    // It still takes appends, and its close cuts nothing.
    assert_eq!(logs::append(&log, &[Owned::new(1, "more")]).expect("append"), 2000);
    logs::close((directory, log));
    assert_eq!(fs::metadata(&damaged).expect("there").len(), found.iter().map(|batch| batch.size).sum::<u64>());
}

#[test]
fn directory_with_an_open_log_is_busy() {
    let place = Scratch::new("close-busy");
    let (directory, log) = logs::create(place.path(), &[]);
    logs::append(&log, &[Owned::new(1, "v")]).expect("append");
    match directory.close() {
        Err(Error::Busy { what: "directory", reason }) => assert!(reason.contains('1'), "{reason}"),
        other => panic!("{other:?}"),
    }
    logs::append(&log, &[Owned::new(1, "nothing happened")]).expect("append");
    logs::close((Arc::clone(&directory), log));
    assert!(directory.open_log(TOPIC, 0).is_err() && directory.topics().is_err(), "closed is closed");
    directory.close().expect("closing what is closed does nothing");
}

#[test]
fn two_handles_are_one_member_and_the_last_one_closes() {
    let place = Scratch::new("close-two-handles");
    let (first, log) = logs::create(place.path(), &[]);
    let second = logs::open(place.path(), OpenMode::ReadWrite);
    let other = second.open_log(TOPIC, 0).expect("opens");
    assert_eq!(logs::append(&log, &[Owned::new(1, "by the first")]).expect("append"), 0);
    assert_eq!(logs::append(&other, &[Owned::new(2, "by the second")]).expect("append"), 1);
    logs::close((first, log));
    assert!(!place.join(MARKER).exists());
    assert_eq!(logs::append(&other, &[Owned::new(3, "by the one left")]).expect("append"), 2);
    logs::close((second, other));
    assert!(place.join(MARKER).exists());
    let (directory, log) = logs::reopen_for_reading(place.path());
    assert_eq!(logs::read_all(&log).len(), 3);
    logs::close((directory, log));
}

/// A reader's map must not be cut under it by the close of the writer, nor by the next session.
#[test]
fn views_outlive_log_and_directory() {
    let place = Scratch::new("close-views");
    let (directory, log) = logs::create(place.path(), &[]);
    let expected = logs::append_numbered(&log, 0..300, 10);
    let mut reader = Reader::open(Arc::clone(&log), Start::Earliest, ReaderConfig::default()).expect("reader opens");
    let view = reader.fetch(1 << 20, Some(Duration::ZERO)).expect("fetch");
    drop(reader);
    logs::close((directory, log));
    let held = logs::records_of(&view).expect("records");
    logs::assert_same(&held, &expected[..held.len()]);
    let (directory, log) = logs::reopen(place.path());
    logs::append_numbered(&log, 300..400, 10);
    logs::close((directory, log));
    logs::assert_same(&logs::records_of(&view).expect("records"), &held);
}
