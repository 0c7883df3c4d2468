//! The handle of a partition: one per process, shared by all handles and threads, over one of three sides: a writing
//! process, a reading process beside a live session, or files that nobody writes.

mod writing;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

pub use writing::Record;

use super::config::{LogConfig, ReaderConfig};
use super::control::{ControlPage, Counter};
use super::names::CONTROL;
use super::recovery::Inspected;
use super::segments::Segments;
use super::sender::SendCounters;
use super::session::Membership;
use super::takeover::take_over;
use super::times;
use super::writer::{AppendCounts, Writer};
use crate::error::{Error, Result};
use crate::sys::Dir;
use crate::sys::word::Taken;

/// Three offsets of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// Log start.
    pub low: i64,
    /// Published end.
    pub end: i64,
    /// Durable end.
    pub durable: i64,
}

/// Events of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Events {
    /// Segments rolled.
    pub rolls: u64,
    /// Pieces grown.
    pub growths: u64,
    /// Words taken from dead owners.
    pub takeovers: u64,
}

/// A partition's log, shared by all handles and threads of a process.
#[derive(Debug)]
pub struct PartitionLog {
    topic: String,
    partition: i32,
    folder: Dir,
    config: LogConfig,
    segments: Segments,
    send_counters: SendCounters,
    side: Side,
}

#[derive(Debug)]
pub(in crate::storage) enum Side {
    /// This process writes.
    Writer(Box<WriterSide>),
    /// Another process writes; this one may only load from the page.
    Live { control: ControlPage, member: Arc<Membership> },
    /// Nobody writes.
    Fixed { inspected: Inspected, reason: String, fork_generation: u32 },
}

#[derive(Debug)]
pub(in crate::storage) struct WriterSide {
    pub control: ControlPage,
    pub writer: Writer,
    /// The producer snapshot that every roll and close of this session writes: our own appends carry no producer.
    pub snapshot: Vec<u8>,
    /// When this process last wrote the recovery point.
    pub checkpointed: Mutex<Option<Instant>>,
}

impl PartitionLog {
    pub(in crate::storage) fn assemble(
        topic: &str,
        partition: i32,
        folder: Dir,
        config: LogConfig,
        side: Side,
    ) -> Arc<Self> {
        let segments = match &side {
            Side::Fixed { inspected, .. } => Segments::fixed(&inspected.segments),
            _ => Segments::live(config.segment_bytes),
        };
        Arc::new(Self {
            topic: topic.to_owned(),
            partition,
            folder,
            config,
            segments,
            send_counters: SendCounters::default(),
            side,
        })
    }

    /// A log that nobody writes, for reading as it lies. `reason` says why it cannot be written.
    #[must_use]
    pub fn open_fixed(
        folder: Dir,
        topic: &str,
        partition: i32,
        config: LogConfig,
        inspected: Inspected,
        reason: &str,
    ) -> Arc<Self> {
        let side =
            Side::Fixed { inspected, reason: reason.to_owned(), fork_generation: crate::sys::fork::generation() };
        Self::assemble(topic, partition, folder, config, side)
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The partition's number.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The control page; `None` where nobody writes: then nothing ever moves.
    #[must_use]
    pub fn control(&self) -> Option<&ControlPage> {
        match &self.side {
            Side::Writer(side) => Some(&side.control),
            Side::Live { control, .. } => Some(control),
            Side::Fixed { .. } => None,
        }
    }

    /// Folder of the partition.
    #[must_use]
    pub fn folder(&self) -> &Dir {
        &self.folder
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Settings.
    #[must_use]
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Segment list cache.
    #[must_use]
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// What senders of this log moved.
    #[must_use]
    pub fn send_counters(&self) -> &SendCounters {
        &self.send_counters
    }

    /// Moves when the list of segments changes (0 for ever without a control page).
    #[must_use]
    pub fn roll_generation(&self) -> u64 {
        self.control().map_or(0, ControlPage::roll_generation)
    }

    /// Log end offset.
    #[must_use]
    pub fn published_end(&self) -> i64 {
        match &self.side {
            Side::Fixed { inspected, .. } => inspected.end_offset,
            Side::Writer(side) => side.control.published_end(),
            Side::Live { control, .. } => control.published_end(),
        }
    }

    /// End of what is on disk.
    #[must_use]
    pub fn durable_end(&self) -> i64 {
        match &self.side {
            Side::Fixed { inspected, .. } => inspected.end_offset,
            Side::Writer(side) => side.control.durable_end(),
            Side::Live { control, .. } => control.durable_end(),
        }
    }

    /// First offset that may be read.
    #[must_use]
    pub fn log_start(&self) -> i64 {
        match &self.side {
            Side::Fixed { inspected, .. } => inspected.log_start,
            Side::Writer(side) => side.control.log_start(),
            Side::Live { control, .. } => control.log_start(),
        }
    }

    /// Where read_committed ends: the first open transaction, else the end.
    #[must_use]
    pub fn last_stable_offset(&self) -> i64 {
        let open = match &self.side {
            Side::Fixed { inspected, .. } => inspected.open_transaction,
            Side::Writer(side) => side.control.open_transaction(),
            Side::Live { control, .. } => control.open_transaction(),
        };
        open.unwrap_or_else(|| self.published_end())
    }

    /// The three offsets.
    #[must_use]
    pub fn watermarks(&self) -> Watermarks {
        // In this order: each may move on between the loads, and none may overtake the next.
        let low = self.log_start();
        let durable = self.durable_end();
        Watermarks { low, end: self.published_end(), durable }
    }

    /// Forked child, deleted topic: an error. Called at the start of every fetch and send.
    #[inline]
    pub fn check(&self) -> Result<()> {
        let (control, member) = match &self.side {
            Side::Writer(side) => (&side.control, &side.writer.member),
            Side::Live { control, member } => (control, member),
            Side::Fixed { fork_generation, .. } => {
                return if crate::sys::fork::generation() == *fork_generation { Ok(()) } else { Err(Error::Forked) };
            }
        };
        member.check_fork()?;
        if control.is_deleted() { Err(self.unknown()) } else { Ok(()) }
    }

    /// Whether the control file at the path is another one by now, or its page belongs to another session than the one that this handle opened
    /// (asked at time-outs): the writers that this handle knew are gone, and it has to be opened again.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        match &self.side {
            Side::Fixed { .. } | Side::Writer(_) => false,
            Side::Live { control, member } => {
                let same_file = matches!((self.folder.stat(CONTROL), control.file().identity()), (Ok(Some(stat)), Ok(open)) if stat.identity == open);
                let live = member.live_session().ok().flatten();
                !same_file || live.is_some() && control.session().ok().flatten() != live
            }
        }
    }

    fn unknown(&self) -> Error {
        Error::UnknownPartition { topic: self.topic.clone(), partition: self.partition }
    }

    /// Why a stopped log is stopped.
    #[cold]
    pub(in crate::storage) fn stopped(&self) -> Error {
        let Side::Writer(side) = &self.side else { return self.unknown() };
        if side.control.is_deleted() {
            return self.unknown();
        }
        let errno = side.control.failed();
        let kernel = || std::io::Error::from_raw_os_error(errno.cast_signed()).to_string();
        let reason =
            side.writer.failure.get().cloned().unwrap_or_else(|| format!("reported by another process: {}", kernel()));
        Error::Failed { path: self.path().to_path_buf(), reason, durable_end: side.control.durable_end() }
    }

    pub(in crate::storage) fn writer_side(&self) -> Result<&WriterSide> {
        match &self.side {
            Side::Writer(side) => Ok(side),
            Side::Live { .. } => Err(Error::ReadOnly {
                path: self.path().to_path_buf(),
                reason: "the directory was opened for reading".to_owned(),
            }),
            Side::Fixed { reason, .. } => {
                Err(Error::ReadOnly { path: self.path().to_path_buf(), reason: reason.clone() })
            }
        }
    }

    /// Whether this process may append here.
    #[must_use]
    pub fn is_writer(&self) -> bool {
        matches!(self.side, Side::Writer(_))
    }

    /// What this process appended; zeroes where it does not write.
    pub fn append_counts(&self) -> Result<AppendCounts> {
        let Side::Writer(side) = &self.side else { return Ok(AppendCounts::default()) };
        let (mut guard, taken) = side.writer.take(side.control.append_word(), &self.folder, "append")?;
        let appender = side.writer.appender.get(&mut guard);
        if taken != Taken::Free {
            take_over(&side.writer, appender, &side.control, &self.folder, &self.config)?;
        }
        Ok(appender.counts)
    }

    /// What the control page has counted in this session, of all processes.
    #[must_use]
    pub fn events(&self) -> Events {
        let count = |counter| self.control().map_or(0, |control| control.counter(counter));
        Events { rolls: count(Counter::Rolls), growths: count(Counter::Growths), takeovers: count(Counter::Takeovers) }
    }

    /// First record with timestamp >= `timestamp`: offset and its timestamp.
    pub fn offset_for_time(self: &Arc<Self>, timestamp: i64) -> Result<Option<(i64, i64)>> {
        self.check()?;
        times::offset_for_time(self, timestamp, &ReaderConfig::default())
    }
}
