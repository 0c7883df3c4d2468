//! Opened for reading only, a directory gives all that it holds and is left exactly as it was: ours or a broker's, on a
//! file system that could be written or not.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ckafka::Error;
use ckafka::broker::{Conf, Directory, OpenMode, capability};
use ckafka::record::headers;
use common::child;
use common::logs::{self, Owned, PARTITION, TOPIC};
use common::scratch::{self, Scratch, assert_unchanged, listing};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kafka")
}

/// A closed directory of several segments, and what it holds.
fn ours(path: &Path) -> Vec<Owned> {
    let (directory, log) = logs::create(path, &[("segment.bytes", "4096")]);
    let expected = logs::append_numbered(&log, 0..600, 7);
    logs::close((directory, log));
    expected
}

#[track_caller]
fn assert_refuses_writes(path: &Path) {
    let (directory, log) = logs::reopen_for_reading(path);
    let refused = |what: &str, result: Result<(), Error>| {
        assert!(matches!(result, Err(Error::ReadOnly { .. })), "{what}: {result:?}");
    };
    refused("append", logs::append(&log, &[Owned::new(1, "v")]).map(drop));
    refused("sync", log.sync());
    refused("wait", log.wait_durable(0, None));
    refused("create", directory.create_topic("more", 1, &Conf::new()));
    refused("delete", directory.delete_topic(TOPIC));
    assert_eq!(directory.capabilities() & capability::WRITE, 0);
    logs::close((directory, log));
}

#[test]
fn our_directory_is_read_and_left_as_it_was() {
    let place = Scratch::new("read-only-ours");
    let expected = ours(place.path());
    let before = listing(place.path());
    let (directory, log) = logs::reopen_for_reading(place.path());
    logs::assert_same(&logs::read_all(&log), &expected);
    let found = log.offset_for_time(expected[300].timestamp).expect("lookup");
    assert_eq!(found, Some((300, expected[300].timestamp)));
    logs::close((directory, log));
    assert_refuses_writes(place.path());
    assert_unchanged(&before, &listing(place.path()));
}

/// Nobody may mend what a crash left, so what is whole is served and the rest is left.
#[test]
fn directory_that_needs_recovery_is_read_up_to_the_first_bad_batch() {
    let place = Scratch::new("read-only-torn");
    let expected = ours(place.path());
    fs::remove_file(place.join(".kafka_cleanshutdown")).expect("left by the clean close");
    fs::remove_file(place.join("recovery-point-offset-checkpoint")).expect("left by the clean close");
    let partition = place.join(PARTITION);
    let last = *scratch::segment_bases(&partition).last().expect("segments");
    let log_file = scratch::segment_file(&partition, last, "log");
    let torn = common::bytes::batches(&fs::read(&log_file).expect("segment is readable")).pop().expect("a batch");
    scratch::change(&log_file, |bytes| bytes.truncate(bytes.len() - 3));
    let before = listing(place.path());
    let (directory, log) = logs::reopen_for_reading(place.path());
    assert_eq!(log.watermarks().end, torn.base_offset);
    logs::assert_same(&logs::read_all(&log), &expected[..torn.base_offset as usize]);
    logs::close((directory, log));
    assert_unchanged(&before, &listing(place.path()));
}

fn bytes_of(json: &serde_json::Value) -> Option<Vec<u8>> {
    json.as_str().map(|text| STANDARD.decode(text).expect("base64"))
}

/// What a consumer got from the broker, a JSON object a line.
fn consumed(path: &Path) -> Vec<Owned> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .map(|line| {
            let json: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let mut fields = Vec::new();
            for header in json["headers"].as_array().into_iter().flatten() {
                let name = header[0].as_str().expect("a name");
                headers::append(&mut fields, name, bytes_of(&header[1]).as_deref()).expect("header");
            }
            Owned {
                offset: json["offset"].as_i64().expect("offset"),
                timestamp: json["timestamp"].as_i64().expect("timestamp"),
                key: bytes_of(&json["key"]),
                value: bytes_of(&json["value"]),
                headers: fields,
            }
        })
        .collect()
}

/// The log directories of brokers that came to an orderly stop, by case.
fn cases() -> BTreeMap<String, PathBuf> {
    let mut cases = BTreeMap::new();
    for version in scratch::names(&golden()).into_iter().filter(|name| name.starts_with("kafka-")) {
        for case in scratch::names(&golden().join(&version)) {
            let path = golden().join(&version).join(&case);
            if path.join("log-dir").is_dir() && case != "old-format" {
                cases.insert(format!("{version}-{case}"), path);
            }
        }
    }
    cases
}

#[test]
fn directories_of_brokers_are_read_and_left_as_they_were() {
    let cases = cases();
    assert!(cases.len() > 12, "{:?}", cases.keys());
    let mut compared = 0;
    for (name, case) in cases {
        let place = Scratch::new(&format!("read-only-{name}"));
        scratch::copy(&case.join("log-dir"), place.path());
        let before = listing(place.path());
        let directory = logs::open(place.path(), OpenMode::ReadOnly);
        for folder in scratch::names(place.path()).iter().filter(|name| place.join(name).is_dir()) {
            let expected = case.join("expected").join(format!("{folder}.jsonl"));
            let Some((topic, number)) = folder.rsplit_once('-') else { continue };
            if !expected.exists() {
                continue;
            }
            let log = directory.open_log(topic, number.parse().expect("a number")).expect("log opens");
            println!("{name} {folder}");
            logs::assert_same(&logs::read_all(&log), &consumed(&expected));
            compared += 1;
        }
        directory.close().expect("closes");
        assert_unchanged(&before, &listing(place.path()));
    }
    assert!(compared > 25, "{compared} partitions compared");
}

#[test]
fn missing_directory_is_not_made() {
    let place = Scratch::new("read-only-missing");
    let path = place.join("nothing");
    for mode in [OpenMode::ReadOnly, OpenMode::ReadWrite] {
        match Directory::open(&path, &Conf::new(), mode) {
            Err(Error::Io { path: named, source, .. }) => {
                assert!(named.starts_with(&path), "{}", named.display());
                assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
            }
            other => panic!("{mode:?}: {:?}", other.err()),
        }
    }
    assert!(!path.exists());
}

const READ_ONLY_MOUNT: &str = "mount --bind \"$D\" \"$D\" && mount -o remount,bind,ro \"$D\"";

#[test]
fn read_only_mount_is_read() {
    let place = Scratch::new("read-only-mount");
    ours(place.path());
    let before = listing(place.path());
    match child::in_own_mounts(READ_ONLY_MOUNT, "part_on_a_read_only_mount", place.path()) {
        Some(output) => child::assert_well(&output),
        None => common::skip("read_only_mount_is_read", "to be allowed mounts of its own (unshare -Urm)"),
    }
    assert_unchanged(&before, &listing(place.path()));
}

#[test]
#[ignore = "a part of read_only_mount_is_read, which runs it in a process of its own"]
fn part_on_a_read_only_mount() {
    let Some(path) = child::folder() else { return };
    assert!(fs::write(path.join("probe"), b"x").is_err(), "the mount is read-only");
    let (directory, log) = logs::reopen_for_reading(&path);
    assert_eq!(logs::read_all(&log).len(), 600);
    logs::close((directory, log));
    assert_refuses_writes(&path);
    for mode in [OpenMode::ReadWrite, OpenMode::Create] {
        match Directory::open(&path, &Conf::new(), mode) {
            Err(error @ Error::ReadOnly { .. }) => {
                let text = error.to_string();
                assert!(text.contains("read-only") && text.contains(&path.display().to_string()), "{text}");
            }
            other => panic!("{mode:?}: {:?}", other.err()),
        }
    }
}
