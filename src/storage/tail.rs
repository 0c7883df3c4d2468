//! What a writer must know of the active segment to append to it, and the one place that has Kafka's sparse-index rule.
//!
//! The rule, as brokers keep it (checked against their files): on each append, if the bytes since the last entry, not counting this
//! batch, exceed `index.interval.bytes`, add (last offset, start position) to the offset index and, if it grew, the largest timestamp to the time index; then count this batch.

use super::index::{OffsetEntry, TimeEntry};

/// The tail of a log: end offset and everything about the active segment that the next append needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailState {
    /// Log end offset: what the next record gets.
    pub end_offset: i64,
    /// Bytes of the active segment.
    pub position: u64,
    /// Its base offset.
    pub base_offset: i64,
    /// Entries in its offset index.
    pub offset_entries: u64,
    /// Entries in its time index.
    pub time_entries: u64,
    /// Timestamp of the last time entry, -1 none.
    pub last_time_entry_timestamp: i64,
    /// Offset of the last time entry.
    pub last_time_entry_offset: i64,
    /// Bytes appended since the last offset entry.
    pub bytes_since_entry: u64,
    /// Largest timestamp in the segment, -1 none.
    pub max_timestamp: i64,
    /// Last offset of the batch that holds it.
    pub max_timestamp_offset: i64,
    /// Largest timestamp of the segment's first batch, -1 none: what `segment.ms` counts from.
    pub first_timestamp: i64,
    /// When the segment was created, ms of the wall clock.
    pub created_ms: i64,
    /// Leader epoch stamped on new batches.
    pub leader_epoch: i32,
}

/// What an append adds to a log, as far as the indexes care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchFacts {
    /// Offset of its last record.
    pub last_offset: i64,
    /// Its bytes.
    pub size: u64,
    /// Its largest timestamp, -1 none.
    pub max_timestamp: i64,
}

/// Index entries that an append writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NewEntries {
    /// For the offset index.
    pub offset: Option<OffsetEntry>,
    /// For the time index.
    pub time: Option<TimeEntry>,
}

impl TailState {
    /// An empty active segment at `base_offset`.
    #[must_use]
    pub fn empty(base_offset: i64, created_ms: i64, leader_epoch: i32) -> Self {
        Self {
            end_offset: base_offset,
            position: 0,
            base_offset,
            offset_entries: 0,
            time_entries: 0,
            last_time_entry_timestamp: -1,
            last_time_entry_offset: base_offset,
            bytes_since_entry: 0,
            max_timestamp: -1,
            max_timestamp_offset: base_offset,
            first_timestamp: -1,
            created_ms,
            leader_epoch,
        }
    }

    /// The state behind one more batch that starts at `self.position`, and the entries it brings.
    #[must_use]
    #[inline]
    pub fn advance(&self, batch: &BatchFacts, index_interval_bytes: u64) -> (Self, NewEntries) {
        let mut next = *self;
        let mut entries = NewEntries::default();
        if batch.max_timestamp > self.max_timestamp {
            next.max_timestamp = batch.max_timestamp;
            next.max_timestamp_offset = batch.last_offset;
        }
        if self.position == 0 {
            next.first_timestamp = batch.max_timestamp;
        }
        if self.bytes_since_entry > index_interval_bytes {
            next.bytes_since_entry = 0;
            next.offset_entries += 1;
            entries.offset = Some(OffsetEntry {
                relative_offset: (batch.last_offset - self.base_offset) as i32,
                position: self.position as i32,
            });
            entries.time = next.take_time_entry();
        }
        next.bytes_since_entry += batch.size;
        next.position += batch.size;
        next.end_offset = batch.last_offset + 1;
        (next, entries)
    }

    /// The time entry due now, if the largest timestamp grew since the last one; also what roll, close and recovery add.
    pub fn take_time_entry(&mut self) -> Option<TimeEntry> {
        if self.max_timestamp <= self.last_time_entry_timestamp {
            return None;
        }
        self.last_time_entry_timestamp = self.max_timestamp;
        self.last_time_entry_offset = self.max_timestamp_offset;
        self.time_entries += 1;
        Some(TimeEntry {
            timestamp: self.max_timestamp,
            relative_offset: (self.max_timestamp_offset - self.base_offset) as i32,
        })
    }
}
