//! The program around the library may fork, cancel its threads, open and close our files, and have the library in it twice: nobody is robbed, and nothing stays locked.

#![cfg(feature = "break-rules")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod protocol;

use std::process::Command;
use std::time::Instant;

use ckafka::broken::{Action, Point, Rule};
use protocol::{PROMPT, ensure, made, needs, play, truth, writer};

#[test]
#[ignore = "a process of the tests below"]
fn puppet() {
    play::live();
}

/// A lock of the process would be dropped with the first descriptor that is closed, and the owner be robbed while it writes.
#[test]
fn host_that_opens_and_closes_our_files_gives_no_lock_away() {
    needs(&[Rule::DescriptionLocks], |rules| {
        let place = made("host-files", &[]);
        let (mut owner, mut other) = (writer(&place, rules), writer(&place, rules));
        for file in [".lock", "ckafka.slots", "events-0/ckafka.control"] {
            owner.must(&format!("touch {file}"));
        }
        owner.arm(Point::AppendCopied, Action::Stop);
        owner.stops_at("append 1 100");
        truth::is_error(&other.ask("append 1 100"), "TimedOut")?;
        owner.go_on();
        owner.reply().unwrap_or(Err("it died".to_owned()))?;
        other.must("append 1 100");
        for puppet in [&mut owner, &mut other] {
            puppet.must("close");
        }
        truth::check(place.path(), &[(owner.id(), 1), (other.id(), 1)])
    });
}

#[test]
fn two_copies_of_the_library_in_one_process_are_two_writers() {
    needs(&[Rule::DescriptionLocks], |rules| {
        let place = made("host-copies", &[]);
        writer(&place, rules).ask("second_copy").map(drop)
    });
}

/// The child has the parent's descriptors, and would keep its slot alive for ever.
#[test]
fn child_that_outlives_its_parent_holds_nobody_up() {
    needs(&[Rule::ChildLetsGo], |rules| {
        let place = made("host-fork", &[]);
        let (mut owner, mut other) = (writer(&place, rules), writer(&place, rules));
        let child = owner.must("fork");
        owner.arm(Point::AppendCopied, Action::Kill);
        owner.dies_at("append 1 100");
        let begun = Instant::now();
        let appended = other.ask("append 1 100");
        let took = begun.elapsed();
        let still = Command::new("kill").args(["-KILL", &child]).status();
        ensure(still.is_ok_and(|status| status.success()), "the child lived to the end")?;
        appended?;
        ensure(took < PROMPT, format!("after {took:?}"))?;
        other.must("close");
        truth::check(place.path(), &[(other.id(), 1)])
    });
}

/// Cancelled inside the locked section: it ends behind the call, and the record is there.
#[test]
fn cancelled_thread_ends_behind_its_call() {
    needs(&[Rule::NoCancellation], |rules| {
        let place = made("host-cancel", &[]);
        let mut only = writer(&place, rules);
        only.arm(Point::AppendCopied, Action::Linger);
        only.ask("cancelled_append 100")?;
        ensure(only.number("end") == 1, "its record")?;
        only.ask("append 1 100").map(drop)
    });
}
