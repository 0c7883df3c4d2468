//! Ten thousand partitions in a process that may have 1,024 descriptors: all of them are written, read and closed.
//!
//! In a process of its own, whose limit it lowers. On a file system in memory, where there is one: a new folder costs several syncs.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use ckafka::broker::{Conf, Directory, IoRoles, Log, OpenMode};
use ckafka::storage::config::ReaderConfig;
use ckafka::storage::reader::{Reader, Start};
use common::child;
use common::logs::{self, Owned, TOPIC};
use common::scratch::{self, Scratch};

const PARTITIONS: i32 = 10_000;
const DESCRIPTORS: usize = 1024;
/// More than they take.
const ROOM: u64 = 1200 << 20;

#[test]
fn ten_thousand_partitions_take_a_bounded_number_of_descriptors() {
    let scratch = Scratch::new("descriptors");
    let place = match scratch::memory(ROOM) {
        Some(memory) => memory.join(format!("ckafka-descriptors-{}", std::process::id())),
        None => scratch.join("data"),
    };
    fs::create_dir_all(&place).expect("folder");
    let mut part = child::part("part_with_ten_thousand_partitions", &place);
    let limited = format!("ulimit -Sn {DESCRIPTORS} && exec \"$@\"");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &limited, "sh"]).arg(part.get_program()).args(part.get_args());
    command.envs(part.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let output = command.output().expect("part runs");
    part.env_clear();
    fs::remove_dir_all(&place).expect("folder is removed");
    print!("{}", String::from_utf8_lossy(&output.stdout));
    child::assert_well(&output);
}

fn count_of(path: &str) -> usize {
    fs::read_dir(path).expect("listed").count()
}

fn maps() -> usize {
    fs::read_to_string("/proc/self/maps").expect("maps").lines().count()
}

fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1024
}

fn report(what: &str, begun: Instant) {
    let open = count_of("/proc/self/fd");
    println!("{what}: {:?}, {open} descriptors, {} maps, {} MiB resident", begun.elapsed(), maps(), resident_mib());
    assert!(open < DESCRIPTORS, "{what}: {open} descriptors are open");
}

fn append_to_all(all: &[Log], round: i64) {
    for (number, log) in all.iter().enumerate() {
        let offset = logs::append(log, &[Owned::new(round, format!("{number} {round}"))]).expect("append");
        assert_eq!(offset, round);
    }
}

fn opened(directory: &Arc<Directory>) -> Vec<Log> {
    (0..PARTITIONS).map(|partition| directory.open_log(TOPIC, partition).expect("log opens")).collect()
}

#[test]
#[ignore = "a part of the test above, which runs it in a process of its own"]
fn part_with_ten_thousand_partitions() {
    let Some(path): Option<PathBuf> = child::folder() else { return };
    let begun = Instant::now();
    let directory = Directory::open(&path, &Conf::new(), OpenMode::Create).expect("opens");
    let settings = logs::conf(&[("segment.bytes", "1048576")]);
    directory.create_topic(TOPIC, PARTITIONS, &settings).expect("topic is made");
    report("made", begun);
    let begun = Instant::now();
    let all = opened(&directory);
    report("opened", begun);
    directory.start_io_threads(IoRoles(IoRoles::FLUSH | IoRoles::PRETOUCH)).expect("threads start");
    for round in 0..2 {
        let begun = Instant::now();
        append_to_all(&all, round);
        report("appended to all", begun);
    }
    let begun = Instant::now();
    let mut readers: Vec<Reader> = all
        .iter()
        .map(|log| Reader::open(Arc::clone(log), Start::Earliest, ReaderConfig::default()).expect("reader opens"))
        .collect();
    for (number, reader) in readers.iter_mut().enumerate() {
        let view = reader.fetch(1 << 16, Some(std::time::Duration::ZERO)).expect("records");
        let records = logs::records_of(&view).expect("rows");
        assert_eq!(records[0].value.as_deref(), Some(format!("{number} 0").as_bytes()));
    }
    report("read all", begun);
    for (number, log) in all.iter().enumerate().step_by(7) {
        log.wait_durable(1, None).unwrap_or_else(|error| panic!("{number}: {error}"));
        assert_eq!(log.offset_for_time(1).expect("lookup"), Some((1, 1)));
    }
    report("looked up by time", begun);
    append_to_all(&all, 2);
    drop(readers);
    drop(all);
    let begun = Instant::now();
    directory.close().expect("closes");
    report("closed", begun);
    drop(directory);

    let begun = Instant::now();
    let directory = Directory::open(&path, &Conf::new(), OpenMode::ReadWrite).expect("opens");
    let all = opened(&directory);
    report("opened again", begun);
    assert!(all.iter().all(|log| log.watermarks().end == 3));
    drop(all);
    let begun = Instant::now();
    directory.close().expect("closes");
    report("closed untouched", begun);
}
