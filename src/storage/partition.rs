//! The handle of a partition: one per process, shared by all handles and threads, over one of three sides: a writing
//! process, a reading process beside a live session, or files that nobody writes.

use std::cell::RefCell;
use std::os::fd::RawFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::append::{self, Appended, Rolled};
use super::config::LogConfig;
use super::control::{ControlPage, Counter, PollBit};
use super::durable;
use super::grow;
use super::lookup;
use super::names::CONTROL;
use super::raw;
use super::recovery::Inspected;
use super::segments::Segments;
use super::sender::SendCounters;
use super::session::Membership;
use super::takeover::take_over;
use super::writer::{AppendCounts, Flusher, Writer};
use crate::error::{Error, Result};
use crate::record::{BatchBuilder, BatchHeader};
use crate::sys::word::Taken;
use crate::sys::{Dir, clock, notify};

/// One record to append.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Milliseconds since the epoch, -1 now.
    pub timestamp: i64,
    /// `None` is null.
    pub key: Option<&'a [u8]>,
    /// `None` is null.
    pub value: Option<&'a [u8]>,
    /// Header fields without the count.
    pub headers: &'a [u8],
}

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
pub(super) enum Side {
    /// This process writes.
    Writer(Box<WriterSide>),
    /// Another process writes; this one may only load from the page.
    Live { control: ControlPage, member: Arc<Membership> },
    /// Nobody writes.
    Fixed { inspected: Inspected, reason: String, fork_generation: u32 },
}

#[derive(Debug)]
pub(super) struct WriterSide {
    pub control: ControlPage,
    pub writer: Writer,
    /// The producer snapshot that every roll and close of this session writes: our own appends carry no producer.
    pub snapshot: Vec<u8>,
    /// When this process last wrote the recovery point.
    pub checkpointed: Mutex<Option<Instant>>,
}

thread_local! {
    /// Encoding happens outside the lock, in a buffer that each thread keeps.
    static BUILDER: RefCell<BatchBuilder> = RefCell::new(BatchBuilder::default());
}

impl PartitionLog {
    pub(super) fn assemble(topic: &str, partition: i32, folder: Dir, config: LogConfig, side: Side) -> Arc<Self> {
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
        Watermarks { low: self.log_start(), end: self.published_end(), durable: self.durable_end() }
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
    pub(super) fn stopped(&self) -> Error {
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

    pub(super) fn writer_side(&self) -> Result<&WriterSide> {
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

    /// Appends records as one batch; its base offset, once published.
    pub fn append<'a>(&self, records: impl ExactSizeIterator<Item = Result<Record<'a>>>) -> Result<i64> {
        BUILDER.with(|builder| match builder.try_borrow_mut() {
            Ok(mut builder) => self.encode_and_append(&mut builder, records),
            Err(_) => self.encode_and_append(&mut BatchBuilder::default(), records),
        })
    }

    fn encode_and_append<'a>(
        &self,
        builder: &mut BatchBuilder,
        records: impl Iterator<Item = Result<Record<'a>>>,
    ) -> Result<i64> {
        let side = self.writer_side()?;
        builder.reset(self.config.compression, self.config.timestamp_type);
        let mut now = None;
        for (index, record) in records.enumerate() {
            self.add(builder, index, &record?, &mut now)?;
        }
        self.finish_and_append(side, builder, now)
    }

    /// Adds one record to a builder, with this log's limits.
    pub fn add_to_batch(&self, builder: &mut BatchBuilder, record: &Record<'_>) -> Result<()> {
        self.add(builder, builder.record_count(), record, &mut None)
    }

    #[inline]
    fn add(&self, builder: &mut BatchBuilder, index: usize, record: &Record<'_>, now: &mut Option<i64>) -> Result<()> {
        let timestamp = match record.timestamp {
            given @ 0.. => given,
            -1 => *now.get_or_insert_with(clock::now_ms),
            found => return Err(Error::InvalidTimestamp { index, found }),
        };
        builder.add(timestamp, record.key, record.value, record.headers).map_err(Error::InvalidBatch)?;
        if self.config.compression.codec == crate::record::Codec::None
            && builder.size() as u64 > self.config.max_message_bytes
        {
            return Err(Error::BatchTooLarge { size: builder.size() as u64, limit: self.config.max_message_bytes });
        }
        Ok(())
    }

    fn finish_and_append(&self, side: &WriterSide, builder: &mut BatchBuilder, now: Option<i64>) -> Result<i64> {
        let append_time = match self.config.timestamp_type {
            crate::record::TimestampType::CreateTime => -1,
            crate::record::TimestampType::LogAppendTime => now.unwrap_or_else(clock::now_ms),
        };
        let batch = builder.finish(append_time).map_err(Error::InvalidBatch)?;
        self.append_encoded(side, batch)
    }

    fn append_encoded(&self, side: &WriterSide, batch: &mut [u8]) -> Result<i64> {
        side.writer.member.check_fork()?;
        let header = BatchHeader::parse(batch).map_err(Error::InvalidBatch)?;
        let appended = append::append(self, &side.writer, &side.control, batch, &header)?;
        self.after_append(side, &appended)?;
        Ok(appended.base_offset)
    }

    #[inline]
    fn after_append(&self, side: &WriterSide, appended: &Appended) -> Result<()> {
        if appended.rolled == Rolled::Yes {
            super::close::after_roll(self, side);
        }
        if self.config.flush_messages != u64::MAX {
            let behind = (appended.last_offset + 1).saturating_sub(side.control.durable_end());
            if behind.unsigned_abs() >= self.config.flush_messages {
                return durable::wait(self, &side.writer, &side.control, appended.last_offset, None);
            }
        }
        Ok(())
    }

    /// Appends what a builder holds; empties it, ready for the next batch.
    pub fn append_batch(&self, batch: &mut BatchBuilder) -> Result<i64> {
        let side = self.writer_side()?;
        let base_offset = self.finish_and_append(side, batch, None)?;
        batch.reset(self.config.compression, self.config.timestamp_type);
        Ok(base_offset)
    }

    /// Appends a ready v2 batch, checked as a broker checks a producer's: CRC, counts, offsets, no producer, no control records.
    pub fn append_raw(&self, batch: &[u8]) -> Result<i64> {
        let side = self.writer_side()?;
        if batch.len() as u64 > self.config.max_message_bytes {
            return Err(Error::BatchTooLarge { size: batch.len() as u64, limit: self.config.max_message_bytes });
        }
        let mut owned = raw::checked_copy(batch, self.config.timestamp_type)?;
        self.append_encoded(side, &mut owned)
    }

    /// Returns once the record at `offset` is durable. `None`: waits for ever.
    pub fn wait_durable(&self, offset: i64, timeout: Option<Duration>) -> Result<()> {
        if offset < 0 {
            let expected = "an offset, 0 or more".to_owned();
            return Err(Error::InvalidArgument { name: "offset", found: offset.to_string(), expected });
        }
        let side = self.writer_side()?;
        side.writer.member.check_fork()?;
        durable::wait(self, &side.writer, &side.control, offset, timeout)
    }

    /// Makes all that is published durable.
    pub fn sync(&self) -> Result<()> {
        let side = self.writer_side()?;
        side.writer.member.check_fork()?;
        let result = durable::sync(self, &side.writer, &side.control);
        side.control.wake_durable();
        result
    }

    /// Asks the flush thread for a sync; refused where none runs.
    pub fn request_sync(&self) -> Result<()> {
        let side = self.writer_side()?;
        side.writer.member.check_fork()?;
        match side.writer.flusher.get() {
            Some(flusher) => {
                flusher.request();
                Ok(())
            }
            None => Err(Error::ConfigRefused {
                key: "flush thread".to_owned(),
                value: "none".to_owned(),
                allowed: "start the I/O threads of the directory with the flush role first".to_owned(),
            }),
        }
    }

    /// Tells the log of the flush thread that serves it.
    pub fn set_flusher(&self, flusher: Arc<dyn Flusher>) {
        if let Side::Writer(side) = &self.side {
            let _ = side.writer.flusher.set(flusher);
        }
    }

    /// A descriptor that polls readable when the durable end has moved since this call: each call drains and arms it again. Owned by the log.
    pub fn durable_fd(&self) -> Result<RawFd> {
        let side = self.writer_side()?;
        side.writer.member.check_fork()?;
        let mut watch = side.writer.durable_watch.lock().unwrap_or_else(PoisonError::into_inner);
        if watch.is_none() {
            *watch = Some(notify::Watch::new(side.control.file(), &self.path().join(CONTROL))?);
        }
        let Some(watch) = watch.as_ref() else { return Err(Error::WouldBlock) };
        watch.drain();
        side.control.arm_poll(PollBit::Durable);
        Ok(watch.as_raw_fd())
    }

    /// One pass of preparing pages ahead of the end. Whether there was anything to do.
    pub fn pretouch(&self) -> Result<bool> {
        let side = self.writer_side()?;
        side.writer.member.check_fork()?;
        let Some((_, position, _)) = side.control.active_extent() else { return Ok(false) };
        grow::grow_ahead(&side.writer, &side.control, &self.folder, &self.config, position)
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
        lookup::offset_for_time(self, timestamp, super::config::ReaderConfig::default())
    }
}
