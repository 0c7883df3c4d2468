//! Whichever bit of a log flips, nobody is given wrong data: a read ends with the place of the damage, or with all there was.
//!
//! The one field whose change shows nowhere is a batch's leader epoch: it lies outside the checksum, and nothing around it tells.
//! By default every bit of every header is flipped and a sixteenth of the others, picked by a seed; with `CKAFKA_TEST_FULL=1` all.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ckafka::Error;
use ckafka::broker::{Log, OpenMode};
use ckafka::storage::config::ReaderConfig;
use ckafka::storage::reader::{Reader, Start};
use common::bytes::{Batch, batches};
use common::logs::{self, Owned, PARTITION, TOPIC};
use common::random::{Random, seeds};
use common::scratch::{self, Scratch, segment_file};

const SIZE: u64 = 64 << 10;
const HEADER_BITS: u64 = 61 * 8;
const T: i64 = 1_700_000_000_000;

/// A log of one segment, and what it holds.
struct Whole {
    place: Scratch,
    records: Vec<Owned>,
    batches: Vec<Batch>,
}

impl Whole {
    fn new(name: &str) -> Self {
        let place = Scratch::new(name);
        let (directory, log) = logs::create(&place.join("whole"), &[]);
        let mut random = Random(5);
        let mut records = Vec::new();
        let mut size = 0;
        while size < SIZE {
            let offset = records.len() as i64;
            let mut batch: Vec<Owned> = (0..20)
                .map(|n| {
                    let time = T + (offset + n) * 100 - random.below(700) as i64;
                    let size = 60 + random.below(120) as usize;
                    let key = Some(format!("key {}", offset + n).into_bytes());
                    Owned { key, ..Owned::new(time, random.bytes(size)) }
                })
                .collect();
            assert_eq!(logs::append(&log, &batch).expect("append"), offset);
            (offset..).zip(&mut batch).for_each(|(offset, record)| record.offset = offset);
            records.append(&mut batch);
            size += 20 * 140;
        }
        logs::close((directory, log));
        let bytes = fs::read(log_file(&place.join("whole"))).expect("readable");
        assert!(bytes.len() as u64 > SIZE * 9 / 10, "{} bytes", bytes.len());
        Self { place, records, batches: batches(&bytes) }
    }

    /// A copy; without its marker and checkpoint where everything is to be scanned.
    fn copy(&self, name: &str, left: Left) -> PathBuf {
        let path = self.place.join(name);
        let _ = fs::remove_dir_all(&path);
        scratch::copy(&self.place.join("whole"), &path);
        if left == Left::Unclean {
            fs::remove_file(path.join(".kafka_cleanshutdown")).expect("left by the close");
            fs::remove_file(path.join("recovery-point-offset-checkpoint")).expect("left by the close");
        }
        path
    }

    fn batch_of(&self, bit: u64) -> Batch {
        *self.batches.iter().rev().find(|batch| batch.position <= bit / 8).expect("a batch")
    }

    /// The bits to flip: all, or those of headers and a sixteenth of the rest.
    fn bits(&self, seed: u64) -> Vec<u64> {
        let size = self.batches.iter().map(|batch| batch.size).sum::<u64>();
        let all = std::env::var("CKAFKA_TEST_FULL").as_deref() == Ok("1");
        let mut random = Random(seed);
        (0..size * 8)
            .filter(|bit| all || bit - self.batch_of(*bit).position * 8 < HEADER_BITS || random.below(16) == 0)
            .collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Clean,
    Unclean,
}

fn log_file(path: &Path) -> PathBuf {
    segment_file(&path.join(PARTITION), 0, "log")
}

/// Whether the flip shows nowhere: the leader epoch is at bytes 12 to 15 of a batch.
fn is_silent(batch: &Batch, bit: u64) -> bool {
    (12..16).contains(&(bit / 8 - batch.position))
}

/// One flip, seen by somebody who only reads.
struct Flip<'a> {
    whole: &'a Whole,
    batch: Batch,
    bit: u64,
    what: String,
}

impl Flip<'_> {
    fn check(&self, path: &Path) {
        let directory = logs::open(path, OpenMode::ReadOnly);
        let report = || directory.recovery_report().expect("report");
        let log = match directory.open_log(TOPIC, 0) {
            Ok(log) => log,
            Err(error) => return self.assert_place(&error.to_string()),
        };
        let (records, error) = logs::read_until(&log, Start::Earliest, ReaderConfig::default());
        let expected = &self.whole.records;
        assert!(expected.starts_with(&records), "{}: wrong data among {} records", self.what, records.len());
        if is_silent(&self.batch, self.bit) {
            assert!(error.is_none() && records.len() == expected.len(), "{}: {error:?}", self.what);
        } else {
            assert!(records.len() as i64 >= self.batch.base_offset, "{}: {} records", self.what, records.len());
            assert!(records.len() < expected.len(), "{}: the damage was not seen", self.what);
            match &error {
                Some(
                    Error::Corrupt { path: named, position, .. }
                    | Error::UnsupportedMagic { path: named, position, .. },
                ) => {
                    assert_eq!(named, &log_file(path), "{}", self.what);
                    self.assert_position(*position);
                }
                Some(other) => panic!("{}: {other:?}", self.what),
                None => self.assert_place(&report()),
            }
        }
        self.check_seeks(&log);
        logs::close((directory, log));
    }

    /// Damage to an offset may show at the batch behind, which then steps back.
    fn assert_position(&self, position: u64) {
        let behind = self.batch.position + self.batch.size;
        assert!(position == self.batch.position || position == behind, "{}: said to be at {position}", self.what);
    }

    fn assert_place(&self, text: &str) {
        let behind = self.batch.position + self.batch.size;
        let is_named = [self.batch.position, behind].iter().any(|position| {
            text.contains(&format!("\"position\":{position},")) || text.contains(&format!("position {position}:"))
        });
        assert!(is_named, "{}: no place in {text}", self.what);
    }

    fn check_seeks(&self, log: &Log) {
        let expected = &self.whole.records;
        let end = log.watermarks().end;
        for offset in [self.batch.base_offset, self.batch.last_offset + 1, expected.len() as i64 - 1] {
            let opened = Reader::open(Arc::clone(log), Start::At(offset), ReaderConfig::default());
            let Ok(view) = opened.and_then(|mut reader| reader.fetch(1, Some(Duration::ZERO))) else { continue };
            let Ok(records) = logs::records_of(&view) else { continue };
            let rest = expected.get(offset as usize..).unwrap_or_default();
            assert!(!records.is_empty() && rest.starts_with(&records), "{}: wrong data at {offset}", self.what);
        }
        let middle = &expected[(self.batch.base_offset + 7) as usize];
        for time in [middle.timestamp, middle.timestamp + 2500, T + 50] {
            let Ok(found) = log.offset_for_time(time) else { continue };
            let first = expected.iter().find(|record| record.timestamp >= time && record.offset < end);
            let first = first.map(|record| (record.offset, record.timestamp));
            assert_eq!(found, first, "{}: time {time} of a log that ends at {end}", self.what);
        }
    }
}

fn flip_all(name: &str, left: Left) {
    let seed = seeds()[0];
    let whole = Whole::new(name);
    let bits = whole.bits(seed);
    println!("CKAFKA_TEST_SEED={seed}: {} bits", bits.len());
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(8));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (whole, bits) = (&whole, &bits);
            scope.spawn(move || {
                let path = whole.copy(&format!("copy-{thread}"), left);
                let file = File::options().read(true).write(true).open(log_file(&path)).expect("log opens");
                for bit in bits.iter().copied().skip(thread).step_by(threads) {
                    let mut byte = [0];
                    file.read_exact_at(&mut byte, bit / 8).expect("read");
                    file.write_all_at(&[byte[0] ^ 1 << (bit % 8)], bit / 8).expect("flip");
                    let batch = whole.batch_of(bit);
                    let what = format!(
                        "{left:?}, bit {} of byte {} of the batch at {}",
                        bit % 8,
                        bit / 8 - batch.position,
                        batch.position
                    );
                    Flip { whole, batch, bit, what }.check(&path);
                    file.write_all_at(&byte, bit / 8).expect("flip back");
                }
            });
        }
    });
}

#[test]
fn flipped_bit_in_a_closed_log() {
    flip_all("bits-clean", Left::Clean);
}

#[test]
fn flipped_bit_in_a_log_that_a_crash_left() {
    flip_all("bits-unclean", Left::Unclean);
}

/// Nothing follows the last batch, and a log that was closed in good order is not scanned: where it ended, the close said.
#[test]
fn flipped_bit_in_the_span_of_the_last_batch() {
    let whole = Whole::new("bits-last");
    let last = *whole.batches.last().expect("batches");
    let end = whole.records.len() as i64;
    // With its sign flipped the header is none, and the batch is set aside as any damage at the end.
    for bit in (0..32).filter(|bit| *bit != 7) {
        let path = whole.copy("copy", Left::Clean);
        let at = (last.position + 23 + bit / 8) as usize;
        scratch::change(&log_file(&path), |bytes| bytes[at] ^= 1 << (bit % 8));
        let what = format!("bit {} of byte {at}", bit % 8);
        let (directory, log) = logs::reopen(&path);
        let report = directory.recovery_report().expect("report");
        assert_eq!(log.watermarks().end, end, "{what}: {report}");
        assert!(report.contains(&format!("\"position\":{}", last.position)), "{what}: {report}");
        assert_eq!(logs::append(&log, &[Owned::new(1, "on")]).expect("append"), end, "{what}");
        let (records, error) = logs::read_until(&log, Start::Earliest, ReaderConfig::default());
        assert!(
            matches!(error, Some(Error::Corrupt { position, .. }) if position == last.position),
            "{what}: {error:?}"
        );
        assert_eq!(records.len() as i64, last.base_offset, "{what}");
        logs::close((directory, log));
    }
}

/// Recovery acts on what it finds: it keeps what is before the damage, sets aside what is behind, and the log goes on.
#[test]
fn flipped_bit_under_recovery() {
    let whole = Whole::new("bits-recovery");
    let seed = seeds()[0];
    println!("CKAFKA_TEST_SEED={seed}");
    let mut random = Random(seed);
    let original = fs::read(log_file(&whole.place.join("whole"))).expect("readable");
    for round in 0..160 {
        let batch = whole.batches[random.below(whole.batches.len() as u64) as usize];
        let bits = if round % 2 == 0 { HEADER_BITS } else { batch.size * 8 };
        let bit = batch.position * 8 + random.below(bits);
        let path = whole.copy("copy", Left::Unclean);
        scratch::change(&log_file(&path), |bytes| bytes[(bit / 8) as usize] ^= 1 << (bit % 8));
        let what = format!("bit {} of byte {} of the batch at {}", bit % 8, bit / 8 - batch.position, batch.position);
        let (directory, log) = logs::reopen(&path);
        let records = logs::read_all(&log);
        let end = if is_silent(&batch, bit) { whole.records.len() } else { batch.base_offset as usize };
        assert_eq!(records.len(), end, "{what}");
        assert!(whole.records.starts_with(&records), "{what}: wrong data");
        assert_eq!(logs::append(&log, &[Owned::new(1, "on")]).expect("append"), end as i64, "{what}");
        logs::close((directory, log));
        let (directory, log) = logs::reopen(&path);
        assert_eq!(logs::read_all(&log).len(), end + 1, "{what}");
        logs::close((directory, log));
        if end < whole.records.len() && batch.position + batch.size < original.len() as u64 {
            let names = scratch::names(&path.join(PARTITION));
            let aside =
                names.iter().find(|name| name.contains("set-aside")).unwrap_or_else(|| panic!("{what}: {names:?}"));
            let kept = fs::read(path.join(PARTITION).join(aside)).expect("readable");
            let behind = &original[(batch.position + batch.size) as usize..];
            assert!(kept.ends_with(behind), "{what}: what was behind the damage is set aside");
        }
    }
}
