//! The table of configuration keys: name, whose setting it is, default, what is allowed.

use crate::record::Codec;

/// Whose setting a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A topic's: kept in `ckafka.properties`.
    Topic,
    /// The process's, for its logs.
    Process,
    /// A reader's.
    Reader,
    /// The directory handle's.
    Directory,
}

/// What values a key takes.
#[derive(Debug, Clone, Copy)]
pub enum Allowed {
    /// Whole numbers from the first to the second.
    Number(i64, i64),
    /// One of these words.
    Words(&'static [&'static str]),
    /// A core's number, or nothing.
    Cpu,
    /// `delete`, `compact`, or both with a comma.
    CleanupPolicy,
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Kafka's or librdkafka's name, or ours with the prefix `ckafka.`.
    pub name: &'static str,
    /// Whose setting it is.
    pub scope: Scope,
    /// Default value.
    pub default: &'static str,
    /// What it takes.
    pub allowed: Allowed,
}

const fn key(name: &'static str, scope: Scope, default: &'static str, allowed: Allowed) -> Key {
    Key { name, scope, default, allowed }
}

const SEGMENT_MAX: i64 = i32::MAX as i64;
const BOOL: Allowed = Allowed::Words(&["true", "false"]);

/// Every key, in order of names.
pub const KEYS: &[Key] = &[
    key("ckafka.append.mode", Scope::Process, "mmap", Allowed::Words(&["mmap", "pwrite"])),
    key("ckafka.check.crcs", Scope::Reader, "true", BOOL),
    key("ckafka.consumer.cpu", Scope::Directory, "", Allowed::Cpu),
    key("ckafka.filesystem.check", Scope::Directory, "true", BOOL),
    key("ckafka.flush.cpu", Scope::Directory, "", Allowed::Cpu),
    key("ckafka.lock.timeout.ms", Scope::Process, "30000", Allowed::Number(0, 86_400_000)),
    key("ckafka.network.cpu", Scope::Directory, "", Allowed::Cpu),
    key("ckafka.on.corrupt", Scope::Reader, "stop", Allowed::Words(&["stop", "skip"])),
    key("ckafka.pretouch.cpu", Scope::Directory, "", Allowed::Cpu),
    key("ckafka.read.mode", Scope::Reader, "map", Allowed::Words(&["map", "copy"])),
    key("cleanup.policy", Scope::Topic, "delete", Allowed::CleanupPolicy),
    key("compression.gzip.level", Scope::Topic, "-1", Allowed::Number(-1, 9)),
    key("compression.lz4.level", Scope::Topic, "9", Allowed::Number(1, 17)),
    key(
        "compression.type",
        Scope::Topic,
        "producer",
        Allowed::Words(&["producer", "none", "uncompressed", "gzip", "snappy", "lz4", "zstd"]),
    ),
    key("compression.zstd.level", Scope::Topic, "3", Allowed::Number(-131_072, 22)),
    key("file.delete.delay.ms", Scope::Topic, "60000", Allowed::Number(0, i64::MAX)),
    key("flush.messages", Scope::Process, "9223372036854775807", Allowed::Number(1, i64::MAX)),
    key("flush.ms", Scope::Process, "9223372036854775807", Allowed::Number(1, i64::MAX)),
    key("index.interval.bytes", Scope::Topic, "4096", Allowed::Number(0, SEGMENT_MAX)),
    key("isolation.level", Scope::Reader, "read_uncommitted", Allowed::Words(&["read_uncommitted", "read_committed"])),
    key("max.message.bytes", Scope::Topic, "1048588", Allowed::Number(61, SEGMENT_MAX)),
    key("message.timestamp.type", Scope::Topic, "CreateTime", Allowed::Words(&["CreateTime", "LogAppendTime"])),
    key("retention.bytes", Scope::Topic, "-1", Allowed::Number(-1, i64::MAX)),
    key("retention.ms", Scope::Topic, "604800000", Allowed::Number(-1, i64::MAX)),
    key("segment.bytes", Scope::Topic, "1073741824", Allowed::Number(1024, SEGMENT_MAX)),
    key("segment.index.bytes", Scope::Topic, "10485760", Allowed::Number(24, SEGMENT_MAX)),
    key("segment.ms", Scope::Topic, "604800000", Allowed::Number(1, i64::MAX)),
];

impl Key {
    /// The key of a name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// What is allowed, as text for messages.
    #[must_use]
    pub fn allowed_text(&self) -> String {
        match self.allowed {
            Allowed::Number(from, to) => format!("a whole number from {from} to {to}"),
            Allowed::Words(words) => format!("one of {}", words.join(", ")),
            Allowed::Cpu => "a core's number, from 0, or nothing".to_owned(),
            Allowed::CleanupPolicy => "delete, compact, or compact,delete".to_owned(),
        }
    }

    /// Whether a value is allowed; the reason where not.
    pub fn check(&self, value: &str) -> Result<(), String> {
        let fits = match self.allowed {
            Allowed::Number(from, to) => value.parse().is_ok_and(|number: i64| (from..=to).contains(&number)),
            Allowed::Words(words) => words.contains(&value),
            Allowed::Cpu => value.is_empty() || value.parse::<u16>().is_ok(),
            Allowed::CleanupPolicy => matches!(value, "delete" | "compact" | "compact,delete" | "delete,compact"),
        };
        if !fits || self.name == "compression.gzip.level" && value == "0" {
            return Err(self.allowed_text());
        }
        match (self.name, Codec::from_name(value)) {
            ("compression.type", Some(codec)) if !codec.is_available() => {
                Err(format!("{value} is not built into this library"))
            }
            _ => Ok(()),
        }
    }
}

/// Keys whose names are like `name`, for messages.
#[must_use]
pub fn similar(name: &str) -> Vec<&'static str> {
    let words: Vec<&str> = name.split(['.', '_', '-']).filter(|word| word.len() > 2).collect();
    let likeness = |key: &Key| words.iter().filter(|word| key.name.contains(**word)).count();
    let best = KEYS.iter().map(likeness).max().unwrap_or(0);
    if best == 0 {
        return Vec::new();
    }
    KEYS.iter().filter(|key| likeness(key) == best).map(|key| key.name).take(4).collect()
}
