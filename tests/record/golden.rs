//! Every batch that real brokers wrote is parsed as Kafka's own dump tool parses it, and its records are those that an
//! independent consumer was given.
//!
//! `batches/<partition>.jsonl.gz` holds the tool's view of each batch, `expected/<partition>.jsonl` the consumer's of
//! each record. Where the files were damaged by hand (`unclean-*/before`) they are only walked.

#![cfg(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use ckafka::record::{BatchHeader, TimestampType, check_crc, control_marker, scan_entry};
use serde_json::Value;

use crate::support::{Record, decode};

fn cases() -> Vec<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kafka");
    let mut cases: Vec<PathBuf> =
        entries(&golden).iter().filter(|path| path.is_dir()).flat_map(|p| entries(p)).collect();
    cases.retain(|path| path.is_dir());
    assert!(cases.len() > 20, "golden data is missing");
    cases
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|e| e.unwrap().path())
        .collect();
    paths.sort();
    paths
}

fn logs_below(folder: &Path) -> Vec<PathBuf> {
    let (folders, files): (Vec<_>, Vec<_>) = entries(folder).into_iter().partition(|path| path.is_dir());
    let logs = files.into_iter().filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.ends_with(".log") && name.starts_with("000") || name.ends_with(".checkpoint") && name.starts_with("000")
    });
    logs.chain(folders.iter().flat_map(|folder| logs_below(folder))).collect()
}

/// The entries of a log file with their positions, until the end or the first that is damaged.
fn walk(bytes: &[u8]) -> (Vec<usize>, usize) {
    let mut positions = Vec::new();
    let mut position = 0;
    while position < bytes.len() {
        let rest = &bytes[position..];
        let Ok(entry) = scan_entry(rest) else { break };
        if rest.len() < entry.size || (entry.magic == 2 && check_crc(rest).is_err()) {
            break;
        }
        positions.push(position);
        position += entry.size;
    }
    (positions, position)
}

#[test]
fn every_log_file_is_walked_to_its_end_and_every_batch_decoded() {
    let (mut files, mut batches, mut records, mut old) = (0, 0, 0, 0);
    for path in cases().iter().flat_map(|case| logs_below(case)) {
        let bytes = fs::read(&path).unwrap();
        let (positions, end) = walk(&bytes);
        let shown = path.display().to_string();
        let is_damaged =
            shown.contains("/before/") && (shown.contains("unclean-crc") || shown.contains("unclean-torn"));
        assert!(end == bytes.len() || is_damaged, "{shown}: stops at {end} of {}", bytes.len());
        files += 1;
        for position in positions {
            if scan_entry(&bytes[position..]).unwrap().magic < 2 {
                old += 1;
                continue;
            }
            let (header, found) =
                decode(&bytes[position..]).unwrap_or_else(|error| panic!("{shown} at {position}: {error}"));
            assert_eq!(found.len(), header.record_count as usize);
            batches += 1;
            records += found.len();
            if header.attributes.is_control() {
                assert_eq!(control_marker(&header, &bytes[position..]).unwrap().is_some(), header.record_count > 0);
            }
        }
    }
    assert!(files > 200 && batches > 1800 && records > 8000 && old > 200, "{files} {batches} {records} {old}");
}

fn lines(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn integer(line: &Value, name: &str) -> i64 {
    line[name].as_i64().unwrap_or_else(|| panic!("{name} in {line}"))
}

/// Compares one batch with the tool's line about it.
fn compare(line: &Value, bytes: &[u8]) {
    let entry = scan_entry(bytes).unwrap();
    let timestamp = ["CreateTime", "LogAppendTime", "NoTimestampType"].iter().find_map(|name| line[*name].as_i64());
    assert_eq!(i64::from(entry.magic), integer(line, "magic"));
    assert_eq!(entry.size as i64, integer(line, "size"));
    assert_eq!(Some(entry.max_timestamp), timestamp);
    if entry.magic < 2 {
        assert_eq!(entry.last_offset, integer(line, "offset"));
        return;
    }
    let header = BatchHeader::parse(bytes).unwrap();
    let numbers = [
        ("baseOffset", header.base_offset),
        ("lastOffset", header.last_offset()),
        ("count", i64::from(header.record_count)),
        ("baseSequence", i64::from(header.base_sequence)),
        ("producerId", header.producer_id),
        ("producerEpoch", i64::from(header.producer_epoch)),
        ("partitionLeaderEpoch", i64::from(header.partition_leader_epoch)),
        ("crc", i64::from(header.crc)),
    ];
    for (name, found) in numbers {
        assert_eq!(found, integer(line, name), "{name} in {line}");
    }
    assert_eq!((entry.base_offset, entry.last_offset), (header.base_offset, header.last_offset()));
    assert_eq!(Some(header.attributes.codec().unwrap().name()), line["compresscodec"].as_str());
    assert_eq!(Some(header.attributes.is_control()), line["isControl"].as_bool());
    assert_eq!(Some(header.attributes.is_transactional()), line["isTransactional"].as_bool());
    let horizon = header.attributes.has_delete_horizon().then_some(header.base_timestamp);
    assert_eq!(horizon, line["deleteHorizonMs"].as_i64());
    let is_append_time = header.attributes.timestamp_type() == TimestampType::LogAppendTime;
    assert_eq!(is_append_time, line["LogAppendTime"].is_i64());
}

#[test]
fn headers_are_those_that_kafkas_dump_tool_saw() {
    let mut compared = 0;
    for case in cases() {
        for (batches, logs) in [("batches", "log-dir"), ("batches-before", "before"), ("batches-after", "after")] {
            if !case.join(batches).is_dir() {
                continue;
            }
            for path in entries(&case.join(batches)) {
                let mut by_file: BTreeMap<String, Vec<Value>> = BTreeMap::new();
                for line in lines(&path) {
                    by_file.entry(line["file"].as_str().unwrap().to_owned()).or_default().push(line);
                }
                for (file, lines) in by_file {
                    let bytes = fs::read(case.join(logs).join(&file)).unwrap();
                    let found: Vec<usize> = walk(&bytes).0;
                    let positions: Vec<usize> = lines.iter().map(|line| integer(line, "position") as usize).collect();
                    assert_eq!(found, positions, "{} {file}", case.display());
                    for (line, position) in lines.iter().zip(positions) {
                        compare(line, &bytes[position..]);
                        compared += 1;
                    }
                }
            }
        }
    }
    assert!(compared > 2000, "{compared} batches compared");
}

fn base64(value: &Value) -> Option<Vec<u8>> {
    value.as_str().map(|text| base64::engine::general_purpose::STANDARD.decode(text).unwrap())
}

fn expected(path: &Path) -> Vec<(Record, bool)> {
    let text = fs::read_to_string(path).unwrap();
    let line = |line: &Value| {
        let headers = line["headers"].as_array().unwrap();
        let record = Record {
            offset: integer(line, "offset"),
            timestamp: integer(line, "timestamp"),
            key: base64(&line["key"]),
            value: base64(&line["value"]),
            headers: headers.iter().map(|h| (h[0].as_str().unwrap().to_owned(), base64(&h[1]))).collect(),
        };
        (record, line["timestampType"] == "LogAppendTime")
    };
    text.lines().map(|text| line(&serde_json::from_str(text).unwrap())).collect()
}

#[test]
fn records_are_those_that_an_independent_consumer_was_given() {
    let mut compared = 0;
    for case in cases().into_iter().filter(|case| case.join("expected").is_dir() && !case.ends_with("old-format")) {
        let logs = if case.join("log-dir").is_dir() { "log-dir" } else { "after" };
        for path in entries(&case.join("expected")) {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let expected = expected(&path);
            if name.ends_with(".read_committed") || expected.is_empty() {
                continue;
            }
            let mut found = Vec::new();
            for log in logs_below(&case.join(logs).join(&name)) {
                let bytes = fs::read(&log).unwrap();
                for position in walk(&bytes).0 {
                    let (header, records) = decode(&bytes[position..]).unwrap();
                    let is_append_time = header.attributes.timestamp_type() == TimestampType::LogAppendTime;
                    if !header.attributes.is_control() {
                        found.extend(records.into_iter().map(|record| (record, is_append_time)));
                    }
                }
            }
            // What lies below the log start was deleted, and may still be in the file.
            found.retain(|(record, _)| record.offset >= expected[0].0.offset);
            assert_eq!(found, expected, "{}", path.display());
            compared += expected.len();
        }
    }
    assert!(compared > 5000, "{compared} records compared");
}
