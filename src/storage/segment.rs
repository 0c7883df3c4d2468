//! One segment as readers see it: its files, opened on first use, and how far each may be looked at.
//!
//! A roll or a takeover may cut a file beyond what is published, and a look beyond the end of a mapped file kills the process. So an
//! active segment is looked at as far as the published tail in the control page says, and a closed one as far as its files reach.

use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, OnceLock};

use super::control::ControlPage;
use super::index::{OffsetEntry, TimeEntry};
use super::names::SegmentFile;
use super::part::SegmentPart;
use super::tail::TailState;
use crate::error::Result;
use crate::sys::{Access, Dir};

/// One segment: opened and mapped on first use, shared by all readers and views of the process, kept alive by views after it is unlinked.
#[derive(Debug)]
pub struct Segment {
    base_offset: i64,
    /// What was found valid of it, where nobody writes.
    valid_len: Option<u64>,
    /// How far it is mapped while it is the newest.
    map_len: u64,
    log: OnceLock<SegmentPart>,
    index: OnceLock<SegmentPart>,
    time_index: OnceLock<SegmentPart>,
    max_timestamp: Arc<OnceLock<i64>>,
}

/// Whether later segments follow in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The last of the list: may still be written.
    Newest,
    /// Trimmed, never written again.
    Older,
}

/// How far the files of a segment may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// As far as the files reach: nobody changes their lengths.
    Closed,
    /// As far as the published tail says: beyond, a roll or takeover may cut.
    Published {
        /// Bytes of the log.
        bytes: u64,
        /// Where they end.
        end_offset: i64,
        /// Entries of the offset index.
        offset_entries: u64,
        /// Entries of the time index.
        time_entries: u64,
    },
    /// The page did not say (publishes came too fast, or it was never filled): the log by fstat, no index.
    Unknown,
}

impl Segment {
    pub(super) fn new(
        base_offset: i64,
        valid_len: Option<u64>,
        map_len: u64,
        max_timestamp: Arc<OnceLock<i64>>,
    ) -> Self {
        Self {
            base_offset,
            valid_len,
            map_len,
            log: OnceLock::new(),
            index: OnceLock::new(),
            time_index: OnceLock::new(),
            max_timestamp,
        }
    }

    /// Offset that its name carries.
    #[must_use]
    #[inline]
    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// The log file, opened on first use; `None` where it is not there (any more).
    #[inline]
    pub fn log(&self, dir: &Dir) -> Result<Option<&SegmentPart>> {
        if let Some(part) = self.log.get() {
            return Ok(Some(part));
        }
        let Some(file) = dir.open_file_on_use(&SegmentFile::Log.name(self.base_offset), Access::Read)? else {
            return Ok(None);
        };
        let part = SegmentPart::new(file)?;
        Ok(Some(self.log.get_or_init(|| part)))
    }

    /// The log file where it was opened before: what a cursor that stands in the segment works with.
    #[must_use]
    #[inline]
    pub fn opened_log(&self) -> Option<&SegmentPart> {
        self.log.get()
    }

    /// One of its two indexes, opened on first use; `None` where it is missing.
    pub fn index(&self, dir: &Dir, which: SegmentFile) -> Result<Option<&SegmentPart>> {
        let slot = if which == SegmentFile::TimeIndex { &self.time_index } else { &self.index };
        if let Some(part) = slot.get() {
            return Ok(Some(part));
        }
        let Some(file) = dir.open_file_on_use(&which.name(self.base_offset), Access::Read)? else {
            return Ok(None);
        };
        let part = SegmentPart::new(file)?;
        Ok(Some(slot.get_or_init(|| part)))
    }

    /// How far its files may be looked at now.
    #[must_use]
    pub fn extent(&self, control: Option<&ControlPage>, place: Place) -> Extent {
        let (Some(control), Place::Newest) = (control, place) else { return Extent::Closed };
        match published_tail(control) {
            None => Extent::Unknown,
            Some(tail) if tail.base_offset > self.base_offset => Extent::Closed,
            // Rolled into, but nothing is published in it yet.
            Some(tail) if tail.base_offset < self.base_offset => {
                Extent::Published { bytes: 0, end_offset: tail.end_offset, offset_entries: 0, time_entries: 0 }
            }
            Some(tail) => Extent::Published {
                bytes: tail.position,
                end_offset: tail.end_offset,
                offset_entries: tail.offset_entries,
                time_entries: tail.time_entries,
            },
        }
    }

    /// Bytes of the log within an extent.
    #[inline]
    pub fn log_bytes(&self, part: &SegmentPart, extent: Extent) -> Result<u64> {
        match extent {
            Extent::Published { bytes, .. } => Ok(bytes),
            Extent::Closed => Ok(part.closed_len()?.min(self.valid_len.unwrap_or(u64::MAX))),
            Extent::Unknown => part.file().len(),
        }
    }

    /// Entries of an index within an extent, and the bytes that they take. Behind the last there may be zeroes.
    #[inline]
    pub fn index_entries(part: &SegmentPart, which: SegmentFile, extent: Extent) -> Result<(u64, u64)> {
        let is_time = which == SegmentFile::TimeIndex;
        let size = if is_time { TimeEntry::SIZE } else { OffsetEntry::SIZE } as u64;
        let count = match extent {
            Extent::Published { time_entries, .. } if is_time => time_entries,
            Extent::Published { offset_entries, .. } => offset_entries,
            Extent::Closed => part.closed_len()? / size,
            Extent::Unknown => 0,
        };
        Ok((count, count * size))
    }

    /// How far to map the log: an active segment as far as it may grow, so that it seldom needs another map.
    #[must_use]
    pub fn map_len(&self, bytes: u64, extent: Extent) -> u64 {
        if extent == Extent::Closed { bytes } else { bytes.max(self.map_len) }
    }

    /// Keeps what a walk over the closed segment found.
    pub fn set_max_timestamp(&self, timestamp: i64) {
        let _ = self.max_timestamp.set(timestamp);
    }
}

/// The tail that the published end selects, read while no publish came between. `None` after many tries, or of a page that was never filled.
fn published_tail(control: &ControlPage) -> Option<TailState> {
    for _ in 0..64 {
        let end = control.published_end();
        let tail = control.current_tail(end);
        // The owner fills the idle copy only, so an unchanged end vouches for the one that was read.
        fence(Ordering::Acquire);
        if control.published_end() == end {
            return tail.map(|(_, tail)| tail);
        }
        std::hint::spin_loop();
    }
    None
}
