//! The files of the append log, read a second time, apart from the library.

use std::fs;
use std::io::Read;
use std::path::Path;

use super::{INDEX, LOG, TIMES};

/// Records of a log, each with its position; fails unless the log is whole.
#[track_caller]
pub fn records(log: &[u8]) -> Vec<(u64, String)> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < log.len() {
        let length = u32::from_le_bytes(log[at..at + 4].try_into().expect("a length at the end of the log"));
        let stream = &log[at + 4..at + 4 + length as usize];
        let mut message = String::new();
        flate2::read::ZlibDecoder::new(stream).read_to_string(&mut message).expect("a whole stream");
        records.push((at as u64, message));
        at += 4 + length as usize;
    }
    records
}

/// A record of a message, made by stock zlib.
pub fn record(message: &str) -> Vec<u8> {
    let mut encoder = flate2::read::ZlibEncoder::new(message.as_bytes(), flate2::Compression::default());
    let mut record = vec![0; 4];
    let size = encoder.read_to_end(&mut record).expect("memory takes it");
    record[..4].copy_from_slice(&(size as u32).to_le_bytes());
    record
}

/// The messages under a folder.
#[track_caller]
pub fn messages(folder: &Path) -> Vec<String> {
    let log = fs::read(folder.join(LOG)).expect("a log");
    records(&log).into_iter().map(|(_, message)| message).collect()
}

/// The lines of an index: number and position.
#[track_caller]
pub fn lines(path: &Path) -> Vec<(u64, u64)> {
    let text = fs::read_to_string(path).expect("an index");
    assert!(text.is_empty() || text.ends_with('\n'), "a torn line: {text:?}");
    let number = |digits: &str| digits.parse().unwrap_or_else(|_| panic!("{digits:?} in {text:?}"));
    text.lines().map(|line| line.split_once(',').expect("a comma")).map(|(a, b)| (number(a), number(b))).collect()
}

/// Fails unless log and both indexes have the same records; the messages.
#[track_caller]
pub fn assert_whole(folder: &Path) -> Vec<String> {
    let log = fs::read(folder.join(LOG)).expect("a log");
    let records = records(&log);
    let positions: Vec<u64> = records.iter().map(|(position, _)| *position).collect();
    for index in [INDEX, TIMES] {
        let found: Vec<u64> = lines(&folder.join(index)).into_iter().map(|(_, position)| position).collect();
        assert_eq!(found, positions, "{index}");
    }
    records.into_iter().map(|(_, message)| message).collect()
}
