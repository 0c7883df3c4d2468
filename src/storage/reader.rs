//! Reads a log in order of offsets. (to be implemented)

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use super::config::ReaderConfig;
use super::partition::PartitionLog;
use super::view::View;
use crate::error::Result;

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

/// A position in a log. One thread at a time.
#[derive(Debug)]
pub struct Reader {
    _todo: (),
}

/// Cancels a blocked fetch from any thread or signal handler.
#[derive(Debug)]
pub struct Wakeup {
    _todo: (),
}

impl Reader {
    /// Opens a reader.
    pub fn open(_log: Arc<PartitionLog>, _start: Start, _config: ReaderConfig) -> Result<Self> {
        todo!()
    }
    /// The next run of records, at most `max_bytes` of batches but at least one batch. Waits up to `timeout` (`None` for ever) at the end of the log: `TimedOut`; a signal or wakeup: `Interrupted`.
    pub fn fetch(&mut self, _max_bytes: usize, _timeout: Option<Duration>) -> Result<Arc<View>> {
        todo!()
    }
    /// Moves to an offset within [log start, end].
    pub fn seek(&mut self, _offset: i64) -> Result<()> {
        todo!()
    }
    /// Moves to a start.
    pub fn seek_start(&mut self, _start: Start) -> Result<()> {
        todo!()
    }
    /// Moves to the first record with timestamp >= `timestamp`, or to the end. Returns its offset and timestamp.
    pub fn seek_time(&mut self, _timestamp: i64) -> Result<Option<(i64, i64)>> {
        todo!()
    }
    /// Next offset.
    #[must_use]
    pub fn position(&self) -> i64 {
        todo!()
    }
    /// A descriptor that polls readable when there is something to fetch (level-triggered as long as the caller fetches until TimedOut). Owned by the reader.
    pub fn poll_fd(&mut self) -> Result<RawFd> {
        todo!()
    }
    /// Shared with whoever may cancel.
    #[must_use]
    pub fn wakeup_handle(&self) -> Arc<Wakeup> {
        todo!()
    }
}

impl Wakeup {
    /// Cancels the blocked fetch, or the next one. Async-signal-safe.
    pub fn wake(&self) {
        todo!()
    }
}
