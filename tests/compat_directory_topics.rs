//! A topic that is made for an old program takes every message that the old log took, and is never told to delete one.
#![cfg(feature = "compat")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[expect(dead_code, reason = "shared by the tests of the C-Kafka interface; each uses a part")]
mod compat;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

use ckafka::broker::OpenMode;
use common::logs;
use driver::Scratch;

#[test]
fn a_message_of_many_megabytes_is_taken_and_kept() {
    let scratch = Scratch::new("compat-directory-topics");
    let program = compat::build("large", &scratch);
    let sizes = [5 << 20, 60 << 20];
    for (size, offset) in sizes.into_iter().zip(["1\n", "2\n"]) {
        let mut command = compat::command(&program, &scratch.0, &[&size.to_string()]);
        let output = command.env("CKAFKA_COMPAT_DIR", scratch.0.join("data")).output().expect("the program starts");
        assert_eq!(compat::said(&output), offset, "{}", compat::complaints(&output));
    }
    let directory = logs::open(&scratch.0.join("data"), OpenMode::ReadOnly);
    let log = directory.open_log("order1", 0).expect("the partition is there");
    assert_eq!(log.config().retention_ms, -1);
    let found: Vec<Vec<u8>> = logs::read_all(&log).into_iter().map(|record| record.value.expect("a value")).collect();
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
    assert!(found.iter().flatten().all(|byte| *byte == b'm'));
}
