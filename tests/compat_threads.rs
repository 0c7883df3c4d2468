//! The bodies of threads pin themselves, go on until they are cancelled, and can be joined at once; a consumer wakes when
//! a message comes, and prints one a second at most.
#![cfg(feature = "compat")]

#[expect(dead_code, reason = "shared by the tests of the C-Kafka interface; each uses a part")]
mod compat;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

use std::fs;

use compat::{line, without_times};
use driver::Scratch;

/// Runs a part with its standard output in a file `out`; that and its standard error.
#[track_caller]
fn part(name: &str) -> (Scratch, String, String) {
    let scratch = Scratch::new(&format!("compat-roles-{name}"));
    let program = compat::build("roles", &scratch);
    let out = fs::File::create(scratch.0.join("out")).expect("a file");
    let output = compat::command(&program, &scratch.0, &[name]).stdout(out).output().expect("starts");
    let said = fs::read_to_string(scratch.0.join("out")).expect("what it said");
    let complaints = compat::complaints(&output);
    assert!(output.status.success(), "{name}: {}\n{said}\n{complaints}", output.status);
    (scratch, said, complaints)
}

fn count(text: &str, line: &str) -> usize {
    text.lines().filter(|found| *found == line).count()
}

/// Each body says its line at once and then every so many seconds, for as long as the part says that they ran: so many lines at least, and no more than fit.
#[track_caller]
fn assert_rate(said: &str, line: &str, seconds: u64, least: usize) {
    let lasted = said.lines().find_map(|line| line.strip_suffix(" ms")).expect("how long they ran");
    let most = lasted.parse::<u64>().expect("a number") / (1000 * seconds) + 1;
    let found = count(said, line);
    assert!(found >= least && found as u64 <= most, "{found} times, {least} to {most} expected: {line}\n{said}");
}

#[test]
fn the_three_bodies_say_what_they_do_until_they_are_cancelled() {
    let (scratch, said, complaints) = part("bodies");
    assert_eq!(complaints, "");
    let bound = said.lines().filter(|line| line.starts_with("Thread ") && line.ends_with(" bound to core 0")).count();
    assert_eq!(bound, 3, "{said}");
    let flush = "[Log Flush Thread] moving data to disk after sleep(2)";
    assert_rate(&said, "[Net I/O Thread] simulating async socket I/O", 1, 3);
    assert_rate(&said, flush, 2, 2);
    assert_rate(&said, "[Consumer Thread] consuming messages from partition", 1, 3);
    assert!(said.ends_with("after\x1b[0m\n"), "{said}");
    let entries = fs::read_to_string(scratch.0.join("logs.txt")).expect("the entries");
    assert_eq!(entries.lines().count(), count(&said, flush), "{entries}");
    for entry in entries.lines() {
        let time = entry.strip_prefix("Log flush entry #0 at time ").expect("an entry");
        assert!(time.parse::<u64>().is_ok_and(|time| time > 1_700_000_000), "{entry}");
    }
}

#[test]
fn a_core_that_is_not_there_is_told_and_the_work_goes_on() {
    let (_scratch, said, complaints) = part("core");
    assert_eq!(complaints, "setaffinity error: Invalid argument\n".repeat(3));
    assert_rate(&said, "[Consumer Thread] consuming messages from partition", 1, 3);
}

#[test]
fn a_thread_without_arguments_ends() {
    let (_scratch, said, complaints) = part("broken");
    assert_eq!((said.as_str(), complaints.lines().count()), ("", 4), "{complaints}");
    for name in ["network_io_thread", "log_flush_thread", "consumer_thread", "consume_messages"] {
        assert!(complaints.contains(&format!("{name}: no ")), "{complaints}");
    }
}

#[test]
fn a_consumer_of_what_is_not_there_ends() {
    let (_scratch, said, _) = part("ended");
    let said = without_times(&said);
    for text in [
        "Thread 4: ERROR: Topic 'unknown' not found.",
        "Thread 4: ERROR: Topic '(null)' not found.",
        "Thread 4: ERROR: Topic 'orders' has no partition 2.",
        "Thread 4: ERROR: Topic 'orders' has no partition -1.",
    ] {
        assert!(said.contains(&line("34", "CONSUMER", text)), "{said}");
    }
}

#[test]
fn a_consumer_wakes_when_a_message_comes() {
    let (_scratch, said, _) = part("wake");
    let said = without_times(&said);
    let start = line("34", "CONSUMER", "Thread 5 starting to consume from topic 'orders', partition 0.");
    let read = line("34", "CONSUMER", "Thread 5 read message: '[hello]' from partition 0.");
    assert!(said.contains(&start) && said.contains(&read), "{said}");
}

#[test]
fn a_consumer_prints_one_message_a_second() {
    part("pace");
}

#[test]
fn a_consumer_looks_once_a_second_for_messages_that_nobody_announced() {
    part("own");
}
