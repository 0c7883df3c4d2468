//! Logs made byte by byte, that nobody writes, so that their bytes can be damaged.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ckafka::Error;
use ckafka::record::{BatchBuilder, Codec, Compression, TimestampType, stamp};
use ckafka::storage::config::{LogConfig, OnCorrupt, ReaderConfig};
use ckafka::storage::names::SegmentFile;
use ckafka::storage::partition::PartitionLog;
use ckafka::storage::reader::{Reader, Start};
use ckafka::storage::recovery::Inspected;
use ckafka::sys::Dir;

/// A record of the log: offset and value.
pub type Told = (i64, Vec<u8>);

/// A batch of the log.
#[derive(Debug, Clone)]
pub struct Made {
    pub base: i64,
    pub bytes: Vec<u8>,
    pub records: Vec<Told>,
}

/// A batch of `count` records from offset `base` on.
pub fn batch(base: i64, count: i64, codec: Codec) -> Made {
    let mut builder = BatchBuilder::new(Compression { codec, level: None }, TimestampType::CreateTime);
    let mut records = Vec::new();
    for offset in base..base + count {
        let value = format!("the value at {offset} {}", "x".repeat(offset as usize * 5 % 23)).into_bytes();
        builder.add(1_000_000 + offset, None, Some(&value), &[]).expect("record");
        records.push((offset, value));
    }
    let bytes = builder.finish(0).expect("batch");
    stamp(bytes, base, 3);
    Made { base, bytes: bytes.to_vec(), records }
}

/// Segments of batches in a folder of their own.
pub struct Folder {
    pub path: PathBuf,
    pub segments: Vec<Vec<Made>>,
    pub end: i64,
}

impl Folder {
    /// `counts`: for each segment the records of each batch. Every third batch is compressed where `codec` says so.
    pub fn create(name: &str, counts: &[&[i64]], codec: Codec) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("made-{}-{name}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("folder");
        let (mut end, mut made) = (0, 0);
        let mut segments = Vec::new();
        for counts in counts {
            let mut segment = Vec::new();
            for count in *counts {
                let codec = if made % 3 == 2 { codec } else { Codec::None };
                segment.push(batch(end, *count, codec));
                end += count;
                made += 1;
            }
            segments.push(segment);
        }
        let folder = Self { path, segments, end };
        for at in 0..folder.segments.len() {
            folder.write_segment(at, &folder.segment_bytes(at));
        }
        folder
    }

    pub fn segment_bytes(&self, at: usize) -> Vec<u8> {
        self.segments[at].iter().flat_map(|made| made.bytes.clone()).collect()
    }

    pub fn base(&self, at: usize) -> i64 {
        self.segments[at][0].base
    }

    pub fn write_segment(&self, at: usize, bytes: &[u8]) {
        self.write(at, SegmentFile::Log, bytes);
    }

    pub fn write(&self, at: usize, file: SegmentFile, bytes: &[u8]) {
        fs::write(self.path.join(file.name(self.base(at))), bytes).expect("write");
    }

    pub fn records(&self) -> Vec<Told> {
        self.segments.iter().flatten().flat_map(|made| made.records.clone()).collect()
    }

    pub fn open(&self) -> Arc<PartitionLog> {
        let size = |base| fs::metadata(self.path.join(SegmentFile::Log.name(base))).expect("a log").len();
        let bases = (0..self.segments.len()).map(|at| self.base(at));
        let inspected = Inspected {
            segments: bases.map(|base| (base, size(base))).collect(),
            end_offset: self.end,
            log_start: 0,
            open_transaction: None,
            report: Vec::new(),
        };
        let dir = Dir::open(&self.path).expect("folder");
        PartitionLog::open_fixed(dir, "made", 0, LogConfig::default(), inspected, "nobody writes it")
    }

    pub fn reader(&self, on_corrupt: OnCorrupt) -> Reader {
        let config = ReaderConfig { on_corrupt, ..ReaderConfig::default() };
        Reader::open(self.open(), Start::Earliest, config).expect("reader")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// What a reader gives until the end, or until an error.
pub fn read(reader: &mut Reader) -> (Vec<Told>, Option<Error>) {
    let mut told = Vec::new();
    loop {
        let view = match reader.fetch(1000, Some(Duration::ZERO)) {
            Ok(view) => view,
            Err(Error::TimedOut { .. }) => return (told, None),
            Err(error) => return (told, Some(error)),
        };
        match view.rows() {
            Ok(rows) => told.extend(rows.iter().map(|row| {
                let value = &view.base()[row.value_position as usize..][..row.value_len as usize];
                (row.offset, value.to_vec())
            })),
            Err(error) => return (told, Some(error)),
        }
    }
}
