//! With `CKAFKA_COMPAT_DIR` a relinked program appends into a data directory: to the topic that its partition is of, at
//! offsets that go on from run to run, closed when the program ends, so that it opens clean.
#![cfg(feature = "compat")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[expect(dead_code, reason = "shared by the tests of the C-Kafka interface; each uses a part")]
mod compat;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

use std::fs;
use std::process::Output;

use ckafka::broker::OpenMode;
use common::logs;
use driver::Scratch;

fn run(scratch: &Scratch, arguments: &[&str]) -> Output {
    let program = scratch.0.join("directory");
    let program = if program.exists() { program } else { compat::build("directory", scratch) };
    let mut command = compat::command(&program, &scratch.0, arguments);
    command.env("CKAFKA_COMPAT_DIR", scratch.0.join("data")).output().expect("the program starts")
}

/// The program's own numbers, without the broker's lines.
fn numbers(output: &Output) -> Vec<String> {
    compat::said(output).lines().filter(|line| !line.contains("BROKER")).map(str::to_owned).collect()
}

/// The messages of a partition, by offset.
fn messages(scratch: &Scratch, topic: &str, partition: i32) -> Vec<String> {
    let directory = logs::open(&scratch.0.join("data"), OpenMode::ReadOnly);
    let log = directory.open_log(topic, partition).expect("the partition is there");
    let records = logs::read_all(&log);
    for (offset, record) in records.iter().enumerate() {
        assert_eq!(record.offset, offset as i64);
        assert!(record.timestamp > 1_700_000_000_000);
    }
    records.into_iter().map(|record| String::from_utf8(record.value.expect("a value")).expect("text")).collect()
}

#[test]
fn messages_go_to_the_topics_that_they_are_of_and_offsets_go_on() {
    let scratch = Scratch::new("compat-directory");
    for round in 1..=3 {
        let output = run(&scratch, &[]);
        assert!(output.status.success(), "{}", output.status);
        let complaints = compat::complaints(&output);
        assert_eq!(complaints.lines().count(), 1, "{complaints}");
        assert!(complaints.starts_with("append_message_to_log: topic no topic/of ours partition 0: "), "{complaints}");
        assert_eq!(numbers(&output), [format!("{round} {round} 0 {}", 2 * round)]);
        assert!(scratch.0.join("data/.kafka_cleanshutdown").exists(), "the directory was closed");
        assert!(!scratch.0.join("temp").exists(), "nothing goes to the old place");
    }
    assert_eq!(messages(&scratch, "order1", 0), ["nobody's"; 3]);
    assert_eq!(messages(&scratch, "payments", 0), ["zeroth"; 3]);
    assert_eq!(messages(&scratch, "payments", 1), [""; 0]);
    assert_eq!(messages(&scratch, "payments", 2), ["second", "second again"].repeat(3));
}

#[test]
fn threads_and_children_append_there_too() {
    let scratch = Scratch::new("compat-directory-threads");
    let output = run(&scratch, &["threads"]);
    assert!(output.status.success(), "{}\n{}", output.status, compat::complaints(&output));
    assert_eq!(numbers(&output)[1], "0 203", "{}", compat::complaints(&output));
    let found = messages(&scratch, "order1", 0);
    assert_eq!(found.iter().filter(|message| *message == "shared").count(), 200);
    assert_eq!(found[201..], ["the child's", "the parent's"]);
}

#[test]
fn a_directory_that_cannot_be_had_is_told_for_each_message() {
    let scratch = Scratch::new("compat-directory-refused");
    fs::write(scratch.0.join("data"), "a file").expect("is in the way");
    let output = run(&scratch, &[]);
    assert!(output.status.success(), "{}", output.status);
    let complaints = compat::complaints(&output);
    assert_eq!(complaints.lines().count(), 5, "{complaints}");
    assert!(
        complaints.lines().all(|line| line.starts_with("append_message_to_log: CKAFKA_COMPAT_DIR=")),
        "{complaints}"
    );
    assert_eq!(numbers(&output), ["0 0 0 0"]);
    assert!(!scratch.0.join("temp").exists(), "nothing is written where nobody asked for it");
}
