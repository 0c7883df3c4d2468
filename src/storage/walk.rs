//! A cursor walks the batches of a log in order and believes none of them before it fits what is known around it.
//!
//! Base offset and length lie outside a batch's checksum, so damage to them shows only against their surroundings: offsets never
//! step back, no batch reaches beyond the published end or the next segment's base, and where a batch leaves a gap of
//! offsets before it (compaction does), the one behind it must agree, and the one before it must have the length that it says.
//! Sizes stay within the known extent.

use std::ops::Range;
use std::sync::Arc;

use super::config::ReadMode;
use super::partition::PartitionLog;
use super::segment_bytes::SegmentBytes;
use super::segments::{Extent, SegmentList};
use super::unpack::{damaged, is_damaged_v2};
use super::window::vain_max;
use crate::error::{Error, Result};
use crate::record::{BatchError, BatchHeader, EntryHeader, batch_link, scan_entry};

/// A place between two batches.
#[derive(Debug)]
pub struct Cursor {
    /// The list that it walks along.
    pub list: Arc<SegmentList>,
    /// Which segment of it.
    pub at: usize,
    /// Base of the segment behind.
    next_base: i64,
    /// The segment's bytes.
    pub window: SegmentBytes,
    /// Where the next batch begins.
    pub position: u64,
    /// No batch from here on has a lower offset.
    pub expected: i64,
    /// The batch passed last, if by its header alone: its length is believed until what comes behind does not fit.
    unchecked: Option<(u64, i64)>,
    /// Bytes summed behind damage for what turned out to be no batch.
    vain: u64,
}

/// What stands at a cursor.
#[derive(Debug)]
pub enum Found {
    /// A v2 batch, whole; its checksum was not looked at.
    Batch(BatchHeader),
    /// An entry of magic 0 or 1.
    Old(EntryHeader),
    /// Nothing more in this segment that is below the end.
    SegmentEnd,
}

/// Where a walk goes on behind damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// At a batch of the same segment, where the cursor is now.
    Here,
    /// Nothing more in this segment below that offset.
    Behind(i64),
}

/// What opening a segment came to.
#[derive(Debug)]
pub enum Opened {
    /// A cursor at the segment's first byte.
    Cursor(Box<Cursor>),
    /// The list is older than the folder: a file of it is gone.
    Missing,
}

impl Cursor {
    /// Stands before the first batch of a segment of the list (which has that many).
    pub fn open(log: &PartitionLog, mode: ReadMode, list: &Arc<SegmentList>, at: usize) -> Result<Opened> {
        let Some(segment) = list.get(at) else { return Ok(Opened::Missing) };
        let Some(window) = SegmentBytes::open(log, mode, &segment, list.place(at))? else { return Ok(Opened::Missing) };
        let expected = segment.base_offset();
        let next_base = list.next_base(at);
        Ok(Opened::Cursor(Box::new(Self {
            list: Arc::clone(list),
            at,
            next_base,
            window,
            position: 0,
            expected,
            unchecked: None,
            vain: 0,
        })))
    }

    /// Goes along with a newer list; `false` where the segment is not in it any more.
    pub fn follow(&mut self, list: &Arc<SegmentList>) -> bool {
        let Some(at) = list.position_of(self.window.segment()) else { return false };
        self.window.set_place(list.place(at));
        self.next_base = list.next_base(at);
        self.at = at;
        self.list = Arc::clone(list);
        true
    }

    /// Moves to a batch boundary of the same segment.
    #[inline]
    pub fn jump(&mut self, position: u64, expected: i64) {
        self.position = position;
        self.expected = expected;
        self.unchecked = None;
    }

    /// Moves behind a batch whose checksum holds (or is not to be looked at).
    #[inline]
    pub fn pass(&mut self, size: usize, next_offset: i64) {
        self.jump(self.position + size as u64, next_offset);
    }

    /// Moves behind a batch of which only the header was looked at.
    #[inline]
    pub fn pass_unchecked(&mut self, size: usize, next_offset: i64) {
        let here = (self.position, self.expected);
        self.pass(size, next_offset);
        self.unchecked = Some(here);
    }

    /// Passes batches that follow each other without a gap and end at or before `offset`, below `end`: the quick part of a walk. Where it stops,
    /// [`Cursor::peek`] says why.
    #[inline]
    pub fn skim(&mut self, log: &PartitionLog, offset: i64, end: i64) -> Result<()> {
        let stop = self.stop(end).min(offset);
        let bytes = self.window.at(log, self.position, BatchHeader::SIZE)?;
        let (mut at, mut expected) = (0, self.expected);
        let mut last = None;
        while let Some(link) = batch_link(bytes.get(at..).unwrap_or_default(), expected)
            && link.next_offset <= stop
        {
            last = Some((at, expected));
            at += link.size;
            expected = link.next_offset;
        }
        if let Some((start, offset)) = last {
            let position = self.position;
            self.jump(position + at as u64, expected);
            self.unchecked = Some((position + start as u64, offset));
        }
        Ok(())
    }

    /// Where offsets of this segment end, as far as `end` lets see.
    #[inline]
    pub fn stop(&self, end: i64) -> i64 {
        end.min(self.next_base)
    }

    /// Looks at the batch at the cursor, of a log that was published up to `end`.
    #[inline]
    pub fn peek(&mut self, log: &PartitionLog, end: i64) -> Result<Found> {
        let stop = self.stop(end);
        if self.expected >= stop {
            return Ok(Found::SegmentEnd);
        }
        let bytes = self.window.at(log, self.position, BatchHeader::SIZE)?;
        if bytes.is_empty() {
            self.check_passed(log)?;
            return Ok(Found::SegmentEnd);
        }
        let header = match BatchHeader::parse(bytes) {
            Ok(header) => header,
            Err(error) => return self.peek_old(log, stop, &error),
        };
        let left = self.window.limit() - self.position;
        if header.size() as u64 > left {
            self.check_passed(log)?;
            return Err(self.damage(&BatchError::Truncated { needed: header.size() as u64, found: left }));
        }
        if header.base_offset != self.expected {
            self.check_passed(log)?;
            self.check_gap(&header)?;
        }
        if header.next_offset() > stop {
            return self.peek_beyond(log, &header, stop);
        }
        Ok(Found::Batch(header))
    }

    /// Where what stands here does not follow on what was passed, the length of that may be what is wrong: then the cursor goes back to it.
    #[cold]
    fn check_passed(&mut self, log: &PartitionLog) -> Result<()> {
        let Some((position, expected)) = self.unchecked.take() else { return Ok(()) };
        let size = usize::try_from(self.position - position).unwrap_or(usize::MAX);
        let checked = crate::record::check_crc(self.window.at(log, position, size)?);
        checked.map_err(|error| {
            self.jump(position, expected);
            self.damage(&error)
        })
    }

    /// A batch that is not wholly below `stop`. Sound only where it begins there or above and `stop` is an end that hides published
    /// batches, the last stable offset.
    #[cold]
    fn peek_beyond(&mut self, log: &PartitionLog, header: &BatchHeader, stop: i64) -> Result<Found> {
        let is_hidden = header.base_offset >= stop && stop < self.next_base;
        if is_hidden && header.next_offset() <= self.stop(log.published_end()) {
            self.jump(self.position, stop);
            return Ok(Found::SegmentEnd);
        }
        Err(self.corrupt(format!(
            "batch of offsets {} to {} reaches beyond {stop}, where the log or segment ends",
            header.base_offset,
            header.last_offset()
        )))
    }

    /// A batch that does not begin where the one before ended. Lower is damage; higher is what compaction leaves, if what comes behind agrees.
    #[cold]
    fn check_gap(&self, header: &BatchHeader) -> Result<()> {
        if header.base_offset < self.expected {
            return Err(self.corrupt(format!("base offset {}, expected {} or more", header.base_offset, self.expected)));
        }
        let behind = self.position + header.size() as u64;
        let next = header.next_offset();
        if behind == self.window.limit() {
            return match self.window.extent() {
                Extent::Published { end_offset, .. } if end_offset != next => {
                    Err(self.corrupt(format!("last batch ends before offset {next}, the log before {end_offset}")))
                }
                _ => Ok(()),
            };
        }
        let mut head = [0; BatchHeader::SIZE];
        let count = self.window.glance(behind, &mut head)?;
        match BatchHeader::parse(head.get(..count).unwrap_or_default()) {
            Ok(follower) if follower.base_offset < next => Err(self.corrupt(format!(
                "base offset {} where {} was expected, but the next batch begins at {}",
                header.base_offset, self.expected, follower.base_offset
            ))),
            // What else is wrong there is found when the walk comes to it.
            _ => Ok(()),
        }
    }

    /// What is not a v2 batch: an entry of an old format, or damage.
    #[cold]
    fn peek_old(&mut self, log: &PartitionLog, stop: i64, error: &BatchError) -> Result<Found> {
        self.check_passed(log)?;
        let BatchError::OldMagic { magic } = *error else { return Err(self.damage(error)) };
        let position = self.position;
        let scanned = scan_entry(self.window.at(log, position, BatchHeader::SIZE)?);
        let entry = scanned.map_err(|error| self.damage(&error))?;
        let left = self.window.limit() - position;
        if entry.size as u64 > left {
            return Err(self.damage(&BatchError::Truncated { needed: entry.size as u64, found: left }));
        }
        if is_damaged_v2(self.window.at(log, position, entry.size)?) {
            return Err(self.corrupt(format!("magic {magic}, but the checksum of magic 2 holds")));
        }
        if entry.last_offset < self.expected || entry.last_offset >= stop {
            let (offset, least) = (entry.last_offset, self.expected);
            return Err(self.corrupt(format!("message set with offset {offset}, expected {least} to {}", stop - 1)));
        }
        Ok(Found::Old(entry))
    }

    /// Goes on behind the damage at the cursor: at the batch that the damaged one's length leads to, if that is one, else at the next
    /// one that a search byte by byte finds. A batch counts if it has offsets that fit and its checksum holds. A search among bytes that are made to
    /// look like batches ends early, and with it the segment.
    #[cold]
    pub fn pass_damage(&mut self, log: &PartitionLog, end: i64) -> Result<Resumed> {
        let stop = self.stop(end);
        let limit = self.window.limit();
        let mut head = [0; BatchHeader::SIZE];
        let count = self.window.glance(self.position, &mut head)?;
        if let Ok(header) = BatchHeader::parse(head.get(..count).unwrap_or_default()) {
            // A length is believed if what it leads to follows without a gap.
            let (behind, next) = (self.position + header.size() as u64, header.next_offset());
            if behind == limit && next == stop {
                return Ok(Resumed::Behind(stop));
            }
            let is_tried = behind < limit && self.vain <= vain_max(limit);
            if is_tried && self.is_sound(log, behind, next..stop)? == Some(next) {
                self.jump(behind, self.expected);
                return Ok(Resumed::Here);
            }
        }
        let mut position = self.position + 1;
        while position < limit {
            let bytes = self.window.at(log, position, PIECE_BYTES)?;
            let Some(skipped) = candidate(bytes, self.expected, stop) else {
                let step = bytes.len().saturating_sub(BatchHeader::SIZE - 1).max(1);
                position += step as u64;
                continue;
            };
            position += skipped as u64;
            if self.is_sound(log, position, self.expected..stop)?.is_some() {
                self.jump(position, self.expected);
                return Ok(Resumed::Here);
            }
            if self.vain > vain_max(limit) {
                // Lengths that lie would have the rest of the segment summed again and again.
                break;
            }
            position += 1;
        }
        Ok(Resumed::Behind(stop))
    }

    /// Base offset of the batch there, if it is one of these offsets and its checksum holds.
    fn is_sound(&mut self, log: &PartitionLog, position: u64, offsets: Range<i64>) -> Result<Option<i64>> {
        let bytes = self.window.at(log, position, BatchHeader::SIZE)?;
        let Ok(header) = BatchHeader::parse(bytes) else { return Ok(None) };
        let is_within = header.base_offset >= offsets.start && header.next_offset() <= offsets.end;
        if !is_within || position + header.size() as u64 > self.window.limit() {
            return Ok(None);
        }
        let batch = self.window.at(log, position, header.size())?;
        let is_sound = super::unpack::check_crc(&header, batch).is_ok();
        if !is_sound {
            self.vain = self.vain.saturating_add(header.size() as u64);
        }
        Ok(is_sound.then_some(header.base_offset))
    }

    /// Damage at the cursor.
    #[cold]
    pub fn damage(&self, error: &BatchError) -> Error {
        damaged(self.window.path(), self.position, error)
    }

    /// Damage at the cursor, in words.
    #[cold]
    pub fn corrupt(&self, reason: String) -> Error {
        Error::Corrupt { path: self.window.path(), position: self.position, reason }
    }

    /// An entry of an old format at the cursor.
    #[cold]
    pub fn unsupported(&self, entry: &EntryHeader) -> Error {
        let (path, position) = (self.window.path(), self.position);
        Error::UnsupportedMagic { path, position, offset: entry.base_offset, magic: entry.magic }
    }
}

/// What a search for the next batch looks at in one piece.
const PIECE_BYTES: usize = 64 << 10;

/// The first place in `bytes` that could begin a v2 batch with a base offset in `[least, stop)`, by magic, length and offset.
fn candidate(bytes: &[u8], least: i64, stop: i64) -> Option<usize> {
    bytes.windows(BatchHeader::SIZE).position(|head| {
        head.get(16) == Some(&2)
            && BatchHeader::parse(head).is_ok_and(|header| (least..stop).contains(&header.base_offset))
    })
}
