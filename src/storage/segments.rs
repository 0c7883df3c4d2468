//! The segments of a partition as readers see them: which there are, by their names, and how far each may be looked at.
//!
//! Which segment holds an offset is known from the list alone, never from bytes. A list belongs to a roll generation and
//! is made anew when that moves; segments whose file is still the same inode are kept, with their maps.

use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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
    max_timestamp: OnceLock<i64>,
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
    fn new(base_offset: i64, valid_len: Option<u64>, map_len: u64) -> Self {
        Self {
            base_offset,
            valid_len,
            map_len,
            log: OnceLock::new(),
            index: OnceLock::new(),
            time_index: OnceLock::new(),
            max_timestamp: OnceLock::new(),
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
        let Some(file) = dir.open_file_if_there(&SegmentFile::Log.name(self.base_offset), Access::Read)? else {
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
        let Some(file) = dir.open_file_if_there(&which.name(self.base_offset), Access::Read)? else {
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

    /// Largest timestamp of any batch, once somebody walked the whole closed segment.
    #[must_use]
    pub fn max_timestamp(&self) -> Option<i64> {
        self.max_timestamp.get().copied()
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

/// The list of segments of one roll generation, in order of base offset.
#[derive(Debug, Default)]
pub struct SegmentList {
    generation: u64,
    /// Beside the segments, so that a search touches nothing else.
    bases: Vec<i64>,
    segments: Vec<Arc<Segment>>,
}

impl SegmentList {
    fn new(generation: u64, segments: Vec<Arc<Segment>>) -> Self {
        let bases = segments.iter().map(|segment| segment.base_offset).collect();
        Self { generation, bases, segments }
    }

    /// Roll generation that it is of, or older than.
    #[must_use]
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The segment with the greatest base at or below `offset`; the first where all are above. `None` where there is none.
    #[must_use]
    #[inline]
    pub fn find(&self, offset: i64) -> Option<usize> {
        if self.bases.is_empty() {
            return None;
        }
        Some(self.bases.partition_point(|base| *base <= offset).saturating_sub(1))
    }

    /// A segment by its place in the list.
    #[must_use]
    #[inline]
    pub fn get(&self, at: usize) -> Option<&Arc<Segment>> {
        self.segments.get(at)
    }

    /// Base of the one behind; `i64::MAX` behind the last.
    #[must_use]
    #[inline]
    pub fn next_base(&self, at: usize) -> i64 {
        self.bases.get(at + 1).copied().unwrap_or(i64::MAX)
    }

    /// Whether others follow.
    #[must_use]
    #[inline]
    pub fn place(&self, at: usize) -> Place {
        if at + 1 < self.segments.len() { Place::Older } else { Place::Newest }
    }

    /// Where this very segment (not merely one of its name) stands.
    #[must_use]
    pub fn position_of(&self, segment: &Arc<Segment>) -> Option<usize> {
        let at = self.find(segment.base_offset)?;
        self.get(at).is_some_and(|found| Arc::ptr_eq(found, segment)).then_some(at)
    }

    /// Segments in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }
}

/// The newest list, shared by the readers of one partition in this process.
#[derive(Debug)]
pub struct Segments {
    source: Source,
    newest: Mutex<Option<Arc<SegmentList>>>,
}

#[derive(Debug)]
enum Source {
    /// The folder, listed again whenever the generation moved.
    Folder { map_len: u64 },
    /// What was found once.
    Fixed,
}

impl Segments {
    /// For a live partition: lists `dir` again whenever the roll generation moved. `map_len` is how far an active segment is mapped (`segment.bytes`), so that it seldom needs remapping.
    #[must_use]
    pub fn live(map_len: u64) -> Self {
        Self { source: Source::Folder { map_len }, newest: Mutex::default() }
    }

    /// For a folder that nobody writes: base offsets and valid bytes as `recovery::inspect` found them.
    #[must_use]
    pub fn fixed(segments: &[(i64, u64)]) -> Self {
        let segments = segments.iter().map(|(base, len)| Arc::new(Segment::new(*base, Some(*len), 0))).collect();
        Self { source: Source::Fixed, newest: Mutex::new(Some(Arc::new(SegmentList::new(0, segments)))) }
    }

    /// The list as of `generation` or newer. Segments that are still the same inode are kept.
    pub fn at(&self, dir: &Dir, generation: u64) -> Result<Arc<SegmentList>> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match (&self.source, newest.as_ref()) {
            (Source::Fixed, Some(list)) => Ok(Arc::clone(list)),
            (_, Some(list)) if list.generation >= generation => Ok(Arc::clone(list)),
            _ => self.list(dir, generation, &mut newest),
        }
    }

    /// A newer list than `seen`, of which a file turned out to be missing (retention and delete unlink without a new generation of their own).
    pub fn newer_than(&self, dir: &Dir, seen: &Arc<SegmentList>) -> Result<Arc<SegmentList>> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match (&self.source, newest.as_ref()) {
            (Source::Fixed, Some(list)) => Ok(Arc::clone(list)),
            (_, Some(list)) if !Arc::ptr_eq(list, seen) => Ok(Arc::clone(list)),
            _ => self.list(dir, seen.generation, &mut newest),
        }
    }

    fn list(&self, dir: &Dir, generation: u64, newest: &mut Option<Arc<SegmentList>>) -> Result<Arc<SegmentList>> {
        let map_len = match self.source {
            Source::Folder { map_len } => map_len,
            Source::Fixed => 0,
        };
        let mut bases = Vec::new();
        for entry in dir.list()?.iter().filter(|entry| entry.is_file) {
            let Some(name) = entry.name.to_str() else { continue };
            let base = SegmentFile::Log.parse(name).filter(|base| SegmentFile::Log.name(*base) == name);
            bases.extend(base);
        }
        bases.sort_unstable();
        let mut segments = Vec::with_capacity(bases.len());
        for base in bases {
            let kept = match newest.as_ref() {
                Some(list) => list.kept(dir, base)?,
                None => None,
            };
            segments.push(kept.unwrap_or_else(|| Arc::new(Segment::new(base, None, map_len))));
        }
        let list = Arc::new(SegmentList::new(generation, segments));
        *newest = Some(Arc::clone(&list));
        Ok(list)
    }
}

impl SegmentList {
    /// The segment of that base if its file is still the one under the name; only opened ones are asked for.
    fn kept(&self, dir: &Dir, base: i64) -> Result<Option<Arc<Segment>>> {
        let Ok(at) = self.bases.binary_search(&base) else { return Ok(None) };
        let Some(segment) = self.get(at) else { return Ok(None) };
        let is_same = match segment.opened_log() {
            None => true,
            Some(part) => {
                let stat = dir.stat(&SegmentFile::Log.name(base))?;
                stat.is_some_and(|stat| stat.identity == part.identity())
            }
        };
        Ok(is_same.then(|| Arc::clone(segment)))
    }
}
