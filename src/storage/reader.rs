//! Reads a log in order of offsets.
//!
//! A fetch loads the end before the roll generation, and both before it looks at bytes; it lists segments when the generation moved,
//! and keeps its place by position, so that reading on costs no lookup, no lock and no system call. A seek only sets the
//! offset; the next fetch finds it.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::{IsolationLevel, OnCorrupt, ReaderConfig};
use super::control::PollBit;
use super::lookup::{self, Manner};
use super::partition::PartitionLog;
use super::run::{Gathered, Gatherer, Wanted};
use super::segments::SegmentList;
use super::times;
use super::view::View;
use super::wait::wait_beyond;
use super::walk::{Cursor, Resumed};
use crate::broken::{self, Point};
use crate::error::{Error, Result};
use crate::sys::notify::Watch;

pub use super::wait::Wakeup;

/// Where a reader or sender starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Log start.
    Earliest,
    /// The published end at open; under read_committed the last stable offset.
    Latest,
    /// The durable end at open.
    DurableEnd,
    /// An offset within [log start, end].
    At(i64),
}

impl Start {
    /// The offset that it stands for now, in a log of which `visible` is the end.
    pub(super) fn resolve(self, log: &PartitionLog, visible: i64) -> Result<i64> {
        match self {
            Self::Earliest => Ok(log.log_start()),
            Self::Latest => Ok(visible),
            Self::DurableEnd => Ok(log.durable_end().clamp(log.log_start(), log.published_end().max(log.log_start()))),
            Self::At(offset) => in_range(log, offset),
        }
    }
}

/// The offset, if the log has it or ends with it.
pub(super) fn in_range(log: &PartitionLog, offset: i64) -> Result<i64> {
    let (start, end) = (log.log_start(), log.published_end());
    if (start..=end).contains(&offset) {
        return Ok(offset);
    }
    Err(Error::OffsetOutOfRange { path: log.path().to_path_buf(), offset, start, end })
}

/// A position in a log. One thread at a time.
#[derive(Debug)]
pub struct Reader {
    log: Arc<PartitionLog>,
    config: ReaderConfig,
    manner: Manner,
    /// The next record has this offset, or one above.
    offset: i64,
    /// Before the batch that holds `offset`, where `is_placed`; else of use only as a way to its segment.
    cursor: Option<Box<Cursor>>,
    placed: Placed,
    list: Arc<SegmentList>,
    gatherer: Gatherer,
    wakeup: Arc<Wakeup>,
    watch: Option<Watch>,
    /// When it was last asked whether another session has begun.
    looked: Instant,
}

/// How often a reader that never sleeps asks for another session.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Whether the cursor stands where the offset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    Yes,
    No,
}

impl Reader {
    /// Opens a reader.
    pub fn open(log: Arc<PartitionLog>, start: Start, config: ReaderConfig) -> Result<Self> {
        log.check()?;
        let manner = Manner::new(&log, &config);
        let list = lookup::newest_list(&log)?;
        let wakeup = Arc::new(Wakeup::new(Arc::clone(&log)));
        let mut reader = Self {
            log,
            config,
            manner,
            offset: 0,
            cursor: None,
            placed: Placed::No,
            list,
            gatherer: Gatherer::default(),
            wakeup,
            watch: None,
            looked: Instant::now(),
        };
        reader.seek_start(start)?;
        Ok(reader)
    }

    /// The next run of records, at most `max_bytes` of batches but at least one batch. Waits up to `timeout` (`None` for ever) at the end of the log: `TimedOut`; a signal or wakeup: `Interrupted`.
    ///
    /// On `Err` the position is as before.
    pub fn fetch(&mut self, max_bytes: usize, timeout: Option<Duration>) -> Result<Arc<View>> {
        self.check()?;
        self.wakeup.check()?;
        broken::pass(Point::FetchChecked);
        loop {
            let end = visible_end(&self.log, &self.config);
            if self.offset < end {
                match self.next_view(end, max_bytes) {
                    Ok(Some(view)) => return Ok(view),
                    Ok(None) => continue,
                    Err(error) => {
                        self.placed = Placed::No;
                        // Bytes that another session changed under this look are no damage.
                        if !matches!(self.log.check(), Err(Error::Version { .. })) {
                            return Err(error);
                        }
                        self.check()?;
                    }
                }
            }
            self.wait(timeout)?;
        }
    }

    /// Follows the log into another session, if one has begun.
    #[inline]
    fn check(&mut self) -> Result<()> {
        match self.log.check() {
            Err(Error::Version { .. }) if self.log.is_stale() => self.reopen(),
            checked => checked,
        }
    }

    /// Opens the log again, which other writers took up since. The place is found again by offset, if the log still has it.
    #[cold]
    fn reopen(&mut self) -> Result<()> {
        let log = self.log.newest()?;
        let list = lookup::newest_list(&log)?;
        if let (Some(watch), Some(control)) = (&self.watch, log.control()) {
            watch.follow(control.file(), control.path())?;
        }
        self.manner = Manner::new(&log, &self.config);
        self.gatherer = Gatherer::default();
        self.list = list;
        self.cursor = None;
        self.placed = Placed::No;
        self.log = log;
        in_range(&self.log, self.offset).map(drop)
    }

    /// The next view below `end`; `None` where there is nothing to show up to there, and the position is there now.
    fn next_view(&mut self, end: i64, max_bytes: usize) -> Result<Option<Arc<View>>> {
        let log = Arc::clone(&self.log);
        let mut offset = self.offset;
        let mut cursor = self.place(offset, end)?;
        cursor.window.prefetch_news(&log, cursor.position);
        cursor.window.set_ahead(max_bytes);
        loop {
            let wanted = Wanted { log: &log, config: &self.config, offset, end, max_bytes };
            match self.gatherer.gather(&mut cursor, &wanted) {
                Ok(Gathered::View(view)) => {
                    self.offset = view.next_offset();
                    self.keep(cursor);
                    return Ok(Some(view));
                }
                Ok(Gathered::SegmentEnd) => {
                    offset = offset.max(cursor.expected);
                    if offset >= end {
                        self.offset = end.max(self.offset);
                        self.keep(cursor);
                        return Ok(None);
                    }
                    cursor = self.next_segment(&cursor, offset)?;
                    cursor.window.set_ahead(max_bytes);
                }
                Err(Error::Corrupt { .. }) if self.config.on_corrupt == OnCorrupt::Skip => {
                    if let Resumed::Behind(stop) = cursor.pass_damage(&log, end)? {
                        // Where batches behind it begin is not known: they are looked up by offset.
                        offset = offset.max(stop);
                        if offset >= end {
                            self.offset = end;
                            self.placed = Placed::No;
                            return Ok(None);
                        }
                        cursor = lookup::locate(&log, self.manner, &self.list, None, offset, end)?;
                        cursor.window.set_ahead(max_bytes);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the cursor out, before the batch that holds `offset`. The end was loaded before.
    #[inline]
    fn place(&mut self, offset: i64, end: i64) -> Result<Box<Cursor>> {
        if self.log.roll_generation() != self.list.generation() {
            self.follow()?;
        }
        if offset < self.log.log_start() {
            in_range(&self.log, offset)?;
        }
        match (self.placed, self.cursor.take()) {
            (Placed::Yes, Some(cursor)) => Ok(cursor),
            (_, near) => {
                let cursor = lookup::locate(&self.log, self.manner, &self.list, near, offset, end)?;
                if !Arc::ptr_eq(&cursor.list, &self.list) {
                    self.list = Arc::clone(&cursor.list);
                }
                Ok(cursor)
            }
        }
    }

    /// Puts the cursor back, which stands where the offset is.
    #[inline]
    fn keep(&mut self, cursor: Box<Cursor>) {
        self.cursor = Some(cursor);
        self.placed = Placed::Yes;
    }

    /// Takes the newest list. A cursor in a segment that was replaced or is gone finds its place again by offset.
    #[cold]
    fn follow(&mut self) -> Result<()> {
        self.list = lookup::newest_list(&self.log)?;
        let list = &self.list;
        self.cursor = self.cursor.take().and_then(|mut cursor| cursor.follow(list).then_some(cursor));
        Ok(())
    }

    /// Falls forward: the segment has nothing more, and the log goes on at `offset` or above.
    #[cold]
    fn next_segment(&mut self, cursor: &Cursor, offset: i64) -> Result<Box<Cursor>> {
        let list = &cursor.list;
        let offset_behind = list.next_base(cursor.at);
        if offset_behind != i64::MAX {
            let next = lookup::open_at(&self.log, self.manner.mode, list, offset.max(offset_behind))?;
            self.list = Arc::clone(&next.list);
            return Ok(next);
        }
        if self.log.roll_generation() != list.generation() {
            self.follow()?;
            return lookup::locate(&self.log, self.manner, &self.list, None, offset, self.log.published_end());
        }
        let end = self.log.published_end();
        Err(cursor.corrupt(format!("segment ends before offset {offset}, the log was published up to {end}")))
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<()> {
        let (log, config) = (&self.log, &self.config);
        let visible = || visible_end(log, config);
        match wait_beyond(log, &self.wakeup, self.offset, timeout, visible) {
            Err(Error::Version { .. }) if log.is_stale() => self.reopen(),
            Err(Error::TimedOut { what, waited_ms }) => {
                // Who asks often enough never sleeps long enough to look.
                if !log.is_writer() && self.looked.elapsed() >= LOOK_INTERVAL {
                    self.looked = Instant::now();
                    if log.is_stale() {
                        self.reopen()?;
                        return if visible_end(&self.log, &self.config) > self.offset {
                            Ok(())
                        } else {
                            Err(Error::TimedOut { what, waited_ms })
                        };
                    }
                }
                let Some(watch) = &self.watch else { return Err(Error::TimedOut { what, waited_ms }) };
                arm(log, watch);
                // What came before the arming does not make the descriptor readable.
                if visible() > self.offset { Ok(()) } else { Err(Error::TimedOut { what, waited_ms }) }
            }
            other => other,
        }
    }

    /// Moves to an offset within [log start, end].
    pub fn seek(&mut self, offset: i64) -> Result<()> {
        self.log.check()?;
        self.move_to(in_range(&self.log, offset)?);
        Ok(())
    }

    #[inline]
    fn move_to(&mut self, offset: i64) {
        if offset != self.offset {
            self.offset = offset;
            self.placed = Placed::No;
        }
    }

    /// Moves to a start.
    pub fn seek_start(&mut self, start: Start) -> Result<()> {
        self.log.check()?;
        let offset = start.resolve(&self.log, visible_end(&self.log, &self.config))?;
        self.move_to(offset);
        Ok(())
    }

    /// Moves to the first record with timestamp >= `timestamp`, or to the end. Returns its offset and timestamp.
    pub fn seek_time(&mut self, timestamp: i64) -> Result<Option<(i64, i64)>> {
        self.log.check()?;
        let end = visible_end(&self.log, &self.config);
        let found = times::offset_for_time(&self.log, timestamp, &self.config)?;
        self.move_to(found.map_or(end, |(offset, _)| offset));
        Ok(found)
    }

    /// Next offset.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.offset
    }

    /// A descriptor that polls readable when there is something to fetch. Owned by the reader.
    ///
    /// It stays readable until a fetch answers `TimedOut`, which drains and arms it: so fetch until `TimedOut` (with timeout 0), then
    /// poll. A wakeup makes it readable too. It may be readable with nothing to fetch: other readers of the log share the
    /// signal. Where this process may not write the control page, nobody can be asked to signal: poll it with a time-out of 10 ms.
    pub fn poll_fd(&mut self) -> Result<RawFd> {
        self.log.check()?;
        if let Some(watch) = &self.watch {
            return Ok(watch.as_raw_fd());
        }
        let Some(control) = self.log.control() else {
            let reason = "nobody writes this log, so there is nothing to poll for".to_owned();
            return Err(Error::ReadOnly { path: self.log.path().to_path_buf(), reason });
        };
        let watch = Watch::new(control.file(), control.file().path())?;
        arm(&self.log, &watch);
        if control.is_writable() && (visible_end(&self.log, &self.config) > self.offset || self.wakeup.is_set()) {
            // There already is something to fetch: signals as an appender would.
            control.wake_end();
        }
        Ok(self.watch.insert(watch).as_raw_fd())
    }

    /// Shared with whoever may cancel.
    #[must_use]
    pub fn wakeup_handle(&self) -> Arc<Wakeup> {
        Arc::clone(&self.wakeup)
    }
}

/// Empties the descriptor and asks for the next signal.
fn arm(log: &PartitionLog, watch: &Watch) {
    watch.drain();
    if let Some(control) = log.control().filter(|control| control.is_writable()) {
        control.arm_poll(PollBit::End);
    }
}

/// Up to where a reader sees the log.
#[inline]
fn visible_end(log: &PartitionLog, config: &ReaderConfig) -> i64 {
    match config.isolation {
        IsolationLevel::ReadUncommitted => log.published_end(),
        IsolationLevel::ReadCommitted => log.last_stable_offset(),
    }
}
