//! What must hold of a directory, whatever was done to it: checked with this file's own eyes where that can be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::common::bytes;
use crate::common::logs::{self, Owned, PARTITION};
use crate::common::scratch::{segment_bases, segment_file};
use crate::protocol::ensure;

/// What one process was told: its id, and how many of its records were acknowledged.
pub type Told = (u32, u64);

/// Opens the directory, reads everything, and holds it against what the processes were told: every acknowledged record there once and in order, one more at most
/// of a process that was killed. Then closes, and looks at every file of the partition.
pub fn check(folder: &Path, told: &[Told]) -> Result<(), String> {
    let (directory, log) = logs::reopen(folder);
    let report = directory.recovery_report().map_err(|error| error.to_string())?;
    let records = logs::read_all(&log);
    let checked = records_are_right(&records, told);
    drop(log);
    directory.close().map_err(|error| error.to_string())?;
    checked.map_err(|what| format!("{what}; recovery: {report}"))?;
    files_are_right(&folder.join(PARTITION), 4096)
}

/// Offsets without a gap, and of each process the numbers 1, 2, 3 and so on.
pub fn records_are_right(records: &[Owned], told: &[Told]) -> Result<(), String> {
    let mut next: BTreeMap<u32, u64> = BTreeMap::new();
    for (offset, record) in records.iter().enumerate() {
        ensure(record.offset == offset as i64, format!("offset {} where {offset} was due", record.offset))?;
        let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
        let mut words = value.split(' ');
        let (Some(Ok(process)), Some(Ok(number))) =
            (words.next().map(str::parse::<u32>), words.next().map(str::parse::<u64>))
        else {
            return Err(format!("offset {offset} holds {:?}, which nobody appended", &value[..value.len().min(40)]));
        };
        let due = next.entry(process).or_insert(1);
        ensure(number == *due, format!("offset {offset}: number {number} of process {process}, {due} was due"))?;
        *due += 1;
    }
    for (process, acknowledged) in told {
        let found = next.get(process).map_or(0, |next| next - 1);
        ensure(
            found == *acknowledged || found == acknowledged + 1,
            format!("process {process}: {acknowledged} acknowledged, {found} there"),
        )?;
    }
    Ok(())
}

/// Every segment of a closed partition is its batches and nothing else, goes on where the one before ends, and has exactly the indexes that Kafka's rule gives.
pub fn files_are_right(partition: &Path, interval_bytes: u64) -> Result<(), String> {
    let mut due = None;
    for base in segment_bases(partition) {
        let read = |kind: &str| {
            fs::read(segment_file(partition, base, kind)).map_err(|error| format!("{base}.{kind}: {error}"))
        };
        let batches = whole_batches(base, &read("log")?)?;
        ensure(due.is_none_or(|due| due == base), format!("segment {base}, {due:?} was due"))?;
        due = Some(batches.last().map_or(base, |batch| batch.last_offset + 1));
        let (offsets, times) = bytes::indexes(base, &batches, interval_bytes);
        ensure(read("index")? == offsets, format!("{base}.index is not what Kafka's rule gives"))?;
        ensure(read("timeindex")? == times, format!("{base}.timeindex is not what Kafka's rule gives"))?;
    }
    Ok(())
}

/// The batches of a file that has nothing behind or between them.
pub fn whole_batches(base: i64, log: &[u8]) -> Result<Vec<bytes::Batch>, String> {
    std::panic::catch_unwind(|| bytes::batches(log)).map_err(|_| format!("{base}.log has bytes that are no batch"))
}

/// Fails unless what went wrong names one of the library's errors.
pub fn is_error(result: &Result<String, String>, variant: &str) -> Result<(), String> {
    match result {
        Err(error) if error.starts_with(&format!("{variant}:")) => Ok(()),
        other => Err(format!("{other:?}, {variant} was due")),
    }
}
