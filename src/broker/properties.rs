//! `ckafka.properties`: a topic's non-default configuration, in each of its partition folders. Data, not derived: written by temporary file, sync and rename.
//!
//! One `key=value` a line, in order of keys; lines that begin with `#` and empty ones are passed over.

use super::Conf;
use crate::error::{Error, Result};
use crate::storage::config::LogConfig;
use crate::storage::names::PROPERTIES;
use crate::sys::Dir;

const TEMPORARY: &str = "ckafka.properties.tmp";
const SIZE_MAX: usize = 64 << 10;

/// The configuration in a partition folder; `None` where the file is missing (a broker's folder).
pub fn read(folder: &Dir) -> Result<Option<Conf>> {
    let Some(content) = folder.read_small(PROPERTIES, SIZE_MAX)? else { return Ok(None) };
    let path = || folder.path().join(PROPERTIES);
    let damaged = |line: usize, reason: String| Error::Corrupt {
        path: path(),
        position: 0,
        reason: format!("line {line}: {reason}"),
    };
    let text = String::from_utf8(content).map_err(|_| damaged(1, "not UTF-8".to_owned()))?;
    let mut conf = Conf::new();
    for (index, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) =
            line.split_once('=').ok_or_else(|| damaged(index + 1, format!("{line:?} is not key=value")))?;
        conf.set(key, value).map_err(|error| damaged(index + 1, error.to_string()))?;
    }
    Ok(Some(conf))
}

/// Writes the topic's part of `conf`, durably.
pub fn write(folder: &Dir, conf: &Conf) -> Result<()> {
    let mut text = String::from("# Configuration of this topic; what is not named has its default.\n");
    for (key, value) in conf.topic_values() {
        text.push_str(key);
        text.push('=');
        text.push_str(value);
        text.push('\n');
    }
    folder.replace(PROPERTIES, TEMPORARY, text.as_bytes())
}

/// The settings of a partition's log: its own file, else what the directory was opened with.
pub fn log_config(root: &Dir, topic: &str, partition: i32, opened_with: &Conf) -> Result<LogConfig> {
    let name = format!("{topic}-{partition}");
    if root.stat(&name)?.is_none() {
        return Err(Error::UnknownPartition { topic: topic.to_owned(), partition });
    }
    let folder = root.open_dir(&name)?;
    match read(&folder)? {
        // How this process appends and waits is its own matter, not the topic's.
        Some(conf) => opened_with.process_values().overlaid(&conf).log_config(),
        None => opened_with.log_config(),
    }
}
