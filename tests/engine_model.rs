//! Whatever is done to a log, in whatever order, it holds what a map from offsets to records would hold.
//!
//! Random batches, rolls, orderly and abandoned sessions, reads from any offset with any limit, seeks by time: each step is done to both and the answers
//! are compared. A failure prints the seed; `CKAFKA_TEST_SEED` repeats it.

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ckafka::Error;
use ckafka::broker::{Directory, Log};
use ckafka::record::{Codec, headers};
use ckafka::storage::config::{ReadMode, ReaderConfig};
use ckafka::storage::reader::{Reader, Start};
use common::logs::{self, Owned};
use common::random::{Random, seeds};
use common::scratch::Scratch;

const PER_SEED: Duration = Duration::from_millis(1500);
const STEPS_LEAST: usize = 60;

struct Both {
    place: Scratch,
    random: Random,
    model: BTreeMap<i64, Owned>,
    open: Option<(Arc<Directory>, Log)>,
    time: i64,
}

impl Both {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let place = Scratch::new(&format!("model-{seed}"));
        let codecs: Vec<Codec> = Codec::ALL.into_iter().filter(|codec| codec.is_available()).collect();
        let codec = codecs[random.below(codecs.len() as u64) as usize].name();
        let segment_bytes = (4096 + random.below(40_000)).to_string();
        let interval = random.below(3000).to_string();
        let settings = [
            ("compression.type", codec),
            ("segment.bytes", segment_bytes.as_str()),
            ("index.interval.bytes", interval.as_str()),
            ("segment.ms", if random.below(2) == 0 { "50000" } else { "604800000" }),
        ];
        println!("CKAFKA_TEST_SEED={seed}: {settings:?}");
        let open = Some(logs::create(place.path(), &settings));
        Self { place, random, model: BTreeMap::new(), open, time: 1_700_000_000_000 }
    }

    fn log(&self) -> &Log {
        &self.open.as_ref().expect("open between steps").1
    }

    fn end(&self) -> i64 {
        self.model.last_key_value().map_or(0, |(offset, _)| offset + 1)
    }

    fn record(&mut self) -> Owned {
        // Mostly forward, sometimes back, and with equal ones.
        self.time += self.random.below(300) as i64 - 60;
        let random = &mut self.random;
        let mut part = |size: u64| match random.below(6) {
            0 => None,
            1 => Some(Vec::new()),
            _ => {
                let size = random.below(size) as usize;
                Some(random.bytes(size))
            }
        };
        let mut record = Owned { timestamp: self.time, key: part(40), value: part(400), ..Owned::default() };
        if let Some(value) = part(20) {
            headers::append(&mut record.headers, "name", Some(&value)).expect("header");
            headers::append(&mut record.headers, "name", None).expect("header");
        }
        record
    }

    fn append(&mut self) {
        let mut records: Vec<Owned> = (0..1 + self.random.below(20)).map(|_| self.record()).collect();
        let base_offset = match logs::append(self.log(), &records) {
            Err(Error::BatchExceedsSegment { .. }) => return,
            appended => appended.expect("append"),
        };
        assert_eq!(base_offset, self.end());
        for (offset, record) in (base_offset..).zip(&mut records) {
            record.offset = offset;
            self.model.insert(offset, record.clone());
        }
        if self.random.below(4) == 0 {
            let last = self.end() - 1;
            self.log().wait_durable(last, Some(Duration::from_secs(20))).expect("durable");
            assert!(self.log().watermarks().durable > last);
        }
    }

    fn read(&mut self) {
        let start = self.random.below(self.end() as u64 + 1) as i64;
        let max_bytes = 1 + self.random.below(10_000) as usize;
        let read_mode = if self.random.below(2) == 0 { ReadMode::Map } else { ReadMode::Copy };
        let config = ReaderConfig { read_mode, ..ReaderConfig::default() };
        let mut reader = Reader::open(Arc::clone(self.log()), Start::At(start), config).expect("reader opens");
        let mut expected = self.model.range(start..);
        for _ in 0..1 + self.random.below(30) {
            match reader.fetch(max_bytes, Some(Duration::ZERO)) {
                Ok(view) => {
                    let records = logs::records_of(&view).expect("records");
                    assert!(!records.is_empty(), "a view of nothing at {}", reader.position());
                    for record in records {
                        assert_eq!(Some(&record), expected.next().map(|(_, record)| record), "from {start}");
                    }
                }
                Err(Error::TimedOut { .. }) => {
                    assert_eq!(expected.next(), None, "the end came early, from {start}");
                    assert_eq!(reader.position(), self.end());
                    return;
                }
                Err(error) => panic!("from {start}: {error}"),
            }
        }
    }

    fn seek_time(&mut self) {
        let back = self.random.below(60 * self.model.len() as u64 + 500) as i64;
        let time = self.time + 200 - back;
        let expected = self.model.values().find(|record| record.timestamp >= time);
        let mut reader =
            Reader::open(Arc::clone(self.log()), Start::Earliest, ReaderConfig::default()).expect("reader opens");
        let found = reader.seek_time(time).expect("seek");
        assert_eq!(found, expected.map(|record| (record.offset, record.timestamp)), "time {time}");
        assert_eq!(reader.position(), expected.map_or(self.end(), |record| record.offset));
        assert_eq!(self.log().offset_for_time(time).expect("lookup"), found);
    }

    fn check_edges(&self) {
        let open = |start| Reader::open(Arc::clone(self.log()), start, ReaderConfig::default());
        for outside in [-1, self.end() + 1, i64::MAX] {
            match open(Start::At(outside)) {
                Err(Error::OffsetOutOfRange { offset, start: 0, end, .. }) => {
                    assert_eq!((offset, end), (outside, self.end()))
                }
                other => panic!("offset {outside}: {other:?}"),
            }
        }
        assert_eq!(open(Start::Latest).expect("reader opens").position(), self.end());
        let marks = self.log().watermarks();
        assert_eq!((marks.low, marks.end), (0, self.end()));
        assert!(marks.durable <= marks.end);
    }

    /// Ends the session, in order or by letting everything go as a dying process would, and begins another.
    fn reopen(&mut self) {
        let (directory, log) = self.open.take().expect("open between steps");
        let durable_before = log.watermarks().durable;
        drop(log);
        if self.random.below(2) == 0 {
            directory.close().expect("close");
        }
        drop(directory);
        self.open = Some(logs::reopen(self.place.path()));
        let marks = self.log().watermarks();
        assert_eq!(marks.end, self.end(), "everything published is there, also where the session was abandoned");
        assert!(marks.durable >= 0 && (durable_before < 0 || marks.durable <= marks.end));
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..=54 => self.append(),
            55..=79 => self.read(),
            80..=91 => self.seek_time(),
            92..=95 => self.check_edges(),
            _ => self.reopen(),
        }
    }
}

#[test]
fn log_equals_its_model() {
    for seed in seeds() {
        let mut both = Both::new(seed);
        let begun = Instant::now();
        let mut steps = 0;
        while steps < STEPS_LEAST || begun.elapsed() < PER_SEED {
            both.step();
            steps += 1;
        }
        both.reopen();
        let expected: Vec<Owned> = both.model.values().cloned().collect();
        logs::assert_same(&logs::read_all(both.log()), &expected);
        println!("{steps} steps, {} records", expected.len());
        logs::close(both.open.take().expect("open between steps"));
    }
}
