//! Finds the end of a log that was closed in good order, in the same time whatever its size: from the last index entry on.
//!
//! An index is a hint, so its last entry must name a batch that is whole and ends with the entry's offset, and the last time entry at or below it a batch that
//! has its offset and timestamp; else the whole segment is walked. Time entries above the last offset entry are those of the close: at each offset entry the rule
//! brings the time index up to date, so what came later was added by nobody but the close. They are left out, and the state is then that of a
//! writer that never closed: what it goes on to write equals a rebuild.

use super::housekeeping::Listing;
use super::index::{OffsetEntry, TimeEntry};
use super::names::SegmentFile;
use super::scan::is_whole_batch;
use super::segment_scan::{Scanner, SegmentScan};
use super::tail::TailState;
use super::window::Window;
use crate::error::Result;
use crate::json::Json;
use crate::record::BatchHeader;
use crate::sys::{Access, Dir, File, clock};

/// The last segment of a log, walked from its last index entry.
#[derive(Debug)]
pub(super) struct CleanTail {
    /// The walk; its index bytes are what comes behind the kept entries.
    pub scan: SegmentScan,
    /// Entries of both indexes that stay as they are; `None` where the whole segment was walked and both are to be written anew.
    pub kept: Option<(u64, u64)>,
}

/// Finds the end of segment `base_offset`, the last one.
pub(super) fn find(scanner: &mut Scanner<'_>, base_offset: i64) -> Result<CleanTail> {
    if let Some(start) = state_at_last_entry(scanner.dir, base_offset)? {
        let scan = scanner.scan(start, None)?;
        return Ok(CleanTail { scan, kept: Some((start.offset_entries, start.time_entries)) });
    }
    let scan = scanner.scan(TailState::empty(base_offset, clock::now_ms(), 0), None)?;
    Ok(CleanTail { scan, kept: None })
}

/// A finding where the log, which was closed in good order, ends below the snapshot that the close left: somebody cut it since.
pub(super) fn shortened(dir: &Dir, tail: &TailState) -> Result<Option<Json>> {
    let closed = Listing::read(dir)?.offsets(SegmentFile::Snapshot).last().copied();
    Ok(closed.filter(|closed| *closed > tail.end_offset).map(|closed| {
        Json::object(&[
            ("event", &"shortened"),
            ("file", &SegmentFile::Log.name(tail.base_offset)),
            ("position", &tail.position),
            ("offset", &tail.end_offset),
            ("reason", &format!("the log was closed at offset {closed} and ends at {}", tail.end_offset)),
        ])
    }))
}

/// The state right before the batch of the last offset entry, its entries written. `None` where there is no entry or any doubt.
fn state_at_last_entry(dir: &Dir, base_offset: i64) -> Result<Option<TailState>> {
    let open = |kind: SegmentFile| dir.open_file_if_there(&kind.name(base_offset), Access::Read);
    let (Some(index), Some(times)) = (open(SegmentFile::Index)?, open(SegmentFile::TimeIndex)?) else {
        return Ok(None);
    };
    let log = dir.open_file(&SegmentFile::Log.name(base_offset), Access::Read)?;
    let mut window = Window::narrow(&log)?;
    let count = index.len()? / OffsetEntry::SIZE as u64;
    if index.len()? % OffsetEntry::SIZE as u64 != 0 || times.len()? % TimeEntry::SIZE as u64 != 0 || count == 0 {
        return Ok(None);
    }
    let Some(last) = offset_entry(&index, count - 1)? else { return Ok(None) };
    let (Ok(position @ 1..), Some(first)) = (u64::try_from(last.position), batch_at(&mut window, 0)?) else {
        return Ok(None);
    };
    let Some(header) = is_whole_batch(&mut window, position)? else { return Ok(None) };
    if header.last_offset() != base_offset.saturating_add(i64::from(last.relative_offset)) {
        return Ok(None);
    }
    let mut state = TailState::empty(base_offset, clock::now_ms(), 0);
    state.position = position;
    state.end_offset = header.base_offset;
    state.offset_entries = count;
    state.first_timestamp = first.max_timestamp;
    let mut time_count = times.len()? / TimeEntry::SIZE as u64;
    while let Some(entry) = last_time_entry(&times, time_count)? {
        if entry.relative_offset > last.relative_offset {
            time_count -= 1;
            continue;
        }
        let offset = base_offset.saturating_add(i64::from(entry.relative_offset));
        if !holds(&mut window, &index, count, base_offset, entry)? {
            return Ok(None);
        }
        state.time_entries = time_count;
        state.last_time_entry_timestamp = entry.timestamp;
        state.last_time_entry_offset = offset;
        state.max_timestamp = entry.timestamp;
        state.max_timestamp_offset = offset;
        return Ok(Some(state));
    }
    // An offset entry without a time entry: only where no batch has a timestamp.
    Ok((first.max_timestamp < 0 && header.max_timestamp < 0).then_some(state))
}

/// Whether the batch that a time entry names is there and has its timestamp.
fn holds(window: &mut Window<'_>, index: &File, count: u64, base_offset: i64, time: TimeEntry) -> Result<bool> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        match offset_entry(index, middle)? {
            Some(entry) if entry.relative_offset <= time.relative_offset => low = middle + 1,
            _ => high = middle,
        }
    }
    let mut position = 0;
    if let Some(before) = low.checked_sub(1) {
        let Some(entry) = offset_entry(index, before)? else { return Ok(false) };
        position = u64::try_from(entry.position).unwrap_or(u64::MAX);
    }
    let offset = base_offset.saturating_add(i64::from(time.relative_offset));
    while let Some(header) = batch_at(window, position)? {
        if header.last_offset() >= offset {
            return Ok(header.last_offset() == offset && header.max_timestamp == time.timestamp);
        }
        position += header.size() as u64;
    }
    Ok(false)
}

fn batch_at(window: &mut Window<'_>, position: u64) -> Result<Option<BatchHeader>> {
    Ok(BatchHeader::parse(window.bytes(position, BatchHeader::SIZE)?).ok())
}

fn offset_entry(index: &File, number: u64) -> Result<Option<OffsetEntry>> {
    let mut bytes = [0; OffsetEntry::SIZE];
    let count = index.read_at(&mut bytes, number * OffsetEntry::SIZE as u64)?;
    Ok((count == bytes.len()).then(|| OffsetEntry::from_bytes(bytes)))
}

/// The last of `count` time entries.
fn last_time_entry(times: &File, count: u64) -> Result<Option<TimeEntry>> {
    let Some(number) = count.checked_sub(1) else { return Ok(None) };
    let mut bytes = [0; TimeEntry::SIZE];
    let count = times.read_at(&mut bytes, number * TimeEntry::SIZE as u64)?;
    Ok((count == bytes.len()).then(|| TimeEntry::from_bytes(bytes)))
}
