//! Before the next append a torn record goes, and the indexes get the lines that they lack: LOG_OFFSET counts on from the
//! last line that is kept, the time is that line's or the log's. Whole records stay, also behind damage.
#![cfg(feature = "compat")]

#[expect(dead_code, reason = "shared by the tests of the C-Kafka interface; each uses a part")]
mod compat;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

use std::fs;
use std::path::{Path, PathBuf};

use compat::records::{assert_whole, lines, record, records};
use compat::{INDEX, LOG, TIMES};
use driver::Scratch;

const MESSAGES: [&str; 4] = ["first message", "second message, a longer one", "third", "fourth and last"];

struct Place {
    scratch: Scratch,
    program: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        let program = compat::build("append", &scratch);
        fs::write(scratch.0.join("next"), "next\n").expect("a message");
        Self { scratch, program }
    }

    /// A folder with the four messages, as an original program leaves it: LOG_OFFSET from 10 on, times of long ago.
    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.scratch.0.join(name);
        fs::create_dir_all(folder.join("temp/order1")).expect("folders");
        let (mut log, mut index, mut times) = (Vec::new(), String::new(), String::new());
        for (number, message) in MESSAGES.iter().enumerate() {
            index += &format!("{},{}\n", number + 10, log.len());
            times += &format!("{},{}\n", 1_000_000_000 + number, log.len());
            log.extend(record(message));
        }
        fs::write(folder.join(LOG), log).expect("a log");
        fs::write(folder.join(INDEX), index).expect("an index");
        fs::write(folder.join(TIMES), times).expect("a time index");
        folder
    }

    /// Appends one message; what was said on standard error.
    #[track_caller]
    fn append_next(&self, folder: &Path) -> String {
        let output = compat::run(&self.program, folder, &["../next"]);
        assert!(output.status.success() && compat::said(&output) == "1\n", "{}", compat::complaints(&output));
        compat::complaints(&output)
    }
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("a file");
    change(&mut bytes);
    fs::write(path, bytes).expect("the file is writable");
}

fn expected(count: usize) -> Vec<&'static str> {
    MESSAGES[..count].iter().copied().chain(["next"]).collect()
}

#[test]
fn a_record_torn_at_any_byte_goes() {
    let place = Place::new("compat-torn");
    let whole = place.folder("whole");
    let log = fs::read(whole.join(LOG)).expect("a log");
    let last = records(&log)[3].0 as usize;
    for size in last..=log.len() {
        let folder = place.folder(&format!("at-{size}"));
        change(&folder.join(LOG), |bytes| bytes.truncate(size));
        assert_eq!(place.append_next(&folder), "");
        let count = if size == log.len() { 4 } else { 3 };
        assert_eq!(assert_whole(&folder), expected(count), "cut at {size}");
        let numbers: Vec<u64> = lines(&folder.join(INDEX)).into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers[..count], [10, 11, 12, 13][..count], "lines that are right stay");
        fs::remove_dir_all(&folder).expect("goes");
    }
}

#[test]
fn lines_that_were_lost_are_written_again() {
    let place = Place::new("compat-lost-lines");
    // How many bytes are left of each index: whole lines, half a line, nothing.
    for left in [0, 3, 5, 6, 8, 10, 11, 15, 20, 24, 1000] {
        let folder = place.folder(&format!("left-{left}"));
        change(&folder.join(INDEX), |bytes| bytes.truncate(left));
        change(&folder.join(TIMES), |bytes| bytes.truncate(2 * left));
        assert_eq!(place.append_next(&folder), "");
        assert_eq!(assert_whole(&folder), expected(4), "{left} bytes left");
        let kept = fs::read(place.folder("whole").join(INDEX)).expect("an index")[..].to_vec();
        let kept = kept[..left.min(kept.len())].iter().filter(|byte| **byte == b'\n').count();
        let numbers: Vec<u64> = lines(&folder.join(INDEX)).into_iter().map(|(number, _)| number).take(4).collect();
        let start = if kept == 0 { 0 } else { 10 };
        assert_eq!(numbers, (start..start + 4).collect::<Vec<u64>>(), "{left} bytes left");
        for (time, _) in lines(&folder.join(TIMES)).into_iter().take(4) {
            assert!(time >= 1_000_000_000, "{time}");
        }
    }
    let folder = place.folder("missing");
    fs::remove_file(folder.join(INDEX)).and_then(|()| fs::remove_file(folder.join(TIMES))).expect("go");
    let log = fs::File::options().append(true).open(folder.join(LOG)).expect("the log");
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_234_567_890);
    log.set_modified(long_ago).expect("its time is set");
    place.append_next(&folder);
    assert_eq!(assert_whole(&folder), expected(4));
    let times: Vec<u64> = lines(&folder.join(TIMES)).into_iter().map(|(time, _)| time).take(4).collect();
    assert_eq!(times, [1_234_567_890; 4], "the log's own time");
}

#[test]
fn lines_of_records_that_the_log_lost_go() {
    let place = Place::new("compat-lost-records");
    let log = fs::read(place.folder("whole").join(LOG)).expect("a log");
    for (count, (position, _)) in records(&log).into_iter().enumerate() {
        let folder = place.folder(&format!("count-{count}"));
        change(&folder.join(LOG), |bytes| bytes.truncate(position as usize));
        place.append_next(&folder);
        assert_eq!(assert_whole(&folder), expected(count));
    }
    let folder = place.folder("garbage");
    change(&folder.join(INDEX), |bytes| bytes.extend(b"no line\n\0\0\0\0"));
    change(&folder.join(TIMES), |bytes| bytes.extend([0; 5000]));
    place.append_next(&folder);
    assert_eq!(assert_whole(&folder), expected(4));
    let folder = place.folder("another-log");
    change(&folder.join(INDEX), |bytes| *bytes = b"1,1\n2,2\n3,3\n".to_vec());
    place.append_next(&folder);
    assert_eq!(assert_whole(&folder), expected(4), "an index of another log is written anew");
}

/// A length that leads past the end may be a torn record or damage in the middle: only what has nothing behind it goes.
#[test]
fn whole_records_behind_damage_stay() {
    let place = Place::new("compat-damage");
    let positions: Vec<usize> = records(&fs::read(place.folder("whole").join(LOG)).expect("a log"))
        .iter()
        .map(|(at, _)| *at as usize)
        .collect();
    for index_is_there in [true, false] {
        for damaged in 0..3 {
            let folder = place.folder(&format!("{index_is_there}-{damaged}"));
            change(&folder.join(LOG), |bytes| bytes[positions[damaged]..positions[damaged] + 4].fill(0xff));
            if !index_is_there {
                fs::remove_file(folder.join(INDEX)).expect("goes");
            }
            let before = fs::read(folder.join(LOG)).expect("a log");
            let complaints = place.append_next(&folder);
            assert_eq!(complaints.contains("bytes of damage"), !index_is_there, "{complaints}");
            let after = fs::read(folder.join(LOG)).expect("a log");
            assert!(after.starts_with(&before), "nothing is cut");
            assert_eq!(records(&after[before.len()..])[0].1, "next");
        }
    }
}

#[test]
fn zeroes_at_the_end_go() {
    let place = Place::new("compat-zeroes");
    for count in [1, 4, 5, 4096, 1 << 20] {
        let folder = place.folder(&format!("zeroes-{count}"));
        change(&folder.join(LOG), |bytes| bytes.extend(vec![0; count]));
        place.append_next(&folder);
        assert_eq!(assert_whole(&folder), expected(4));
    }
}
