//! A write or a sync that fails is said on standard error, moves no log_offset and leaves the files as they were; the
//! next append goes on. The test program has calls of its own in the place of the C library's, which fail when asked to.
#![cfg(feature = "compat")]

#[expect(dead_code, reason = "shared by the tests of the C-Kafka interface; each uses a part")]
mod compat;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

use compat::INDEX;
use compat::records::{assert_whole, lines};
use driver::Scratch;

/// The numbers that the program printed: log_offset after each message, then the last one with the count of syncs.
fn offsets(said: &str) -> Vec<u64> {
    said.split_whitespace().map(|word| word.parse().expect("a number")).collect()
}

#[test]
fn a_failed_write_takes_one_record_and_nothing_else() {
    let scratch = Scratch::new("compat-failed-write");
    let program = compat::build("failing", &scratch);
    // The three writes of the third record: the log, the index, the time index.
    for what in ["write", "short"] {
        for at in 7..=9 {
            let folder = scratch.0.join(format!("{what}-{at}"));
            std::fs::create_dir(&folder).expect("a folder");
            let output = compat::run(&program, &folder, &[what, &at.to_string(), "5"]);
            let (said, complaints) = (compat::said(&output), compat::complaints(&output));
            assert_eq!(offsets(&said)[..5], [1, 2, 2, 3, 4], "{what} {at}: {said}");
            assert_eq!(complaints.lines().count(), 1, "{complaints}");
            assert!(complaints.starts_with("append_message_to_log: pwrite temp/order1/"), "{complaints}");
            assert!(complaints.contains("No space left on device"), "{complaints}");
            let expected = [0, 1, 3, 4].map(|number| format!("message-0-{number}"));
            assert_eq!(assert_whole(&folder), expected, "{what} {at}");
            let numbers: Vec<u64> = lines(&folder.join(INDEX)).into_iter().map(|(number, _)| number).collect();
            assert_eq!(numbers, [0, 1, 2, 3]);
        }
    }
}

#[test]
fn a_failed_sync_takes_the_record_back() {
    let scratch = Scratch::new("compat-failed-sync");
    let program = compat::build("failing", &scratch);
    let output = compat::run(&program, &scratch.0, &["sync", "3", "5"]);
    let (said, complaints) = (compat::said(&output), compat::complaints(&output));
    assert_eq!(offsets(&said), [1, 2, 2, 3, 4, 4, 5], "five syncs for five records\n{complaints}");
    assert_eq!(complaints.lines().count(), 1, "{complaints}");
    assert!(complaints.contains("fdatasync temp/order1/") && complaints.contains("taken back"), "{complaints}");
    assert_eq!(assert_whole(&scratch.0), [0, 1, 3, 4].map(|number| format!("message-0-{number}")));
}

/// Everybody who waited for the sync hears of it, once.
#[test]
fn a_failed_sync_is_told_to_all_who_shared_it() {
    let scratch = Scratch::new("compat-failed-group");
    let program = compat::build("failing", &scratch);
    let output = compat::run(&program, &scratch.0, &["sync", "10", "40", "16"]);
    let (said, complaints) = (compat::said(&output), compat::complaints(&output));
    let told = complaints.lines().filter(|line| line.contains("fdatasync")).count();
    assert!((1..=16).contains(&told) && told == complaints.lines().count(), "{complaints}");
    let messages = assert_whole(&scratch.0);
    assert_eq!(messages.len() + told, 640);
    assert_eq!(offsets(&said)[0], messages.len() as u64);
    let numbers: Vec<u64> = lines(&scratch.0.join(INDEX)).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, (0..messages.len() as u64).collect::<Vec<_>>());
}

#[test]
fn threads_that_wait_at_the_same_time_share_a_sync() {
    let scratch = Scratch::new("compat-group-commit");
    let program = compat::build("failing", &scratch);
    let said = compat::passes(&program, &scratch.0, &["none", "0", "100", "16"]);
    let [offset, syncs] = offsets(&said)[..] else { panic!("{said}") };
    assert_eq!((offset, assert_whole(&scratch.0).len()), (1600, 1600));
    assert!(syncs < 1600 / 3, "{syncs} syncs for 1,600 records of 16 threads");
}
