//! A process that is killed takes nothing with it: what an append had returned for is there after the next open, in order, and the log goes on.
//!
//! The appender runs in a process of its own and is killed at a random moment, round after round on one directory. It says each offset
//! once the append has returned; the parent holds it to that.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::path::Path;
use std::time::Duration;

use common::child::{self, Running};
use common::logs::{self, Owned};
use common::random::{Random, seeds};
use common::scratch::Scratch;

const T: i64 = 1_700_000_000_000;

/// What stands at an offset, whoever wrote it and however it was batched.
fn record_at(offset: i64) -> Owned {
    let size = (offset * 37 % 500) as usize;
    let value = format!("{offset} {}", "x".repeat(size));
    Owned { offset, ..Owned::new(T + offset, value) }
}

fn batch_at(offset: i64) -> Vec<Owned> {
    (offset..offset + 1 + offset % 4).map(record_at).collect()
}

/// Kills an appender again and again; how many records there are in the end.
fn kill_rounds(place: &Scratch, part: &str, rounds: usize, seed: u64) -> i64 {
    println!("CKAFKA_TEST_SEED={seed}");
    let mut random = Random(seed);
    let mut end = 0;
    for round in 0..rounds {
        let mut appender = Running::start(part, place.path());
        let mut last = appender.next_number("last").expect("the first append");
        // Some kills after a number of appends, some after a time: the second kind hits anything, also a sync or a roll.
        for _ in 0..random.below(40) {
            last = appender.next_number("last").expect("an append");
        }
        std::thread::sleep(Duration::from_micros(random.below(20_000)));
        appender.kill();
        while let Some(more) = appender.next_number("last") {
            last = more;
        }
        end = check(place.path(), last, end, round);
    }
    end
}

/// Opens what a kill left: all that was acknowledged is there, and what is there is right. The new end.
fn check(path: &Path, acknowledged: i64, end_before: i64, round: usize) -> i64 {
    let (directory, log) = logs::reopen(path);
    let marks = log.watermarks();
    assert!(marks.end > acknowledged, "round {round}: acknowledged {acknowledged}, but the log ends at {}", marks.end);
    assert!(marks.end >= end_before, "round {round}: {} records, and {end_before} before", marks.end);
    let expected: Vec<Owned> = (0..marks.end).map(record_at).collect();
    logs::assert_same(&logs::read_all(&log), &expected);
    for offset in [0, marks.end / 2, marks.end - 1] {
        assert_eq!(log.offset_for_time(T + offset).expect("lookup"), Some((offset, T + offset)), "round {round}");
    }
    // Every other time the check dies too, so that recoveries follow each other.
    if round.is_multiple_of(2) {
        logs::close((directory, log));
    }
    marks.end
}

fn append_until_killed(settle: impl Fn(&ckafka::broker::Log, i64)) {
    let Some(path) = child::folder() else { return };
    let (directory, log) = logs::reopen(&path);
    loop {
        let offset = log.watermarks().end;
        let batch = batch_at(offset);
        let base_offset = logs::append(&log, &batch).expect("append");
        assert_eq!(base_offset, offset);
        let last = offset + batch.len() as i64 - 1;
        settle(&log, last);
        child::say("last", last);
        assert!(directory.topics().is_ok() && last < 1_000_000);
    }
}

#[test]
fn acknowledged_records_survive_their_process() {
    let place = Scratch::new("crash-durable");
    logs::close(logs::create(place.path(), &[("segment.bytes", "16384")]));
    let end = kill_rounds(&place, "part_that_appends_durably", 12, seeds()[0]);
    assert!(end > 100, "{end} records");
}

/// Appends that nobody waited for are in the page cache, which outlives the process; segments so small that most kills are near a roll.
#[test]
fn published_records_survive_their_process_and_rolls() {
    for (seed, codec) in [(21, "none"), (22, "lz4")] {
        let place = Scratch::new(&format!("crash-rolls-{codec}"));
        let settings = [("segment.bytes", "2048"), ("index.interval.bytes", "300"), ("compression.type", codec)];
        logs::close(logs::create(place.path(), &settings));
        let end = kill_rounds(&place, "part_that_appends", 10, seed);
        let segments = common::scratch::segment_bases(&place.join(logs::PARTITION)).len();
        assert!(segments > 10, "{end} records in {segments} segments");
    }
}

#[test]
#[ignore = "a part of the tests above, which run it in a process of its own"]
fn part_that_appends_durably() {
    append_until_killed(|log, last| {
        log.wait_durable(last, None).expect("durable");
        assert!(log.watermarks().durable > last);
    });
}

#[test]
#[ignore = "a part of the tests above, which run it in a process of its own"]
fn part_that_appends() {
    append_until_killed(|_, _| {});
}

/// Another process reads on, live, while its writer dies, and sees what the next writer appends.
#[test]
fn readers_outlive_the_writer() {
    let place = Scratch::new("crash-reader");
    logs::close(logs::create(place.path(), &[("segment.bytes", "4096")]));
    let mut appender = Running::start("part_that_appends", place.path());
    let first = appender.next_number("last").expect("an append");
    let (directory, log) = logs::reopen_for_reading(place.path());
    let mut read = logs::read_all(&log);
    assert!(read.len() as i64 > first);
    while read.len() < 200 {
        let next = read.len() as i64;
        read.extend(logs::read_from(&log, next));
    }
    appender.kill();
    let next = read.len() as i64;
    read.extend(logs::read_from(&log, next));
    let expected: Vec<Owned> = (0..read.len() as i64).map(record_at).collect();
    logs::assert_same(&read, &expected);
    logs::close((directory, log));
    let (directory, log) = logs::reopen(place.path());
    assert!(log.watermarks().end >= read.len() as i64, "what a reader saw stays");
    logs::close((directory, log));
}
