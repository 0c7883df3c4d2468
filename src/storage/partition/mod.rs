//! The handle of a partition: one per process, shared by all handles and threads, over one of three sides: a writing
//! process, a reading process beside a live session, or files that nobody writes.

mod writing;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

pub use writing::Record;

use super::config::{LogConfig, ReaderConfig};
use super::control::{ControlPage, Counter};
use super::names::CONTROL;
use super::recovery::Inspected;
use super::segments::Segments;
use super::sender::SendCounters;
use super::session::Membership;
use super::writer::{AppendCounts, Writer};
use super::{open, times, wait};
use crate::broken::{self, Rule};
use crate::error::{Error, Result};
use crate::sys::{Dir, fork};

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
    /// Segments written again before a sync.
    pub rewrites: u64,
}

/// A partition's log, shared by all handles and threads of a process.
#[derive(Debug)]
pub struct PartitionLog {
    this: Weak<Self>,
    topic: String,
    partition: i32,
    folder: Dir,
    config: LogConfig,
    segments: Segments,
    send_counters: SendCounters,
    side: Side,
    /// The log that a reader opened instead, once this one was of another session.
    successor: Mutex<Weak<Self>>,
}

#[derive(Debug)]
pub(in crate::storage) enum Side {
    /// This process writes.
    Writer(Box<WriterSide>),
    /// Another process writes; this one may only load from the page, which is evidence in `session` alone.
    Live { control: ControlPage, member: Arc<Membership>, session: [u64; 2] },
    /// Nobody writes. A process that only reads looks whether that is still so: `reader` has the last session that it knew of.
    Fixed {
        inspected: Inspected,
        reason: String,
        fork_generation: u32,
        reader: Option<(Arc<Membership>, Option<[u64; 2]>)>,
    },
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
        Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            topic: topic.to_owned(),
            partition,
            folder,
            config,
            segments,
            send_counters: SendCounters::default(),
            side,
            successor: Mutex::default(),
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
            Side::Fixed { inspected, reason: reason.to_owned(), fork_generation: fork::generation(), reader: None };
        Self::assemble(topic, partition, folder, config, side)
    }

    pub(in crate::storage) fn weak(&self) -> Weak<Self> {
        Weak::clone(&self.this)
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

    /// The control page; `None` where nobody writes: then nothing ever moves. Nor is it there in a forked child.
    #[must_use]
    pub fn control(&self) -> Option<&ControlPage> {
        match &self.side {
            Side::Writer(side) if side.writer.member.is_inherited() => None,
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
            Side::Writer(side) if side.writer.member.is_inherited() => 0,
            Side::Writer(side) => side.control.published_end(),
            Side::Live { control, session, .. } => {
                let end = control.published_end();
                // Another session's ends are not about the log that this handle knows: until it is opened again there is nothing to see.
                if control.is_of(*session) || broken::is(Rule::SessionOfReader) { end } else { 0 }
            }
        }
    }

    /// End of what is on disk.
    #[must_use]
    pub fn durable_end(&self) -> i64 {
        match &self.side {
            Side::Fixed { inspected, .. } => inspected.end_offset,
            Side::Writer(side) if side.writer.member.is_inherited() => 0,
            Side::Writer(side) => side.control.durable_end(),
            Side::Live { control, session, .. } => {
                let end = control.durable_end();
                if control.is_of(*session) { end } else { 0 }
            }
        }
    }

    /// First offset that may be read.
    #[must_use]
    pub fn log_start(&self) -> i64 {
        match &self.side {
            Side::Fixed { inspected, .. } => inspected.log_start,
            Side::Writer(side) if side.writer.member.is_inherited() => 0,
            Side::Writer(side) => side.control.log_start(),
            Side::Live { control, .. } => control.log_start(),
        }
    }

    /// Where read_committed ends: the first open transaction, else the end. Never below the log start, to where records of that transaction may be deleted.
    #[must_use]
    pub fn last_stable_offset(&self) -> i64 {
        let open = match &self.side {
            Side::Fixed { inspected, .. } => inspected.open_transaction,
            Side::Writer(side) if side.writer.member.is_inherited() => None,
            Side::Writer(side) => side.control.open_transaction(),
            Side::Live { control, .. } => control.open_transaction(),
        };
        open.map_or_else(|| self.published_end(), |open| open.max(self.log_start()))
    }

    /// The three offsets.
    #[must_use]
    pub fn watermarks(&self) -> Watermarks {
        // In this order: each may move on between the loads, and none may overtake the next.
        let low = self.log_start();
        let durable = self.durable_end();
        Watermarks { low, end: self.published_end(), durable }
    }

    /// Forked child, deleted topic, a page that another session took: an error. Called at the start of every fetch and send.
    #[inline]
    pub fn check(&self) -> Result<()> {
        let control = match &self.side {
            Side::Writer(side) => {
                side.writer.member.check_fork()?;
                &side.control
            }
            Side::Live { control, member, session } => {
                member.check_fork()?;
                if !control.is_of(*session) {
                    return Err(wait::stale(self));
                }
                control
            }
            Side::Fixed { fork_generation, .. } => {
                return if fork::generation() == *fork_generation { Ok(()) } else { Err(Error::Forked) };
            }
        };
        if control.is_deleted() { Err(self.unknown()) } else { Ok(()) }
    }

    /// Whether the log goes on in another session than the one that this handle knows, or at all again (asked at time-outs): it has to be opened again. Never
    /// for a writer, whose own session is alive.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        if broken::is(Rule::StaleIsNoticed) {
            return false;
        }
        match &self.side {
            Side::Writer(_) | Side::Fixed { reader: None, .. } => false,
            Side::Live { control, member, session } => {
                let there = self.folder.stat(CONTROL).ok().flatten().map(|stat| stat.identity);
                let last = member.last_session().ok().flatten();
                !control.is_of(*session)
                    || there.is_some() && there != control.identity()
                    || last.is_some_and(|last| last != *session)
            }
            Side::Fixed { reader: Some((member, seen)), .. } => {
                let last = member.last_session().ok().flatten();
                let live = || member.live_session().ok().flatten();
                let taken_up = |session| open::live_page(&self.folder, session).is_ok_and(|page| page.is_some());
                last.is_some() && (last != *seen || live().is_some_and(taken_up))
            }
        }
    }

    /// This process as a member that only reads.
    pub(in crate::storage) fn reader_member(&self) -> Option<&Arc<Membership>> {
        match &self.side {
            Side::Live { member, .. } | Side::Fixed { reader: Some((member, _)), .. } => Some(member),
            _ => None,
        }
    }

    /// The same log as it is now, for a reader that found this one stale. Readers of one process share it.
    pub(in crate::storage) fn newest(self: &Arc<Self>) -> Result<Arc<Self>> {
        let mut successor = self.successor.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(newer) = successor.upgrade().filter(|newer| !newer.is_stale()) {
            return Ok(newer);
        }
        let newer = open::reopen(self)?;
        *successor = Arc::downgrade(&newer);
        Ok(newer)
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

    /// Whether its topic was deleted while it was open.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.control().is_some_and(ControlPage::is_deleted)
    }

    /// What this process appended; zeroes where it does not write.
    #[must_use]
    pub fn append_counts(&self) -> AppendCounts {
        match &self.side {
            Side::Writer(side) => side.writer.counts.read(),
            _ => AppendCounts::default(),
        }
    }

    /// What the control page has counted in this session, of all processes.
    #[must_use]
    pub fn events(&self) -> Events {
        let count = |counter| self.control().map_or(0, |control| control.counter(counter));
        Events {
            rolls: count(Counter::Rolls),
            growths: count(Counter::Growths),
            takeovers: count(Counter::Takeovers),
            rewrites: count(Counter::Rewrites),
        }
    }

    /// First record with timestamp >= `timestamp`: offset and its timestamp.
    pub fn offset_for_time(self: &Arc<Self>, timestamp: i64) -> Result<Option<(i64, i64)>> {
        self.check()?;
        times::offset_for_time(self, timestamp, &ReaderConfig::default())
    }
}
