//! The names of segments are on disk before anything in them is said to be: a power cut that takes every name which no sync of the folder covered takes no durable record.

#![cfg(feature = "break-rules")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod protocol;

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use ckafka::broken::Rule;
use common::child;
use common::logs::{self, PARTITION, TOPIC};
use common::scratch::{Scratch, segment_bases, segment_file};
use protocol::puppet::Puppet;
use protocol::{ensure, needs, play};

#[test]
#[ignore = "a process of the tests below"]
fn puppet() {
    play::live();
}

/// The library that writes down what each sync of a folder covers.
fn notary(place: &Scratch) -> PathBuf {
    let library = place.join("power.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocol/power.c");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let output = Command::new(compiler)
        .args(["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .output()
        .expect("a C compiler: set CC, or install one");
    assert!(output.status.success(), "power.c: {}", String::from_utf8_lossy(&output.stderr));
    library
}

/// Takes away every name in `folder` that the last sync of it did not cover; one that was another name then gets that back.
fn cut_power(folder: &Path, notes: &Path) {
    let note = fs::read_to_string(notes.join(folder.file_name().expect("a name"))).unwrap_or_default();
    let covered: HashMap<u64, &str> = note
        .lines()
        .map(|line| line.split_once(' ').expect("inode and name"))
        .map(|(inode, name)| (inode.parse().expect("a number"), name))
        .collect();
    for entry in fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry")) {
        let inode = entry.metadata().expect("metadata").ino();
        match covered.get(&inode) {
            Some(name) if **name == *entry.file_name() => {}
            Some(name) => fs::rename(entry.path(), folder.join(name)).expect("renamed back"),
            None => fs::remove_file(entry.path()).expect("removed"),
        }
    }
}

/// A process whose syncs are written down in `notes`, with a topic of small segments open.
fn noted(place: &Scratch, data: &Path, notes: &Path, rules: &[Rule]) -> Puppet {
    fs::create_dir(notes).expect("folder");
    let mut command = child::part("puppet", data);
    command.env("LD_PRELOAD", notary(place)).env("CKAFKA_POWER", notes);
    let mut only = Puppet::spawn(command, rules);
    only.must("open");
    only.must(&format!("create {TOPIC} 1 segment.bytes=20000"));
    only.must(&format!("log {TOPIC} 0"));
    only
}

#[test]
fn names_are_durable_before_what_is_in_them() {
    needs(&[Rule::DirectorySync], |rules| {
        let place = Scratch::new("power-names");
        let (data, notes) = (place.join("data"), place.join("notes"));
        let mut only = noted(&place, &data, &notes, rules);
        for round in 0..3 {
            only.must("append 37 1000");
            only.must("sync");
            ensure(only.number("durable_end") == 37 * (round + 1), "all is durable")?;
        }
        ensure(only.number("rolls") > 3, "it did not roll")?;
        only.kill();
        cut_power(&data.join(PARTITION), &notes);
        let (directory, log) = logs::reopen(&data);
        let end = log.watermarks().end;
        let found = logs::read_all(&log).len();
        logs::close((directory, log));
        ensure(found == 111 && end == 111, format!("{found} records up to {end}, 111 were durable"))
    });
}

/// Below the recovery point indexes are left as they are after a crash: also those of a segment that the point before lay in the middle of.
#[test]
fn indexes_below_the_recovery_point_were_synced_as_they_are() {
    let place = Scratch::new("power-indexes");
    let (data, notes) = (place.join("data"), place.join("notes"));
    let mut only = noted(&place, &data, &notes, &[]);
    for _ in 0..4 {
        // A segment has room for 18 of them.
        only.must("append 28 1000");
        only.must("checkpoint");
    }
    let partition = data.join(PARTITION);
    let synced = fs::read_to_string(notes.join("files")).expect("syncs are noted");
    let bases = segment_bases(&partition);
    assert!(bases.len() > 5, "it did not roll");
    for base in &bases[..bases.len() - 1] {
        for kind in ["log", "index", "timeindex"] {
            let file = fs::metadata(segment_file(&partition, *base, kind)).expect("it is there");
            let line = format!("{} {}", file.ino(), file.len());
            assert!(
                synced.lines().any(|noted| noted == line),
                "{base}.{kind} has {} bytes that were not synced",
                file.len()
            );
        }
    }
}
