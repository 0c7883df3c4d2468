//! A signal handler that jumps out of the locked section, from a C program: its process is told, others are told whose the word is, readers go on, and all go on when that
//! process ends.
//!
//! `c/jump.c` jumps for certain and where it is told to: a fast timer interrupts its appends, and the handler looks at the control page and the files before it jumps. The
//! library has nothing in it for this.

#![cfg(feature = "break-rules")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;
#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod protocol;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::scratch::segment_bases;
use protocol::puppet::Puppet;
use protocol::{made, play, truth};

const TIMEOUT: Duration = Duration::from_millis(400);
/// What nothing takes that does not hang, however busy the machine is.
const HANGS: Duration = Duration::from_secs(10);

#[test]
#[ignore = "a process of the tests below"]
fn puppet() {
    play::live();
}

/// How the process that jumped ends.
#[derive(Clone, Copy)]
enum End {
    /// It returns from `main`.
    Exit,
    /// It is killed.
    Kill,
}

/// The C program, behind its jump.
struct Jumper {
    child: Child,
    slot: u32,
    /// How many records it has in the log.
    count: u64,
}

impl Jumper {
    fn start(program: &std::path::Path, data: &std::path::Path, place: &str) -> Self {
        let mut command = Command::new(program);
        command.arg(data).arg(place).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["jumped", slot, count] = words[..] else {
            panic!("{place}: {line:?}, {:?}", child.wait());
        };
        Self { slot: slot.parse().expect("a slot"), count: count.parse().expect("a count"), child }
    }

    fn end(&mut self, end: End) {
        drop(self.child.stdin.take());
        if let End::Kill = end {
            self.child.kill().expect("it is there");
        }
        let status = self.child.wait().expect("it ends");
        assert!(status.success() || matches!(end, End::Kill), "{status}");
    }
}

impl Drop for Jumper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn opened(place: &common::scratch::Scratch, how: &str) -> Puppet {
    let mut puppet = Puppet::start(place.path(), &[]);
    puppet.must(&format!("{how} ckafka.lock.timeout.ms={}", TIMEOUT.as_millis()));
    puppet.must(&format!("log {} 0", common::logs::TOPIC));
    puppet
}

/// Reads on to the end.
fn read_to(reader: &mut Puppet, end: u64) {
    let mut next = 0;
    while next < end {
        next = reader.must("fetch 2000").parse().expect("an offset");
    }
    assert_eq!(next, end, "what is published, and no more");
}

/// What everybody is told while the word is held by who has jumped, and what is there once that one has ended.
fn jumped(place: &str, word: &str, segment_bytes: &str, end: End) {
    let values = [("segment.bytes", segment_bytes), ("max.message.bytes", "4000000")];
    let scratch = driver::Scratch::new(&format!("jump-{}", place.replace([' ', ':'], "-")));
    let program = driver::build("jump", &driver::library(), &scratch);
    let folder = made(&format!("jump-{}", place.replace([' ', ':'], "-")), &values);
    let mut other = opened(&folder, "open");
    other.must("append 1 100");
    let mut reader = opened(&folder, "read_only");
    let mut jumper = Jumper::start(&program, folder.path(), place);
    let mut others = 1;
    let begun = loop {
        let begun = Instant::now();
        match other.ask("append 1 1000") {
            // As long as nothing has to grow.
            Ok(_) if word == "grow" => others += 1,
            Ok(offset) => panic!("{place}: appended at {offset}, though the word is held"),
            Err(refused) => {
                assert!(refused.starts_with("TimedOut:"), "{place}: {refused}");
                assert!(refused.contains(&format!("the {word} word of ")), "{place}: {refused}");
                assert!(refused.contains(&format!("held by slot {} ", jumper.slot)), "{place}: {refused}");
                break begun;
            }
        }
    };
    let waited = begun.elapsed();
    assert!((TIMEOUT..TIMEOUT + HANGS).contains(&waited), "{place}: {waited:?}");
    read_to(&mut reader, others + jumper.count);
    jumper.end(end);
    let begun = Instant::now();
    other.must("append 1 1000");
    assert!(begun.elapsed() < HANGS, "{place}: taken over after {:?}", begun.elapsed());
    assert!(other.number("takeovers") > 0 || word == "grow", "{place}: what was left was mended");
    other.must("append 30 1000");
    others += 31;
    read_to(&mut reader, others + jumper.count);
    other.must("close");
    truth::check(folder.path(), &[(other.id(), others), (jumper.child.id(), jumper.count)])
        .unwrap_or_else(|what| panic!("{place}: {what}"));
    let rolled = segment_bases(&folder.join(common::logs::PARTITION)).len() > 1;
    assert_eq!(rolled, segment_bytes == "20000", "{place}");
}

#[test]
fn before_a_byte_of_the_batch_is_copied() {
    jumped("stated", "append", "100000000", End::Exit);
}

#[test]
fn in_the_middle_of_the_copy() {
    jumped("half copied", "append", "100000000", End::Kill);
}

#[test]
fn behind_the_copy_and_before_the_publication() {
    jumped("copied", "append", "100000000", End::Exit);
}

#[test]
fn behind_the_publication() {
    jumped("published", "append", "100000000", End::Kill);
}

#[test]
fn in_a_growth_that_an_append_waits_for() {
    jumped("growth", "append", "100000000", End::Exit);
}

#[test]
fn in_a_growth_behind_an_append() {
    jumped("ahead", "grow", "100000000", End::Kill);
}

#[test]
fn in_a_roll_between_the_names() {
    jumped("roll: between the names", "append", "20000", End::Exit);
}

#[test]
fn in_a_roll_behind_the_names() {
    jumped("roll: named", "append", "20000", End::Kill);
}
