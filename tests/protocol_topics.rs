//! Topics come and go under processes that use them: whole or not at all, told to everybody, and never the old one in the place of the new.

#![cfg(feature = "break-rules")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod protocol;

use std::fs;

use ckafka::broken::{Action, Point, Rule};
use common::logs::TOPIC;
use common::scratch::{self, Scratch};
use protocol::puppet::Puppet;
use protocol::{ensure, made, needs, opened, play, truth, writer};

#[test]
#[ignore = "a process of the tests below"]
fn puppet() {
    play::live();
}

fn folders_of(place: &Scratch, topic: &str) -> Vec<String> {
    let names = scratch::names(place.path()).into_iter();
    names.filter(|name| place.join(name).is_dir() && name.starts_with(topic)).collect()
}

/// Killed behind each folder of three.
fn half_done(rules: &[Rule], point: Point) -> Result<(), String> {
    for pass in 1..3 {
        let place = made("topics-intent", &[]);
        let mut victim = opened(&place, rules);
        if point == Point::TopicHalfRemoved {
            victim.must("create some 3");
        }
        victim.arm_for(point, Action::Kill, pass);
        victim.dies_at(if point == Point::TopicHalfRemoved { "delete some" } else { "create some 3" });
        ensure(!folders_of(&place, "some").is_empty(), "it left nothing behind")?;
        let mut next = opened(&place, rules);
        let left = folders_of(&place, "some");
        ensure(left.is_empty(), format!("{point:?}, {pass}: left behind: {left:?}"))?;
        next.must("create some 2");
        ensure(folders_of(&place, "some") == ["some-0", "some-1"], "made anew")?;
        next.must("close");
    }
    Ok(())
}

#[test]
fn topic_that_was_half_made_or_half_removed_goes() {
    needs(&[Rule::Intent], |rules| half_done(rules, Point::TopicHalfMade));
    needs(&[Rule::Intent], |rules| half_done(rules, Point::TopicHalfRemoved));
}

#[test]
fn append_to_a_topic_that_was_deleted_is_refused() {
    needs(&[Rule::StickyWords], |rules| {
        let place = made("topics-sticky-deleted", &[]);
        let (mut appender, mut remover) = (writer(&place, rules), opened(&place, rules));
        appender.must("append 5 100");
        remover.must(&format!("delete {TOPIC}"));
        truth::is_error(&appender.ask("append 1 100"), "UnknownPartition")
    });
}

#[test]
fn append_to_a_log_that_failed_elsewhere_is_refused() {
    needs(&[Rule::StickyWords], |rules| {
        let place = made("topics-sticky-failed", &[]);
        let (mut told, mut other) = (writer(&place, rules), writer(&place, rules));
        other.must("append 5 100");
        told.arm(Point::SyncFails, Action::Strike);
        truth::is_error(&told.ask("sync"), "Io")?;
        truth::is_error(&other.ask("append 1 100"), "Failed")
    });
}

/// What another process deleted keeps nobody from syncing and counting the rest.
#[test]
fn deleted_topic_is_no_error_of_the_directory() {
    let place = made("topics-deleted-elsewhere", &[]);
    let (mut keeper, mut remover) = (writer(&place, &[]), opened(&place, &[]));
    let mut reader = Puppet::start(place.path(), &[]);
    reader.must("read_only");
    reader.must(&format!("log {TOPIC} 0"));
    keeper.must("append 5 100");
    keeper.must("create more 1");
    keeper.must("log more 0");
    keeper.must("append 3 100");
    assert!(keeper.must("stats").contains(TOPIC));
    remover.must(&format!("delete {TOPIC}"));
    keeper.must("checkpoint");
    assert_eq!(keeper.number("durable_end"), 3);
    for puppet in [&mut keeper, &mut reader] {
        let stats = puppet.must("stats");
        assert!(!stats.contains(TOPIC), "{stats}");
    }
    keeper.must("close");
}

/// A name that appears is not opened before its configuration is there, too.
#[test]
fn topic_that_is_being_made_is_opened_with_its_configuration() {
    let place = made("topics-config", &[]);
    let (mut maker, mut opener) = (opened(&place, &[]), opened(&place, &[]));
    for round in 0..30 {
        maker.tell(&format!("create new{round} 1 max.message.bytes=300"));
        while opener.ask(&format!("log new{round} 0")).is_err() {}
        truth::is_error(&opener.ask("append 1 1000"), "BatchTooLarge").unwrap_or_else(|what| panic!("{round}: {what}"));
        maker.reply().expect("alive").expect("made");
    }
    for puppet in [&mut opener, &mut maker] {
        puppet.must("close");
    }
}

#[test]
fn deletion_waits_for_an_append_under_way() {
    let place = made("topics-append-under-way", &[]);
    let (mut appender, mut remover) = (writer(&place, &[]), opened(&place, &[]));
    appender.arm(Point::AppendCopied, Action::Stop);
    appender.stops_at("append 1 100");
    remover.tell(&format!("delete {TOPIC}"));
    let early = remover.reply_within(std::time::Duration::from_millis(300));
    assert!(early.is_err(), "deleted under an append: {early:?}");
    appender.go_on();
    appender.reply().expect("alive").expect("the append came first");
    remover.reply().expect("alive").expect("deleted");
}

/// Room is what the removal is to give.
#[test]
fn removal_goes_on_where_there_is_no_room_to_write_it_down() {
    let place = made("topics-full", &[]);
    let mut remover = opened(&place, &[]);
    remover.must("file_size 0");
    remover.must(&format!("delete {TOPIC}"));
    assert!(folders_of(&place, TOPIC).is_empty(), "the topic goes");
}

/// The intent stays, and whoever finishes it tells those who have the topic open, as the deletion would have.
#[test]
fn deletion_that_waited_in_vain_is_finished_by_one_that_waits_too() {
    let place = made("topics-patience", &[]);
    let (mut appender, mut remover) = (writer(&place, &[]), opened(&place, &[]));
    let mut next = opened(&place, &[]);
    appender.arm(Point::AppendCopied, Action::Stop);
    appender.stops_at("append 1 100");
    for (puppet, what) in [(&mut remover, "delete events"), (&mut next, "create others 1")] {
        let refused = puppet.ask(what).expect_err("an append is under way");
        assert!(refused.starts_with("TimedOut:") && refused.contains("held by slot 0 "), "{what}: {refused}");
    }
    appender.go_on();
    appender.reply().expect("alive").expect("the append came first");
    next.must("create others 1");
    assert!(folders_of(&place, TOPIC).is_empty(), "the topic goes");
    truth::is_error(&appender.ask("append 1 100"), "UnknownPartition").unwrap_or_else(|what| panic!("{what}"));
}

/// The same name, again and again, under a process that appends, one that waits and may be woken, and one that only reads.
#[test]
fn topic_made_anew_has_nothing_of_the_old_one_for_anybody() {
    let place = made("topics-anew", &[]);
    let mut remover = opened(&place, &[]);
    let mut appender = writer(&place, &[]);
    let mut sleeper = writer(&place, &[]);
    let mut reader = Puppet::start(place.path(), &[]);
    reader.must("read_only");
    for round in 0..5 {
        let again = format!("log {TOPIC} 0");
        assert_eq!(appender.must(&again), "0", "round {round}");
        appender.must("append 7 100");
        for puppet in [&mut sleeper, &mut reader] {
            assert_eq!(puppet.must(&again), "7", "round {round}");
            assert_eq!(puppet.must("fetch 1000"), "7");
            puppet.tell("fetch 20000");
        }
        std::thread::sleep(std::time::Duration::from_millis(60));
        remover.must(&format!("delete {TOPIC}"));
        remover.must(&format!("create {TOPIC} 1"));
        for puppet in [&mut sleeper, &mut reader] {
            let told = puppet.reply().expect("alive");
            truth::is_error(&told, "UnknownPartition").unwrap_or_else(|what| panic!("round {round}: {what}"));
        }
        truth::is_error(&appender.ask("append 1 100"), "UnknownPartition").unwrap_or_else(|what| panic!("{what}"));
        truth::is_error(&appender.ask("durable 6 1000"), "UnknownPartition").unwrap_or_else(|what| panic!("{what}"));
    }
    for puppet in [&mut appender, &mut sleeper, &mut remover] {
        puppet.must("close");
    }
    assert_eq!(fs::metadata(place.join("events-0/00000000000000000000.log")).expect("log").len(), 0);
}
