//! Names of topics and of partition folders, and what else may stand in a data directory.

use crate::error::{Error, Result};
use crate::storage::checkpoint;
use crate::storage::session::{CLEAN_MARKER, LOCK};
use crate::storage::slots::SLOTS;
use crate::sys::Dir;

const TOPIC_NAME_MAX: usize = 249;

/// A partition folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionFolder {
    /// Topic.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
}

impl PartitionFolder {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.topic, self.partition)
    }

    /// From a folder's name, split at the last hyphen.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (topic, number) = name.rsplit_once('-')?;
        let canonical = number == "0" || !number.starts_with('0');
        if check_topic_name(topic).is_err() || !canonical || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(Self { topic: topic.to_owned(), partition: number.parse().ok()? })
    }
}

/// Kafka's rules for topic names (`Topic.validate`).
pub fn check_topic_name(name: &str) -> Result<()> {
    let refuse = |reason: String| Err(Error::InvalidTopic { name: name.chars().take(300).collect(), reason });
    if name.is_empty() {
        return refuse("empty".to_owned());
    }
    if name == "." || name == ".." {
        return refuse("not . or ..".to_owned());
    }
    if name.len() > TOPIC_NAME_MAX {
        return refuse(format!("{} bytes, at most {TOPIC_NAME_MAX}", name.len()));
    }
    match name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '-')) {
        Some(c) => refuse(format!("character {c:?}, allowed are a-z A-Z 0-9 . _ -")),
        None => Ok(()),
    }
}

/// Whether Kafka takes two names for one in its metrics: `.` and `_` are equal there.
#[must_use]
pub fn collide(a: &str, b: &str) -> bool {
    a != b && a.replace('.', "_") == b.replace('.', "_")
}

/// A folder that Kafka keeps beside partitions, and that everybody passes over.
fn is_passed_over(name: &str) -> bool {
    matches!(name, "remote-log-index-cache" | "lost+found")
        || ["-delete", "-stray", "-future"].iter().any(|suffix| name.ends_with(suffix))
}

/// Every partition folder, in order. A sub-folder that is none is refused by name, as a broker would fail on it.
pub fn partition_folders(root: &Dir) -> Result<Vec<PartitionFolder>> {
    let mut folders = Vec::new();
    for entry in root.list()?.into_iter().filter(|entry| entry.is_dir) {
        let name = entry.name.to_string_lossy();
        if is_passed_over(&name) {
            continue;
        }
        folders.push(PartitionFolder::parse(&name).ok_or_else(|| Error::InvalidArgument {
            name: "path",
            found: format!("{} holds the folder {name:?}, which is no <topic>-<partition>", root.path().display()),
            expected: "a data directory: a broker refuses it too".to_owned(),
        })?);
    }
    folders.sort_unstable();
    Ok(folders)
}

/// Whether a directory is a data directory already: Kafka's or ours.
pub fn is_data_directory(root: &Dir) -> Result<bool> {
    for name in [LOCK, SLOTS, CLEAN_MARKER, checkpoint::RECOVERY_POINT, checkpoint::LOG_START, "meta.properties"] {
        if root.stat(name)?.is_some() {
            return Ok(true);
        }
    }
    Ok(!partition_folders(root)?.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_split_at_the_last_hyphen() {
        let parse = |name: &str| PartitionFolder::parse(name).map(|folder| (folder.topic, folder.partition));
        assert_eq!(parse("a-b-12"), Some(("a-b".to_owned(), 12)));
        assert_eq!(parse("__consumer_offsets-0"), Some(("__consumer_offsets".to_owned(), 0)));
        for stranger in ["a", "-0", "a-", "a-01", "a-x", "a-0.deadbeef-delete", "a b-0", "a-2147483648"] {
            assert_eq!(parse(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn names_follow_the_rules_of_kafka() {
        assert!(check_topic_name(&"a".repeat(249)).is_ok());
        for bad in ["", ".", "..", "a/b", "a b", "ä", &"a".repeat(250)] {
            assert!(matches!(check_topic_name(bad), Err(Error::InvalidTopic { .. })), "{bad}");
        }
        assert!(collide("a.b", "a_b") && !collide("a.b", "a.b") && !collide("a.b", "a-b"));
    }
}
