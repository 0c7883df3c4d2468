//! Every configuration key: whom it concerns, what it accepts, and its default.

use std::fmt;

/// Whom a key concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// A topic: kept with it.
    Topic,
    /// One reader.
    Reader,
    /// An open directory: this process's own affair.
    Directory,
}

/// The values that a key accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepts {
    /// Whole numbers from the first to the second.
    Range(i64, i64),
    /// The first, or whole numbers from the second to the third.
    OneOrRange(i64, i64, i64),
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of these words, or several with commas between them.
    WordList(&'static [&'static str]),
}

/// A key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) scope: Scope,
    pub(super) accepts: Accepts,
    pub(super) default: &'static str,
}

impl Accepts {
    /// The value in its one spelling, if it is accepted.
    pub(super) fn spell(self, value: &str) -> Option<String> {
        let value = value.trim();
        match self {
            Self::Range(least, most) => number(value).filter(|number| (least..=most).contains(number)).map(text),
            Self::OneOrRange(one, least, most) => {
                number(value).filter(|number| *number == one || (least..=most).contains(number)).map(text)
            }
            Self::Words(words) => words.contains(&value).then(|| value.to_owned()),
            Self::WordList(words) => {
                let listed: Vec<&str> = value.split(',').map(str::trim).collect();
                listed.iter().all(|word| words.contains(word)).then(|| listed.join(","))
            }
        }
    }
}

fn number(value: &str) -> Option<i64> {
    value.parse().ok()
}

fn text(number: i64) -> String {
    number.to_string()
}

impl fmt::Display for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(least, i64::MAX) => write!(f, "a whole number, {least} or more"),
            Self::Range(least, most) => write!(f, "a whole number from {least} to {most}"),
            Self::OneOrRange(one, least, most) => write!(f, "{one}, or a whole number from {least} to {most}"),
            Self::Words(words) => write!(f, "one of {}", words.join(", ")),
            Self::WordList(words) => write!(f, "a list of {}", words.join(", ")),
        }
    }
}

const INT_MAX: i64 = i32::MAX as i64;
const BOOLEAN: Accepts = Accepts::Words(&["true", "false"]);
/// -1: not bound to a core. Whether this machine has the core is seen when a thread is bound.
const CORE: Accepts = Accepts::Range(-1, 1023);

const fn topic(name: &'static str, accepts: Accepts, default: &'static str) -> Key {
    Key { name, scope: Scope::Topic, accepts, default }
}

const fn reader(name: &'static str, accepts: Accepts, default: &'static str) -> Key {
    Key { name, scope: Scope::Reader, accepts, default }
}

const fn directory(name: &'static str, accepts: Accepts, default: &'static str) -> Key {
    Key { name, scope: Scope::Directory, accepts, default }
}

/// All keys. Kafka's have Kafka's ranges and defaults, but `segment.bytes` goes down to 1 KiB as older brokers let it.
pub(super) const KEYS: &[Key] = &[
    topic("cleanup.policy", Accepts::WordList(&["delete", "compact"]), "delete"),
    topic("compression.gzip.level", Accepts::OneOrRange(-1, 1, 9), "-1"),
    topic("compression.lz4.level", Accepts::Range(1, 17), "9"),
    topic(
        "compression.type",
        Accepts::Words(&["none", "uncompressed", "gzip", "snappy", "lz4", "zstd", "producer"]),
        "producer",
    ),
    topic("compression.zstd.level", Accepts::Range(-131_072, 22), "3"),
    topic("file.delete.delay.ms", Accepts::Range(0, i64::MAX), "60000"),
    topic("flush.messages", Accepts::Range(1, i64::MAX), "9223372036854775807"),
    topic("flush.ms", Accepts::Range(0, i64::MAX), "9223372036854775807"),
    topic("index.interval.bytes", Accepts::Range(0, INT_MAX), "4096"),
    // 61 bytes is the header of a batch.
    topic("max.message.bytes", Accepts::Range(61, INT_MAX), "1048588"),
    topic("message.timestamp.type", Accepts::Words(&["CreateTime", "LogAppendTime"]), "CreateTime"),
    topic("retention.bytes", Accepts::Range(-1, i64::MAX), "-1"),
    topic("retention.ms", Accepts::Range(-1, i64::MAX), "604800000"),
    topic("segment.bytes", Accepts::Range(1024, INT_MAX), "1073741824"),
    // Room for two entries of each index at least: the last one of a segment is kept free for its end.
    topic("segment.index.bytes", Accepts::Range(48, INT_MAX), "10485760"),
    topic("segment.ms", Accepts::Range(1, i64::MAX), "604800000"),
    reader("ckafka.check.crcs", BOOLEAN, "true"),
    reader("ckafka.on.corrupt", Accepts::Words(&["stop", "skip"]), "stop"),
    reader("ckafka.read.mode", Accepts::Words(&["map", "copy"]), "map"),
    reader("isolation.level", Accepts::Words(&["read_uncommitted", "read_committed"]), "read_uncommitted"),
    directory("ckafka.append.mode", Accepts::Words(&["mmap", "pwrite"]), "mmap"),
    directory("ckafka.consumer.cpu", CORE, "-1"),
    directory("ckafka.filesystem.check", BOOLEAN, "true"),
    directory("ckafka.flush.cpu", CORE, "-1"),
    // -1: a call waits until the time-out is over, whatever signals come.
    directory("ckafka.lock.slice.ms", Accepts::OneOrRange(-1, 1, INT_MAX), "-1"),
    directory("ckafka.lock.timeout.ms", Accepts::Range(0, INT_MAX), "30000"),
    directory("ckafka.network.cpu", CORE, "-1"),
    directory("ckafka.pretouch.cpu", CORE, "-1"),
];
