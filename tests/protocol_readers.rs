//! A process that only reads outlives the writers: it follows the log into the next session, believes no page of another one, and is told where the log went back.

#![cfg(feature = "break-rules")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod protocol;

use std::fs;
use std::time::Duration;

use ckafka::broken::{Action, Point, Rule};
use common::logs::{PARTITION, TOPIC};
use common::scratch::{Scratch, segment_file};
use protocol::batches::{hex, value_for_batch_of};
use protocol::puppet::Puppet;
use protocol::{ensure, made, needs, play, truth, writer};

const CONTROL: &str = "events-0/ckafka.control";
const SLOTS: &str = "ckafka.slots";

#[test]
#[ignore = "a process of the tests below"]
fn puppet() {
    play::live();
}

/// A process that only reads, and has read up to `end`.
fn reader(place: &Scratch, without: &[Rule], end: &str) -> Puppet {
    let mut puppet = Puppet::start(place.path(), without);
    puppet.must("read_only");
    assert_eq!(puppet.must(&format!("log {TOPIC} 0")), end);
    if end != "0" {
        assert_eq!(puppet.must("fetch 0"), end);
    }
    puppet
}

fn reads(reader: &mut Puppet, next: &str) -> Result<(), String> {
    let read = reader.reply().unwrap_or(Err("it died".to_owned()))?;
    ensure(read == next, format!("read up to {read}, {next} was due"))
}

/// Each session ends in its own way, and the reader sleeps meanwhile.
#[test]
fn sleeping_reader_follows_the_log_into_the_next_session() {
    for way in ["close", "kill"] {
        needs(&[Rule::StaleIsNoticed], |rules| {
            let place = made("readers-follow", &[]);
            let mut first = writer(&place, rules);
            first.must("append 10 100");
            let mut reader = reader(&place, rules, "10");
            reader.tell("fetch 5000");
            if way == "close" {
                first.must("close");
            }
            first.kill();
            let mut second = writer(&place, rules);
            second.must("append 5 100");
            reads(&mut reader, "15")?;
            second.must("append 5 100");
            reader.tell("fetch 5000");
            reads(&mut reader, "20")
        });
    }
}

/// The page that the reader has mapped stays as it was for ever: the next session made another file.
#[test]
fn reader_finds_the_page_that_took_the_place_of_its_own() {
    needs(&[Rule::StaleIsNoticed], |rules| {
        let place = made("readers-inode", &[]);
        let mut first = writer(&place, rules);
        first.must("append 10 100");
        let mut reader = reader(&place, rules, "10");
        first.must("close");
        for file in [CONTROL, SLOTS] {
            fs::remove_file(place.join(file)).expect("removed");
        }
        let mut second = writer(&place, rules);
        second.must("append 5 100");
        reader.tell("fetch 2000");
        reads(&mut reader, "15")
    });
}

/// One that never sleeps looks for itself.
#[test]
fn reader_that_only_polls_follows_too() {
    let place = made("readers-poll", &[]);
    let mut first = writer(&place, &[]);
    first.must("append 10 100");
    let mut reader = reader(&place, &[], "10");
    first.kill();
    let mut second = writer(&place, &[]);
    second.must("append 5 100");
    let read = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(5));
        reader.ask("fetch 0").ok()
    });
    assert_eq!(read.as_deref(), Some("15"));
}

/// The file system went back while the reader was between two looks, and the next session wrote other batches to where it stood.
#[test]
fn end_of_another_session_is_not_believed() {
    needs(&[Rule::SessionOfReader], |rules| {
        let place = made("readers-session", &[]);
        let raw = |size: usize| format!("raw {}", hex(&vec![b'v'; value_for_batch_of(size)]));
        let mut first = writer(&place, rules);
        let segment = segment_file(&place.join(PARTITION), 0, "log");
        for batch in 0..10 {
            if batch == 5 {
                fs::copy(&segment, place.join("backup")).expect("copied");
            }
            first.must(&raw(200));
        }
        let mut reader = reader(&place, rules, "10");
        first.kill();
        reader.arm(Point::FetchChecked, Action::Stop);
        reader.stops_at("fetch_first 2000");
        fs::copy(place.join("backup"), &segment).expect("put back");
        let mut second = writer(&place, rules);
        ensure(second.number("end") == 5, "it went back")?;
        (0..10).for_each(|_| drop(second.must(&raw(100))));
        second.must(&raw(200));
        reader.go_on();
        let first_read = reader.reply().unwrap_or(Err("it died".to_owned()))?;
        ensure(first_read == "10", format!("the next record was 10, it read {first_read}"))
    });
}

#[test]
fn reader_beyond_the_end_of_the_next_session_is_told() {
    let place = made("readers-beyond", &[]);
    let mut first = writer(&place, &[]);
    let segment = segment_file(&place.join(PARTITION), 0, "log");
    first.must("append 5 100");
    fs::copy(&segment, place.join("backup")).expect("copied");
    first.must("append 5 100");
    let mut reader = reader(&place, &[], "10");
    first.kill();
    fs::copy(place.join("backup"), &segment).expect("put back");
    let mut second = writer(&place, &[]);
    let told = reader.ask("fetch 2000").expect_err("offset 10 is not there any more");
    assert!(told.starts_with("OffsetOutOfRange:") && told.contains("10"), "{told}");
    second.must("append 1 100");
    reader.must("seek 5");
    assert_eq!(reader.must("fetch 2000"), "6");
}

/// A whole batch in a file is no evidence of a record where somebody appends: it may not be published yet, and never be.
#[test]
fn files_that_a_writer_takes_up_meanwhile_are_not_believed() {
    needs(&[Rule::InspectionLooksAgain], |rules| {
        let place = made("readers-inspected", &[]);
        let mut reader = Puppet::start(place.path(), rules);
        reader.must("read_only");
        reader.arm(Point::LogUnowned, Action::Stop);
        reader.stops_at(&format!("log {TOPIC} 0"));
        let (mut victim, mut other) = (writer(&place, rules), writer(&place, rules));
        victim.must("append 5 100");
        victim.arm(Point::AppendCopied, Action::Kill);
        victim.dies_at("append 1 100");
        reader.go_on();
        let end = reader.reply().unwrap_or(Err("it died".to_owned()))?;
        ensure(end == "5", format!("5 are published, it says {end}"))?;
        other.must("append 1 100");
        ensure(reader.ask("fetch 2000")? == "6", "it follows")
    });
}

/// Nobody has recovered the log yet: it is served as it lies, and followed when somebody has.
#[test]
fn reader_that_is_first_after_a_crash_changes_nothing_and_follows() {
    let place = made("readers-first", &[]);
    let mut dead = writer(&place, &[]);
    dead.must("append 10 100");
    dead.kill();
    let before = fs::read(place.join(CONTROL)).expect("page");
    let mut reader = reader(&place, &[], "10");
    assert!(fs::read(place.join(CONTROL)).expect("page") == before, "a reader wrote the page");
    let mut next = writer(&place, &[]);
    next.must("append 5 100");
    assert_eq!(reader.must("fetch 2000"), "15");
    next.must("close");
    truth::check(place.path(), &[(dead.id(), 10), (next.id(), 5)]).unwrap_or_else(|what| panic!("{what}"));
}
