//! A log that is written by this process, and records that tell their offset.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ckafka::Error;
use ckafka::broker::{Conf, Directory, Log, OpenMode};
use ckafka::storage::config::{ReadMode, ReaderConfig};
use ckafka::storage::partition::Record;
use ckafka::storage::reader::{Reader, Start};
use ckafka::storage::view::View;

pub const POLL: Option<Duration> = Some(Duration::ZERO);

/// A folder of its own for a test.
pub fn scratch(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("read-{}-{name}-{number}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("scratch folder");
    folder
}

/// A log of topic `t` with these settings. The folder goes with it.
pub struct Live {
    pub log: Log,
    pub folder: PathBuf,
}

impl Live {
    pub fn create(name: &str, settings: &[(&str, &str)]) -> Self {
        let folder = scratch(name);
        let mut conf = Conf::new();
        conf.set("ckafka.filesystem.check", "false").expect("setting");
        for (key, value) in settings {
            conf.set(key, value).expect("setting");
        }
        let directory = Directory::open(&folder, &conf, OpenMode::Create).expect("directory");
        directory.create_topic("t", 1, &conf).expect("topic");
        Self { log: directory.open_log("t", 0).expect("log"), folder }
    }

    /// Appends a batch of `count` records that tell their offset: see [`assert_tells`].
    pub fn append(&self, count: usize) -> i64 {
        append(&self.log, count)
    }

    pub fn reader(&self, start: Start, read_mode: ReadMode) -> Reader {
        let config = ReaderConfig { read_mode, ..ReaderConfig::default() };
        Reader::open(Arc::clone(&self.log), start, config).expect("reader")
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The value of a record at `offset`: of lengths that differ.
pub fn value_at(offset: i64) -> Vec<u8> {
    let length = 8 + (offset as usize * 7) % 120;
    offset.to_be_bytes().into_iter().cycle().take(length).collect()
}

/// Its timestamp: most rise, one in eleven falls back.
pub fn timestamp_at(offset: i64) -> i64 {
    if offset % 11 == 5 { 1_000_000 + offset * 10 - 95 } else { 1_000_000 + offset * 10 }
}

pub fn append(log: &Log, count: usize) -> i64 {
    let first = log.published_end();
    let values: Vec<Vec<u8>> = (0..count as i64).map(|n| value_at(first + n)).collect();
    let records = values.iter().enumerate().map(|(index, value)| {
        let timestamp = timestamp_at(first + index as i64);
        Ok(Record { timestamp, key: None, value: Some(value), headers: &[] })
    });
    let base = log.append(records).expect("append");
    assert_eq!(base, first, "nobody else appends");
    base
}

/// Checks that each row of a view is what [`append`] wrote at its offset; the first offset and the one behind the last.
#[track_caller]
pub fn assert_tells(view: &View) -> (i64, i64) {
    let rows = view.rows().expect("rows");
    for (row, offset) in rows.iter().zip(rows[0].offset..) {
        assert_eq!(row.offset, offset);
        assert_eq!(row.timestamp, timestamp_at(offset));
        let value = &view.base()[row.value_position as usize..][..row.value_len as usize];
        assert_eq!(value, value_at(offset));
        assert_eq!(row.key_len, -1);
    }
    (rows[0].offset, rows[0].offset + rows.len() as i64)
}

/// Reads from the reader's position to the end; how many records, all of which tell.
#[track_caller]
pub fn drain(reader: &mut Reader, max_bytes: usize) -> i64 {
    let mut next = reader.position();
    let start = next;
    loop {
        match reader.fetch(max_bytes, POLL) {
            Ok(view) => {
                let (first, behind) = assert_tells(&view);
                assert_eq!(first, next, "records follow each other");
                assert_eq!(behind, view.next_offset());
                next = behind;
            }
            Err(Error::TimedOut { .. }) => return next - start,
            Err(error) => panic!("{error}"),
        }
    }
}
