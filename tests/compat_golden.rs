//! The append log writes the bytes that the original wrote, and the reader prints what the original printed. The golden
//! files were made by the original programs.
#![cfg(feature = "compat")]

#[expect(dead_code, reason = "shared by the tests of the C-Kafka interface; each uses a part")]
mod compat;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

use std::fs;

use compat::{INDEX, LOG, TIMES, golden};
use driver::Scratch;

/// The positions of a time index: its times are those of the day on which it was made.
fn positions(lines: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(lines).into_owned();
    let position = |line: &str| line.split_once(',').expect("a comma in the line").1.to_owned();
    text.lines().map(position).collect()
}

#[test]
fn what_is_written_is_what_the_original_wrote() {
    for (case, count) in [("basic", 3), ("mixed", 194)] {
        let scratch = Scratch::new(&format!("compat-golden-{case}"));
        let program = compat::build("append", &scratch);
        let messages = scratch.0.join("messages");
        fs::write(&messages, golden(&format!("{case}/messages.txt"))).expect("messages");
        let said = compat::passes(&program, &scratch.0, &[&messages.to_string_lossy()]);
        assert_eq!(said, format!("{count}\n"), "the partition's log_offset");
        for name in [LOG, INDEX] {
            let expected = golden(&format!("{case}/{}", name.rsplit('/').next().expect("a name")));
            assert!(fs::read(scratch.0.join(name)).expect("written") == expected, "{case}: {name}");
        }
        let times = fs::read(scratch.0.join(TIMES)).expect("written");
        assert_eq!(positions(&times), positions(&golden(&format!("{case}/00000000000000000000.timeindex"))));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        for line in String::from_utf8_lossy(&times).lines() {
            let time: u64 = line.split_once(',').expect("a comma").0.parse().expect("a number");
            assert!(now - 60 <= time && time <= now, "{line} at {now}");
        }
    }
}

#[test]
fn what_is_printed_is_what_the_original_printed() {
    let scratch = Scratch::new("compat-golden-read");
    let program = compat::build("read", &scratch);
    for case in ["corrupt-middle", "empty", "missing", "torn-header", "torn-payload", "whole"] {
        if case != "missing" {
            fs::write(scratch.0.join(format!("{case}.log")), golden(&format!("reader/{case}.log"))).expect("a log");
        }
        let output = compat::run(&program, &scratch.0, &[&format!("{case}.log")]);
        assert!(output.status.success(), "{case}: {}", output.status);
        let expected = [golden(&format!("reader/{case}.stdout")), golden(&format!("reader/{case}.stderr"))];
        let found = [output.stdout.clone(), output.stderr.clone()];
        assert!(found == expected, "{case}:\n{}{}", compat::said(&output), compat::complaints(&output));
    }
}

/// The original took a message to be at most ten times as long as its stream, and passed over two of these.
#[test]
fn highly_compressible_messages_are_found_too() {
    let scratch = Scratch::new("compat-golden-mixed");
    let program = compat::build("read", &scratch);
    fs::write(scratch.0.join("mixed.log"), golden("reader/mixed.log")).expect("a log");
    let said = compat::passes(&program, &scratch.0, &["mixed.log"]);
    let messages = String::from_utf8(golden("mixed/messages.txt")).expect("UTF-8");
    let expected = format!(
        "Reading decompressed messages from: mixed.log\n{messages}Finished reading. Total messages found: 194.\n"
    );
    assert!(said == expected, "{said}");
    // All the lines that the original printed are among them, in order.
    let original = String::from_utf8(golden("reader/mixed.stdout")).expect("UTF-8");
    let mut rest = said.lines();
    for line in original.lines().filter(|line| !line.starts_with("Finished")) {
        assert!(rest.any(|found| found == line), "{line}");
    }
}
