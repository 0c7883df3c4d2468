//! Finds the batch that holds an offset: segment by the list, index for a hint, batch headers from there.
//!
//! An index entry is believed only if the batch at its position is whole as far as its header goes and ends with
//! exactly the entry's offset; else the segment is walked from its start. So a missing, stale, foreign or damaged index
//! costs time and nothing else.

use std::sync::Arc;

use super::config::{OnCorrupt, ReadMode, ReaderConfig};
use super::index::{OffsetEntry, TimeEntry};
use super::names::SegmentFile;
use super::part::{Mapping, SegmentPart};
use super::partition::PartitionLog;
use super::reader::in_range;
use super::segment_bytes::SegmentBytes;
use super::segments::{Extent, SegmentList};
use super::walk::{Cursor, Found, Opened, Resumed};
use crate::error::{Error, Result};
use crate::record::{BatchHeader, scan_entry};

/// How a log is walked.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// By map or by pread.
    pub mode: ReadMode,
    /// What to do about damage.
    pub on_corrupt: OnCorrupt,
}

impl Manner {
    /// What a reader's settings come to. A log that nobody holds a session of may be cut under us, so it is copied.
    #[must_use]
    pub fn new(log: &PartitionLog, config: &ReaderConfig) -> Self {
        let mode = if log.control().is_none() { ReadMode::Copy } else { config.read_mode };
        Self { mode, on_corrupt: config.on_corrupt }
    }
}

/// The list of segments as of now.
#[inline]
pub fn newest_list(log: &PartitionLog) -> Result<Arc<SegmentList>> {
    log.segments().at(log.folder(), log.roll_generation())
}

/// Opens a segment of a list that is to hold `offset`. Where its file went away since, the folder is listed again, once.
pub fn open_at(log: &PartitionLog, mode: ReadMode, list: &Arc<SegmentList>, offset: i64) -> Result<Box<Cursor>> {
    let mut list = Arc::clone(list);
    for _ in 0..2 {
        let Some(at) = list.find(offset) else { break };
        if let Opened::Cursor(cursor) = Cursor::open(log, mode, &list, at)? {
            return Ok(cursor);
        }
        list = log.segments().newer_than(log.folder(), &list)?;
        // Retention moves the log start before it unlinks.
        if offset < log.log_start() {
            break;
        }
    }
    in_range(log, offset)?;
    Err(Error::Corrupt {
        path: log.path().to_path_buf(),
        position: 0,
        reason: format!("no segment for offset {offset}, in a log of {} to {}", log.log_start(), log.published_end()),
    })
}

/// A cursor before the batch that holds `offset`, which is below `end`; where offsets are missing, before the first batch behind it,
/// or at the end of the segment that should hold it. `near` is a cursor of earlier, used again if it is of the same segment.
pub fn locate(
    log: &PartitionLog,
    manner: Manner,
    list: &Arc<SegmentList>,
    near: Option<Box<Cursor>>,
    offset: i64,
    end: i64,
) -> Result<Box<Cursor>> {
    let wanted = list.find(offset);
    let near = near.filter(|near| {
        let is_here = Arc::ptr_eq(&near.list, list) && Some(near.at) == wanted;
        is_here || wanted.is_some() && list.position_of(near.window.segment()) == wanted
    });
    let mut cursor = match near {
        Some(near) => near,
        None => open_at(log, manner.mode, list, offset)?,
    };
    let base = cursor.window.segment().base_offset();
    let (position, expected) = hint(log, &mut cursor.window, offset)?.unwrap_or((0, base));
    cursor.jump(position, expected);
    walk_to(log, manner, &mut cursor, offset, end)?;
    Ok(cursor)
}

/// Walks forward to the batch that holds `offset`, or to the segment's end.
fn walk_to(log: &PartitionLog, manner: Manner, cursor: &mut Cursor, offset: i64, end: i64) -> Result<()> {
    loop {
        cursor.skim(log, offset, end)?;
        match cursor.peek(log, end) {
            Ok(Found::Batch(header)) if header.next_offset() <= offset => {
                cursor.pass_unchecked(header.size(), header.next_offset());
            }
            Ok(Found::Old(entry)) if entry.last_offset < offset => cursor.pass(entry.size, entry.last_offset + 1),
            Ok(_) => return Ok(()),
            Err(Error::Corrupt { .. }) if manner.on_corrupt == OnCorrupt::Skip => {
                if let Resumed::Behind(stop) = cursor.pass_damage(log, end)? {
                    cursor.jump(cursor.window.limit(), stop);
                    return Ok(());
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Position and base offset of a batch at or before the one that holds `offset`, by the offset index; `None` where it has nothing to say or is wrong.
#[inline]
fn hint(log: &PartitionLog, window: &mut SegmentBytes, offset: i64) -> Result<Option<(u64, i64)>> {
    if matches!(window.extent(), Extent::Published { end_offset, .. } if end_offset <= offset) {
        // Entries were written since.
        window.refresh(log)?;
    }
    let base = window.segment().base_offset();
    let Some(entry) = offset_entry(log, window, offset - base)? else { return Ok(None) };
    let Ok(position) = u64::try_from(entry.position) else { return Ok(None) };
    let last_offset = base + i64::from(entry.relative_offset);
    window.prefetch_batches(position, offset - last_offset);
    batch_of(log, window, entry)
}

/// Where the batch of an entry begins, and its base offset; `None` where no batch there ends with exactly the entry's offset.
#[inline]
fn batch_of(log: &PartitionLog, window: &mut SegmentBytes, entry: OffsetEntry) -> Result<Option<(u64, i64)>> {
    let Ok(position) = u64::try_from(entry.position) else { return Ok(None) };
    let last_offset = window.segment().base_offset() + i64::from(entry.relative_offset);
    let found = scan_entry(window.at(log, position, BatchHeader::SIZE)?);
    Ok(found.ok().filter(|found| found.last_offset == last_offset).map(|found| (position, found.base_offset)))
}

/// A batch that begins at or before `position`, as near to it as the offset index has one: where, and its base offset. `None` where the index has nothing to
/// say or is wrong.
pub fn batch_before(log: &PartitionLog, window: &mut SegmentBytes, position: u64) -> Result<Option<(u64, i64)>> {
    let Some(count) = window.prepare_index(log, SegmentFile::Index)? else { return Ok(None) };
    let index = Index::<{ OffsetEntry::SIZE }>::of(log, window, SegmentFile::Index, count)?;
    let found = index.and_then(|index| {
        index.last_near(count / 2, |bytes| {
            let begin = OffsetEntry::from_bytes(bytes).position;
            begin != 0 && u64::try_from(begin).is_ok_and(|begin| begin <= position)
        })
    });
    let Some(entry) = found.map(OffsetEntry::from_bytes) else { return Ok(None) };
    Ok(batch_of(log, window, entry)?.filter(|(begin, _)| *begin <= position))
}

/// The last entry of the offset index at or below an offset, relative to the segment's base.
#[inline]
fn offset_entry(log: &PartitionLog, window: &mut SegmentBytes, relative: i64) -> Result<Option<OffsetEntry>> {
    let Some(count) = window.prepare_index(log, SegmentFile::Index)? else { return Ok(None) };
    let window = &*window;
    let Some(index) = Index::<{ OffsetEntry::SIZE }>::of(log, window, SegmentFile::Index, count)? else {
        return Ok(None);
    };
    // If entries were evenly spaced, which those of like batches are, the offset would stand here; and the page of its batch can be
    // on its way while the index is read.
    let last = index.entry(count - 1).map(OffsetEntry::from_bytes);
    let part = |whole: u64| match last {
        Some(OffsetEntry { relative_offset: last @ 1.., .. }) => {
            whole.saturating_mul(relative.unsigned_abs()) / u64::from(last.unsigned_abs())
        }
        _ => 0,
    };
    window.prefetch(part(last.map_or(0, |last| u64::from(last.position.unsigned_abs()))), 1);
    let found = index.last_near(part(count), |bytes| {
        let entry = OffsetEntry::from_bytes(bytes);
        // Zeroes are room for entries: no entry is of the segment's first batch.
        entry.position != 0 && i64::from(entry.relative_offset) <= relative
    });
    Ok(found.map(OffsetEntry::from_bytes))
}

/// An offset up to which all batches of the segment have timestamps below `timestamp`, by the time index, with the largest of them.
///
/// The entry believed is the last one below `timestamp` whose batch ends with exactly its offset and has exactly its timestamp as
/// its largest; that nothing before has a larger one is what Kafka's rule for writing entries says, and is trusted for
/// such an entry. `None` where there is none: then nothing is known.
pub fn time_hint(
    log: &PartitionLog,
    manner: Manner,
    cursor: &mut Cursor,
    timestamp: i64,
    end: i64,
) -> Result<Option<i64>> {
    let base = cursor.window.segment().base_offset();
    let Some(count) = cursor.window.prepare_index(log, SegmentFile::TimeIndex)? else { return Ok(None) };
    let index = Index::<{ TimeEntry::SIZE }>::of(log, &cursor.window, SegmentFile::TimeIndex, count)?;
    let entry = index.and_then(|index| {
        index.last_near(count / 2, |bytes| {
            let entry = TimeEntry::from_bytes(bytes);
            bytes != [0; TimeEntry::SIZE] && entry.timestamp < timestamp
        })
    });
    let Some(entry) = entry.map(TimeEntry::from_bytes) else { return Ok(None) };
    let offset = base + i64::from(entry.relative_offset);
    if offset >= cursor.stop(end) || entry.relative_offset < 0 {
        return Ok(None);
    }
    let (position, expected) = hint(log, &mut cursor.window, offset)?.unwrap_or((0, base));
    cursor.jump(position, expected);
    let is_exact = walk_to(log, manner, cursor, offset, end).is_ok()
        && match cursor.peek(log, end) {
            Ok(Found::Batch(header)) => header.last_offset() == offset && header.max_timestamp == entry.timestamp,
            Ok(Found::Old(found)) => found.last_offset == offset && found.max_timestamp == entry.timestamp,
            _ => false,
        };
    Ok(is_exact.then_some(entry.timestamp))
}

/// The entries of an index file, by map or by pread.
#[derive(Debug)]
pub(super) enum Index<'a, const SIZE: usize> {
    /// The map, and how many entries of it there are.
    Map(&'a Mapping, u64),
    /// The file.
    Copy(&'a SegmentPart, u64),
}

impl<'a, const SIZE: usize> Index<'a, SIZE> {
    /// An index that was prepared; `None` where it is missing.
    #[inline]
    fn of(log: &PartitionLog, window: &'a SegmentBytes, which: SegmentFile, count: u64) -> Result<Option<Self>> {
        match window.index_map(which) {
            Some(mapping) => Ok(Some(Self::Map(mapping, count))),
            None => Ok(window.segment().index(log.folder(), which)?.map(|part| Self::Copy(part, count))),
        }
    }

    #[inline]
    fn entry(&self, number: u64) -> Option<[u8; SIZE]> {
        let position = number * SIZE as u64;
        match self {
            Self::Map(mapping, _) => {
                let from = position as usize;
                mapping.bytes(from..from + SIZE).first_chunk().copied()
            }
            Self::Copy(part, _) => {
                let mut bytes = [0; SIZE];
                let filled = part.file().read_at(&mut bytes, position).ok()?;
                (filled == SIZE).then_some(bytes)
            }
        }
    }

    /// The last entry for which `is_before` holds, which it does for a first part of the entries if they are in order. Out of
    /// order ones give any entry: it is checked by who asks. Looked for around `guess` in steps that grow, then by halves.
    #[inline]
    fn last_near(&self, guess: u64, is_before: impl Fn([u8; SIZE]) -> bool) -> Option<[u8; SIZE]> {
        let (Self::Map(_, count) | Self::Copy(_, count)) = self;
        let (mut low, mut high) = (0, *count);
        let mut best = None;
        let mut probe = guess.min(high.saturating_sub(1));
        let mut step = 1;
        while low < high {
            let near = match self.entry(probe) {
                Some(bytes) if is_before(bytes) => {
                    best = Some(bytes);
                    low = probe + 1;
                    low.saturating_add(step - 1)
                }
                _ => {
                    high = probe;
                    high.saturating_sub(step)
                }
            };
            // Away from the guess by steps while only one side is known, else in the middle.
            probe = if (low..high).contains(&near) { near } else { low + (high - low) / 2 };
            step = step.saturating_mul(8);
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::Index;
    use crate::storage::part::SegmentPart;
    use crate::storage::testing::Folder;
    use crate::sys::Access;

    /// An index of eight-byte numbers.
    fn part(folder: &Folder, numbers: &[u64]) -> SegmentPart {
        folder.write("index", &numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>());
        SegmentPart::new(folder.dir.open_file("index", Access::Read).unwrap()).unwrap()
    }

    #[test]
    fn the_last_entry_is_found_from_any_guess() {
        let folder = Folder::new("lookup");
        for count in [0, 1, 2, 3, 7, 8, 9, 63, 200] {
            let numbers: Vec<u64> = (0..count).map(|number| number * 10).collect();
            let part = part(&folder, &numbers);
            let mapping = part.map(count * 8, 0).unwrap();
            for index in [Index::<8>::Map(&mapping, count), Index::Copy(&part, count)] {
                for wanted in (0..count * 10 + 20).step_by(if count > 10 { 37 } else { 5 }) {
                    for guess in [0, 1, count / 3, count / 2, count, u64::MAX, wanted / 10] {
                        let found = index.last_near(guess, |bytes| u64::from_be_bytes(bytes) < wanted);
                        let expected = numbers.iter().rfind(|number| **number < wanted);
                        assert_eq!(
                            found.map(u64::from_be_bytes).as_ref(),
                            expected,
                            "{wanted} of {count} from {guess}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn an_index_as_large_as_brokers_make_them_is_searched_from_the_worst_guess() {
        let folder = Folder::new("lookup");
        let count = 1_310_720;
        let part = part(&folder, &(0..count).collect::<Vec<_>>());
        let mapping = part.map(count * 8, 0).unwrap();
        let index = Index::<8>::Map(&mapping, count);
        for wanted in (1..count).step_by(1009) {
            for guess in [0, count - 1] {
                let found = index.last_near(guess, |bytes| u64::from_be_bytes(bytes) < wanted);
                assert_eq!(found.map(u64::from_be_bytes), Some(wanted - 1), "from {guess}");
            }
        }
    }

    #[test]
    fn entries_out_of_order_end_the_search_all_the_same() {
        let folder = Folder::new("lookup");
        let numbers: Vec<u64> = (0..100_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let part = part(&folder, &numbers);
        let index = Index::<8>::Copy(&part, 100);
        for guess in 0..100 {
            if let Some(found) = index.last_near(guess, |bytes| u64::from_be_bytes(bytes) < u64::MAX / 3) {
                assert!(u64::from_be_bytes(found) < u64::MAX / 3);
            }
        }
    }
}
