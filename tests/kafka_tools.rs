//! Kafka's own tools find nothing wrong in what this library wrote: rolled, closed, opened again, appended to, with each codec.
//!
//! `dump-log.sh` reads every segment, index and snapshot; `adopt.sh` has a real broker recover the partition, rebuild its indexes and
//! compare them with ours byte for byte (`-x -m recover`), and take it over as cleanly closed (`-m clean`).

#[path = "oracle/oracle.rs"]
mod oracle;

use std::path::{Path, PathBuf};

use ckafka::broker::{Conf, Directory, OpenMode};
use ckafka::storage::partition::Record;
use oracle::{Oracle, files_of};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
const INDEX_INTERVAL: &str = "512";

fn conf(values: &[(&str, &str)]) -> Conf {
    let mut conf = Conf::new();
    for (key, value) in values {
        conf.set(key, value).expect("a known key");
    }
    conf
}

/// A small generator of numbers, so that a run can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn append_some(directory: &std::sync::Arc<Directory>, topic: &str, dice: &mut Dice, batches: usize) {
    let log = directory.open_log(topic, 0).expect("the log opens");
    for _ in 0..batches {
        let count = [1, 1, 7, 50][dice.roll(4) as usize];
        let texts: Vec<(Vec<u8>, Vec<u8>, i64)> = (0..count)
            .map(|n| {
                let value: Vec<u8> = (0..dice.roll(300)).map(|_| b'a' + dice.roll(20) as u8).collect();
                let late = if dice.roll(8) == 0 { 40_000 } else { 0 };
                let time = 1_704_067_200_000 + (log.published_end() + n) * 1000 - late;
                (format!("key-{n}").into_bytes(), value, time)
            })
            .collect();
        let records = texts.iter().map(|(key, value, timestamp)| {
            Ok(Record { timestamp: *timestamp, key: Some(key), value: Some(value), headers: b"\x02h\x02x" })
        });
        log.append(records).expect("the batch is appended");
    }
}

/// A directory with a topic a codec: rolled, closed, reopened, appended to, closed.
fn write(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    let mut dice = Dice(7);
    for round in 0..3 {
        let directory = Directory::open(&path, &Conf::new(), OpenMode::Create).expect("the directory opens");
        for codec in CODECS {
            let topic = format!("written-{codec}");
            if round == 0 {
                let conf = conf(&[
                    ("compression.type", codec),
                    ("segment.bytes", "40000"),
                    ("index.interval.bytes", INDEX_INTERVAL),
                ]);
                directory.create_topic(&topic, 1, &conf).expect("the topic is made");
            }
            append_some(&directory, &topic, &mut dice, if round == 1 { 1 } else { 60 });
        }
        directory.close().expect("a clean close");
    }
    path
}

#[test]
fn kafkas_dump_tool_finds_nothing_in_what_we_write() {
    let Some(oracle) = Oracle::find("kafkas_dump_tool_finds_nothing_in_what_we_write") else { return };
    let path = write("kafka_tools_dump");
    for codec in CODECS {
        let partition = path.join(format!("written-{codec}-0"));
        let files = files_of(&partition);
        let logs = files.iter().filter(|file| file.extension().is_some_and(|e| e == "log")).count();
        assert!(logs >= 3, "{codec}: {logs} segments, expected some rolls");
        let verdict = oracle.dump(&["-q"], &files);
        assert_eq!(verdict.status, 0, "{codec}: {}", verdict.said);
    }
}

#[test]
#[ignore = "starts real brokers: make test-all"]
fn a_real_broker_recovers_what_we_write_and_rebuilds_the_same_indexes() {
    let Some(oracle) = Oracle::find("a_real_broker_recovers_what_we_write") else { return };
    let path = write("kafka_tools_recover");
    let interval = format!("index.interval.bytes={INDEX_INTERVAL}");
    for codec in CODECS {
        let verdict = oracle.adopt(&["-x", "-m", "recover", "-c", &interval], &path.join(format!("written-{codec}-0")));
        assert_eq!(verdict.status, 0, "{codec}: {}", verdict.said);
    }
}

#[test]
#[ignore = "starts real brokers: make test-all"]
fn a_real_broker_takes_over_what_we_closed_cleanly() {
    let Some(oracle) = Oracle::find("a_real_broker_takes_over") else { return };
    let path = write("kafka_tools_clean");
    let interval = format!("index.interval.bytes={INDEX_INTERVAL}");
    for codec in CODECS {
        let verdict = oracle.adopt(&["-x", "-m", "clean", "-c", &interval], &path.join(format!("written-{codec}-0")));
        assert_eq!(verdict.status, 0, "{codec}: {}", verdict.said);
    }
}
