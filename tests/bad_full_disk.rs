//! A full disk fails the append that needs room, and nothing else: what was there stays, and once there is room the same handle appends on.
//!
//! On small file systems of the test's own: a tmpfs, and an ext4 image, which takes root. After a failed growth ext4 keeps a part of it.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use ckafka::Error;
use ckafka::broker::{Conf, Directory, Log, OpenMode};
use common::child;
use common::logs::{self, Owned, TOPIC};
use common::scratch::Scratch;

/// Kind and mount of each.
const DISKS: [(&str, &str); 2] = [
    ("tmpfs", "mkdir \"$D/disk\" && mount -t tmpfs -o size=8m,mode=755 none \"$D/disk\""),
    (
        "ext4",
        "mkdir \"$D/disk\" && truncate -s 12M \"$D/image\" && mkfs.ext4 -q -F -m 0 \"$D/image\" && \
         mount -o loop \"$D/image\" \"$D/disk\" && rmdir \"$D/disk/lost+found\"",
    ),
];

/// Room that an append may need beside its own bytes: pages of log and index, blocks that the file system keeps for its own tables.
const FREE_MOST: u64 = 24 << 10;

fn on_small_disks(test: &str, part: &str) {
    for (kind, mount) in DISKS {
        let place = Scratch::new(&format!("full-disk-{part}-{kind}"));
        match child::in_own_mounts(mount, part, place.path()) {
            Some(output) => child::assert_well(&output),
            None => common::skip(test, &format!("to be allowed mounts of its own, here of {kind}")),
        }
    }
}

fn disk() -> Option<PathBuf> {
    child::folder().map(|folder| folder.join("disk"))
}

/// Takes all room but about `left` bytes.
fn take_room(path: &Path, left: u64) {
    let mut ballast = File::create(path.join("ballast")).expect("ballast opens");
    for piece in [64 << 10, 1 << 10] {
        while ballast.write_all(&vec![1; piece]).and_then(|()| ballast.sync_data()).is_ok() {}
    }
    let size = ballast.metadata().expect("ballast has a size").len();
    ballast.set_len(size.saturating_sub(left)).and_then(|()| ballast.sync_all()).expect("ballast is cut");
}

/// Appends until the disk is full; what was appended.
fn fill(log: &Log, expected: &mut Vec<Owned>, size: usize) {
    for _ in 0..200_000 {
        let offset = log.watermarks().end;
        let record = Owned { offset, ..Owned::new(1_700_000_000_000 + offset, vec![b'a' + (offset % 26) as u8; size]) };
        match logs::append(log, std::slice::from_ref(&record)) {
            Ok(base_offset) => {
                assert_eq!(base_offset, offset);
                expected.push(record);
            }
            Err(error @ Error::DiskFull { .. }) => {
                assert!(error.to_string().contains("no space"), "{error}");
                return;
            }
            Err(error) => panic!("after {} records: {error:?}", expected.len()),
        }
    }
    panic!("the disk never was full");
}

fn fill_free_and_go_on(path: &Path, settings: &[(&str, &str)], mode: &str, size: usize, free_most: u64) {
    let conf = logs::conf(&[("ckafka.append.mode", mode)]);
    let directory = Directory::open(path, &conf, OpenMode::Create).expect("opens");
    directory.create_topic(TOPIC, 1, &logs::conf(settings)).expect("created");
    let log = directory.open_log(TOPIC, 0).expect("log opens");
    let mut expected = Vec::new();
    for left in [400 << 10, 100 << 10, 64 << 10] {
        take_room(path, left);
        fill(&log, &mut expected, size);
        let free = nix::sys::statvfs::statvfs(path).expect("statvfs");
        let free = free.blocks_available() * free.fragment_size();
        assert!(free < free_most + size as u64, "{free} bytes are free, and an append of {size} found no room");
        let count = expected.len();
        // Full is full, each time: the log has not failed, and what is in it can be read and made durable.
        for _ in 0..3 {
            fill(&log, &mut expected, size);
        }
        assert!(expected.len() - count < 3 * (32 << 10) / size, "{count}, then {}", expected.len());
        logs::assert_same(&logs::read_all(&log), &expected);
        log.sync().expect("what was appended becomes durable");
        fs::remove_file(path.join("ballast")).expect("room is made");
        let offset = log.watermarks().end;
        let record = Owned { offset, ..Owned::new(1_700_000_000_000 + offset, "room again") };
        assert_eq!(logs::append(&log, std::slice::from_ref(&record)).expect("append"), offset);
        expected.push(record);
    }
    logs::assert_same(&logs::read_all(&log), &expected);
    logs::close((directory, log));
    let (directory, log) = logs::reopen(path);
    logs::assert_same(&logs::read_all(&log), &expected);
    logs::append(&log, &[Owned::new(1, "on")]).expect("append");
    logs::close((directory, log));
    fs::remove_dir_all(path.join(logs::PARTITION)).expect("room for the next");
    fs::remove_file(path.join("recovery-point-offset-checkpoint")).expect("room for the next");
}

#[test]
fn full_disk_fails_the_append_that_needs_room() {
    on_small_disks("full_disk_fails_the_append_that_needs_room", "part_with_large_segments");
}

#[test]
#[ignore = "a part of the test above, which runs it in a process of its own"]
fn part_with_large_segments() {
    let Some(path) = disk() else { return };
    for mode in ["mmap", "pwrite"] {
        fill_free_and_go_on(&path, &[], mode, 3000, FREE_MOST);
    }
}

#[test]
fn full_disk_at_a_roll_fails_the_append_that_rolls() {
    on_small_disks("full_disk_at_a_roll_fails_the_append_that_rolls", "part_with_small_segments");
}

#[test]
#[ignore = "a part of the test above, which runs it in a process of its own"]
fn part_with_small_segments() {
    let Some(path) = disk() else { return };
    for mode in ["mmap", "pwrite"] {
        // A roll makes a segment of the next size ready first.
        fill_free_and_go_on(&path, &[("segment.bytes", "65536")], mode, 1000, FREE_MOST + 65536);
    }
}

#[test]
fn full_disk_at_an_index_fails_the_append_that_needs_the_entry() {
    on_small_disks("full_disk_at_an_index_fails_the_append_that_needs_the_entry", "part_with_large_indexes");
}

#[test]
#[ignore = "a part of the test above, which runs it in a process of its own"]
fn part_with_large_indexes() {
    let Some(path) = disk() else { return };
    for mode in ["mmap", "pwrite"] {
        fill_free_and_go_on(&path, &[("index.interval.bytes", "0")], mode, 250, FREE_MOST);
    }
}

#[test]
fn full_disk_at_open_and_create_is_said() {
    on_small_disks("full_disk_at_open_and_create_is_said", "part_that_creates");
}

#[test]
#[ignore = "a part of the test above, which runs it in a process of its own"]
fn part_that_creates() {
    let Some(path) = disk() else { return };
    let data = path.join("data");
    fs::create_dir(&data).expect("folder");
    take_room(&path, 0);
    match Directory::open(&data, &Conf::new(), OpenMode::Create) {
        Err(error @ Error::DiskFull { .. }) => assert!(error.to_string().contains("no space"), "{error}"),
        other => panic!("{:?}", other.err()),
    }
    fs::remove_file(path.join("ballast")).expect("room is made");
    let directory = logs::open(&data, OpenMode::Create);
    take_room(&path, 8 << 10);
    match directory.create_topic("large", 20, &Conf::new()) {
        Err(Error::DiskFull { .. }) => {}
        other => panic!("{other:?}"),
    }
    fs::remove_file(path.join("ballast")).expect("room is made");
    let topics = directory.topics().expect("list");
    assert!(!topics.contains("large"), "nothing is left of what could not be created: {topics}");
    directory.create_topic("large", 20, &Conf::new()).expect("created now");
    assert_eq!(
        logs::append(&directory.open_log("large", 19).expect("opens"), &[Owned::new(1, "v")]).expect("append"),
        0
    );
    directory.close().expect("closes");
}
