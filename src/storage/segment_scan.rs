//! Walks the batches of one segment and gathers all that is rebuilt from them: tail state, index entries, aborted transactions, producers, epochs.
//!
//! Changes nothing on disk. What a jump in offsets means is decided here, since the base offset lies outside the CRC: compaction leaves gaps, and
//! so does a flipped bit. A jump is believed if what follows goes on behind it; at the very end of a log only if the log shows other signs of compaction.

use super::housekeeping::Listing;
use super::names::SegmentFile;
use super::producers::ProducerState;
use super::scan::{Crc, Found, Next, Place, is_whole_batch, look, next_whole_batch};
use super::tail::{BatchFacts, NewEntries, TailState};
use super::transactions::AbortedTransaction;
use super::window::Window;
use crate::error::{Error, Result};
use crate::json::Json;
use crate::record::{BatchHeader, EntryHeader};
use crate::sys::{Access, Dir};

/// How the valid bytes of a segment end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SegmentEnd {
    /// With the file.
    Whole,
    /// Nothing but zeroes follows: a segment that was grown and not trimmed.
    Zeroes,
    /// Something else follows, and why it is no batch.
    Bad(String),
}

/// One segment, walked.
#[derive(Debug)]
pub(super) struct SegmentScan {
    /// Bytes of the file; the valid ones are the tail's position.
    pub file_len: u64,
    /// The state behind the last valid batch. No closing time entry in it.
    pub tail: TailState,
    /// Entries for the offset index, as bytes.
    pub offset_index: Vec<u8>,
    /// Entries for the time index, without the closing one.
    pub time_index: Vec<u8>,
    /// Transactions that were aborted in it.
    pub aborted: Vec<AbortedTransaction>,
    /// The first entry of magic 0 or 1, and its position.
    pub old: Option<(EntryHeader, u64)>,
    /// How it ends.
    pub end: SegmentEnd,
    /// Damage was stepped over right before the tail: the gap that it leaves says nothing.
    is_behind_damage: bool,
}

/// What is gathered over several segments.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    /// The folder.
    pub dir: &'a Dir,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u64,
    /// Whether checksums are computed.
    pub crc: Crc,
    /// Damage below this offset is stepped over: it was synced once, and is never cut.
    pub kept_below: i64,
    /// Producers as of the last batch.
    pub producers: ProducerState,
    /// Batches below this offset are in `producers` already.
    pub producers_from: i64,
    /// Each batch whose epoch exceeds all before it: epoch and offset.
    pub epochs: Vec<(i32, i64)>,
    /// Compaction has been at work: gaps, or batches that lost records.
    pub is_compacted: bool,
    /// Damage that was stepped over.
    damage: Vec<Json>,
    /// Findings beyond those.
    more: u64,
}

impl<'a> Scanner<'a> {
    /// A scanner that has seen nothing.
    pub(super) fn new(dir: &'a Dir, index_interval_bytes: u64, crc: Crc, kept_below: i64) -> Self {
        Self {
            dir,
            index_interval_bytes,
            crc,
            kept_below,
            producers: ProducerState::default(),
            producers_from: 0,
            epochs: Vec::new(),
            is_compacted: false,
            damage: Vec::new(),
            more: 0,
        }
    }

    /// Walks a segment from `start` (of which position, end offset and index state count). `successor` is the base of the next one.
    pub(super) fn scan(&mut self, start: TailState, successor: Option<i64>) -> Result<SegmentScan> {
        let name = SegmentFile::Log.name(start.base_offset);
        let file = self.dir.open_file(&name, Access::Read)?;
        let mut window = Window::new(&file)?;
        let mut scan = SegmentScan {
            file_len: window.len(),
            tail: start,
            offset_index: Vec::new(),
            time_index: Vec::new(),
            aborted: Vec::new(),
            old: None,
            end: SegmentEnd::Whole,
            is_behind_damage: false,
        };
        loop {
            let place = Place {
                position: scan.tail.position,
                base_offset: start.base_offset,
                next_offset: scan.tail.end_offset,
            };
            let reason = match look(&mut window, place, self.crc)? {
                Found::End => return Ok(scan),
                Found::Old(entry) => {
                    scan.old.get_or_insert((entry, place.position));
                    self.take(&mut scan, entry.last_offset, entry.size as u64, entry.max_timestamp)?;
                    continue;
                }
                Found::Batch(header) => match self.doubt(&mut window, place, &header, successor)? {
                    Some(reason) if !scan.is_behind_damage => reason,
                    _ => {
                        self.take_batch(&mut window, &mut scan, &header)?;
                        continue;
                    }
                },
                Found::Bad(reason) => reason,
            };
            if place.next_offset < self.kept_below && self.step_over(&mut window, &mut scan, &reason)? {
                continue;
            }
            scan.end = match window.is_zero_from(place.position)? {
                true => SegmentEnd::Zeroes,
                false => SegmentEnd::Bad(reason),
            };
            return Ok(scan);
        }
    }

    /// Why a batch that jumps ahead in offsets is not believed.
    fn doubt(
        &self,
        window: &mut Window<'_>,
        place: Place,
        header: &BatchHeader,
        successor: Option<i64>,
    ) -> Result<Option<String>> {
        if header.base_offset == place.next_offset {
            return Ok(None);
        }
        let follower = is_whole_batch(window, place.position + header.size() as u64)?.map(|next| next.base_offset);
        let is_believed = match follower.or(successor) {
            // What follows lies where this batch would have ended without the jump, or before.
            Some(offset) if offset < header.next_offset() => follower.is_some_and(|offset| offset < place.next_offset),
            Some(_) => true,
            // A log that was closed in good order says by its last snapshot where it ended.
            None if self.crc == Crc::Skip => self.closed_end(place.next_offset, header)?.is_none(),
            None => self.is_compacted,
        };
        let expected = place.next_offset;
        Ok((!is_believed)
            .then(|| format!("offset jumps to {}, expected {expected}; what follows denies it", header.base_offset)))
    }

    /// The end that a close left a snapshot at, where that lies within the offsets which the batch would take.
    fn closed_end(&self, next_offset: i64, header: &BatchHeader) -> Result<Option<i64>> {
        let within = |offset: &i64| next_offset < *offset && *offset < header.next_offset();
        Ok(Listing::read(self.dir)?.offsets(SegmentFile::Snapshot).into_iter().rfind(within))
    }

    /// Last offset of a sound batch, as its header says; of the very last one of a log that was closed in good order, which nothing follows and whose checksum
    /// was not looked at, as the snapshot of the close says where the two differ and the batch is damaged.
    fn last_offset(&mut self, window: &mut Window<'_>, scan: &SegmentScan, header: &BatchHeader) -> Result<i64> {
        let TailState { position, end_offset, base_offset, .. } = scan.tail;
        if self.crc == Crc::Check || position + header.size() as u64 != window.len() {
            return Ok(header.last_offset());
        }
        let closed = Listing::read(self.dir)?.offsets(SegmentFile::Snapshot).last().copied();
        let Some(closed) = closed.filter(|closed| *closed > end_offset && *closed != header.next_offset()) else {
            return Ok(header.last_offset());
        };
        if is_whole_batch(window, position)?.is_some() {
            return Ok(header.last_offset());
        }
        self.tell(Json::object(&[
            ("event", &"damaged"),
            ("file", &SegmentFile::Log.name(base_offset)),
            ("position", &position),
            ("bytes", &header.size()),
            ("offset", &end_offset),
            ("reason", &format!("it ends before offset {}, the log was closed at {closed}", header.next_offset())),
        ]));
        Ok(closed - 1)
    }

    fn take_batch(&mut self, window: &mut Window<'_>, scan: &mut SegmentScan, header: &BatchHeader) -> Result<()> {
        let position = scan.tail.position;
        let last_offset = self.last_offset(window, scan, header)?;
        let has_gap = header.base_offset > scan.tail.end_offset && !scan.is_behind_damage;
        if has_gap || i64::from(header.record_count) != i64::from(header.last_offset_delta) + 1 {
            self.is_compacted = true;
        }
        if self.epochs.last().map_or(-1, |(epoch, _)| *epoch) < header.partition_leader_epoch {
            self.epochs.push((header.partition_leader_epoch, header.base_offset));
        }
        if header.producer_id >= 0 && header.base_offset >= self.producers_from {
            let batch = match header.attributes.is_control() {
                true => window.bytes(position, header.size())?,
                false => &[],
            };
            scan.aborted.extend(self.producers.apply(header, batch));
        }
        self.take(scan, last_offset, header.size() as u64, header.max_timestamp)
    }

    /// Moves the tail behind an entry; the one rule for index entries is `TailState::advance`.
    fn take(&self, scan: &mut SegmentScan, last_offset: i64, size: u64, max_timestamp: i64) -> Result<()> {
        let facts = BatchFacts { last_offset, size, max_timestamp };
        let (next, NewEntries { offset, time }) = scan.tail.advance(&facts, self.index_interval_bytes);
        scan.tail = next;
        scan.is_behind_damage = false;
        if let Some(entry) = offset {
            push(&mut scan.offset_index, &entry.to_bytes())?;
        }
        if let Some(entry) = time {
            push(&mut scan.time_index, &entry.to_bytes())?;
        }
        Ok(())
    }

    /// Adds to the damage that was stepped over; beyond a number it is only counted.
    fn tell(&mut self, finding: Json) {
        if self.damage.len() < FINDINGS_MAX {
            self.damage.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// What was stepped over so far. The last finding counts those that are not told.
    pub fn take_damage(&mut self) -> Vec<Json> {
        let mut damage = std::mem::take(&mut self.damage);
        let more = std::mem::take(&mut self.more);
        if more > 0
            && let Some(last) = damage.pop()
        {
            damage.push(last.with("more", &more));
        }
        damage
    }

    /// Goes on behind damage that was synced once: to the next whole batch, or over one whose header still fits what is left of the file. Whether it could.
    fn step_over(&mut self, window: &mut Window<'_>, scan: &mut SegmentScan, reason: &str) -> Result<bool> {
        let TailState { position, end_offset, base_offset, .. } = scan.tail;
        let place = Place { position, base_offset, next_offset: end_offset };
        let bytes = match next_whole_batch(window, base_offset, position)? {
            Next::At(next) => {
                scan.tail.bytes_since_entry += next - position;
                scan.tail.position = next;
                next - position
            }
            Next::Unknown => return Ok(false),
            Next::Nothing => {
                let Found::Batch(header) = look(window, place, Crc::Skip)? else { return Ok(false) };
                let size = header.size() as u64;
                if position + size != window.len() || header.next_offset() > self.kept_below {
                    return Ok(false);
                }
                let last_offset = self.closed_end(end_offset, &header)?.map_or(header.last_offset(), |end| end - 1);
                self.take(scan, last_offset, size, header.max_timestamp)?;
                size
            }
        };
        scan.is_behind_damage = true;
        self.tell(Json::object(&[
            ("event", &"damaged"),
            ("file", &SegmentFile::Log.name(base_offset)),
            ("position", &position),
            ("bytes", &bytes),
            ("offset", &end_offset),
            ("reason", &reason),
        ]));
        Ok(true)
    }
}

/// Findings that are told one by one: a report is for people, and a log may be damaged at every second byte.
const FINDINGS_MAX: usize = 1000;

/// Adds an entry; a log of millions of tiny batches must not end the host for want of memory.
fn push(bytes: &mut Vec<u8>, entry: &[u8]) -> Result<()> {
    bytes
        .try_reserve(entry.len())
        .map_err(|_| Error::OutOfMemory { what: "a rebuilt index", bytes: bytes.len() + entry.len() })?;
    bytes.extend_from_slice(entry);
    Ok(())
}
