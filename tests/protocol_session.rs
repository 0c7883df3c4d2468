//! Sessions: who is alone, who may create what, and what a page is evidence of; with files that somebody removed, brought back or wrote by another version.

#![cfg(feature = "break-rules")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod protocol;

use std::fs;
use std::time::{Duration, Instant};

use ckafka::broken::{Action, Point, Rule};
use common::logs::{PARTITION, TOPIC};
use common::scratch::{self, Scratch};
use protocol::puppet::Puppet;
use protocol::{early, ensure, made, needs, opened, play, truth, writer};

const MARKER: &str = ".kafka_cleanshutdown";
const CONTROL: &str = "events-0/ckafka.control";

#[test]
#[ignore = "a process of the tests below"]
fn puppet() {
    play::live();
}

/// The same boot, and the file system went back: the page is of the session before, the log is not.
#[test]
fn page_of_another_session_is_no_evidence() {
    needs(&[Rule::SessionOfPage], |rules| {
        let place = made("session-page", &[]);
        let mut first = writer(&place, rules);
        first.must("append 40 100");
        fs::copy(place.join(CONTROL), place.join("page")).expect("page is copied");
        first.must("append 30 100");
        first.must("sync");
        first.kill();
        fs::copy(place.join("page"), place.join(CONTROL)).expect("page is put back");
        let mut second = Puppet::start(place.path(), rules);
        second.must("open");
        let end: i64 = second.ask(&format!("log {TOPIC} 0"))?.parse().expect("a number");
        ensure(end == 70, format!("the log ends at {end}, 70 were durable"))?;
        second.ask("append 1 100")?;
        second.ask("close")?;
        truth::check(place.path(), &[(first.id(), 70), (second.id(), 1)])
    });
}

/// The other way round: the page names more than the log has, after a restored backup.
#[test]
fn page_that_promises_more_than_the_log_has_is_no_evidence() {
    let place = made("session-ahead", &[]);
    let mut first = writer(&place, &[]);
    first.must("append 40 100");
    let segment = scratch::segment_file(&place.join(PARTITION), 0, "log");
    fs::copy(&segment, place.join("backup")).expect("copy");
    first.must("append 30 100");
    first.kill();
    fs::copy(place.join("backup"), &segment).expect("copy");
    let mut second = opened(&place, &[]);
    assert_eq!(second.number(&format!("log {TOPIC} 0")), 40);
    second.must("append 5 100");
    second.must("close");
    truth::check(place.path(), &[(first.id(), 40), (second.id(), 5)]).unwrap_or_else(|what| panic!("{what}"));
}

#[test]
fn pages_of_another_boot_or_another_version_are_begun_anew_where_nobody_lives() {
    let changes: [(&str, &str, usize, u8); 4] = [
        ("another boot", "ckafka.slots", 32, 0xff),
        ("another version of the slots", "ckafka.slots", 8, 9),
        ("another version of the page", CONTROL, 8, 9),
        ("garbage", CONTROL, 0, 0x55),
    ];
    for (what, file, at, byte) in changes {
        let place = made("session-version", &[]);
        let mut first = writer(&place, &[]);
        first.must("append 40 100");
        first.kill();
        scratch::change(&place.join(file), |bytes| bytes[at] = byte);
        let mut second = writer(&place, &[]);
        second.must("append 5 100");
        second.must("close");
        truth::check(place.path(), &[(first.id(), 40), (second.id(), 5)])
            .unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

#[test]
fn pages_of_another_version_or_kernel_are_refused_beside_the_living() {
    for (file, at, expected) in
        [("ckafka.slots", 8, "version"), (CONTROL, 8, "version"), ("ckafka.slots", 32, "another kernel")]
    {
        let place = made("session-version-alive", &[]);
        let mut living = writer(&place, &[]);
        living.must("append 1 100");
        // Through the page cache, which the living one's map shows too.
        scratch::change(&place.join(file), |bytes| bytes[at] ^= 0x40);
        let mut second = Puppet::start(place.path(), &[]);
        let refused = second.ask("open").and_then(|_| second.ask(&format!("log {TOPIC} 0"))).expect_err(file);
        assert!(refused.starts_with("Version:") && refused.contains(expected), "{file}: {refused}");
    }
}

#[test]
fn lock_file_that_is_removed_under_a_writer_does_not_give_a_second_session() {
    needs(&[Rule::AloneMeansNoSlot], |rules| {
        let place = made("session-lock-removed", &[]);
        let mut living = writer(&place, rules);
        living.must("append 3 100");
        fs::remove_file(place.join(".lock")).expect("removed");
        let mut second = Puppet::start(place.path(), rules);
        truth::is_error(&second.ask("open"), "Locked")?;
        // The living one goes on, but takes no part in what the gate guards.
        living.must("append 3 100");
        truth::is_error(&living.ask("create more 1"), "Version")?;
        truth::is_error(&living.ask("close"), "Version")?;
        ensure(!place.join(MARKER).exists(), "it was called clean")?;
        second.must("open");
        second.must(&format!("log {TOPIC} 0"));
        second.must("close");
        truth::check(place.path(), &[(living.id(), 6)])
    });
}

#[test]
fn pages_that_are_removed_under_a_writer_are_refused_to_others_and_not_called_clean() {
    for (file, variant) in [(CONTROL, "Version"), ("ckafka.slots", "Version")] {
        let place = made("session-page-removed", &[]);
        let mut living = writer(&place, &[]);
        living.must("append 3 100");
        fs::remove_file(place.join(file)).expect("removed");
        let mut second = Puppet::start(place.path(), &[]);
        let refused = second.ask("open").and_then(|_| second.ask(&format!("log {TOPIC} 0")));
        truth::is_error(&refused, variant).unwrap_or_else(|what| panic!("{file}: {what}"));
        second.kill();
        living.must("append 3 100");
        let closed = living.ask("close");
        assert_eq!(closed.is_err(), file == CONTROL, "{file}: {closed:?}");
        assert_eq!(place.join(MARKER).exists(), file != CONTROL, "{file}");
        truth::check(place.path(), &[(living.id(), 6)]).unwrap_or_else(|what| panic!("{file}: {what}"));
    }
}

/// Two unclean partitions of which one was used: the other one was never looked at.
#[test]
fn marker_is_only_for_a_directory_in_which_all_is_whole() {
    needs(&[Rule::MarkerOnlyIfWhole], |rules| {
        let place = Scratch::new("session-marker");
        let mut first = opened(&place, rules);
        first.must("create events 2");
        for partition in [1, 0] {
            first.must(&format!("log events {partition}"));
            first.must("append 3 100");
        }
        first.kill();
        let mut second = writer(&place, rules);
        second.must("append 1 100");
        second.must("close");
        ensure(!place.join(MARKER).exists(), "events-1 was never recovered, and is called clean")?;
        let mut third = opened(&place, rules);
        third.must("log events 1");
        third.must("log events 0");
        third.must("close");
        ensure(place.join(MARKER).exists(), "both are recovered")
    });
}

#[test]
fn who_opens_during_the_last_close_begins_a_session_of_its_own() {
    needs(&[Rule::LeaveUnderGate], |rules| {
        let place = made("session-last-close", &[]);
        let mut last = writer(&place, rules);
        last.must("append 5 100");
        last.arm(Point::CloseMarked, Action::Stop);
        last.stops_at("close");
        let mut next = Puppet::start(place.path(), rules);
        next.tell("open");
        let early = early(&mut next, rules);
        last.go_on();
        last.reply().unwrap_or(Err("it died".to_owned()))?;
        if early.is_err() {
            next.reply().unwrap_or(Err("it died".to_owned()))?;
        }
        next.must(&format!("log {TOPIC} 0"));
        next.must("append 1 100");
        ensure(!place.join(MARKER).exists(), "it appends to a directory that is called clean")
    });
}

/// It waited for the gate of a lock file that was removed meanwhile: behind that one it would be alone with itself, and keep everybody else out.
#[test]
fn who_waited_behind_a_lock_file_that_is_gone_starts_over() {
    needs(&[Rule::LockIsAtPath], |rules| {
        let place = made("session-lock-path", &[]);
        let mut last = writer(&place, rules);
        last.arm(Point::CloseMarked, Action::Stop);
        last.stops_at("close");
        let mut waiting = Puppet::start(place.path(), rules);
        waiting.tell("open");
        waiting.opens(&place.join(".lock"));
        let early = waiting.reply_within(Duration::from_millis(300));
        ensure(early.is_err(), "it did not wait for the gate")?;
        fs::remove_file(place.join(".lock")).expect("removed");
        last.go_on();
        // The closing one has lost its lock file, and says so or is through already.
        let _ = last.reply();
        waiting.reply().unwrap_or(Err("it died".to_owned()))?;
        let mut third = Puppet::start(place.path(), rules);
        third.ask("open")?;
        third.ask(&format!("log {TOPIC} 0")).map(drop)
    });
}

#[test]
fn death_at_each_step_of_a_close_loses_nothing() {
    for point in [Point::CloseBegun, Point::CloseTrimmed, Point::CloseMarked] {
        let place = made("session-close-death", &[]);
        let mut last = writer(&place, &[]);
        last.must("append 50 100");
        last.arm(point, Action::Kill);
        last.dies_at("close");
        truth::check(place.path(), &[(last.id(), 50)]).unwrap_or_else(|what| panic!("{point:?}: {what}"));
    }
}

#[test]
fn death_at_each_step_of_an_opening_or_a_recovery_loses_nothing() {
    for point in [Point::SessionBegun, Point::RecoveryBegun, Point::RecoveryDone] {
        for clean in [true, false] {
            let place = made("session-open-death", &[]);
            let mut first = writer(&place, &[]);
            first.must("append 50 100");
            if clean {
                first.must("close");
            }
            first.kill();
            let mut victim = Puppet::start(place.path(), &[]);
            victim.arm(point, Action::Kill);
            if point == Point::SessionBegun {
                victim.dies_at("open");
                assert_eq!(place.join(MARKER).exists(), clean, "nothing was written yet");
            } else {
                victim.must("open");
                victim.dies_at(&format!("log {TOPIC} 0"));
            }
            let mut next = writer(&place, &[]);
            next.must("append 5 100");
            next.must("close");
            truth::check(place.path(), &[(first.id(), 50), (next.id(), 5)])
                .unwrap_or_else(|what| panic!("{point:?}, clean {clean}: {what}"));
        }
    }
}

#[test]
fn second_opener_waits_for_a_recovery_and_goes_on_behind_it() {
    let place = made("session-recovery", &[]);
    let mut first = writer(&place, &[]);
    first.must("append 50 100");
    first.kill();
    let mut slow = Puppet::start(place.path(), &[]);
    slow.must("open");
    slow.arm(Point::RecoveryBegun, Action::Stop);
    slow.stops_at(&format!("log {TOPIC} 0"));
    let mut second = Puppet::start(place.path(), &[]);
    let begun = Instant::now();
    let refused = second.ask("open ckafka.lock.timeout.ms=500").expect_err("the gate is held");
    assert!(refused.starts_with("TimedOut:") && refused.contains("gate"), "{refused}");
    assert!(begun.elapsed() >= Duration::from_millis(500));
    second.tell("open");
    slow.go_on();
    slow.reply().expect("alive").expect("recovered");
    second.reply().expect("alive").expect("opened");
    second.must(&format!("log {TOPIC} 0"));
    second.must("append 5 100");
    slow.must("append 5 100");
    slow.must("close");
    second.must("close");
    truth::check(place.path(), &[(first.id(), 50), (second.id(), 5), (slow.id(), 5)])
        .unwrap_or_else(|what| panic!("{what}"));
}

/// In company nobody holds the gate for long: there it is the append word that a recovery is waited for by.
#[test]
fn two_that_open_a_log_at_once_recover_it_once() {
    needs(&[Rule::RecoveryUnderWord], |rules| {
        let place = made("session-recovery-twice", &[]);
        let mut first = writer(&place, &[]);
        first.must("append 50 100");
        first.kill();
        let (mut slow, mut other) = (opened(&place, rules), opened(&place, rules));
        let log = format!("log {TOPIC} 0");
        slow.arm(Point::RecoveryDone, Action::Stop);
        slow.stops_at(&log);
        other.tell(&log);
        let early = early(&mut other, rules);
        if early.is_ok() {
            other.must("append 5 100");
        }
        slow.go_on();
        slow.reply().unwrap_or(Err("it died".to_owned()))?;
        if early.is_err() {
            other.reply().unwrap_or(Err("it died".to_owned()))?;
            other.must("append 5 100");
        }
        slow.ask("append 5 100")?;
        slow.ask("close")?;
        other.ask("close")?;
        truth::check(place.path(), &[(first.id(), 50), (slow.id(), 5), (other.id(), 5)])
    });
}

#[test]
fn opening_that_fails_leaves_no_lock_behind_and_the_directory_as_clean_as_it_was() {
    let place = made("session-open-fails", &[]);
    scratch::change(&place.join("ckafka.slots"), |bytes| bytes.truncate(100));
    fs::create_dir(place.join("photos")).expect("folder");
    let mut puppet = Puppet::start(place.path(), &[]);
    let mut other = Puppet::start(place.path(), &[]);
    truth::is_error(&puppet.ask("open"), "InvalidArgument").unwrap_or_else(|what| panic!("{what}"));
    fs::remove_dir(place.join("photos")).expect("folder");
    fs::write(place.join("ckafka.intent"), "nonsense").expect("intent");
    truth::is_error(&puppet.ask("open"), "Corrupt").unwrap_or_else(|what| panic!("{what}"));
    assert!(place.join(MARKER).exists());
    fs::remove_file(place.join("ckafka.intent")).expect("removed");
    other.must("open");
    other.must(&format!("log {TOPIC} 0"));
    other.must("close");
    assert!(place.join(MARKER).exists());
}

#[test]
fn log_that_failed_does_not_keep_its_process_in_the_directory() {
    let place = made("session-failed", &[]);
    let mut first = writer(&place, &[]);
    first.must("append 10 100");
    first.must("sync");
    first.must("append 5 100");
    first.arm(Point::SyncFails, Action::Strike);
    truth::is_error(&first.ask("sync"), "Io").unwrap_or_else(|what| panic!("{what}"));
    truth::is_error(&first.ask("append 1 100"), "Failed").unwrap_or_else(|what| panic!("{what}"));
    assert_eq!(first.number("end"), 15, "reads go on");
    truth::is_error(&first.ask("close"), "Failed").unwrap_or_else(|what| panic!("{what}"));
    assert!(!place.join(MARKER).exists());
    let points = fs::read_to_string(place.join("recovery-point-offset-checkpoint")).expect("checkpoint");
    assert!(!points.contains("events 0 15"), "the recovery point of a log that failed stays: {points}");
    let mut second = writer(&place, &[]);
    second.must("append 1 100");
    second.must("sync");
    assert!(second.number("rewrites") > 0, "what the kernel may hold for clean is written again");
    second.must("close");
    truth::check(place.path(), &[(first.id(), 15), (second.id(), 1)]).unwrap_or_else(|what| panic!("{what}"));
}
