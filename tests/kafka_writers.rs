//! What many writers left behind passes Kafka's own tools: closed in order, killed and opened again, and killed with a broker that comes next.

#![cfg(feature = "break-rules")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[path = "oracle/oracle.rs"]
mod oracle;
#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod protocol;

use std::path::PathBuf;

use common::logs::{self, PARTITION, TOPIC};
use common::scratch::{Scratch, segment_bases, segment_file};
use oracle::{Oracle, Verdict, files_of};
use protocol::puppet::Puppet;
use protocol::{play, truth};

const WRITERS: usize = 4;
const INDEX_INTERVAL: &str = "512";

#[test]
#[ignore = "a process of the tests below"]
fn puppet() {
    play::live();
}

/// How the writers end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Killed,
}

/// Several processes append at once and roll; one is killed in the midst of it, and the others end as is said.
fn written(name: &str, end: End) -> Scratch {
    let place = Scratch::new(name);
    let settings = [("segment.bytes", "60000"), ("index.interval.bytes", INDEX_INTERVAL)];
    logs::close(logs::create(place.path(), &settings));
    let mut writers: Vec<Puppet> = (0..WRITERS)
        .map(|_| {
            let mut puppet = Puppet::start(place.path(), &[]);
            puppet.must("open");
            puppet.must(&format!("log {TOPIC} 0"));
            puppet
        })
        .collect();
    for (number, writer) in writers.iter_mut().enumerate() {
        writer.tell(&format!("append 300 {}", 100 + 130 * number));
    }
    for writer in &mut writers {
        writer.reply().expect("alive").expect("append");
    }
    // Some in the middle of what they do.
    for (number, writer) in writers.iter_mut().enumerate() {
        writer.tell(&format!("append 3000 {}", 90 + 70 * number));
    }
    std::thread::sleep(std::time::Duration::from_millis(30));
    writers[0].kill();
    for writer in &mut writers[1..] {
        match end {
            End::Killed => writer.kill(),
            End::Closed => {
                writer.reply().expect("alive").expect("append");
                writer.must("close");
            }
        }
    }
    assert!(segment_bases(&place.join(PARTITION)).len() > 3, "it did not roll");
    place
}

fn partition(place: &Scratch) -> PathBuf {
    place.join(PARTITION)
}

fn is_clean(oracle: &Oracle, place: &Scratch) {
    let verdict = oracle.dump(&["-q"], &files_of(&partition(place)));
    assert_eq!(verdict.status, 0, "{}", verdict.said);
    let interval = format!("index.interval.bytes={INDEX_INTERVAL}");
    for mode in ["recover", "clean"] {
        let verdict = oracle.adopt(&["-x", "-m", mode, "-c", &interval], &partition(place));
        assert_eq!(verdict.status, 0, "{mode}: {}", verdict.said);
    }
}

#[test]
#[ignore = "starts real brokers: make check-broker"]
fn broker_takes_over_what_many_writers_closed() {
    let Some(oracle) = Oracle::find("broker_takes_over_what_many_writers_closed") else { return };
    let place = written("kafka-writers-closed", End::Closed);
    is_clean(&oracle, &place);
}

#[test]
#[ignore = "starts real brokers: make check-broker"]
fn broker_takes_over_what_was_killed_and_opened_again() {
    let Some(oracle) = Oracle::find("broker_takes_over_what_was_killed_and_opened_again") else { return };
    let place = written("kafka-writers-killed", End::Killed);
    logs::close(logs::reopen(place.path()));
    is_clean(&oracle, &place);
}

/// Nobody of us has mended it: what lies behind the last batch of the newest segment is all that the broker may cut, and every file before it is as it should be.
#[test]
#[ignore = "starts real brokers: make check-broker"]
fn broker_recovers_what_was_killed_itself() {
    let Some(oracle) = Oracle::find("broker_recovers_what_was_killed_itself") else { return };
    let place = written("kafka-writers-raw", End::Killed);
    let bases = segment_bases(&partition(&place));
    let newest = bases.last().copied().expect("a segment");
    // A roll that was cut has put the indexes of its segment in their place, and not the log yet.
    let is_finished = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.split('.').next().and_then(|base| base.parse::<i64>().ok()).is_none_or(|base| base < newest)
    };
    let finished: Vec<PathBuf> = files_of(&partition(&place)).into_iter().filter(is_finished).collect();
    let verdict = oracle.dump(&["-q"], &finished);
    assert_eq!(verdict.status, 0, "finished segments: {}", verdict.said);
    let Verdict { said, .. } = oracle.adopt(&["-m", "recover"], &partition(&place));
    let name = format!("{newest:020}.log");
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("is not what was put there")).collect();
    // Our own recovery, of the same files, says where the log ends.
    logs::close(logs::reopen(place.path()));
    let whole = std::fs::metadata(segment_file(&partition(&place), newest, "log")).expect("size").len();
    let expected = format!("{whole} after");
    assert!(complaints.iter().all(|line| line.contains(&name) && line.contains(&expected)), "{expected}: {said}");
    assert!(!said.contains("ERROR") && !said.contains("stray"), "{said}");
    truth::files_are_right(&partition(&place), 512).unwrap_or_else(|what| panic!("{what}"));
}
