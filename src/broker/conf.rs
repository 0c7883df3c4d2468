//! Configuration as text: a set of values for the keys of `conf_keys`, and what they mean parsed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::conf_keys::{Key, Scope, similar};
use crate::error::{Error, Result};
use crate::record::{Codec, Compression, TimestampType};
use crate::storage::config::{AppendMode, CheckCrcs, IsolationLevel, LogConfig, OnCorrupt, ReadMode, ReaderConfig};

/// What the whole directory handle is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryConfig {
    /// `ckafka.filesystem.check`.
    pub filesystem_check: FilesystemCheck,
    /// `ckafka.lock.timeout.ms`.
    pub lock_timeout_ms: u64,
    /// `ckafka.flush.cpu`: the core of the flush thread.
    pub flush_cpu: Option<usize>,
    /// `ckafka.pretouch.cpu`: the core of the pre-touch thread.
    pub pretouch_cpu: Option<usize>,
    /// `ckafka.network.cpu`: for the caller's network threads, or a server's.
    pub network_cpu: Option<usize>,
    /// `ckafka.consumer.cpu`: for the caller's consumer threads.
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
    values: BTreeMap<&'static str, String>,
}

impl Conf {
    /// Nothing set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one value; an unknown key or a value out of range is `ConfigRefused` with what is allowed.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let found = find(key, value)?;
        let refused = |allowed| Error::ConfigRefused { key: key.to_owned(), value: value.to_owned(), allowed };
        found.check(value).map_err(refused)?;
        self.values.insert(found.name, value.to_owned());
        Ok(())
    }

    /// The value, or the default.
    pub fn get(&self, key: &str) -> Result<String> {
        let found = find(key, "")?;
        Ok(self.text(found.name).to_owned())
    }

    fn text(&self, name: &str) -> &str {
        match self.values.get(name) {
            Some(value) => value,
            None => Key::find(name).map_or("", |key| key.default),
        }
    }

    fn number(&self, name: &str) -> i64 {
        self.text(name).parse().unwrap_or_default()
    }

    /// Times and counts that Kafka calls endless by their largest value.
    fn bounded(&self, name: &str) -> Option<u64> {
        let number = self.number(name);
        (number != i64::MAX).then_some(number.unsigned_abs())
    }

    fn cpu(&self, name: &str) -> Option<usize> {
        self.text(name).parse().ok()
    }

    /// These values with `other`'s laid over them.
    #[must_use]
    pub fn overlaid(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.values.extend(other.values.iter().map(|(key, value)| (*key, value.clone())));
        both
    }

    fn of_scope(&self, scope: Scope) -> impl Iterator<Item = (&'static str, &str)> {
        let belongs = move |name: &str| Key::find(name).is_some_and(|key| key.scope == scope);
        self.values.iter().filter(move |(name, _)| belongs(name)).map(|(name, value)| (*name, value.as_str()))
    }

    /// What belongs to a topic, key and value, only what was set: what `ckafka.properties` holds. Of a topic's own configuration, how it is to be flushed
    /// belongs to it too.
    #[must_use]
    pub fn topic_values(&self) -> Vec<(&'static str, &str)> {
        let mut values: Vec<_> = self.of_scope(Scope::Topic).collect();
        values.extend(self.of_scope(Scope::Process).filter(|(name, _)| name.starts_with("flush.")));
        values.sort_unstable();
        values
    }

    /// What belongs to the process that opened, not to a topic.
    #[must_use]
    pub fn process_values(&self) -> Self {
        Self { values: self.of_scope(Scope::Process).map(|(key, value)| (key, value.to_owned())).collect() }
    }

    /// As log settings.
    pub fn log_config(&self) -> Result<LogConfig> {
        Ok(LogConfig {
            segment_bytes: self.number("segment.bytes").unsigned_abs(),
            segment_ms: self.number("segment.ms"),
            segment_index_bytes: self.number("segment.index.bytes").unsigned_abs(),
            index_interval_bytes: self.number("index.interval.bytes").unsigned_abs(),
            max_message_bytes: self.number("max.message.bytes").unsigned_abs(),
            retention_ms: self.number("retention.ms"),
            retention_bytes: self.number("retention.bytes"),
            compression: self.compression(),
            timestamp_type: match self.text("message.timestamp.type") {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            flush_messages: self.bounded("flush.messages").unwrap_or(u64::MAX),
            flush_interval: self.bounded("flush.ms").map(Duration::from_millis),
            append_mode: if self.text("ckafka.append.mode") == "pwrite" {
                AppendMode::Pwrite
            } else {
                AppendMode::Mmap
            },
            lock_timeout: Duration::from_millis(self.number("ckafka.lock.timeout.ms").unsigned_abs()),
        })
    }

    /// `producer` keeps what a producer's batch has; records that are appended one by one are then not compressed.
    fn compression(&self) -> Compression {
        let codec = Codec::from_name(self.text("compression.type")).unwrap_or_default();
        let level = |name: &str| self.values.get(name).and_then(|level| level.parse().ok());
        let level = match codec {
            Codec::Gzip => level("compression.gzip.level"),
            Codec::Lz4 => level("compression.lz4.level"),
            Codec::Zstd => level("compression.zstd.level"),
            Codec::None | Codec::Snappy => None,
        };
        Compression { codec, level }
    }

    /// As reader settings.
    pub fn reader_config(&self) -> Result<ReaderConfig> {
        Ok(ReaderConfig {
            read_mode: if self.text("ckafka.read.mode") == "copy" { ReadMode::Copy } else { ReadMode::Map },
            on_corrupt: if self.text("ckafka.on.corrupt") == "skip" { OnCorrupt::Skip } else { OnCorrupt::Stop },
            check_crcs: if self.text("ckafka.check.crcs") == "false" { CheckCrcs::Never } else { CheckCrcs::Always },
            isolation: match self.text("isolation.level") {
                "read_committed" => IsolationLevel::ReadCommitted,
                _ => IsolationLevel::ReadUncommitted,
            },
        })
    }

    /// As directory settings.
    pub fn directory_config(&self) -> Result<DirectoryConfig> {
        Ok(DirectoryConfig {
            filesystem_check: match self.text("ckafka.filesystem.check") {
                "false" => FilesystemCheck::Skip,
                _ => FilesystemCheck::Refuse,
            },
            lock_timeout_ms: self.number("ckafka.lock.timeout.ms").unsigned_abs(),
            flush_cpu: self.cpu("ckafka.flush.cpu"),
            pretouch_cpu: self.cpu("ckafka.pretouch.cpu"),
            network_cpu: self.cpu("ckafka.network.cpu"),
            consumer_cpu: self.cpu("ckafka.consumer.cpu"),
        })
    }
}

fn find(key: &str, value: &str) -> Result<&'static Key> {
    Key::find(key).ok_or_else(|| {
        let near = similar(key);
        let hint = if near.is_empty() { String::new() } else { format!("; near it are {}", near.join(", ")) };
        Error::ConfigRefused { key: key.to_owned(), value: value.to_owned(), allowed: format!("no such key{hint}") }
    })
}

#[cfg(test)]
mod tests {
    use super::super::conf_keys::KEYS;
    use super::*;

    #[test]
    fn the_defaults_as_text_are_the_defaults_of_the_engine() {
        assert_eq!(Conf::new().log_config().unwrap(), LogConfig::default());
        assert_eq!(Conf::new().reader_config().unwrap(), ReaderConfig::default());
    }

    #[test]
    fn every_default_is_allowed_and_names_are_in_order() {
        assert!(KEYS.iter().all(|key| key.check(key.default).is_ok()));
        assert!(KEYS.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn refusals_name_key_value_and_what_is_allowed() {
        let mut conf = Conf::new();
        let text = |result: Result<()>| result.unwrap_err().to_string();
        let low = text(conf.set("segment.bytes", "1023"));
        assert!(low.contains("segment.bytes=1023") && low.contains("1024 to 2147483647"), "{low}");
        let unknown = text(conf.set("segment.byte", "1"));
        assert!(unknown.contains("no such key") && unknown.contains("segment.bytes"), "{unknown}");
        for (key, value) in [
            ("compression.type", "brotli"),
            ("flush.ms", ""),
            ("ckafka.check.crcs", "yes"),
            ("compression.gzip.level", "0"),
        ] {
            assert!(conf.set(key, value).is_err(), "{key}={value}");
        }
        assert_eq!(conf, Conf::new());
    }

    #[test]
    fn a_topic_keeps_its_own_values_and_leaves_the_process_its() {
        let mut conf = Conf::new();
        for (key, value) in [
            ("segment.bytes", "4096"),
            ("ckafka.append.mode", "pwrite"),
            ("flush.messages", "10"),
            ("ckafka.read.mode", "copy"),
        ] {
            conf.set(key, value).unwrap();
        }
        assert_eq!(conf.topic_values(), [("flush.messages", "10"), ("segment.bytes", "4096")]);
        assert_eq!(conf.process_values().log_config().unwrap().append_mode, AppendMode::Pwrite);
    }
}
