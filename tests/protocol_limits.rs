//! Limits are errors that name them: of writers, descriptors, watches, patience and file systems. What met one goes on once there is room.

#![cfg(feature = "break-rules")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod protocol;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ckafka::broken::{Action, Point};
use ckafka::broker::{Conf, Directory, OpenMode};
use ckafka::storage::session::Membership;
use ckafka::sys::Dir;
use common::child;
use common::logs::{self, Owned, TOPIC};
use common::scratch::Scratch;
use protocol::puppet::Puppet;
use protocol::{made, play, truth, waited_ms};

const WRITERS: usize = 256;

#[test]
#[ignore = "a process of the tests below"]
fn puppet() {
    play::live();
}

fn writer(place: &Scratch) -> Puppet {
    let mut puppet = Puppet::start(place.path(), &[]);
    puppet.must("open ckafka.lock.timeout.ms=700");
    puppet.must(&format!("log {TOPIC} 0"));
    puppet
}

/// Each as a copy of the library that knows nothing of the others.
#[test]
fn writer_number_257_is_refused_until_another_leaves() {
    let place = made("limits-writers", &[]);
    let join = || {
        let root = Dir::open(place.path()).expect("opens");
        Membership::join_writer(root, Duration::from_secs(2), &|_| Ok(()))
    };
    let mut members: Vec<Membership> = (0..WRITERS).map(|_| join().expect("joins")).collect();
    let refused = Directory::open(place.path(), &Conf::new(), OpenMode::ReadWrite).expect_err("all slots are taken");
    let text = refused.to_string();
    assert!(matches!(refused, ckafka::Error::Busy { .. }) && text.contains("256 writing processes"), "{text}");
    let reader = Directory::open(place.path(), &Conf::new(), OpenMode::ReadOnly).expect("readers are not counted");
    reader.close().expect("closes");
    drop(members.pop());
    let last = Directory::open(place.path(), &Conf::new(), OpenMode::ReadWrite).expect("one has left");
    let log = last.open_log(TOPIC, 0).expect("log opens");
    assert_eq!(logs::append(&log, &[Owned::new(1, "in the last slot")]).expect("appends"), 0);
    drop(log);
    last.close().expect("closes");
}

#[test]
fn a_slice_of_patience_ends_with_nothing_done_and_the_call_may_be_repeated() {
    let place = made("limits-slices", &[]);
    let mut owner = writer(&place);
    let mut other = Puppet::start(place.path(), &[]);
    other.must("open ckafka.lock.slice.ms=100");
    other.must(&format!("log {TOPIC} 0"));
    owner.arm(Point::AppendCopied, Action::Stop);
    owner.stops_at("append 1 300");
    for _ in 0..3 {
        let begun = Instant::now();
        let refused = other.ask("append 1 300").expect_err("the word is held");
        assert!(refused.starts_with("Interrupted:") && refused.contains("append word"), "{refused}");
        assert!(refused.contains("held by slot 0") && begun.elapsed() < Duration::from_secs(15), "{refused}");
    }
    owner.go_on();
    owner.reply().expect("alive").expect("it goes on as if nothing had been");
    other.must("append 1 300");
    other.must("close");
    assert_eq!(owner.number("end"), 2);
    owner.must("close");
    truth::check(place.path(), &[(owner.id(), 1), (other.id(), 1)]).expect("each is there once");
}

#[test]
fn lack_of_descriptors_is_named_fails_one_call_and_latches_nothing() {
    let place = made("limits-descriptors", &[("segment.bytes", "20000")]);
    let (mut poor, mut other) = (writer(&place), writer(&place));
    poor.must("append 15 1000");
    poor.must("descriptors 5");
    // The roll needs three files, the sync of what another one rolled needs one.
    let named = |refused: Result<String, String>| {
        let refused = refused.expect_err("there is no descriptor");
        assert!(refused.starts_with("Io:") && refused.contains("RLIMIT_NOFILE is 5"), "{refused}");
    };
    named(poor.ask("append 10 1000"));
    other.must("append 60 1000");
    named(poor.ask("sync"));
    other.must("sync");
    poor.must("descriptors 1024");
    poor.must("append 40 1000");
    poor.must("sync");
    let end = poor.number("end");
    assert_eq!(poor.number("durable_end"), end);
    other.must("close");
    poor.must("close");
    let (directory, log) = logs::reopen(place.path());
    assert_eq!(logs::read_all(&log).len() as i64, end, "and nothing is lost or doubled");
    logs::close((directory, log));
}

#[test]
fn lack_of_watches_is_named_and_reading_goes_on() {
    let place = made("limits-watches", &[]);
    // A limit of one's own: no other test feels it.
    let script = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$@\"";
    let may = Command::new("unshare").args(["-Ur", "sh", "-c", script, "sh", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return common::skip("lack_of_watches_is_named_and_reading_goes_on", "to be allowed a user namespace");
    }
    let part = child::part("puppet", place.path());
    let mut command = Command::new("unshare");
    command.args(["-Ur", "sh", "-c", script, "sh"]).arg(part.get_program()).args(part.get_args());
    command.envs(part.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let mut poor = Puppet::spawn(command, &[]);
    poor.must("open");
    poor.must(&format!("log {TOPIC} 0"));
    let refused = poor.ask("poll_fd").expect_err("there is no instance");
    assert!(refused.starts_with("Io:") && refused.contains("max_user_instances"), "{refused}");
    poor.must("append 3 100");
    assert_eq!(poor.must("fetch 1000"), "3");
    poor.must("close");
}

/// What is held, by whom and for how long was waited.
#[test]
fn patience_that_is_over_names_what_was_waited_for() {
    let cases = [
        (Point::AppendCopied, "append 1 100", "append 1 100", "append word"),
        // Behind an append, with the append word free.
        (Point::GrowBegun, "append 100 1000", "append 100 1000", "grow word"),
        (Point::TopicHalfMade, "create more 3", "create others 1", "gate"),
    ];
    for (point, holds, wants, name) in cases {
        let place = made("limits-patience", &[]);
        let (mut owner, mut other) = (writer(&place), writer(&place));
        // The first append of a session grows inside the append word.
        owner.must("append 1 100");
        owner.arm(point, Action::Stop);
        owner.stops_at(holds);
        let begun = Instant::now();
        let refused = other.ask(wants).expect_err(name);
        let took = begun.elapsed().as_millis();
        assert!(refused.starts_with("TimedOut:") && refused.contains(name), "{name}: {refused}");
        assert!((700..=took).contains(&waited_ms(&refused)), "the time, of {took} ms: {refused}");
        assert!(name == "gate" || refused.contains("slot 0"), "who holds it: {refused}");
        owner.go_on();
        owner.reply().expect("alive").expect("it goes on");
        other.must("append 1 100");
        owner.must("close");
        other.must("close");
    }
}

#[test]
fn file_system_that_is_not_known_is_refused_by_its_number() {
    let place = Scratch::new("limits-file-system");
    let mount = "mkdir \"$D/disk\" && mount -t ramfs none \"$D/disk\"";
    match child::in_own_mounts(mount, "part_on_another_file_system", place.path()) {
        Some(output) => child::assert_well(&output),
        None => common::skip("file_system_that_is_not_known_is_refused_by_its_number", "to be allowed mounts"),
    }
}

#[test]
#[ignore = "a part of the test above, which runs it in mounts of its own"]
fn part_on_another_file_system() {
    let Some(folder) = child::folder() else { return };
    let data: &Path = &folder.join("disk/data");
    let refused = Directory::open(data, &Conf::new(), OpenMode::Create).expect_err("ramfs is not on the list");
    let text = refused.to_string();
    assert!(matches!(refused, ckafka::Error::FileSystem { found: 0x8584_58f6, .. }), "{text}");
    assert!(text.contains("ckafka.filesystem.check"), "what can be done: {text}");
    let conf = logs::conf(&[("ckafka.filesystem.check", "false")]);
    let directory = Directory::open(data, &conf, OpenMode::Create).expect("at one's own risk");
    directory.create_topic(TOPIC, 1, &conf).expect("topic");
    let log = directory.open_log(TOPIC, 0).expect("log");
    logs::append(&log, &[Owned::new(1, "x")]).expect("append");
    log.sync().expect("sync");
    logs::close((directory, log));
    truth::files_are_right(&data.join("events-0"), 4096).unwrap_or_else(|what| panic!("{what}"));
}
