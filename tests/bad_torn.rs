//! A log that is cut short, torn at its end or zeroed in its middle gives what is whole, says where it is not, and throws no whole batch away.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::fs;
use std::path::Path;

use ckafka::Error;
use ckafka::broker::{Directory, OpenMode};
use ckafka::storage::config::{OnCorrupt, ReaderConfig};
use ckafka::storage::reader::Start;
use common::bytes::{Batch, batches};
use common::logs::{self, Owned, PARTITION, TOPIC};
use common::random::Random;
use common::scratch::{self, Scratch, change, segment_bases, segment_file};

const COUNT: i64 = 400;

/// What the directory looked like when it was damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// As a crash leaves it, and no checkpoint ever written: everything is scanned.
    Unclean,
    /// As an orderly close leaves it.
    Clean,
    /// As a crash leaves it long after all of it was synced: a checkpoint vouches for the bytes.
    CheckpointedUnclean,
}

/// A closed log of several segments, and what it holds.
struct Whole {
    place: Scratch,
    records: Vec<Owned>,
    /// Each segment's base and batches.
    segments: Vec<(i64, Vec<Batch>)>,
}

impl Whole {
    fn new(name: &str) -> Self {
        let place = Scratch::new(name);
        let path = place.join("whole");
        let (directory, log) = logs::create(&path, &[("segment.bytes", "6000"), ("index.interval.bytes", "400")]);
        let records = logs::append_numbered(&log, 0..COUNT, 6);
        logs::close((directory, log));
        let partition = path.join(PARTITION);
        let read = |base| fs::read(segment_file(&partition, base, "log")).expect("segment is readable");
        let segments = segment_bases(&partition).into_iter().map(|base| (base, batches(&read(base)))).collect();
        Self { place, records, segments }
    }

    /// A fresh copy, to be damaged.
    fn copy(&self, left: Left) -> std::path::PathBuf {
        let path = self.place.join("copy");
        let _ = fs::remove_dir_all(&path);
        scratch::copy(&self.place.join("whole"), &path);
        if left != Left::Clean {
            fs::remove_file(path.join(".kafka_cleanshutdown")).expect("left by the close");
        }
        if left == Left::Unclean {
            fs::remove_file(path.join("recovery-point-offset-checkpoint")).expect("left by the close");
        }
        path
    }

    fn log_file(&self, path: &Path, segment: usize) -> std::path::PathBuf {
        segment_file(&path.join(PARTITION), self.segments[segment].0, "log")
    }

    /// The batches that nothing was done to can still be found, in the log or set aside.
    #[track_caller]
    fn assert_nothing_thrown_away(&self, path: &Path, is_damaged: impl Fn(&Batch) -> bool) {
        let partition = path.join(PARTITION);
        let names = scratch::names(&partition);
        let kept: Vec<Vec<u8>> = names
            .iter()
            .filter(|name| name.contains(".log"))
            .map(|name| fs::read(partition.join(name)).expect("readable"))
            .collect();
        for (base, found) in &self.segments {
            let original = fs::read(segment_file(&self.place.join("whole").join(PARTITION), *base, "log"));
            let original = original.expect("segment is readable");
            for batch in found.iter().filter(|batch| !is_damaged(batch)) {
                let bytes = &original[batch.position as usize..(batch.position + batch.size) as usize];
                let is_kept = kept.iter().any(|file| file.windows(bytes.len()).any(|window| window == bytes));
                assert!(is_kept, "batch {} is nowhere in {names:?}", batch.base_offset);
            }
        }
    }
}

fn findings(directory: &Directory) -> Vec<String> {
    let report: serde_json::Value =
        serde_json::from_str(&directory.recovery_report().expect("report")).expect("report is JSON");
    report["findings"].as_array().expect("findings").iter().map(ToString::to_string).collect()
}

/// Opens for writing, reads, appends, closes, reads again.
#[track_caller]
fn check_writer(path: &Path, expected: &[Owned]) {
    let (directory, log) = logs::reopen(path);
    logs::assert_same(&logs::read_all(&log), expected);
    let end = log.watermarks().end;
    assert_eq!(end, expected.len() as i64);
    let record = Owned { offset: end, ..Owned::new(1_800_000_000_000, "behind the cut") };
    assert_eq!(logs::append(&log, std::slice::from_ref(&record)).expect("append"), end);
    logs::close((directory, log));
    let (directory, log) = logs::reopen_for_reading(path);
    let mut more = expected.to_vec();
    more.push(record);
    logs::assert_same(&logs::read_all(&log), &more);
    logs::close((directory, log));
}

#[test]
fn truncated_log_keeps_every_whole_batch() {
    let whole = Whole::new("torn-truncated");
    let last = whole.segments.len() - 1;
    let found = &whole.segments[last].1;
    let size = found.iter().map(|batch| batch.size).sum::<u64>();
    let tail = found[found.len() - 2].position;
    let cuts: Vec<u64> = (0..size).filter(|at| *at >= tail || at % 41 == 0).collect();
    for left in [Left::Unclean, Left::Clean, Left::CheckpointedUnclean] {
        for (n, cut) in cuts.iter().enumerate() {
            let path = whole.copy(left);
            fs::File::options()
                .write(true)
                .open(whole.log_file(&path, last))
                .and_then(|file| file.set_len(*cut))
                .expect("cut");
            let end = found.iter().find(|batch| batch.position + batch.size > *cut).map_or(COUNT, |b| b.base_offset);
            let expected = &whole.records[..end as usize];
            let (directory, log) = logs::reopen_for_reading(&path);
            let (records, error) = logs::read_until(&log, Start::Earliest, ReaderConfig::default());
            logs::assert_same(&records, expected);
            // The first bytes of a batch are zeroes: alone they look like room that was grown ahead of use. Where the log was
            // closed in good order, a cut between two batches is told too.
            let is_torn = left == Left::Clean
                || found.iter().any(|batch| batch.position + 8 < *cut && *cut < batch.position + batch.size);
            let said = findings(&directory);
            assert!(!is_torn || error.is_some() || !said.is_empty(), "{left:?}, cut at {cut}: nobody said so");
            logs::close((directory, log));
            if n % 12 == 0 {
                check_writer(&path, expected);
            }
        }
    }
}

#[test]
fn torn_tail_is_cut_off() {
    let whole = Whole::new("torn-tail");
    let last = whole.segments.len() - 1;
    let original = fs::read(whole.log_file(&whole.place.join("whole"), last)).expect("segment is readable");
    let mut half = original[whole.segments[last].1[0].position as usize..].to_vec();
    half[..8].copy_from_slice(&COUNT.to_be_bytes());
    half.truncate(100);
    let zeroes_then_text = [vec![0; 5000], b"leftover".to_vec()].concat();
    let tails = [b"x".to_vec(), Random(3).bytes(700), half, vec![0; 4096], vec![0xff; 300], zeroes_then_text];
    for tail in tails {
        for left in [Left::Unclean, Left::CheckpointedUnclean, Left::Clean] {
            let path = whole.copy(left);
            change(&whole.log_file(&path, last), |bytes| bytes.extend_from_slice(&tail));
            let (directory, log) = logs::reopen_for_reading(&path);
            logs::assert_same(&logs::read_all(&log), &whole.records);
            logs::close((directory, log));
            check_writer(&path, &whole.records);
            whole.assert_nothing_thrown_away(&path, |_| false);
        }
    }
}

/// An older copy of a batch behind the end has a right checksum and a wrong offset.
#[test]
fn stale_batches_behind_the_end_are_not_raised() {
    let whole = Whole::new("torn-stale");
    let last = whole.segments.len() - 1;
    let path = whole.copy(Left::Unclean);
    change(&whole.log_file(&path, last), |bytes| {
        let first = whole.segments[last].1[0];
        let stale = bytes[..first.size as usize].to_vec();
        bytes.extend_from_slice(&stale);
    });
    check_writer(&path, &whole.records);
}

/// Behind the recovery point zeroes end the log; what lies whole behind them is set aside, and so are later segments.
#[test]
fn zeroes_in_the_middle_end_the_log_and_the_rest_is_set_aside() {
    let whole = Whole::new("torn-zeroes");
    for segment in [0, 1, whole.segments.len() - 1] {
        let found = &whole.segments[segment].1;
        let hit = found[found.len() / 2];
        let path = whole.copy(Left::Unclean);
        change(&whole.log_file(&path, segment), |bytes| {
            bytes[hit.position as usize..(hit.position + hit.size) as usize].fill(0);
        });
        let expected = &whole.records[..hit.base_offset as usize];
        let (directory, log) = logs::reopen_for_reading(&path);
        logs::assert_same(&logs::read_all(&log), expected);
        let said = findings(&directory);
        assert!(said.iter().any(|finding| finding.contains(&hit.position.to_string())), "{said:?}");
        logs::close((directory, log));

        let (directory, log) = logs::reopen(&path);
        let said = findings(&directory);
        assert!(said.iter().any(|finding| finding.contains("set-aside") && finding.contains("cut")), "{said:?}");
        logs::close((directory, log));
        whole.assert_nothing_thrown_away(&path, |batch| *batch == hit);
        check_writer(&path, expected);
        whole.assert_nothing_thrown_away(&path, |batch| *batch == hit);
        let epochs = fs::read_to_string(path.join(PARTITION).join("leader-epoch-checkpoint")).expect("epochs");
        assert!(
            epochs.contains(&format!("1 {}\n", hit.base_offset)),
            "offsets were taken back, so the epoch rises: {epochs:?}"
        );
    }
}

/// Below the recovery point nothing is ever cut: the read that meets the damage says where it is.
#[test]
fn damage_below_the_recovery_point_is_kept_and_named() {
    let whole = Whole::new("torn-below");
    for left in [Left::CheckpointedUnclean, Left::Clean] {
        for segment in [0, 1] {
            let found = &whole.segments[segment].1;
            let hit = found[found.len() / 2];
            let path = whole.copy(left);
            let damaged = whole.log_file(&path, segment);
            change(&damaged, |bytes| bytes[hit.position as usize..(hit.position + hit.size) as usize].fill(0));
            let before = fs::read(&damaged).expect("readable");
            for mode in [OpenMode::ReadOnly, OpenMode::ReadWrite] {
                let directory = logs::open(&path, mode);
                let log = directory.open_log(TOPIC, 0).expect("opens");
                assert_eq!(log.watermarks().end, COUNT);
                let (records, error) = logs::read_until(&log, Start::Earliest, ReaderConfig::default());
                logs::assert_same(&records, &whole.records[..hit.base_offset as usize]);
                match error {
                    Some(Error::Corrupt { path, position, .. }) => {
                        assert_eq!((&path, position), (&damaged, hit.position))
                    }
                    other => panic!("{left:?} {mode:?}: {other:?}"),
                }
                // The index leads to the last batch of the segment without a look at the damage before it.
                let behind = found[found.len() - 1].base_offset;
                logs::assert_same(&logs::read_from(&log, behind), &whole.records[behind as usize..]);
                let skip = ReaderConfig { on_corrupt: OnCorrupt::Skip, ..ReaderConfig::default() };
                let (records, error) = logs::read_until(&log, Start::Earliest, skip);
                assert!(error.is_none(), "{error:?}");
                let lost = hit.base_offset..=hit.last_offset;
                let rest: Vec<Owned> = whole.records.iter().filter(|r| !lost.contains(&r.offset)).cloned().collect();
                logs::assert_same(&records, &rest);
                logs::close((directory, log));
            }
            assert_eq!(fs::read(&damaged).expect("readable"), before, "not a byte was touched");
        }
    }
}

/// A segment that a crash left grown and untrimmed in the middle of the log is no damage if the next one goes on where it ends.
#[test]
fn zero_tail_before_a_segment_that_goes_on_is_no_damage() {
    let whole = Whole::new("torn-untrimmed");
    for left in [Left::Unclean, Left::CheckpointedUnclean] {
        let path = whole.copy(left);
        change(&whole.log_file(&path, 1), |bytes| bytes.resize(8192, 0));
        let (directory, log) = logs::reopen_for_reading(&path);
        logs::assert_same(&logs::read_all(&log), &whole.records);
        logs::close((directory, log));
        check_writer(&path, &whole.records);
        whole.assert_nothing_thrown_away(&path, |_| false);
    }
}
