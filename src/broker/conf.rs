//! Configuration as text: names, ranges, defaults, in one table. (to be implemented)

use crate::error::Result;
use crate::storage::config::{LogConfig, ReaderConfig};

/// What the whole directory handle is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryConfig {
    /// `ckafka.filesystem.check`.
    pub filesystem_check: FilesystemCheck,
    /// `ckafka.lock.timeout.ms`.
    pub lock_timeout_ms: u64,
    /// `ckafka.flush.cpu`, `ckafka.pretouch.cpu`, `ckafka.network.cpu`, `ckafka.consumer.cpu`.
    pub flush_cpu: Option<usize>,
    /// See above.
    pub pretouch_cpu: Option<usize>,
    /// See above.
    pub network_cpu: Option<usize>,
    /// See above.
    pub consumer_cpu: Option<usize>,
}

/// Whether unknown file systems are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilesystemCheck {
    /// Refused.
    Refuse,
    /// Taken.
    Skip,
}

/// A set of configuration values; what is not set has its default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conf {
    /// Only what was set, normalised.
    values: std::collections::BTreeMap<&'static str, String>,
}

impl Conf {
    /// Nothing set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// Sets one value; an unknown key or a value out of range is `ConfigRefused` with what is allowed.
    pub fn set(&mut self, _key: &str, _value: &str) -> Result<()> {
        todo!()
    }
    /// The value, or the default.
    pub fn get(&self, _key: &str) -> Result<String> {
        todo!()
    }
    /// These values with `other`'s laid over them.
    #[must_use]
    pub fn overlaid(&self, _other: &Conf) -> Conf {
        todo!()
    }
    /// What belongs to a topic (the log settings), key and value, only what was set: what `ckafka.properties` holds.
    #[must_use]
    pub fn topic_values(&self) -> Vec<(&'static str, &str)> {
        todo!()
    }
    /// What belongs to the process that opened, not to a topic (`ckafka.append.mode`, `ckafka.lock.timeout.ms`, ...).
    #[must_use]
    pub fn process_values(&self) -> Conf {
        todo!()
    }
    /// As log settings.
    pub fn log_config(&self) -> Result<LogConfig> {
        todo!()
    }
    /// As reader settings.
    pub fn reader_config(&self) -> Result<ReaderConfig> {
        todo!()
    }
    /// As directory settings.
    pub fn directory_config(&self) -> Result<DirectoryConfig> {
        todo!()
    }
}
