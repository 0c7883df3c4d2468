//! A Python Kafka client's record parser decodes what we encode, and we decode what it encodes.
//!
//! Batches of every codec are written into a folder together with what is in them, as JSON; `record_parity.py` reads them
//! with kafka-python, compares, and writes batches of its own, which are decoded here.

#![cfg(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ckafka::record::{BatchBuilder, Codec, Compression, TimestampType, stamp};
use serde_json::{Value, json};

use crate::support::{Record, Rng, add_all, decode, worked_records};

const BASE_OFFSET: i64 = 7_000_000_000;

fn hex(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}

fn unhex(value: &Value) -> Option<Vec<u8>> {
    let digits = value.as_str()?.as_bytes();
    Some(digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect())
}

fn to_json(record: &Record) -> Value {
    let headers: Vec<Value> = record.headers.iter().map(|(name, value)| json!([name, hex(value.as_deref())])).collect();
    json!([record.offset, record.timestamp, hex(record.key.as_deref()), hex(record.value.as_deref()), headers])
}

fn from_json(value: &Value) -> Record {
    let headers = value[4].as_array().unwrap();
    Record {
        offset: value[0].as_i64().unwrap(),
        timestamp: value[1].as_i64().unwrap(),
        key: unhex(&value[2]),
        value: unhex(&value[3]),
        headers: headers.iter().map(|header| (header[0].as_str().unwrap().to_owned(), unhex(&header[1]))).collect(),
    }
}

/// Writes one batch and gives its entry in the list.
fn write(folder: &Path, number: usize, codec: Codec, append_time: Option<i64>, mut records: Vec<Record>) -> Value {
    let timestamp_type = append_time.map_or(TimestampType::CreateTime, |_| TimestampType::LogAppendTime);
    let mut builder = BatchBuilder::new(Compression { codec, level: None }, timestamp_type);
    add_all(&mut builder, &records);
    let batch = builder.finish(append_time.unwrap_or(0)).unwrap();
    stamp(batch, BASE_OFFSET, 5);
    let file = format!("ours-{number}.batch");
    fs::write(folder.join(&file), batch).unwrap();
    for record in &mut records {
        record.offset += BASE_OFFSET;
        record.timestamp = append_time.unwrap_or(record.timestamp);
    }
    json!({
        "file": file, "codec": codec.name(), "append_time": append_time.is_some(), "base_offset": BASE_OFFSET,
        "records": records.iter().map(to_json).collect::<Vec<_>>(),
    })
}

fn interpreter() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    let has_client = Command::new(&python).args(["-c", "import kafka.record"]).status().is_ok_and(|s| s.success());
    assert!(has_client, "the Python that tests use is not there; get it with: make venv");
    python
}

#[test]
fn a_python_client_reads_what_we_write_and_we_read_what_it_writes() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("record-python");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let mut entries = Vec::new();
    for codec in Codec::ALL {
        for (seed, count) in [(1, 1), (2, 3), (3, 40), (4, 400)] {
            entries.push(write(&folder, entries.len(), codec, None, Rng::new(seed).records(count)));
        }
        entries.push(write(&folder, entries.len(), codec, None, worked_records(0)));
        entries.push(write(&folder, entries.len(), codec, Some(1_800_000_000_000), Rng::new(5).records(20)));
    }
    fs::write(folder.join("ours.json"), Value::from(entries).to_string()).unwrap();

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/record_parity.py");
    let output = Command::new(interpreter()).arg(script).arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let theirs: Value = serde_json::from_str(&fs::read_to_string(folder.join("theirs.json")).unwrap()).unwrap();
    let theirs = theirs.as_array().unwrap();
    assert_eq!(theirs.len(), Codec::ALL.len() * 5);
    let mut compressed = 0;
    for entry in theirs {
        let mut batch = fs::read(folder.join(entry["file"].as_str().unwrap())).unwrap();
        stamp(&mut batch, BASE_OFFSET, 5);
        let (header, records) = decode(&batch).unwrap_or_else(|error| panic!("{}: {error}", entry["file"]));
        let expected: Vec<Record> = entry["records"].as_array().unwrap().iter().map(from_json).collect();
        assert_eq!(records, expected, "{}", entry["file"]);
        assert_eq!(Some(header.producer_id), entry["producer_id"].as_i64());
        assert_eq!(Some(i64::from(header.producer_epoch)), entry["producer_epoch"].as_i64());
        assert_eq!(Some(i64::from(header.base_sequence)), entry["base_sequence"].as_i64());
        assert!(header.attributes.is_transactional() && !header.attributes.is_control());
        compressed += usize::from(header.attributes.codec() != Ok(Codec::None));
    }
    // The client leaves a batch plain where compression gains nothing, which is so for the smallest alone.
    assert!(compressed >= 8, "{compressed} of theirs are compressed");
    fs::remove_dir_all(&folder).unwrap();
}
