//! What the tests of recovery share: the golden folders, copies of them, and reading a log without the code under test.
#![expect(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use ckafka::json::Json;
use ckafka::storage::config::LogConfig;
use ckafka::storage::recovery::{Company, Recovered, Shutdown, recover};
use ckafka::sys::Dir;

/// What a report says, read by a reader of JSON that is not ours.
pub fn events(report: &[Json]) -> Vec<serde_json::Value> {
    report.iter().map(|event| serde_json::from_str(&event.to_string()).expect("JSON")).collect()
}

/// The folder of the golden logs.
pub fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kafka")
}

/// Every partition folder of every `log-dir`, `before` and `after`, of the wanted kinds.
pub fn partitions(kinds: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for version in ["kafka-3.9.2", "kafka-4.3.0"] {
        for case in children(&golden().join(version)) {
            for kind in kinds {
                let log_dir = case.join(kind);
                if log_dir.is_dir() {
                    found.extend(children(&log_dir).into_iter().filter(|path| path.is_dir()));
                }
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// Entries of a folder, sorted.
pub fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Last component of a path.
pub fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// `index.interval.bytes` of a golden partition.
pub fn interval(partition: &str) -> u64 {
    let fine = ["multi-0", "delrec-0", "delrec-pending-0", "unc-0"];
    let prefixes = ["lat-", "comp-", "v0-", "v1-"];
    if fine.contains(&partition) || prefixes.iter().any(|prefix| partition.starts_with(prefix)) {
        512
    } else if ["idxfull-0", "timeroll-0", "txnseg-0"].contains(&partition) {
        256
    } else {
        4096
    }
}

/// Where syncing costs nothing, if there is such a place: these tests recover hundreds of thousands of times.
fn scratch_root() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// A folder that is removed with the value.
pub struct Scratch {
    pub path: PathBuf,
    pub dir: Dir,
}

impl Scratch {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = scratch_root().join(format!("ckafka-{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self { dir: Dir::open(&path).unwrap(), path }
    }

    /// A copy of a folder's files.
    pub fn copy_of(folder: &Path) -> Self {
        let scratch = Self::new(&name_of(folder));
        for file in children(folder) {
            fs::copy(&file, scratch.path.join(name_of(&file))).unwrap();
        }
        scratch
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path.join(name), content).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path.join(name)).unwrap();
    }

    pub fn has(&self, name: &str) -> bool {
        self.path.join(name).exists()
    }

    /// All files: name and content.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        children(&self.path).iter().map(|path| (name_of(path), fs::read(path).unwrap())).collect()
    }

    pub fn unclean(&self, interval: u64) -> Recovered {
        recover_as(&self.dir, interval, Shutdown::Unclean { recovery_point: 0 }, Company::Alone)
    }

    pub fn clean(&self, interval: u64) -> Recovered {
        recover_as(&self.dir, interval, Shutdown::Clean, Company::Alone)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Recovers with an index interval.
pub fn recover_as(dir: &Dir, interval: u64, shutdown: Shutdown, company: Company) -> Recovered {
    let config = LogConfig { index_interval_bytes: interval, ..LogConfig::default() };
    recover(dir, "topic", &config, shutdown, company, 0).unwrap()
}

/// Base offset, last offset and bytes of each batch of a v2 log, up to the first one that is cut short. Written against the format, not with the library.
pub fn batches(log: &[u8]) -> Vec<(i64, i64, &[u8])> {
    let mut found = Vec::new();
    let mut rest = log;
    while rest.len() >= 61 {
        let base = i64::from_be_bytes(rest[..8].try_into().unwrap());
        let length = u32::from_be_bytes(rest[8..12].try_into().unwrap()) as usize;
        let delta = i32::from_be_bytes(rest[23..27].try_into().unwrap());
        if length < 49 || rest.len() < length + 12 {
            break;
        }
        found.push((base, base + i64::from(delta), &rest[..length + 12]));
        rest = &rest[length + 12..];
    }
    found
}

/// All `.log` files of a folder, one behind the other.
pub fn log_bytes(folder: &Path) -> Vec<u8> {
    let logs = children(folder).into_iter().filter(|path| path.extension().is_some_and(|e| e == "log"));
    logs.flat_map(|path| fs::read(path).unwrap()).collect()
}

/// A v2 batch of `count` records that each hold `value`, with right CRC, as a broker would write it.
pub fn batch(base_offset: i64, timestamp: i64, epoch: i32, count: i32, value: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    for delta in 0..count {
        let mut body = vec![0, 0];
        varint(&mut body, i64::from(delta));
        body.push(1);
        varint(&mut body, value.len() as i64);
        body.extend_from_slice(value);
        body.push(0);
        varint(&mut records, body.len() as i64);
        records.extend_from_slice(&body);
    }
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&base_offset.to_be_bytes());
    bytes.extend_from_slice(&(49 + records.len() as i32).to_be_bytes());
    bytes.extend_from_slice(&epoch.to_be_bytes());
    bytes.push(2);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&0_i16.to_be_bytes());
    bytes.extend_from_slice(&(count - 1).to_be_bytes());
    bytes.extend_from_slice(&timestamp.to_be_bytes());
    bytes.extend_from_slice(&timestamp.to_be_bytes());
    bytes.extend_from_slice(&(-1_i64).to_be_bytes());
    bytes.extend_from_slice(&(-1_i16).to_be_bytes());
    bytes.extend_from_slice(&(-1_i32).to_be_bytes());
    bytes.extend_from_slice(&count.to_be_bytes());
    bytes.extend_from_slice(&records);
    let crc = ckafka::record::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn varint(out: &mut Vec<u8>, value: i64) {
    let mut left = ((value << 1) ^ (value >> 63)) as u64;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}
