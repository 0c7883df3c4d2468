//! Indexes, control and slot pages, checkpoints and snapshots are derived from the log: missing, stale, foreign or full of garbage, they change nothing of what is read.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ckafka::broker::{Log, OpenMode};
use ckafka::storage::config::ReaderConfig;
use ckafka::storage::reader::{Reader, Start};
use common::logs::{self, Owned, PARTITION};
use common::random::Random;
use common::scratch::{self, Scratch, segment_bases};

const COUNT: i64 = 600;
const SETTINGS: [(&str, &str); 2] = [("segment.bytes", "12000"), ("index.interval.bytes", "300")];

/// Appends with times that go back now and then, so that an index of times is more than a copy of offsets.
fn fill(log: &Log, numbers: std::ops::Range<i64>, salt: u64) -> Vec<Owned> {
    let mut random = Random(salt);
    let mut records = Vec::new();
    for n in numbers {
        let time = 1_700_000_000_000 + n * 10 - random.below(500) as i64;
        let mut record = Owned::new(time, format!("{salt} {n:08}"));
        record.offset = logs::append(log, std::slice::from_ref(&record)).expect("append");
        records.push(record);
    }
    records
}

/// Where files come from: the log, its state some time earlier, and another log.
struct Sources {
    place: Scratch,
    records: Vec<Owned>,
}

impl Sources {
    fn new(name: &str) -> Self {
        let place = Scratch::new(name);
        let (directory, log) = logs::create(&place.join("whole"), &SETTINGS);
        let mut records = fill(&log, 0..COUNT / 2, 1);
        logs::close((directory, log));
        scratch::copy(&place.join("whole"), &place.join("stale"));
        let (directory, log) = logs::reopen(&place.join("whole"));
        records.extend(fill(&log, COUNT / 2..COUNT, 2));
        logs::close((directory, log));
        let (directory, log) = logs::create(&place.join("foreign"), &SETTINGS);
        fill(&log, 1000..1000 + COUNT * 2, 3);
        logs::close((directory, log));
        Self { place, records }
    }

    /// Derived files of the log, below its directory.
    fn derived(&self) -> Vec<PathBuf> {
        let whole = self.place.join("whole");
        let bases = segment_bases(&whole.join(PARTITION));
        let first_two_and_last = [bases[0], bases[1], bases[bases.len() - 1]];
        let mut files = vec![
            "ckafka.slots".into(),
            "recovery-point-offset-checkpoint".into(),
            format!("{PARTITION}/ckafka.control"),
            format!("{PARTITION}/leader-epoch-checkpoint"),
            format!("{PARTITION}/{COUNT:020}.snapshot"),
        ];
        for base in first_two_and_last {
            files.extend(["index", "timeindex"].map(|kind| format!("{PARTITION}/{base:020}.{kind}")));
        }
        for file in &files {
            // Control and slot page may be gone after the last one left; then there is nothing to damage but a page that is put there.
            let may_miss = file.contains("ckafka.");
            assert!(may_miss || whole.join(file).exists(), "{file}");
        }
        files.into_iter().map(PathBuf::from).collect()
    }

    /// A file of another directory in place of the one of this name: the nearest there is.
    fn other(&self, source: &str, file: &Path) -> Vec<u8> {
        let exact = self.place.join(source).join(file);
        if let Ok(bytes) = fs::read(&exact) {
            return bytes;
        }
        let kind = file.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        let folder = self.place.join(source).join(PARTITION);
        let names = scratch::names(&folder);
        let nearest = names.iter().rev().find(|name| name.ends_with(&format!(".{kind}")));
        nearest.map_or_else(Vec::new, |name| fs::read(folder.join(name)).expect("readable"))
    }
}

const DAMAGES: [&str; 10] =
    ["missing", "empty", "zeroes", "ones", "garbage", "half", "longer", "flipped", "stale", "foreign"];

fn damage(sources: &Sources, path: &Path, file: &Path, how: &str, random: &mut Random) {
    let target = path.join(file);
    let mut bytes = fs::read(&target).unwrap_or_else(|_| vec![0; 4096]);
    match how {
        "missing" => {
            let _ = fs::remove_file(&target);
            return;
        }
        "empty" => bytes.clear(),
        "zeroes" => bytes.fill(0),
        "ones" => bytes.fill(0xff),
        "garbage" => bytes = random.bytes(bytes.len()),
        "half" => bytes.truncate(bytes.len() / 2 + 1),
        "longer" => bytes.extend(random.bytes(123)),
        "flipped" => {
            for _ in 0..8.min(bytes.len()) {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << random.below(8);
            }
        }
        source => bytes = sources.other(source, file),
    }
    fs::write(&target, bytes).expect("file is writable");
}

/// Everything, in order, by offsets and by times.
#[track_caller]
fn check_reads(log: &Log, expected: &[Owned], what: &str) {
    let (records, error) = logs::read_until(log, Start::Earliest, ReaderConfig::default());
    assert!(error.is_none(), "{what}: {error:?}");
    assert!(records == expected, "{what}: {} records of {}, or others", records.len(), expected.len());
    let mut reader = Reader::open(Arc::clone(log), Start::Earliest, ReaderConfig::default()).expect("reader opens");
    for n in (0..expected.len()).step_by(37).chain([expected.len() - 1]) {
        reader.seek(n as i64).unwrap_or_else(|error| panic!("{what}: {error}"));
        let view = reader.fetch(1, Some(std::time::Duration::ZERO)).unwrap_or_else(|error| panic!("{what}: {error}"));
        let found = logs::records_of(&view).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(found[0], expected[n], "{what}: offset {n}");
        for time in [expected[n].timestamp, expected[n].timestamp + 1] {
            let first = expected.iter().find(|record| record.timestamp >= time);
            let found = log.offset_for_time(time).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(found, first.map(|record| (record.offset, record.timestamp)), "{what}: time {time}");
        }
    }
}

fn check(path: &Path, expected: &[Owned], what: &str) {
    let (directory, log) = logs::reopen_for_reading(path);
    check_reads(&log, expected, &format!("{what}, read-only"));
    logs::close((directory, log));
    let (directory, log) = logs::reopen(path);
    check_reads(&log, expected, what);
    let mut all = expected.to_vec();
    all.extend(fill(&log, COUNT..COUNT + 3, 4));
    assert_eq!(all[expected.len()].offset, COUNT, "{what}");
    logs::close((directory, log));
    let (directory, log) = logs::reopen(path);
    check_reads(&log, &all, &format!("{what}, and appended to"));
    logs::close((directory, log));
}

fn damage_each(name: &str, seed: u64, prepare: impl Fn(&Path)) {
    let sources = Sources::new(name);
    let mut random = Random(seed);
    for file in sources.derived() {
        for how in DAMAGES {
            let path = sources.place.join("copy");
            let _ = fs::remove_dir_all(&path);
            scratch::copy(&sources.place.join("whole"), &path);
            prepare(&path);
            damage(&sources, &path, &file, how, &mut random);
            check(&path, &sources.records, &format!("{} {how}", file.display()));
        }
    }
}

#[test]
fn damaged_after_a_clean_close() {
    damage_each("derived-clean", 31, |_| ());
}

#[test]
fn damaged_after_a_crash() {
    damage_each("derived-unclean", 32, |path| {
        fs::remove_file(path.join(".kafka_cleanshutdown")).expect("left by the close");
    });
}

#[test]
fn all_damaged_at_once() {
    let sources = Sources::new("derived-all");
    let mut random = Random(33);
    for marker in ["kept", "removed"] {
        for how in DAMAGES {
            let path = sources.place.join("copy");
            let _ = fs::remove_dir_all(&path);
            scratch::copy(&sources.place.join("whole"), &path);
            if marker == "removed" {
                fs::remove_file(path.join(".kafka_cleanshutdown")).expect("left by the close");
            }
            for file in sources.derived() {
                damage(&sources, &path, &file, how, &mut random);
            }
            check(&path, &sources.records, &format!("all {how}, marker {marker}"));
        }
    }
}

/// A checkpoint of log starts is data, but one that cannot be read, or that names other logs, says nothing.
#[test]
fn unreadable_log_starts_say_nothing() {
    let sources = Sources::new("derived-log-start");
    let texts = [
        "",
        "0\n",
        "1\n1\nevents 0 50\n",
        "0\n2\nevents 0 50\n",
        "0\n1\nother 0 50\n",
        "0\n1\nevents 1 50\n",
        "\u{0}\u{0}",
    ];
    for text in texts {
        let path = sources.place.join("copy");
        let _ = fs::remove_dir_all(&path);
        scratch::copy(&sources.place.join("whole"), &path);
        fs::write(path.join("log-start-offset-checkpoint"), text).expect("checkpoint");
        check(&path, &sources.records, &format!("log starts {text:?}"));
    }
}

/// `cp -a` of a directory whose writer lives: the pages in it speak of a session that has nothing to do with the copy.
#[test]
fn copy_of_a_live_directory_opens_with_what_it_holds() {
    let place = Scratch::new("derived-live-copy");
    let (directory, log) = logs::create(&place.join("live"), &SETTINGS);
    let mut records = fill(&log, 0..200, 5);
    scratch::copy(&place.join("live"), &place.join("early"));
    records.extend(fill(&log, 200..COUNT, 6));
    scratch::copy(&place.join("live"), &place.join("late"));
    // The copy's own pages are of the moment; here they are older, and newer, than the log beside them.
    for (name, pages) in [("late-log-early-page", "early"), ("early-log-late-page", "late")] {
        let log_of = if pages == "early" { "late" } else { "early" };
        scratch::copy(&place.join(log_of), &place.join(name));
        for page in ["ckafka.slots", "events-0/ckafka.control"] {
            fs::copy(place.join(pages).join(page), place.join(name).join(page)).expect("page is copied");
        }
    }
    for (name, count) in [("early", 200), ("late", COUNT), ("late-log-early-page", COUNT), ("early-log-late-page", 200)]
    {
        let path = place.join(name);
        let (copied, log) = logs::reopen_for_reading(&path);
        check_reads(&log, &records[..count as usize], name);
        logs::close((copied, log));
        let (copied, log) = logs::reopen(&path);
        check_reads(&log, &records[..count as usize], name);
        assert_eq!(logs::append(&log, &[Owned::new(1, "in the copy")]).expect("append"), count);
        logs::close((copied, log));
    }
    check_reads(&log, &records, "the live one");
    logs::close((directory, log));
}

/// Copied while appends go on, file by file: a prefix of the log, as after a crash.
#[test]
fn copy_made_during_appends_holds_a_prefix() {
    let place = Scratch::new("derived-moving-copy");
    let (directory, log) = logs::create(&place.join("live"), &SETTINGS);
    fill(&log, 0..200, 5);
    for round in 0..6 {
        let path = place.join(&format!("copy-{round}"));
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| fill(&log, 0..400, 7));
            std::thread::sleep(std::time::Duration::from_micros(700));
            let before = log.watermarks().end;
            copy_while_it_changes(&place.join("live"), &path);
            writer.join().expect("writer");
            let (copied, part) = logs::reopen(&path);
            assert!(part.watermarks().end >= before, "a copy has at least what was there when it began");
            logs::close((copied, part));
        });
        let all = logs::read_all(&log);
        for mode in [OpenMode::ReadOnly, OpenMode::ReadWrite] {
            let copied = logs::open(&path, mode);
            let part = copied.open_log(logs::TOPIC, 0).expect("opens");
            let end = part.watermarks().end as usize;
            check_reads(&part, &all[..end], &format!("round {round}, {mode:?}"));
            logs::close((copied, part));
        }
    }
    logs::close((directory, log));
}

/// The active segment last, and what is renamed meanwhile is not an error: as `rsync` in two passes does.
fn copy_while_it_changes(from: &Path, to: &Path) {
    fs::create_dir_all(to.join(PARTITION)).expect("folder");
    for _ in 0..2 {
        for folder in [".", PARTITION] {
            for name in scratch::names(&from.join(folder)) {
                let source = from.join(folder).join(&name);
                if source.is_file() && !name.starts_with("ckafka.next") {
                    let _ = fs::copy(source, to.join(folder).join(&name));
                }
            }
        }
    }
}
