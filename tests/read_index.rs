//! A wrong index costs time and nothing else: seeks by offset and by time give the same answers whatever its bytes are.

#[path = "read/live.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod live;

use std::fs;
use std::path::Path;

use ckafka::storage::config::ReadMode;
use ckafka::storage::names::SegmentFile;
use ckafka::storage::reader::Start;
use live::{Live, POLL, assert_tells, timestamp_at};

const SETTINGS: [(&str, &str); 2] = [("segment.bytes", "6000"), ("index.interval.bytes", "200")];

/// Seeks to offsets and times all over the log.
fn assert_seeks(live: &Live, mode: ReadMode, what: &str) {
    let end = live.log.published_end();
    let mut reader = live.reader(Start::Earliest, mode);
    for offset in (0..end).step_by(3) {
        reader.seek(offset).expect("seek");
        let view = reader.fetch(1, POLL).unwrap_or_else(|error| panic!("{what} at {offset}: {error}"));
        assert_eq!(assert_tells(&view).0, offset, "{what}");
        let time = timestamp_at(offset) - 3;
        let wanted = (0..end).find(|offset| timestamp_at(*offset) >= time);
        let found = reader.seek_time(time).unwrap_or_else(|error| panic!("{what} at time {time}: {error}"));
        assert_eq!(found.map(|found| found.0), wanted, "{what} at time {time}");
    }
}

/// Bases of the closed segments.
fn closed(folder: &Path) -> Vec<i64> {
    let names = fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").file_name());
    let mut bases: Vec<i64> = names.filter_map(|name| SegmentFile::Log.parse(name.to_str()?)).collect();
    bases.sort_unstable();
    bases.pop();
    bases
}

fn each_file(folder: &Path, kinds: &[SegmentFile], damage: impl Fn(&Path, Vec<u8>)) {
    let bases = closed(folder);
    assert!(bases.len() > 3, "too few segments");
    for base in bases {
        for kind in kinds {
            let path = folder.join(kind.name(base));
            let bytes = fs::read(&path).expect("an index");
            damage(&path, bytes);
        }
    }
}

/// A way to damage an index file, with its name.
type Damage = (&'static str, fn(&Path, Vec<u8>));

const DAMAGES: [Damage; 11] = [
    ("missing", |path, _| fs::remove_file(path).expect("remove")),
    ("empty", |path, _| fs::write(path, []).expect("write")),
    ("zeroes", |path, bytes| fs::write(path, vec![0; bytes.len()]).expect("write")),
    ("zeroes behind", |path, bytes| fs::write(path, [bytes, vec![0; 4096]].concat()).expect("write")),
    ("ones", |path, bytes| fs::write(path, vec![0xff; bytes.len()]).expect("write")),
    ("text", |path, bytes| fs::write(path, b"not an index ".repeat(bytes.len() / 8)).expect("write")),
    ("cut inside an entry", |path, bytes| fs::write(path, &bytes[..bytes.len() - 3]).expect("write")),
    ("half", |path, bytes| fs::write(path, &bytes[..bytes.len() / 24 * 12]).expect("write")),
    ("reversed", |path, bytes| fs::write(path, bytes.iter().rev().copied().collect::<Vec<_>>()).expect("write")),
    ("shifted", |path, bytes| fs::write(path, [&[0, 0, 0, 1], &bytes[..bytes.len() - 4]].concat()).expect("write")),
    ("low bits", |path, bytes| {
        fs::write(path, bytes.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()).expect("write");
    }),
];

#[test]
fn damaged_indexes_change_no_answer() {
    for (name, damage) in DAMAGES {
        for kinds in
            [&[SegmentFile::Index][..], &[SegmentFile::TimeIndex], &[SegmentFile::Index, SegmentFile::TimeIndex]]
        {
            let live = Live::create("index", &SETTINGS);
            for round in 0..90 {
                live.append(1 + round % 5);
            }
            each_file(&live.folder.join("t-0"), kinds, damage);
            for mode in [ReadMode::Map, ReadMode::Copy] {
                assert_seeks(&live, mode, &format!("{name}, {kinds:?}, {mode:?}"));
            }
        }
    }
}

#[test]
fn an_index_of_another_segment_changes_no_answer() {
    let live = Live::create("foreign", &SETTINGS);
    for round in 0..90 {
        live.append(1 + round % 5);
    }
    let folder = live.folder.join("t-0");
    let bases = closed(&folder);
    for kind in [SegmentFile::Index, SegmentFile::TimeIndex] {
        let files: Vec<Vec<u8>> =
            bases.iter().map(|base| fs::read(folder.join(kind.name(*base))).expect("read")).collect();
        for (base, bytes) in bases.iter().zip(files.iter().cycle().skip(1)) {
            fs::write(folder.join(kind.name(*base)), bytes).expect("write");
        }
    }
    for mode in [ReadMode::Map, ReadMode::Copy] {
        assert_seeks(&live, mode, &format!("foreign, {mode:?}"));
    }
}

#[test]
fn a_flipped_bit_of_an_index_changes_no_answer() {
    let live = Live::create("flip", &[("segment.bytes", "1500"), ("index.interval.bytes", "200")]);
    for round in 0..40 {
        live.append(1 + round % 5);
    }
    // In place, under the maps of readers.
    each_file(&live.folder.join("t-0"), &[SegmentFile::Index, SegmentFile::TimeIndex], |path, bytes| {
        for at in (0..bytes.len()).step_by(5) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            write_in_place(path, &damaged);
            for mode in [ReadMode::Map, ReadMode::Copy] {
                assert_seeks(&live, mode, &format!("byte {at} of {}, {mode:?}", path.display()));
            }
        }
        write_in_place(path, &bytes);
    });
}

fn write_in_place(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    let file = fs::OpenOptions::new().write(true).open(path).expect("open");
    file.write_all_at(bytes, 0).expect("write");
}
