//! `ckafka.properties` of a partition folder: the non-default configuration of its topic.
//!
//! One line that says what the file is, then `key=value`, sorted by key, `\n` behind each. Keys are the names of the configuration; values hold no line break.
//! The file is data, not derived: a line that cannot be read is an error, never a default in its place.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::storage::names::PROPERTIES;
use crate::sys::Dir;

const TEMPORARY: &str = "ckafka.properties.tmp";
const HEADING: &str = "# Configuration of this topic, written by libckafka. Kafka ignores this file.\n";
const SIZE_MAX: usize = 256 << 10;

/// Reads the configuration of a partition's topic; `None` where the file is missing. `is_known` tells which keys there are; another one is an error that
/// names file and line, since ignoring what somebody once set may lose data.
pub fn read(partition: &Dir, is_known: impl Fn(&str) -> bool) -> Result<Option<BTreeMap<String, String>>> {
    let Some(content) = partition.read_small(PROPERTIES, SIZE_MAX)? else { return Ok(None) };
    parse(&content, is_known).map(Some).map_err(|(position, reason)| Error::Corrupt {
        path: partition.path().join(PROPERTIES),
        position,
        reason,
    })
}

/// Replaces the configuration durably.
pub fn write<'a>(partition: &Dir, values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<()> {
    let sorted: BTreeMap<&str, &str> = values.into_iter().collect();
    let mut text = HEADING.to_owned();
    for (key, value) in sorted {
        if key.contains(['=', '\n', '\r', '#']) || value.contains(['\n', '\r']) {
            return Err(Error::ConfigRefused {
                key: key.to_owned(),
                value: value.to_owned(),
                allowed: "no line break in a value, no `=` or `#` in a key".to_owned(),
            });
        }
        text.push_str(&format!("{key}={value}\n"));
    }
    partition.replace(PROPERTIES, TEMPORARY, text.as_bytes())
}

fn parse(
    content: &[u8],
    is_known: impl Fn(&str) -> bool,
) -> std::result::Result<BTreeMap<String, String>, (u64, String)> {
    let text = std::str::from_utf8(content).map_err(|error| (error.valid_up_to() as u64, "not UTF-8".to_owned()))?;
    let mut values = BTreeMap::new();
    let mut position = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let start = position;
        position += line.len() as u64;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |reason: &str| (start, format!("line {}: {line:?} {reason}", index + 1));
        let (key, value) = line.split_once('=').ok_or_else(|| wrong("is not of the form key=value"))?;
        let (key, value) = (key.trim_end(), value.trim_start());
        if !is_known(key) {
            return Err(wrong("names no setting of a topic that this version knows"));
        }
        if values.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(wrong("sets what a line above has set"));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(key: &str) -> bool {
        ["segment.bytes", "retention.ms"].contains(&key)
    }

    #[test]
    fn what_is_written_is_read_sorted_and_commented() {
        let path = std::env::temp_dir().join(format!("ckafka-properties-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let dir = Dir::open(&path).unwrap();
        assert_eq!(read(&dir, known).unwrap(), None);
        write(&dir, [("segment.bytes", "4096"), ("retention.ms", "-1")]).unwrap();
        let text = std::fs::read_to_string(path.join(PROPERTIES)).unwrap();
        assert!(text.starts_with("# ") && text.ends_with("\nretention.ms=-1\nsegment.bytes=4096\n"), "{text}");
        assert_eq!(read(&dir, known).unwrap().unwrap()["segment.bytes"], "4096");
        assert!(matches!(write(&dir, [("a", "1\n2")]), Err(Error::ConfigRefused { .. })));
        assert_eq!(std::fs::read_to_string(path.join(PROPERTIES)).unwrap(), text, "a refused write changes nothing");
        std::fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn unknown_double_and_malformed_lines_are_named() {
        for (content, at, word) in [
            ("# x\nsegment.bytes=1\nsegmint.bytes=2\n", 20, "line 3"),
            ("segment.bytes=1\nsegment.bytes=2\n", 16, "line 2"),
            ("retention.ms\n", 0, "key=value"),
        ] {
            let (position, reason) = parse(content.as_bytes(), known).unwrap_err();
            assert!(position == at && reason.contains(word), "{position} {reason}");
        }
        assert_eq!(parse(b"", known).unwrap(), BTreeMap::new());
        assert_eq!(parse(b" segment.bytes = 7 \r\n", known).unwrap()["segment.bytes"], "7");
    }
}
