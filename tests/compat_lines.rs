//! Each line of the C-Kafka functions: its text, its stream, its colour. And what the functions leave in the structs that
//! programs look into, which the test program checks itself.
#![cfg(feature = "compat")]

#[expect(dead_code, reason = "shared by the tests of the C-Kafka interface; each uses a part")]
mod compat;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

use std::path::PathBuf;
use std::sync::OnceLock;

use compat::{line, without_times};
use driver::Scratch;

/// The program, built once for all tests of this file.
fn program() -> &'static (Scratch, PathBuf) {
    static PROGRAM: OnceLock<(Scratch, PathBuf)> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let scratch = Scratch::new("compat-lines");
        let program = compat::build("lines", &scratch);
        (scratch, program)
    })
}

/// What a part printed on both streams, without times.
#[track_caller]
fn part(name: &str) -> (String, String) {
    let (scratch, program) = program();
    let output = compat::run(program, &scratch.0, &[name]);
    assert!(output.status.success(), "{name}: {}", output.status);
    (without_times(&compat::said(&output)), compat::complaints(&output))
}

fn broker(text: &str) -> String {
    line("33", "BROKER", text)
}

fn producer(text: &str) -> String {
    line("32", "PRODUCER", text)
}

fn system(text: &str) -> String {
    line("0", "SYSTEM", text)
}

#[test]
fn each_level_has_its_colour() {
    let expected = [
        system("system"),
        broker("broker"),
        producer("producer"),
        line("34", "CONSUMER", "consumer"),
        system("no level"),
    ];
    assert_eq!(part("levels"), (expected.concat(), String::new()));
}

#[test]
fn each_conversion_is_that_of_printf() {
    let (said, complaints) = part("conversions");
    assert_eq!(complaints, "");
    let (expected, rest) = said.split_once('\n').expect("what sprintf made");
    assert!(expected.contains("3.250000") && expected.contains("0x1p-1"), "{expected}");
    let x = "x".repeat(3000);
    let strings = format!("{x}|1|2.500000|{x}");
    assert_eq!(rest, [system(expected), system(&strings), system("No such file or directory and wide")].concat());
}

#[test]
fn lines_keep_their_order_with_the_program_s_own() {
    let expected = format!("one {}three {}four\n", system("two"), producer("ERROR: Topic 'unknown' not found."));
    assert_eq!(part("interleaved"), (expected, String::new()));
}

#[test]
fn topics_and_messages_are_told() {
    let long = "n".repeat(63);
    let sent = |partition| producer(&format!("Message 'hello' sent to topic 'orders', partition {partition}."));
    let expected = [
        broker("Broker created."),
        broker("Topic 'orders' added with 3 partitions."),
        sent(0),
        sent(1),
        sent(2),
        sent(0),
        producer("ERROR: Topic 'unknown' not found."),
        broker(&format!("Topic '{long}' added with 8 partitions.")),
    ];
    assert_eq!(part("topics"), (expected.concat(), String::new()));
}

#[test]
fn a_full_partition_is_told() {
    let (said, complaints) = part("full");
    assert_eq!((said.lines().count(), complaints.as_str()), (203, ""));
    assert!(said.ends_with(&producer("ERROR: Partition 0 of topic 'orders' is full.")), "{said}");
}

#[test]
fn counts_that_no_topic_has_are_refused() {
    let (said, complaints) = part("refused");
    assert_eq!(said, broker("Broker created."));
    let expected: Vec<String> = [0, -1, 9, i32::MAX, i32::MIN]
        .into_iter()
        .map(|count| format!("add_topic: topic 'orders' with {count} partitions: 1 to 8 are possible"))
        .collect();
    assert_eq!(complaints.lines().collect::<Vec<_>>(), expected);
}

/// Programs keep what get_topic gave them.
#[test]
fn topics_stay_where_they_are_and_one_too_many_is_refused() {
    let (said, complaints) = part("many");
    assert_eq!(said.lines().count(), 4097);
    assert!(said.ends_with(&broker("Topic 'topic-4095' added with 8 partitions.")));
    assert_eq!(complaints, "add_topic: topic 'topic-4096' is one more than the 4096 that a broker holds\n");
}

#[test]
fn a_pool_tells_when_it_is_out_and_what_it_does_not_take_back() {
    let (said, complaints) = part("memory");
    assert_eq!(said, "");
    let lines: Vec<&str> = complaints.lines().collect();
    assert_eq!(
        (lines[0], lines[4]),
        ("Memory pool is out of memory!", "Memory pool is out of memory!"),
        "{complaints}"
    );
    assert_eq!(lines.len(), 5, "{complaints}");
    assert!(lines[1..4].iter().all(|line| line.contains("is not a block in use of this pool")), "{complaints}");
}

#[test]
fn compression_tells_the_number_of_zlib() {
    let expected =
        "Compression failed with error: -5\nDecompression failed with error: -5\nDecompression failed with error: -3\n";
    assert_eq!(part("compression"), (String::new(), expected.to_owned()));
}

#[test]
fn a_client_tells_what_failed() {
    let expected = "Connection Failed: Connection refused\n\
                    Invalid address/ Address not supported: Invalid argument\n\
                    Invalid address/ Address not supported: Invalid argument\n\
                    Invalid address/ Address not supported: Invalid argument\n\
                    send: Bad file descriptor\n";
    assert_eq!(part("client"), (String::new(), expected.to_owned()));
}

/// The original printed `Success`: the call that it used gives the number, not errno.
#[test]
fn a_core_that_is_not_there_is_told_with_the_true_reason() {
    let (said, complaints) = part("cores");
    let [bound, thread] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    let id = thread.strip_prefix("thread ").expect("the program's own word");
    assert_eq!(bound, format!("Thread {id} bound to core 0"));
    assert_eq!(complaints, "setaffinity error: Invalid argument\n".repeat(4));
}
