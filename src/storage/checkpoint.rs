//! Kafka's offset checkpoints at the top of a data directory, and the line format that all its checkpoints share.
//!
//! ```text
//! 0                          version
//! 2                          how many lines follow
//! orders 0 1200              topic, partition, offset
//! orders 1 977
//! ```
//! UTF-8, `\n` behind every line. A file of 0 bytes holds no entries: brokers create it so and write it later. Callers hold
//! the gate while they replace one, since a lost update would lose another partition's line.

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::sys::Dir;

/// One line: topic, partition, offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointEntry {
    /// Topic.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// First offset not known to be synced.
pub const RECOVERY_POINT: &str = "recovery-point-offset-checkpoint";
/// Log start offsets above the first segment's base.
pub const LOG_START: &str = "log-start-offset-checkpoint";

const TEMPORARY: &str = "ckafka.checkpoint.tmp";
/// Far above what a directory of a hundred thousand partitions needs.
pub(super) const SIZE_MAX: usize = 64 << 20;

/// Reads a checkpoint. Missing or 0 bytes: no entries. An unreadable one (version, malformed line, count) counts as empty, with the reason for the report.
pub fn read(dir: &Dir, name: &str) -> Result<(Vec<CheckpointEntry>, Option<String>)> {
    let content = match dir.read_small(name, SIZE_MAX) {
        Ok(Some(content)) => content,
        Ok(None) => return Ok((Vec::new(), None)),
        Err(Error::Corrupt { reason, .. }) => return Ok((Vec::new(), Some(reason))),
        Err(error) => return Err(error),
    };
    Ok(match parse(&content) {
        Ok(entries) => (entries, None),
        Err(reason) => (Vec::new(), Some(reason)),
    })
}

/// Replaces a checkpoint durably, other partitions' lines kept: each of `changes` sets (`Some`) or drops (`None`) a line. Only under the gate.
///
/// Of lines for one partition the last counts. A file that already says so is left alone. One that cannot be read holds nothing that could be kept.
pub fn update(dir: &Dir, name: &str, changes: &[(String, i32, Option<i64>)]) -> Result<()> {
    let (mut entries, reason) = read(dir, name)?;
    let before = entries.clone();
    for (topic, partition, offset) in changes {
        let at = entries.iter().rposition(|entry| entry.topic == *topic && entry.partition == *partition);
        match (at.and_then(|at| entries.get_mut(at)), offset) {
            (Some(entry), Some(offset)) => entry.offset = *offset,
            (None, Some(offset)) => {
                entries.push(CheckpointEntry { topic: topic.clone(), partition: *partition, offset: *offset });
            }
            (Some(_), None) => entries.retain(|entry| entry.topic != *topic || entry.partition != *partition),
            (None, None) => {}
        }
    }
    if entries == before && reason.is_none() && dir.stat(name)?.is_some_and(|stat| stat.len > 0) {
        return Ok(());
    }
    dir.replace(name, TEMPORARY, encode(&entries).as_bytes())
}

fn encode(entries: &[CheckpointEntry]) -> String {
    lines(entries.iter().map(|entry| format!("{} {} {}", entry.topic, entry.partition, entry.offset)))
}

/// The text of a checkpoint that holds these lines.
pub(super) fn lines(entries: impl ExactSizeIterator<Item = String>) -> String {
    let mut text = format!("0\n{}\n", entries.len());
    for entry in entries {
        text.push_str(&entry);
        text.push('\n');
    }
    text
}

fn parse(content: &[u8]) -> std::result::Result<Vec<CheckpointEntry>, String> {
    parse_lines(content, |line| {
        let mut words = line.split_whitespace();
        let topic = words.next()?.to_owned();
        let partition = number(words.next()?).filter(|partition| *partition >= 0)?;
        let offset = number(words.next()?).filter(|offset| *offset >= 0)?;
        words.next().is_none().then_some(CheckpointEntry { topic, partition, offset })
    })
}

/// Checks version and count, and parses each line; the first that `entry` refuses is named in the error.
pub(super) fn parse_lines<T>(content: &[u8], entry: impl Fn(&str) -> Option<T>) -> std::result::Result<Vec<T>, String> {
    if content.is_empty() {
        return Ok(Vec::new());
    }
    let text = std::str::from_utf8(content).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
    let mut lines = text.lines();
    match lines.next().map(str::trim) {
        Some("0") => {}
        found => return Err(format!("version {:?}, expected 0", found.unwrap_or_default())),
    }
    let count = lines.next().unwrap_or_default();
    let count: usize = number(count).ok_or_else(|| format!("count of lines {count:?}, expected a number"))?;
    let mut entries = Vec::new();
    for (index, line) in lines.enumerate() {
        entries.push(entry(line).ok_or_else(|| format!("line {}: {line:?} is malformed", index + 3))?);
    }
    if entries.len() == count { Ok(entries) } else { Err(format!("{} lines, expected {count}", entries.len())) }
}

/// A decimal number as a checkpoint has it: no sign but a minus.
pub(super) fn number<T: FromStr>(word: &str) -> Option<T> {
    if word.starts_with('+') { None } else { word.trim().parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::Folder;

    #[test]
    fn a_broker_s_file_is_read_and_comes_out_as_it_was() {
        let text = "0\n5\n__consumer_offsets 0 0\nunc 0 160\nunc-one 0 130\n__transaction_state 0 33\nunc-txn 0 74\n";
        let entries = parse(text.as_bytes()).unwrap();
        assert_eq!(entries[2], CheckpointEntry { topic: "unc-one".to_owned(), partition: 0, offset: 130 });
        assert_eq!(encode(&entries), text);
    }

    #[test]
    fn any_run_of_blanks_parts_the_words_and_an_empty_file_is_none() {
        assert_eq!(parse(b"0\n1\na \t 3   9\n").unwrap().len(), 1);
        assert_eq!(parse(b""), Ok(Vec::new()));
        assert_eq!(parse(b"0\n0\n"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_malformed_is_named() {
        for (content, word) in [
            (&b"1\n0\n"[..], "version"),
            (b"\n", "version"),
            (b"0\n", "count"),
            (b"0\nx\n", "count"),
            (b"0\n2\na 0 1\n", "1 lines, expected 2"),
            (b"0\n1\na 0\n", "line 3"),
            (b"0\n1\na 0 1 2\n", "line 3"),
            (b"0\n1\na -1 5\n", "line 3"),
            (b"0\n1\na 0 -5\n", "line 3"),
            (b"0\n1\na 0 99999999999999999999\n", "line 3"),
            (b"0\n1\n\xff 0 5\n", "UTF-8"),
        ] {
            let reason = parse(content).unwrap_err();
            assert!(reason.contains(word), "{reason} for {content:?}");
        }
    }

    #[test]
    fn an_update_keeps_other_lines_and_mends_an_unreadable_file() {
        let folder = Folder::new("checkpoint");
        let change = |topic: &str, offset| (topic.to_owned(), 0, offset);
        update(&folder.dir, LOG_START, &[change("a", Some(5)), change("b", Some(6))]).unwrap();
        update(&folder.dir, LOG_START, &[change("a", Some(7)), change("c", Some(1)), change("x", None)]).unwrap();
        update(&folder.dir, LOG_START, &[change("b", None)]).unwrap();
        assert_eq!(folder.read(LOG_START), b"0\n2\na 0 7\nc 0 1\n");
        folder.write(LOG_START, b"0\n2\na 0 7\na 0 8\n");
        update(&folder.dir, LOG_START, &[change("a", Some(9))]).unwrap();
        assert_eq!(
            read(&folder.dir, LOG_START).unwrap().0.last().map(|entry| entry.offset),
            Some(9),
            "the last counts"
        );
        folder.write(LOG_START, b"garbage");
        let (entries, reason) = read(&folder.dir, LOG_START).unwrap();
        assert!(entries.is_empty() && reason.is_some());
        update(&folder.dir, LOG_START, &[]).unwrap();
        assert_eq!(folder.read(LOG_START), b"0\n0\n");
        assert_eq!(read(&folder.dir, RECOVERY_POINT).unwrap(), (Vec::new(), None));
    }
}
