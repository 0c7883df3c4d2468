//! The settings of one log and of one reader, parsed and in range. Their names, ranges and defaults as text are `broker::conf`.

use std::time::Duration;

use crate::record::{Compression, TimestampType};

/// How appends reach the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AppendMode {
    /// Stores into a map (`ckafka.append.mode=mmap`).
    #[default]
    Mmap,
    /// `pwrite`, no store into a log or index map.
    Pwrite,
}

/// How readers see bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadMode {
    /// Borrowed from the map.
    #[default]
    Map,
    /// Copied by `pread`: no SIGBUS.
    Copy,
}

/// What a reader does when it meets a damaged batch below the recovery point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnCorrupt {
    /// Fails with the place.
    #[default]
    Stop,
    /// Reads on behind it.
    Skip,
}

/// Which records of transactions a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IsolationLevel {
    /// All.
    #[default]
    ReadUncommitted,
    /// Those of committed transactions, up to the last stable offset.
    ReadCommitted,
}

/// Whether readers check CRCs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckCrcs {
    /// Every batch.
    #[default]
    Always,
    /// Not at all.
    Never,
}

/// Settings of a log, with Kafka's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// `segment.bytes`, 1024 to 2^31-1.
    pub segment_bytes: u64,
    /// `segment.ms`.
    pub segment_ms: i64,
    /// `segment.index.bytes`: the limit of each index file.
    pub segment_index_bytes: u64,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u64,
    /// `max.message.bytes`.
    pub max_message_bytes: u64,
    /// `retention.ms`, -1 for ever.
    pub retention_ms: i64,
    /// `retention.bytes`, -1 without limit.
    pub retention_bytes: i64,
    /// `compression.type` and its level.
    pub compression: Compression,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `flush.messages`: sync inline every so many records; `u64::MAX` never.
    pub flush_messages: u64,
    /// `flush.ms`: the flush thread syncs at least this often; `None` never.
    pub flush_interval: Option<Duration>,
    /// `ckafka.append.mode`.
    pub append_mode: AppendMode,
    /// `ckafka.lock.timeout.ms`.
    pub lock_timeout: Duration,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            max_message_bytes: 1_048_588,
            retention_ms: 7 * 24 * 3_600_000,
            retention_bytes: -1,
            compression: Compression::default(),
            timestamp_type: TimestampType::CreateTime,
            flush_messages: u64::MAX,
            flush_interval: None,
            append_mode: AppendMode::Mmap,
            lock_timeout: Duration::from_secs(30),
        }
    }
}

/// Settings of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReaderConfig {
    /// `ckafka.read.mode`.
    pub read_mode: ReadMode,
    /// `ckafka.on.corrupt`.
    pub on_corrupt: OnCorrupt,
    /// `ckafka.check.crcs`.
    pub check_crcs: CheckCrcs,
    /// `isolation.level`.
    pub isolation: IsolationLevel,
}
