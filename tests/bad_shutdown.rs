//! A file system that is shut down under a writer and mounted again, by the same kernel in the same boot, brings the log back as its
//! disk has it, and beside it a control page of some other moment. The page is no evidence: the log decides, and all that was durable is there.
//!
//! On an ext4 image of the test's own, which takes root. The writer runs in a process of its own, so that nothing of it holds the mount.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use ckafka::broker::{Directory, OpenMode};
use common::child::{self, Running};
use common::logs::{self, Owned, PARTITION, TOPIC};
use common::random::{Random, seeds};
use common::scratch::Scratch;

const ROUNDS: u64 = 6;

/// Beside the mount, so that it is there when nothing is mounted.
const MOUNT: &str = "mkdir -p \"$D/disk\" && truncate -s 48M \"$D/image\" && mkfs.ext4 -q -F \"$D/image\" && mount -o loop \"$D/image\" \"$D/disk\"";

#[test]
fn durable_records_survive_a_shutdown_under_an_old_control_page() {
    let test = "durable_records_survive_a_shutdown_under_an_old_control_page";
    let needs = "root, loop devices, mkfs.ext4 and python3";
    if !nix::unistd::geteuid().is_root() || Command::new("python3").arg("-V").output().is_err() {
        return common::skip(test, needs);
    }
    let place = Scratch::new("shutdown");
    match child::in_own_mounts(MOUNT, "part_with_a_disk", place.path()) {
        Some(output) => child::assert_well(&output),
        None => common::skip(test, needs),
    }
}

/// Ends the file system as a pulled plug does: nothing more is written, not even its own journal.
fn shut_down(disk: &Path) {
    let script = "import fcntl, os, struct, sys\n\
                  fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
    run(Command::new("python3").args(["-c", script]).arg(disk));
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().expect("command starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn record_at(offset: i64) -> Owned {
    Owned {
        offset,
        ..Owned::new(1_700_000_000_000 + offset, format!("{offset} {}", "y".repeat((offset * 53 % 400) as usize)))
    }
}

#[test]
#[ignore = "a part of the test above, which runs it in a process of its own"]
fn part_with_a_disk() {
    let Some(path) = child::folder() else { return };
    let disk = path.join("disk");
    let seed = seeds()[0];
    println!("CKAFKA_TEST_SEED={seed}");
    let mut random = Random(seed);
    logs::close(logs::create(&disk.join("data"), &[("segment.bytes", "65536"), ("index.interval.bytes", "600")]));
    let mut end = 0;
    let mut old_pages = 0;
    for round in 0..ROUNDS {
        let mut writer = Running::start("part_that_writes", &disk);
        let mut durable = -1;
        // In step, so that at the end of it the last word said is known.
        let mut write = |count: u64| {
            for _ in 0..count {
                writer.tell();
                durable = writer.next_number("durable").expect("a durable record");
            }
        };
        write(2 + random.below(25));
        let control = disk.join("data").join(PARTITION).join("ckafka.control");
        // Every other time the page reaches the disk here, and the log goes on without it.
        if round % 2 == 0 {
            File::open(&control).and_then(|page| page.sync_all()).expect("the page is written");
            write(20);
        }
        writer.tell();
        shut_down(&disk);
        writer.kill();
        // What was said before is promised; what was being written when the plug was pulled may be there.
        run(Command::new("umount").arg(&disk));
        run(Command::new("mount").args(["-o", "loop"]).arg(path.join("image")).arg(&disk));
        let page = fs::read(&control).expect("the page is a file");
        // The published end, as docs/FORMAT.md has it. The check appends a record of its own.
        let said = i64::from_ne_bytes(page[128..136].try_into().expect("8 bytes"));
        end = check(&disk, durable, end, round);
        old_pages += i32::from(said != end - 1);
    }
    assert!(end > 100, "{end} records");
    assert!(old_pages > 0, "no page differed from its log: nothing was shown");
    println!("{end} records, {old_pages} old pages");
}

fn check(disk: &Path, durable: i64, end_before: i64, round: u64) -> i64 {
    let data = disk.join("data");
    for mode in [OpenMode::ReadOnly, OpenMode::ReadWrite] {
        let directory = logs::open(&data, mode);
        let log = directory.open_log(TOPIC, 0).expect("log opens");
        let end = log.watermarks().end;
        assert!(end > durable && end >= end_before, "round {round}: {durable} was durable, and the log ends at {end}");
        let expected: Vec<Owned> = (0..end).map(record_at).collect();
        logs::assert_same(&logs::read_all(&log), &expected);
        if mode == OpenMode::ReadWrite {
            let record = record_at(end);
            assert_eq!(logs::append(&log, std::slice::from_ref(&record)).expect("append"), end);
            log.wait_durable(end, None).expect("durable");
            logs::assert_same(&logs::read_from(&log, end), &[record]);
            // Sometimes in order, sometimes the next writer finds what this one abandoned.
            if round.is_multiple_of(3) {
                logs::close((directory, log));
            }
            return end + 1;
        }
        logs::close((directory, log));
    }
    end_before
}

/// Without stores into a map: a shut-down file system answers those with SIGBUS.
#[test]
#[ignore = "a part of the test above, which runs it in a process of its own"]
fn part_that_writes() {
    let Some(disk) = child::folder() else { return };
    let conf = logs::conf(&[("ckafka.append.mode", "pwrite")]);
    let directory = Directory::open(&disk.join("data"), &conf, OpenMode::ReadWrite).expect("opens");
    let log = directory.open_log(TOPIC, 0).expect("log opens");
    let append = || {
        let offset = log.watermarks().end;
        let batch: Vec<Owned> = (offset..offset + 1 + offset % 5).map(record_at).collect();
        logs::append(&log, &batch).map(|base_offset| assert_eq!(base_offset, offset))
    };
    while child::wait_to_be_told() {
        let last = log.watermarks().end;
        // Two batches on one sync; what fails is not said.
        if append().and_then(|()| append()).and_then(|()| log.wait_durable(log.watermarks().end - 1, None)).is_err() {
            break;
        }
        assert!(log.watermarks().end > last);
        child::say("durable", log.watermarks().end - 1);
        // And one more that nobody waits for.
        if append().is_err() {
            break;
        }
    }
    let _ = child::wait_to_be_told();
}

/// The same without a disk to pull: pages of every moment of a session beside the log of another, in both directions.
#[test]
fn control_page_of_any_moment_moves_nothing() {
    let place = Scratch::new("shutdown-pages");
    let data = place.join("data");
    let (directory, log) = logs::create(&data, &[("segment.bytes", "4096")]);
    let mut pages = Vec::new();
    for _ in 0..12 {
        for _ in 0..9 {
            let offset = log.watermarks().end;
            logs::append(&log, &[record_at(offset)]).expect("append");
        }
        pages.push(fs::read(data.join(PARTITION).join("ckafka.control")).expect("the page is a file"));
    }
    log.sync().expect("sync");
    let end = log.watermarks().end;
    drop((log, directory));
    for (number, page) in pages.iter().enumerate() {
        let copy = place.join("copy");
        let _ = fs::remove_dir_all(&copy);
        common::scratch::copy(&data, &copy);
        fs::write(copy.join(PARTITION).join("ckafka.control"), page).expect("page is put there");
        let (directory, log) = logs::reopen(&copy);
        assert_eq!(log.watermarks().end, end, "page {number}");
        logs::assert_same(&logs::read_all(&log), &(0..end).map(record_at).collect::<Vec<_>>());
        logs::close((directory, log));
    }
}
