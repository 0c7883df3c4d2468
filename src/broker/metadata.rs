//! Kafka's identity files: `partition.metadata` of a partition folder, read and written; `meta.properties` of a data directory, only ever read.
//!
//! `partition.metadata` is two lines, the second without a newline:
//! ```text
//! version: 0
//! topic_id: Mq0RYRjrTpqN_EaBxk_-ew
//! ```
//! An id is 16 bytes as URL-safe base64 without padding: 22 characters. All zero is no id.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, Result};
use crate::storage::names::PARTITION_METADATA;
use crate::sys::{Dir, random};

/// Kafka's file at the top of a data directory.
pub const META_PROPERTIES: &str = "meta.properties";
const TEMPORARY: &str = "ckafka.metadata.tmp";
const SIZE_MAX: usize = 64 << 10;

/// What tells a topic from another one that had its name before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopicId([u8; 16]);

impl TopicId {
    /// A new id. Like a broker's it does not begin with `-`, so that it can be an argument of a command.
    pub fn random() -> Result<Self> {
        loop {
            let id = Self(random::random_16()?);
            if id.0 != [0; 16] && !id.to_string().starts_with('-') {
                return Ok(id);
            }
        }
    }

    /// From its 22 characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// Reads the topic id of a partition folder; `None` where there is no `partition.metadata`; a malformed one: `Corrupt`.
pub fn read_topic_id(partition: &Dir) -> Result<Option<TopicId>> {
    let Some(content) = partition.read_small(PARTITION_METADATA, SIZE_MAX)? else { return Ok(None) };
    parse_topic_id(&content).map(Some).map_err(|reason| Error::Corrupt {
        path: partition.path().join(PARTITION_METADATA),
        position: 0,
        reason,
    })
}

fn parse_topic_id(content: &[u8]) -> std::result::Result<TopicId, String> {
    let text = std::str::from_utf8(content).map_err(|_| "not UTF-8".to_owned())?;
    let mut lines = text.lines();
    let mut field = |name: &str| {
        let line = lines.next().unwrap_or_default();
        let value = line.split_once(": ").filter(|(found, _)| *found == name).map(|(_, value)| value.trim());
        value.ok_or_else(|| format!("{line:?}, expected `{name}: ...`"))
    };
    let version = field("version")?;
    if version.parse::<u32>().is_err() {
        return Err(format!("version {version:?}, expected a number from 0"));
    }
    let id = field("topic_id")?;
    TopicId::parse(id)
        .ok_or_else(|| format!("topic id {id:?}, expected 22 characters of URL-safe base64, not all zero"))
}

/// Writes `partition.metadata` durably: before the first record, as a broker does.
pub fn write_topic_id(partition: &Dir, id: TopicId) -> Result<()> {
    partition.replace(PARTITION_METADATA, TEMPORARY, format!("version: 0\ntopic_id: {id}").as_bytes())
}

/// Reads `meta.properties`: keys and values; `None` where there is none.
pub fn read_meta_properties(directory: &Dir) -> Result<Option<BTreeMap<String, String>>> {
    let Some(content) = directory.read_small(META_PROPERTIES, SIZE_MAX)? else { return Ok(None) };
    // Java reads properties as Latin-1, and so can no byte be wrong.
    let text: String = content.iter().map(|byte| char::from(*byte)).collect();
    Ok(Some(parse_java_properties(&text)))
}

/// Java's format as far as brokers write it: comments, `=` or `:` between key and value, escapes, continued lines.
fn parse_java_properties(text: &str) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut logical = line.trim_start().to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        while ends_with_odd_backslashes(&logical) {
            logical.pop();
            logical.push_str(lines.next().unwrap_or_default().trim_start());
        }
        let (key, value) = split_property(&logical);
        properties.insert(unescape(key), unescape(value));
    }
    properties
}

fn ends_with_odd_backslashes(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// Parts a line at the first `=`, `:` or blank that is not escaped.
fn split_property(line: &str) -> (&str, &str) {
    let mut is_escaped = false;
    for (at, symbol) in line.char_indices() {
        if !is_escaped && (matches!(symbol, '=' | ':') || symbol.is_whitespace()) {
            let (key, rest) = line.split_at(at);
            let rest = rest.trim_start();
            return (key, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start());
        }
        is_escaped = symbol == '\\' && !is_escaped;
    }
    (line, "")
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut symbols = text.chars();
    while let Some(symbol) = symbols.next() {
        if symbol != '\\' {
            plain.push(symbol);
            continue;
        }
        match symbols.next() {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some('u') => {
                let digits: String = symbols.by_ref().take(4).collect();
                plain.push(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).unwrap_or('\u{fffd}'));
            }
            other => plain.extend(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_s_file_is_read_and_written_as_it_was() {
        let content = b"version: 0\ntopic_id: Mq0RYRjrTpqN_EaBxk_-ew";
        let id = parse_topic_id(content).unwrap();
        assert_eq!(id.bytes()[..3], [0x32, 0xad, 0x11]);
        assert_eq!(format!("version: 0\ntopic_id: {id}").as_bytes(), content);
    }

    #[test]
    fn malformed_files_say_what_is_wrong() {
        for (content, word) in [
            ("", "version"),
            ("version: x\ntopic_id: Mq0RYRjrTpqN_EaBxk_-ew", "version"),
            ("version: -1\ntopic_id: Mq0RYRjrTpqN_EaBxk_-ew", "version"),
            ("version: 0", "topic_id"),
            ("version: 0\ntopic_id:Mq0RYRjrTpqN_EaBxk_-ew", "topic_id"),
            ("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA", "22 characters"),
            ("version: 0\ntopic_id: Mq0RYRjrTpqN/EaBxk+-ew", "22 characters"),
        ] {
            let reason = parse_topic_id(content.as_bytes()).unwrap_err();
            assert!(reason.contains(word), "{reason}");
        }
    }

    #[test]
    fn random_ids_differ_and_survive_their_text() {
        let (one, other) = (TopicId::random().unwrap(), TopicId::random().unwrap());
        assert_ne!(one, other);
        assert_eq!(TopicId::parse(&one.to_string()), Some(one));
        assert_eq!(one.to_string().len(), 22);
    }

    #[test]
    fn properties_are_read_as_java_reads_them() {
        let text = "#\n#Sun Nov 22 16:00:24 UTC 2026\n! note\nnode.id=1\ndirectory.id = fZwP-2WaWewQ5Uaw-SnQJQ\n\
                    a\\=b : c\\u0041\\n\nlong=one,\\\n   two\nempty\n\nversion=1\r\n";
        let found = parse_java_properties(text);
        let expected = [
            ("node.id", "1"),
            ("directory.id", "fZwP-2WaWewQ5Uaw-SnQJQ"),
            ("a=b", "cA\n"),
            ("long", "one,two"),
            ("empty", ""),
            ("version", "1"),
        ];
        assert_eq!(found, expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
    }
}
