//! Directories, topics and logs opened in a line, records appended and read back.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ckafka::broker::{Conf, Directory, Log, OpenMode};
use ckafka::error::{Error, Result};
use ckafka::storage::config::ReaderConfig;
use ckafka::storage::partition::{PartitionLog, Record};
use ckafka::storage::reader::{Reader, Start};
use ckafka::storage::view::View;

/// The topic of tests that need one.
pub const TOPIC: &str = "events";

/// The folder of its first partition.
pub const PARTITION: &str = "events-0";

/// A record that nobody lends.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Owned {
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<u8>,
}

impl std::fmt::Debug for Owned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_ref().map(|bytes| String::from_utf8_lossy(&bytes[..bytes.len().min(24)]).into_owned())
        };
        let (key, value) = (text(&self.key), text(&self.value));
        write!(f, "{}@{} {key:?}={value:?} +{}", self.offset, self.timestamp, self.headers.len())
    }
}

impl Owned {
    /// With a value alone; the offset is known once it is appended.
    pub fn new(timestamp: i64, value: impl Into<Vec<u8>>) -> Self {
        Self { timestamp, value: Some(value.into()), ..Self::default() }
    }

    fn lend(&self) -> Record<'_> {
        let (key, value) = (self.key.as_deref(), self.value.as_deref());
        Record { timestamp: self.timestamp, key, value, headers: &self.headers }
    }
}

/// Configuration with these values.
pub fn conf(values: &[(&str, &str)]) -> Conf {
    let mut conf = Conf::new();
    for (key, value) in values {
        conf.set(key, value).unwrap_or_else(|error| panic!("{key}={value}: {error}"));
    }
    conf
}

/// Opens a directory.
#[track_caller]
pub fn open(path: &Path, mode: OpenMode) -> Arc<Directory> {
    Directory::open(path, &Conf::new(), mode).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A new directory with [`TOPIC`], one partition, these settings; and its log.
#[track_caller]
pub fn create(path: &Path, values: &[(&str, &str)]) -> (Arc<Directory>, Log) {
    let directory = open(path, OpenMode::Create);
    directory.create_topic(TOPIC, 1, &conf(values)).expect("topic is created");
    let log = directory.open_log(TOPIC, 0).expect("log opens");
    (directory, log)
}

/// The directory and the log of [`TOPIC`] again.
#[track_caller]
pub fn reopen(path: &Path) -> (Arc<Directory>, Log) {
    let directory = open(path, OpenMode::ReadWrite);
    let log = directory.open_log(TOPIC, 0).expect("log opens");
    (directory, log)
}

/// The same for reading only.
#[track_caller]
pub fn reopen_for_reading(path: &Path) -> (Arc<Directory>, Log) {
    let directory = open(path, OpenMode::ReadOnly);
    let log = directory.open_log(TOPIC, 0).expect("log opens");
    (directory, log)
}

/// Closes in order.
#[track_caller]
pub fn close((directory, log): (Arc<Directory>, Log)) {
    drop(log);
    directory.close().expect("directory closes");
}

/// Appends records as one batch.
pub fn append(log: &PartitionLog, records: &[Owned]) -> Result<i64> {
    log.append(records.iter().map(|record| Ok(record.lend())))
}

/// Appends one batch after another, each with its number as value and time; the records as they must be read.
pub fn append_numbered(log: &PartitionLog, numbers: std::ops::Range<i64>, per_batch: usize) -> Vec<Owned> {
    let numbers: Vec<i64> = numbers.collect();
    let mut all = Vec::new();
    for chunk in numbers.chunks(per_batch) {
        let mut records: Vec<Owned> =
            chunk.iter().map(|n| Owned::new(1_700_000_000_000 + n, format!("value {n:08}"))).collect();
        let base_offset = append(log, &records).expect("append");
        for (offset, record) in (base_offset..).zip(&mut records) {
            record.offset = offset;
        }
        all.append(&mut records);
    }
    all
}

/// The records of a view.
pub fn records_of(view: &View) -> Result<Vec<Owned>> {
    let base = view.base();
    let part = |position: u64, len: i32| {
        let start = usize::try_from(position).expect("a position in memory");
        usize::try_from(len).ok().map(|len| base[start..start + len].to_vec())
    };
    let rows = view.rows()?.iter();
    Ok(rows
        .map(|row| Owned {
            offset: row.offset,
            timestamp: row.timestamp,
            key: part(row.key_position, row.key_len),
            value: part(row.value_position, row.value_len),
            headers: part(row.headers_position, row.headers_len).unwrap_or_default(),
        })
        .collect())
}

/// Reads from a start to the end, or to the error that stopped it, with what came before.
pub fn read_until(log: &Log, start: Start, config: ReaderConfig) -> (Vec<Owned>, Option<Error>) {
    let mut records = Vec::new();
    let mut reader = match Reader::open(Arc::clone(log), start, config) {
        Ok(reader) => reader,
        Err(error) => return (records, Some(error)),
    };
    loop {
        match reader.fetch(64 << 10, Some(Duration::ZERO)).and_then(|view| records_of(&view)) {
            Ok(mut more) => records.append(&mut more),
            Err(Error::TimedOut { .. }) => return (records, None),
            Err(error) => return (records, Some(error)),
        }
    }
}

/// Reads everything from an offset on.
#[track_caller]
pub fn read_from(log: &Log, offset: i64) -> Vec<Owned> {
    match read_until(log, Start::At(offset), ReaderConfig::default()) {
        (records, None) => records,
        (records, Some(error)) => panic!("after {} records: {error}", records.len()),
    }
}

/// Reads everything.
#[track_caller]
pub fn read_all(log: &Log) -> Vec<Owned> {
    read_from(log, log.watermarks().low)
}

/// Fails at the first record that differs, without printing all of them.
#[track_caller]
pub fn assert_same(found: &[Owned], expected: &[Owned]) {
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found, expected, "record number {n}");
    }
    assert_eq!(found.len(), expected.len(), "records");
}
