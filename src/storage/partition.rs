//! The handle of a partition. (the lead writes this file; readers use the methods marked for them)

use std::os::fd::RawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::config::LogConfig;
use super::control::ControlPage;
use super::recovery::Inspected;
use super::segments::Segments;
use super::sender::SendCounters;
use crate::error::Result;
use crate::record::BatchBuilder;
use crate::sys::Dir;

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

/// A partition's log, shared by all handles and threads of a process.
#[derive(Debug)]
pub struct PartitionLog {
    dir: Dir,
    config: LogConfig,
    control: Option<ControlPage>,
    segments: Segments,
    inspected: Inspected,
    send_counters: SendCounters,
}

impl PartitionLog {
    /// A log that nobody writes: what `inspected` found of the folder.
    #[must_use]
    pub fn open_static(dir: Dir, _topic: &str, _partition: i32, config: LogConfig, inspected: Inspected) -> Arc<Self> {
        let segments = Segments::fixed(&inspected.segments);
        Arc::new(Self { dir, config, control: None, segments, inspected, send_counters: SendCounters::default() })
    }

    /// A log with a control page and no writer: for tests of the reading side.
    #[cfg(test)]
    pub(super) fn open_page(dir: Dir, config: LogConfig, control: ControlPage) -> Arc<Self> {
        let segments = Segments::live(config.segment_bytes);
        let inspected =
            Inspected { segments: Vec::new(), end_offset: 0, log_start: 0, open_transaction: None, report: Vec::new() };
        Arc::new(Self {
            dir,
            config,
            control: Some(control),
            segments,
            inspected,
            send_counters: SendCounters::default(),
        })
    }

    /// How the bytes of this log's senders went.
    #[must_use]
    pub fn send_counters(&self) -> &SendCounters {
        &self.send_counters
    }

    // ---- for readers and senders
    /// The control page; `None` where nobody writes (read-only open without a live session): then nothing ever moves.
    #[must_use]
    pub fn control(&self) -> Option<&ControlPage> {
        self.control.as_ref()
    }
    /// Folder of the partition.
    #[must_use]
    pub fn folder(&self) -> &Dir {
        &self.dir
    }
    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
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
    /// Moves when the list of segments changes (0 for ever without a control page).
    #[must_use]
    pub fn roll_generation(&self) -> u64 {
        self.control.as_ref().map_or(0, ControlPage::roll_generation)
    }
    /// Log end offset.
    #[must_use]
    pub fn published_end(&self) -> i64 {
        self.control.as_ref().map_or(self.inspected.end_offset, ControlPage::published_end)
    }
    /// End of what is on disk.
    #[must_use]
    pub fn durable_end(&self) -> i64 {
        self.control.as_ref().map_or(self.inspected.end_offset, ControlPage::durable_end)
    }
    /// First offset that may be read.
    #[must_use]
    pub fn log_start(&self) -> i64 {
        self.control.as_ref().map_or(self.inspected.log_start, ControlPage::log_start)
    }
    /// Where read_committed ends: first open transaction, else the end.
    #[must_use]
    pub fn last_stable_offset(&self) -> i64 {
        let open = self.control.as_ref().map_or(self.inspected.open_transaction, ControlPage::open_transaction);
        open.unwrap_or(i64::MAX).min(self.published_end())
    }
    /// Forked child, deleted topic: an error. Called at the start of every fetch and send.
    pub fn check(&self) -> Result<()> {
        Ok(())
    }
    /// Whether the session or the control file is another one by now (asked at time-outs): the reader's calls then fail, saying so.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        false
    }

    // ---- for the boundary
    /// Appends records as one batch; its base offset, once published.
    pub fn append<'a>(&self, _records: impl ExactSizeIterator<Item = Result<Record<'a>>>) -> Result<i64> {
        todo!()
    }
    /// Appends what a builder holds; empties it.
    pub fn append_batch(&self, _batch: &mut BatchBuilder) -> Result<i64> {
        todo!()
    }
    /// Appends a ready v2 batch.
    pub fn append_raw(&self, _batch: &[u8]) -> Result<i64> {
        todo!()
    }
    /// Returns once the record at `offset` is durable. `None`: waits for ever.
    pub fn wait_durable(&self, _offset: i64, _timeout: Option<Duration>) -> Result<()> {
        todo!()
    }
    /// Makes all that is published durable.
    pub fn sync(&self) -> Result<()> {
        todo!()
    }
    /// Asks the flush thread for a sync (InvalidArgument where none runs).
    pub fn request_sync(&self) -> Result<()> {
        todo!()
    }
    /// A descriptor that is readable when the durable end has moved since the last call (drains, arms, re-checks). Owned by the log.
    pub fn durable_fd(&self) -> Result<RawFd> {
        todo!()
    }
    /// One pass of preparing pages ahead of the end.
    pub fn pretouch(&self) -> Result<()> {
        todo!()
    }
    /// The three offsets.
    #[must_use]
    pub fn watermarks(&self) -> Watermarks {
        todo!()
    }
    /// First record with timestamp >= `timestamp`: offset and its timestamp.
    pub fn offset_for_time(self: &Arc<Self>, _timestamp: i64) -> Result<Option<(i64, i64)>> {
        todo!()
    }
}
