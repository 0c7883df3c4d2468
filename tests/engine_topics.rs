//! Topics come and go: created whole or not at all, listed, deleted under readers who keep what they hold, created again.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;

use ckafka::Error;
use ckafka::broker::{Conf, Directory, OpenMode};
use ckafka::storage::config::ReaderConfig;
use ckafka::storage::reader::{Reader, Start};
use common::logs::{self, Owned, PARTITION, TOPIC};
use common::scratch::{self, Scratch};

/// Names and numbers of partitions, as the directory lists them.
fn listed(directory: &Directory) -> Vec<(String, i64)> {
    let json: serde_json::Value = serde_json::from_str(&directory.topics().expect("list")).expect("JSON");
    let topics = json["topics"].as_array().expect("topics");
    let mut topics: Vec<(String, i64)> = topics
        .iter()
        .map(|topic| {
            (topic["name"].as_str().expect("name").to_owned(), topic["partitions"].as_i64().expect("partitions"))
        })
        .collect();
    topics.sort();
    topics
}

fn text(name: &str, partitions: i64) -> (String, i64) {
    (name.to_owned(), partitions)
}

#[test]
fn topics_are_created_with_their_partitions_and_configuration() {
    let place = Scratch::new("topics-create");
    let directory = logs::open(place.path(), OpenMode::Create);
    assert_eq!(listed(&directory), []);
    directory.create_topic("a.b-c", 3, &logs::conf(&[("segment.bytes", "4096")])).expect("created");
    directory.create_topic("z", 1, &Conf::new()).expect("created");
    assert_eq!(listed(&directory), [text("a.b-c", 3), text("z", 1)]);
    for partition in 0..3 {
        let log = directory.open_log("a.b-c", partition).expect("log opens");
        assert_eq!(log.config().segment_bytes, 4096);
        assert_eq!(logs::append(&log, &[Owned::new(1, format!("{partition}"))]).expect("append"), 0);
    }
    let unknown = |topic, partition| match directory.open_log(topic, partition) {
        Err(Error::UnknownPartition { topic: t, partition: p }) => assert_eq!((t.as_str(), p), (topic, partition)),
        other => panic!("{topic} {partition}: {other:?}"),
    };
    unknown("a.b-c", 3);
    unknown("a.b-c", -1);
    unknown("nobody", 0);
    directory.close().expect("closes");

    let ids = |name: &str| fs::read(place.join(name).join("partition.metadata")).expect("topic id");
    assert_eq!(ids("a.b-c-0"), ids("a.b-c-2"), "one id for the topic");
    assert_ne!(ids("a.b-c-0"), ids("z-0"));
    let directory = logs::open(place.path(), OpenMode::ReadWrite);
    assert_eq!(listed(&directory), [text("a.b-c", 3), text("z", 1)]);
    for partition in 0..3 {
        let log = directory.open_log("a.b-c", partition).expect("log opens");
        assert_eq!(log.config().segment_bytes, 4096, "the configuration lies with the topic");
        assert_eq!(logs::read_all(&log)[0].value.as_deref(), Some(partition.to_string().as_bytes()));
    }
    directory.close().expect("closes");
}

#[test]
fn readers_keep_their_view_of_a_deleted_topic() {
    let place = Scratch::new("topics-delete");
    let (directory, log) = logs::create(place.path(), &[]);
    let expected = logs::append_numbered(&log, 0..500, 10);
    let mut reader = Reader::open(Arc::clone(&log), Start::Earliest, ReaderConfig::default()).expect("reader opens");
    let view = reader.fetch(1 << 20, None).expect("fetch");
    let mut sleeper = Reader::open(Arc::clone(&log), Start::Latest, ReaderConfig::default()).expect("reader opens");
    std::thread::scope(|scope| {
        let sleeping = scope.spawn(|| sleeper.fetch(1, Some(Duration::from_secs(60))).map(|view| view.next_offset()));
        std::thread::sleep(Duration::from_millis(30));
        directory.delete_topic(TOPIC).expect("deleted");
        let woken = sleeping.join().expect("sleeper");
        assert!(matches!(woken, Err(Error::UnknownPartition { .. })), "{woken:?}");
    });
    assert!(!place.join(PARTITION).exists());
    logs::assert_same(
        &logs::records_of(&view).expect("the view stays"),
        &expected[..logs::records_of(&view).expect("records").len()],
    );
    let fetched = reader.fetch(1 << 20, Some(Duration::ZERO));
    assert!(matches!(fetched, Err(Error::UnknownPartition { partition: 0, .. })), "{fetched:?}");
    let appended = logs::append(&log, &[Owned::new(1, "too late")]);
    assert!(matches!(appended, Err(Error::UnknownPartition { .. })), "{appended:?}");
    assert!(matches!(directory.open_log(TOPIC, 0), Err(Error::UnknownPartition { .. })));
    assert!(matches!(directory.delete_topic(TOPIC), Err(Error::UnknownPartition { .. })));
    assert_eq!(listed(&directory), []);

    // The next topic of that name has nothing of the old one, neither here nor after a reopen.
    directory.create_topic(TOPIC, 1, &Conf::new()).expect("created anew");
    let fresh = directory.open_log(TOPIC, 0).expect("log opens");
    assert_eq!(fresh.watermarks().end, 0);
    assert_eq!(logs::append(&fresh, &[Owned::new(1, "first")]).expect("append"), 0);
    drop(log);
    logs::close((directory, fresh));
    let (directory, log) = logs::reopen(place.path());
    assert_eq!(logs::read_all(&log).len(), 1);
    logs::assert_same(
        &logs::records_of(&view).expect("still"),
        &expected[..logs::records_of(&view).expect("records").len()],
    );
    logs::close((directory, log));
}

#[test]
fn names_that_are_taken_or_collide_are_refused() {
    let place = Scratch::new("topics-collide");
    let directory = logs::open(place.path(), OpenMode::Create);
    directory.create_topic("one.two_three", 2, &Conf::new()).expect("created");
    match directory.create_topic("one.two_three", 1, &Conf::new()) {
        Err(Error::TopicExists { name }) => assert_eq!(name, "one.two_three"),
        other => panic!("{other:?}"),
    }
    for same in ["one_two_three", "one.two.three", "one_two.three"] {
        match directory.create_topic(same, 1, &Conf::new()) {
            Err(Error::InvalidTopic { name, reason }) => {
                assert_eq!(name, same);
                assert!(reason.contains("one.two_three"), "says which: {reason}");
            }
            other => panic!("{same}: {other:?}"),
        }
    }
    directory.create_topic("one-two-three", 1, &Conf::new()).expect("a hyphen is no dot");
    assert_eq!(listed(&directory).len(), 2);
    directory.close().expect("closes");
}

#[test]
fn illegal_names_and_counts_are_refused() {
    let place = Scratch::new("topics-illegal");
    let directory = logs::open(place.path(), OpenMode::Create);
    let before = scratch::names(place.path());
    let long = "x".repeat(250);
    for name in ["", ".", "..", "a/b", "../a", "a b", "a\0b", "a\n", "ä", "a:b", "__cluster_metadata", &long] {
        match directory.create_topic(name, 1, &Conf::new()) {
            Err(error @ Error::InvalidTopic { .. }) => {
                assert!(error.to_string().starts_with(&format!("topic name {name:?}: ")), "{error}")
            }
            other => panic!("{name:?}: {other:?}"),
        }
        if name != "__cluster_metadata" {
            let opened = directory.open_log(name, 0);
            assert!(matches!(opened, Err(Error::InvalidTopic { .. })), "{name:?}: {opened:?}");
            assert!(matches!(directory.delete_topic(name), Err(Error::InvalidTopic { .. })), "{name:?}");
        }
    }
    for count in [0, -1, i32::MIN, i32::MAX] {
        match directory.create_topic("fine", count, &Conf::new()) {
            Err(Error::InvalidPartitionCount { found, expected }) => {
                assert_eq!(found, count);
                assert!(expected.contains('1'), "{expected}");
            }
            other => panic!("{count}: {other:?}"),
        }
    }
    assert_eq!(scratch::names(place.path()), before, "nothing is left of what was refused");
    let longest = "y".repeat(249);
    directory.create_topic(&longest, 1, &Conf::new()).expect("249 bytes are allowed");
    assert_eq!(
        logs::append(&directory.open_log(&longest, 0).expect("opens"), &[Owned::new(1, "v")]).expect("append"),
        0
    );
    directory.delete_topic(&longest).expect("deleted, though its folder's new name must be cut");
    assert_eq!(listed(&directory), []);
    directory.close().expect("closes");
}

/// A crash in creation or deletion leaves higher partitions without partition 0.
#[test]
fn half_made_topics_do_not_exist() {
    let place = Scratch::new("topics-half");
    let directory = logs::open(place.path(), OpenMode::Create);
    directory.create_topic("half", 3, &Conf::new()).expect("created");
    let log = directory.open_log("half", 2).expect("opens");
    logs::append(&log, &[Owned::new(1, "left behind")]).expect("append");
    drop(log);
    directory.close().expect("closes");
    fs::remove_dir_all(place.join("half-0")).expect("folder is removed");

    let directory = logs::open(place.path(), OpenMode::ReadWrite);
    assert_eq!(listed(&directory), [], "a topic exists if its partition 0 does");
    let opened = directory.open_log("half", 2);
    assert!(matches!(opened.as_ref().err(), Some(Error::UnknownPartition { .. })), "opened, or {:?}", opened.err());
    directory.create_topic("half", 2, &Conf::new()).expect("created anew");
    assert_eq!(listed(&directory), [text("half", 2)]);
    assert!(!place.join("half-2").exists(), "what was left of the old one is gone");
    let log = directory.open_log("half", 1).expect("opens");
    assert_eq!(log.watermarks().end, 0, "and none of its records came back");
    logs::close((directory, log));
}

/// Whatever lies in a partition's folder: a deletion gets through, or does not begin.
#[test]
fn deletion_that_cannot_be_finished_is_not_begun() {
    let place = Scratch::new("topics-odd");
    let (directory, log) = logs::create(place.path(), &[]);
    directory.create_topic("kept", 2, &Conf::new()).expect("created");
    drop(log);
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9");
    fs::write(place.join(PARTITION).join(odd), "").expect("file");
    directory.delete_topic(TOPIC).expect("a name is bytes");
    fs::create_dir(place.join("kept-1").join("backup")).expect("folder");
    match directory.delete_topic("kept") {
        Err(error @ Error::Busy { .. }) => assert!(error.to_string().contains("backup"), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(listed(&directory), [text("kept", 2)], "nothing was removed");
    directory.close().expect("closes");
    let directory = logs::open(place.path(), OpenMode::ReadWrite);
    assert_eq!(listed(&directory), [text("kept", 2)]);
    fs::remove_dir(place.join("kept-1").join("backup")).expect("folder");
    directory.delete_topic("kept").expect("deleted");
    directory.close().expect("closes");
}

/// Topics come and go while they are listed.
#[test]
fn list_beside_a_deletion_is_whole() {
    let place = Scratch::new("topics-list-beside");
    let directory = logs::open(place.path(), OpenMode::Create);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let lister = scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                listed(&directory);
                directory.stats().expect("stats");
            }
        });
        for _ in 0..60 {
            directory.create_topic("passing", 1, &Conf::new()).expect("created");
            drop(directory.open_log("passing", 0).expect("opens"));
            directory.delete_topic("passing").expect("deleted");
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        lister.join().expect("every list was whole");
    });
    directory.close().expect("closes");
}

#[test]
fn folders_of_strangers_are_named() {
    let place = Scratch::new("topics-strangers");
    logs::close(logs::create(place.path(), &[]));
    for passed_over in
        ["events-0.0123456789abcdef0123456789abcdef-delete", "old-0.x-stray", "lost+found", "remote-log-index-cache"]
    {
        fs::create_dir(place.join(passed_over)).expect("folder");
    }
    let directory = logs::open(place.path(), OpenMode::ReadWrite);
    assert_eq!(listed(&directory), [text(TOPIC, 1)]);
    directory.close().expect("closes");
    fs::create_dir(place.join("photos")).expect("folder");
    for mode in [OpenMode::ReadOnly, OpenMode::ReadWrite, OpenMode::Create] {
        match Directory::open(place.path(), &Conf::new(), mode) {
            Err(error) => assert!(error.to_string().contains("photos"), "{error}"),
            Ok(_) => panic!("opened beside a folder that a broker fails on"),
        }
    }
}
