//! A broker and this library never have one directory at once: who comes second is told so, at once.
//!
//! A broker locks all of `.lock` with a classic POSIX lock, as a process of its own; so does the part of this test that plays it.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::fs::OpenOptions;
use std::path::Path;
use std::time::{Duration, Instant};

use ckafka::Error;
use ckafka::broker::{Conf, Directory, OpenMode};
use common::child::{self, Running};
use common::logs::{self, Owned};
use common::scratch::Scratch;
use nix::fcntl::{FcntlArg, fcntl};

const BROKER: &str = "part_that_locks_like_a_broker";

#[test]
#[ignore = "a part of the tests below, which run it in a process of its own"]
fn part_that_locks_like_a_broker() {
    let Some(path) = child::folder() else { return };
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path.join(".lock"));
    let file = file.expect(".lock opens");
    let whole =
        libc::flock { l_type: libc::F_WRLCK as i16, l_whence: libc::SEEK_SET as i16, l_start: 0, l_len: 0, l_pid: 0 };
    let locked = fcntl(&file, FcntlArg::F_SETLK(&whole)).is_ok();
    child::say("locked", i64::from(locked));
    child::wait_to_be_told();
}

#[track_caller]
fn assert_locked(path: &Path, mode: OpenMode) {
    let begun = Instant::now();
    match Directory::open(path, &Conf::new(), mode) {
        Err(error @ Error::Locked { .. }) => {
            let text = error.to_string();
            assert!(text.contains(".lock") && text.contains("broker"), "{text}");
        }
        other => panic!("{mode:?}: {:?}", other.err()),
    }
    // At once: not after the 30 s that a lock of one of us is waited for.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn directory_of_a_running_broker_is_refused_at_once() {
    let place = Scratch::new("lock-broker-first");
    let (directory, log) = logs::create(place.path(), &[]);
    let expected = logs::append_numbered(&log, 0..50, 10);
    logs::close((directory, log));
    let mut broker = Running::start(BROKER, place.path());
    assert_eq!(broker.next_number("locked"), Some(1));
    for mode in [OpenMode::ReadWrite, OpenMode::Create, OpenMode::ReadOnly] {
        assert_locked(place.path(), mode);
    }
    broker.finish();
    let (directory, log) = logs::reopen(place.path());
    logs::assert_same(&logs::read_all(&log), &expected);
    logs::close((directory, log));
}

#[test]
fn killed_broker_leaves_no_lock() {
    let place = Scratch::new("lock-broker-killed");
    logs::close(logs::create(place.path(), &[]));
    let mut broker = Running::start(BROKER, place.path());
    assert_eq!(broker.next_number("locked"), Some(1));
    broker.kill();
    logs::close(logs::reopen(place.path()));
}

#[test]
fn broker_cannot_take_what_we_have_open() {
    let place = Scratch::new("lock-ours-first");
    logs::close(logs::create(place.path(), &[]));
    for mode in [OpenMode::ReadWrite, OpenMode::ReadOnly] {
        let directory = logs::open(place.path(), mode);
        let mut broker = Running::start(BROKER, place.path());
        assert_eq!(broker.next_number("locked"), Some(0), "{mode:?}");
        broker.finish();
        directory.close().expect("closes");
        drop(directory);
        let mut broker = Running::start(BROKER, place.path());
        assert_eq!(broker.next_number("locked"), Some(1), "after {mode:?}");
        broker.finish();
    }
}

/// A classic lock is dropped when its process closes any descriptor of the file; ours must not be.
#[test]
fn host_that_opens_and_closes_the_lock_file_drops_nothing() {
    let place = Scratch::new("lock-host");
    let (directory, log) = logs::create(place.path(), &[]);
    drop(OpenOptions::new().read(true).write(true).open(place.join(".lock")).expect(".lock opens"));
    let mut broker = Running::start(BROKER, place.path());
    assert_eq!(broker.next_number("locked"), Some(0));
    broker.finish();
    logs::append(&log, &[Owned::new(1, "v")]).expect("append");
    logs::close((directory, log));
}
