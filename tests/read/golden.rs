//! The golden partitions with what an independent consumer read from them, and our reader's answer in the same shape.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ckafka::Error;
use ckafka::broker::{Conf, Directory, Log, OpenMode};
use ckafka::record::{headers, scan_entry};
use ckafka::storage::config::LogConfig;
use ckafka::storage::names::SegmentFile;
use ckafka::storage::partition::PartitionLog;
use ckafka::storage::reader::Reader;
use ckafka::storage::recovery::Inspected;
use ckafka::storage::view::{RecordRow, View};
use ckafka::sys::Dir;
use serde_json::Value;

/// A name and its nullable value.
pub type Header = (String, Option<Vec<u8>>);

/// A record as the consumer gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub offset: i64,
    pub timestamp: i64,
    pub is_append_time: bool,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

/// One partition of the golden set.
#[derive(Debug)]
pub struct Partition {
    pub name: String,
    pub folder: PathBuf,
    pub log_start: i64,
    pub end: i64,
    /// Where read_committed ends.
    pub stable: i64,
    pub records: Vec<Record>,
    /// The same under read_committed, where it differs.
    pub committed: Option<Vec<Record>>,
}

/// Every partition that has an `expected/*.jsonl`, as the broker left it.
pub fn partitions() -> Vec<Partition> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kafka");
    let mut partitions = Vec::new();
    for version in ["kafka-3.9.2", "kafka-4.3.0"] {
        for case in names(&golden.join(version)) {
            let case = golden.join(version).join(case);
            for file in names(&case.join("expected")) {
                let Some(name) = file.strip_suffix(".jsonl") else { continue };
                if !name.ends_with(".read_committed") {
                    partitions.push(partition(&case, name));
                }
            }
        }
    }
    partitions
}

fn partition(case: &Path, name: &str) -> Partition {
    let folder = ["log-dir", "after"].map(|part| case.join(part).join(name));
    let folder = folder.into_iter().find(|folder| folder.is_dir()).expect("the partition's folder");
    let (log_start, end) = watermarks(case, name, "read_uncommitted").expect("watermarks");
    let committed = case.join(format!("expected/{name}.read_committed.jsonl"));
    Partition {
        name: case.join(name).display().to_string(),
        folder,
        log_start,
        end,
        stable: watermarks(case, name, "read_committed").map_or(end, |(_, stable)| stable),
        records: read_records(&case.join(format!("expected/{name}.jsonl"))),
        committed: committed.exists().then(|| read_records(&committed)),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

/// Log start and high watermark that the broker served.
fn watermarks(case: &Path, name: &str, isolation: &str) -> Option<(i64, i64)> {
    let text = fs::read_to_string(case.join("watermarks.txt")).expect("watermarks.txt");
    let line = text.lines().find(|line| line.starts_with(&format!("{name}:")) && line.contains(isolation))?;
    let mut numbers = line.split_once(':')?.1.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn read_records(file: &Path) -> Vec<Record> {
    let text = fs::read_to_string(file).expect("expected records");
    text.lines().map(|line| record(&serde_json::from_str(line).expect("JSON"))).collect()
}

fn record(json: &Value) -> Record {
    let header = |header: &Value| (header[0].as_str().expect("name").to_owned(), bytes(&header[1]));
    Record {
        offset: json["offset"].as_i64().expect("offset"),
        timestamp: json["timestamp"].as_i64().expect("timestamp"),
        is_append_time: json["timestampType"] == "LogAppendTime",
        key: bytes(&json["key"]),
        value: bytes(&json["value"]),
        headers: json["headers"].as_array().expect("headers").iter().map(header).collect(),
    }
}

fn bytes(json: &Value) -> Option<Vec<u8>> {
    json.as_str().map(|text| BASE64_STANDARD.decode(text).expect("base64"))
}

/// Entry headers of a segment: position, magic, base offset.
pub fn entries(log: &[u8]) -> Vec<(usize, i8, i64)> {
    let mut entries = Vec::new();
    let mut position = 0;
    while let Some(rest) = log.get(position..).filter(|rest| !rest.is_empty()) {
        let Ok(entry) = scan_entry(rest) else { break };
        entries.push((position, entry.magic, entry.base_offset));
        position += entry.size;
    }
    entries
}

/// The logs of a folder, by base offset.
pub fn logs(folder: &Path) -> Vec<(i64, PathBuf)> {
    let mut logs: Vec<(i64, PathBuf)> =
        names(folder).iter().filter_map(|name| Some((SegmentFile::Log.parse(name)?, folder.join(name)))).collect();
    logs.sort();
    logs
}

/// Opens a partition that nobody writes, as it lies.
pub fn open_static(partition: &Partition) -> Arc<PartitionLog> {
    let segments = logs(&partition.folder)
        .into_iter()
        .map(|(base, path)| (base, fs::metadata(path).expect("a log").len()))
        .collect();
    let inspected = Inspected {
        segments,
        end_offset: partition.end,
        log_start: partition.log_start,
        open_transaction: (partition.stable < partition.end).then_some(partition.stable),
        report: Vec::new(),
    };
    let dir = Dir::open(&partition.folder).expect("the folder");
    PartitionLog::open_fixed(dir, "golden", 0, LogConfig::default(), inspected, "nobody writes it")
}

/// A copy of a log directory, held for writing, and the log of one partition in it.
pub struct CopiedLog {
    log: Option<Log>,
    folder: PathBuf,
}

impl CopiedLog {
    pub fn open(partition: &Partition) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("golden-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        copy_folder(partition.folder.parent().expect("the log directory"), &folder);
        let mut conf = Conf::new();
        conf.set("ckafka.filesystem.check", "false").expect("setting");
        let directory = Directory::open(&folder, &conf, OpenMode::ReadWrite).expect("directory");
        let name = partition.folder.file_name().and_then(|name| name.to_str()).expect("a name");
        let (topic, number) = name.rsplit_once('-').expect("topic and partition");
        let log = directory.open_log(topic, number.parse().expect("a number")).expect("log");
        Self { log: Some(log), folder }
    }

    pub fn log(&self) -> &Arc<PartitionLog> {
        self.log.as_ref().expect("open until dropped")
    }
}

impl Drop for CopiedLog {
    fn drop(&mut self) {
        self.log = None;
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("folder");
    for entry in fs::read_dir(from).expect("folder") {
        let entry = entry.expect("entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("copy");
        }
    }
}

/// The records of a view, by rows; that the columns say the same is checked on the way.
pub fn records_of(view: &View) -> Vec<Record> {
    let rows = view.rows().expect("rows");
    let columns = view.columns().expect("columns");
    assert_eq!(columns.offsets(), rows.iter().map(|row| row.offset).collect::<Vec<_>>());
    assert_eq!(columns.timestamps(), rows.iter().map(|row| row.timestamp).collect::<Vec<_>>());
    assert_eq!(columns.key_positions(), rows.iter().map(|row| row.key_position.cast_signed()).collect::<Vec<_>>());
    assert_eq!(columns.value_positions(), rows.iter().map(|row| row.value_position.cast_signed()).collect::<Vec<_>>());
    assert_eq!(
        columns.headers_positions(),
        rows.iter().map(|row| row.headers_position.cast_signed()).collect::<Vec<_>>()
    );
    assert_eq!(columns.key_lens(), rows.iter().map(|row| row.key_len).collect::<Vec<_>>());
    assert_eq!(columns.value_lens(), rows.iter().map(|row| row.value_len).collect::<Vec<_>>());
    assert_eq!(columns.headers_lens(), rows.iter().map(|row| row.headers_len).collect::<Vec<_>>());
    rows.iter().map(|row| record_of(view, row)).collect()
}

fn record_of(view: &View, row: &RecordRow) -> Record {
    let field = |position: u64, len: i32| {
        let len = usize::try_from(len).ok()?;
        Some(view.base()[position as usize..position as usize + len].to_vec())
    };
    let fields = field(row.headers_position, row.headers_len).expect("header fields");
    let mut parsed = Vec::new();
    let mut at = 0;
    while let Some((name, value)) = headers::next(&fields, &mut at).expect("header") {
        parsed.push((String::from_utf8(name.to_vec()).expect("UTF-8"), value.map(<[u8]>::to_vec)));
    }
    Record {
        offset: row.offset,
        timestamp: row.timestamp,
        is_append_time: row.flags & RecordRow::LOG_APPEND_TIME != 0,
        key: field(row.key_position, row.key_len),
        value: field(row.value_position, row.value_len),
        headers: parsed,
    }
}

/// Everything from the reader's position to the end.
pub fn read_all(reader: &mut Reader, max_bytes: usize) -> Vec<Record> {
    let mut records = Vec::new();
    loop {
        match reader.fetch(max_bytes, Some(Duration::ZERO)) {
            Ok(view) => {
                let mut more = records_of(&view);
                assert!(!more.is_empty(), "a view without records before offset {}", view.next_offset());
                assert!(more.iter().all(|record| record.offset < view.next_offset()));
                assert_eq!(reader.position(), view.next_offset());
                records.append(&mut more);
            }
            Err(Error::TimedOut { .. }) => return records,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Fails with the first record that differs.
#[track_caller]
pub fn assert_same(found: &[Record], wanted: &[Record], what: &str) {
    for (found, wanted) in found.iter().zip(wanted) {
        assert_eq!(found, wanted, "{what}");
    }
    assert_eq!(found.len(), wanted.len(), "{what}: number of records");
}
