//! Configuration as text: a set of values, checked as they are set, and what they mean to log, reader and directory.
//!
//! `table` lists every key with its range and default; `suggest` finds the key that was meant. A value is kept in one
//! spelling, so that what is set, read and written to a topic's file is the same text. Reading what was never set gives
//! the default: Kafka's where Kafka has the key.

mod suggest;
mod table;

use std::time::Duration;

use self::table::{KEYS, Key, Scope};
use crate::error::{Error, Result};
use crate::record::{Codec, Compression, TimestampType};
use crate::storage::config::{AppendMode, CheckCrcs, IsolationLevel, LogConfig, OnCorrupt, ReadMode, ReaderConfig};
use crate::storage::session::LockWaits;

/// What the whole directory handle is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryConfig {
    /// `ckafka.filesystem.check`.
    pub filesystem_check: FilesystemCheck,
    /// `ckafka.lock.timeout.ms` and `ckafka.lock.slice.ms`.
    pub lock_waits: LockWaits,
    /// `ckafka.flush.cpu`: the core of the flush thread.
    pub flush_cpu: Option<usize>,
    /// `ckafka.pretouch.cpu`: the core of the pre-touch thread.
    pub pretouch_cpu: Option<usize>,
    /// `ckafka.network.cpu`: for the program's own network thread.
    pub network_cpu: Option<usize>,
    /// `ckafka.consumer.cpu`: for the program's own consumer thread.
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
    /// Only what was set, in one spelling; by name.
    values: Vec<(&'static str, String)>,
}

impl Conf {
    /// Nothing set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one value; an unknown key or a value out of range is `ConfigRefused` with what is allowed.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let known = find(key, value)?;
        let spelled = known.accepts.spell(value).ok_or_else(|| Error::ConfigRefused {
            key: key.to_owned(),
            value: value.to_owned(),
            allowed: format!("expected {}", known.accepts),
        })?;
        if key == "compression.type" {
            let codec = codec(&spelled);
            if !codec.is_available() {
                return Err(Error::UnsupportedCodec { codec: codec.name() });
            }
        }
        self.put(known.name, spelled)
    }

    fn put(&mut self, name: &'static str, value: String) -> Result<()> {
        self.values.try_reserve(1).map_err(|_| no_memory(size_of::<(&str, String)>()))?;
        self.put_where_room_is(name, value);
        Ok(())
    }

    fn put_where_room_is(&mut self, name: &'static str, value: String) {
        match self.values.binary_search_by_key(&name, |(name, _)| *name) {
            Ok(at) => self.values[at].1 = value,
            Err(at) => self.values.insert(at, (name, value)),
        }
    }

    fn set_value(&self, name: &str) -> Option<&str> {
        let at = self.values.binary_search_by_key(&name, |(name, _)| *name).ok()?;
        self.values.get(at).map(|(_, value)| value.as_str())
    }

    /// A copy, where there is memory for one.
    pub fn try_clone(&self) -> Result<Conf> {
        let mut values = Vec::new();
        values.try_reserve_exact(self.values.len()).map_err(|_| no_memory(size_of_val(self.values.as_slice())))?;
        for (name, value) in &self.values {
            let mut copy = String::new();
            copy.try_reserve_exact(value.len()).map_err(|_| no_memory(value.len()))?;
            copy.push_str(value);
            values.push((*name, copy));
        }
        Ok(Conf { values })
    }

    /// The value, or the default.
    pub fn get(&self, key: &str) -> Result<String> {
        let known = find(key, "")?;
        Ok(self.text(known.name).to_owned())
    }

    /// These values with `other`'s laid over them.
    #[must_use]
    pub fn overlaid(&self, other: &Conf) -> Conf {
        // A topic whose compression is the producer's leaves it to whoever appends.
        let said = |(key, value): &&(&'static str, String)| *key != "compression.type" || value != "producer";
        let mut conf = self.clone();
        for (name, value) in other.values.iter().filter(said) {
            conf.put_where_room_is(name, value.clone());
        }
        conf
    }

    /// What belongs to a topic, key and value, only what was set: what `ckafka.properties` holds.
    #[must_use]
    pub fn topic_values(&self) -> Vec<(&'static str, &str)> {
        let of_topic = self.values.iter().filter(|(key, _)| scope(key) == Some(Scope::Topic));
        of_topic.map(|(key, value)| (*key, value.as_str())).collect()
    }

    /// What belongs to the process that opened, not to a topic (`ckafka.append.mode`, `ckafka.lock.timeout.ms`, ...).
    #[must_use]
    pub fn process_values(&self) -> Conf {
        let mut values = self.values.clone();
        // How often to flush, and how to compress, is a topic's to say, and the opener's where the topic is silent.
        let may_be_said = |key: &str| key.starts_with("flush.") || key.starts_with("compression.");
        values.retain(|(key, _)| scope(key) != Some(Scope::Topic) || may_be_said(key));
        Conf { values }
    }

    /// As log settings.
    pub fn log_config(&self) -> Result<LogConfig> {
        Ok(LogConfig {
            segment_bytes: self.number("segment.bytes")?,
            segment_ms: self.number("segment.ms")?,
            segment_index_bytes: self.number("segment.index.bytes")?,
            index_interval_bytes: self.number("index.interval.bytes")?,
            max_message_bytes: self.number("max.message.bytes")?,
            retention_ms: self.number("retention.ms")?,
            retention_bytes: self.number("retention.bytes")?,
            compression: self.compression()?,
            timestamp_type: match self.text("message.timestamp.type") {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            flush_messages: self.unless_never("flush.messages")?.unwrap_or(u64::MAX),
            flush_interval: self.unless_never("flush.ms")?.map(Duration::from_millis),
            append_mode: match self.text("ckafka.append.mode") {
                "pwrite" => AppendMode::Pwrite,
                _ => AppendMode::Mmap,
            },
            lock_timeout: Duration::from_millis(self.number("ckafka.lock.timeout.ms")?),
        })
    }

    /// As reader settings.
    pub fn reader_config(&self) -> Result<ReaderConfig> {
        Ok(ReaderConfig {
            read_mode: match self.text("ckafka.read.mode") {
                "copy" => ReadMode::Copy,
                _ => ReadMode::Map,
            },
            on_corrupt: match self.text("ckafka.on.corrupt") {
                "skip" => OnCorrupt::Skip,
                _ => OnCorrupt::Stop,
            },
            check_crcs: match self.text("ckafka.check.crcs") {
                "false" => CheckCrcs::Never,
                _ => CheckCrcs::Always,
            },
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
            lock_waits: LockWaits {
                timeout: Duration::from_millis(self.number("ckafka.lock.timeout.ms")?),
                slice: u64::try_from(self.number::<i64>("ckafka.lock.slice.ms")?).ok().map(Duration::from_millis),
            },
            flush_cpu: self.core("ckafka.flush.cpu")?,
            pretouch_cpu: self.core("ckafka.pretouch.cpu")?,
            network_cpu: self.core("ckafka.network.cpu")?,
            consumer_cpu: self.core("ckafka.consumer.cpu")?,
        })
    }

    /// The codec with the level that was set for it; without one, the codec's own default.
    fn compression(&self) -> Result<Compression> {
        let codec = codec(self.text("compression.type"));
        let key = match codec {
            Codec::Gzip => "compression.gzip.level",
            Codec::Lz4 => "compression.lz4.level",
            Codec::Zstd => "compression.zstd.level",
            Codec::None | Codec::Snappy => return Ok(Compression { codec, level: None }),
        };
        let level = if self.set_value(key).is_some() { Some(self.number(key)?) } else { None };
        Ok(Compression { codec, level })
    }

    fn text(&self, name: &str) -> &str {
        let default = || KEYS.iter().find(|key| key.name == name).map_or("", |key| key.default);
        self.set_value(name).unwrap_or_else(default)
    }

    fn number<T: TryFrom<i64>>(&self, name: &str) -> Result<T> {
        let text = self.text(name);
        let number = text.parse().ok().and_then(|number: i64| T::try_from(number).ok());
        number.ok_or_else(|| Error::ConfigRefused {
            key: name.to_owned(),
            value: text.to_owned(),
            allowed: "expected a number".to_owned(),
        })
    }

    /// Kafka writes "never" as the largest long.
    fn unless_never(&self, name: &str) -> Result<Option<u64>> {
        let number: i64 = self.number(name)?;
        Ok(if number == i64::MAX { None } else { u64::try_from(number).ok() })
    }

    fn core(&self, name: &str) -> Result<Option<usize>> {
        let number: i64 = self.number(name)?;
        Ok(usize::try_from(number).ok())
    }
}

/// What our own appends use; `producer` leaves it to the producer, which here is us without one.
fn codec(text: &str) -> Codec {
    Codec::from_name(text).unwrap_or_default()
}

fn scope(name: &str) -> Option<Scope> {
    KEYS.iter().find(|key| key.name == name).map(|key| key.scope)
}

fn no_memory(bytes: usize) -> Error {
    Error::OutOfMemory { what: "a configuration", bytes }
}

fn find(key: &str, value: &str) -> Result<&'static Key> {
    KEYS.iter().find(|known| known.name == key).ok_or_else(|| Error::ConfigRefused {
        key: key.to_owned(),
        value: value.to_owned(),
        allowed: suggest::unknown_key(key),
    })
}

#[cfg(test)]
mod tests;
