//! Finds the first record at or after a time, exactly: first record with timestamp >= t in order of offsets, however timestamps jump.
//!
//! Batch headers decide (their largest timestamp is an upper bound for their records), then the records of the batch. The time
//! index saves walking the part of a segment before its last entry below t (see `lookup::time_hint` for what of it is
//! believed); the rest of the segment is walked, and what that gives is kept for closed segments, whose batches never change.

use super::config::{CheckCrcs, IsolationLevel, OnCorrupt, ReaderConfig};
use super::isolation::Aborted;
use super::lookup::{Manner, newest_list, open_at, time_hint};
use super::partition::PartitionLog;
use super::segments::Extent;
use super::unpack::{check_crc, output_limit, unpack};
use super::walk::{Cursor, Found, Resumed};
use crate::error::{Error, Result};
use crate::record::{BatchHeader, Codec, Decompressor, RecordIter};

/// Offset and timestamp of a record.
pub type Timed = (i64, i64);

/// First record with timestamp >= `timestamp`: offset and its timestamp. Control records are never the answer, nor, under
/// read_committed, what is aborted or not yet stable.
pub fn offset_for_time(log: &PartitionLog, timestamp: i64, config: &ReaderConfig) -> Result<Option<Timed>> {
    let end = match config.isolation {
        IsolationLevel::ReadUncommitted => log.published_end(),
        IsolationLevel::ReadCommitted => log.last_stable_offset(),
    };
    let search = Search {
        log,
        manner: Manner::new(log, config),
        config,
        timestamp,
        start: log.log_start(),
        end,
        aborted: Aborted::default(),
        decompressor: Decompressor::default(),
    };
    search.run()
}

struct Search<'a> {
    log: &'a PartitionLog,
    manner: Manner,
    config: &'a ReaderConfig,
    timestamp: i64,
    /// Records below are not there any more.
    start: i64,
    end: i64,
    aborted: Aborted,
    decompressor: Decompressor,
}

impl Search<'_> {
    fn run(mut self) -> Result<Option<Timed>> {
        let mut offset = self.start;
        let mut list = newest_list(self.log)?;
        while offset < self.end {
            let at = list.find(offset);
            let known = at.and_then(|at| list.max_timestamp(at));
            let next_base = at.map_or(i64::MAX, |at| list.next_base(at));
            if known.is_none_or(|known| known >= self.timestamp) {
                let mut cursor = open_at(self.log, self.manner.mode, &list, offset)?;
                if let Some(found) = self.search_segment(&mut cursor)? {
                    return Ok(Some(found));
                }
                offset = cursor.stop(self.end);
                list = cursor.list;
            } else {
                offset = next_base;
            }
        }
        Ok(None)
    }

    fn search_segment(&mut self, cursor: &mut Cursor) -> Result<Option<Timed>> {
        let mut largest = time_hint(self.log, self.manner, cursor, self.timestamp, self.end)?;
        if largest.is_none() {
            cursor.jump(0, cursor.window.segment().base_offset());
        }
        loop {
            match cursor.peek(self.log, self.end) {
                Ok(Found::Batch(header)) => {
                    if !self.is_sound(cursor, &header)? {
                        cursor.pass(header.size(), header.next_offset());
                        continue;
                    }
                    if header.max_timestamp >= self.timestamp
                        && let Some(found) = self.search_batch(cursor, &header)?
                    {
                        return Ok(Some(found));
                    }
                    largest = largest.max(Some(header.max_timestamp));
                    cursor.pass_unchecked(header.size(), header.next_offset());
                }
                Ok(Found::Old(entry)) => {
                    if entry.max_timestamp >= self.timestamp && entry.last_offset >= self.start {
                        return Err(cursor.unsupported(&entry));
                    }
                    largest = largest.max(Some(entry.max_timestamp));
                    cursor.pass(entry.size, entry.last_offset + 1);
                }
                Ok(Found::SegmentEnd) => break,
                Err(Error::Corrupt { .. }) if self.manner.on_corrupt == OnCorrupt::Skip => {
                    if let Resumed::Behind(_) = cursor.pass_damage(self.log, self.end)? {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let is_whole = cursor.window.extent() == Extent::Closed && cursor.position >= cursor.window.limit();
        if let (true, Some(largest)) = (is_whole, largest) {
            cursor.window.segment().set_max_timestamp(largest);
        }
        Ok(None)
    }

    /// Whether the header at the cursor says what was written: it decides which batches are passed over unread. A damaged one
    /// is an error, or is passed over where that was asked for.
    fn is_sound(&self, cursor: &mut Cursor, header: &BatchHeader) -> Result<bool> {
        if self.config.check_crcs == CheckCrcs::Never {
            return Ok(true);
        }
        let bytes = cursor.window.at(self.log, cursor.position, header.size())?;
        match check_crc(header, bytes) {
            Ok(()) => Ok(true),
            Err(_) if self.manner.on_corrupt == OnCorrupt::Skip => Ok(false),
            Err(error) => Err(cursor.damage(&error)),
        }
    }

    /// The first record of the batch at the cursor that answers, if one does.
    fn search_batch(&mut self, cursor: &mut Cursor, header: &BatchHeader) -> Result<Option<Timed>> {
        if header.attributes.is_control() || header.record_count == 0 || header.next_offset() <= self.start {
            return Ok(None);
        }
        if self.config.isolation == IsolationLevel::ReadCommitted
            && self.aborted.hides(self.log, &cursor.list, cursor.at, self.end, header)?
        {
            return Ok(None);
        }
        let bytes = cursor.window.at(self.log, cursor.position, header.size())?;
        let found = self.first_record(header, bytes);
        match found {
            Err(error) if self.manner.on_corrupt == OnCorrupt::Stop => Err(cursor.damage(&error)),
            Err(_) => Ok(None),
            Ok(found) => Ok(found),
        }
    }

    fn first_record(
        &mut self,
        header: &BatchHeader,
        batch: &[u8],
    ) -> std::result::Result<Option<Timed>, crate::record::BatchError> {
        let unpacked = match header.attributes.codec()? {
            Codec::None => None,
            codec => Some(unpack(&mut self.decompressor, codec, header, batch, output_limit(header.size()))?),
        };
        let area = match &unpacked {
            Some(unpacked) => &unpacked.records,
            None => header.record_area(batch)?,
        };
        for record in RecordIter::new(header, area) {
            let record = record?;
            if record.timestamp >= self.timestamp && record.offset >= self.start {
                return Ok(Some((record.offset, record.timestamp)));
            }
        }
        Ok(None)
    }
}
