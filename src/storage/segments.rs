//! The segments of a partition as readers see them: which there are, by their names, and how far each may be looked at.
//!
//! Which segment holds an offset is known from the list alone, never from bytes. A list belongs to a roll generation and
//! is made anew when that moves; segments in use whose file is still the same inode are kept, with their maps. A bounded number stays open.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use super::names::SegmentFile;
use crate::error::Result;
use crate::sys::Dir;

pub use super::segment::{Extent, Place, Segment};

/// How many segments a partition's readers keep open beyond those that a cursor stands in: each costs up to three descriptors and maps.
const KEPT_OPEN: usize = 16;

/// The list of segments of one roll generation, in order of base offset.
#[derive(Debug, Default)]
pub struct SegmentList {
    generation: u64,
    /// Beside the segments, so that a search touches nothing else.
    bases: Vec<i64>,
    slots: Vec<Slot>,
    open: Arc<Mutex<VecDeque<Arc<Segment>>>>,
}

/// A segment's place in a list: the segment itself where somebody uses it.
#[derive(Debug)]
struct Slot {
    valid_len: Option<u64>,
    map_len: u64,
    segment: Mutex<Weak<Segment>>,
    max_timestamp: Arc<OnceLock<i64>>,
}

impl Slot {
    fn new(valid_len: Option<u64>, map_len: u64) -> Self {
        Self { valid_len, map_len, segment: Mutex::default(), max_timestamp: Arc::default() }
    }

    fn used(&self) -> Option<Arc<Segment>> {
        self.segment.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }
}

impl SegmentList {
    fn new(generation: u64, bases: Vec<i64>, slots: Vec<Slot>, open: Arc<Mutex<VecDeque<Arc<Segment>>>>) -> Self {
        Self { generation, bases, slots, open }
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

    /// A segment by its place in the list. It stays open while somebody holds it, and for as long as it is among the last that were opened.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<Arc<Segment>> {
        let (slot, base) = (self.slots.get(at)?, self.bases.get(at)?);
        let mut used = slot.segment.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = used.upgrade() {
            return Some(segment);
        }
        let segment = Arc::new(Segment::new(*base, slot.valid_len, slot.map_len, Arc::clone(&slot.max_timestamp)));
        *used = Arc::downgrade(&segment);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push_back(Arc::clone(&segment));
        let oldest = if open.len() > KEPT_OPEN { open.pop_front() } else { None };
        drop(open);
        drop(used);
        // Closing files takes a while: not under the locks.
        drop(oldest);
        Some(segment)
    }

    /// Largest timestamp of a closed segment, once somebody walked the whole of it.
    #[must_use]
    pub fn max_timestamp(&self, at: usize) -> Option<i64> {
        self.slots.get(at)?.max_timestamp.get().copied()
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
        if at + 1 < self.slots.len() { Place::Older } else { Place::Newest }
    }

    /// Where this very segment (not merely one of its name) stands.
    #[must_use]
    pub fn position_of(&self, segment: &Arc<Segment>) -> Option<usize> {
        let at = self.find(segment.base_offset())?;
        self.slots.get(at)?.used().is_some_and(|found| Arc::ptr_eq(&found, segment)).then_some(at)
    }

    /// The place of the segment of that base if it is in use and its file is still the one under the name.
    fn kept(&self, dir: &Dir, base: i64) -> Result<Option<Slot>> {
        let Some(slot) = self.bases.binary_search(&base).ok().and_then(|at| self.slots.get(at)) else {
            return Ok(None);
        };
        let Some(segment) = slot.used() else { return Ok(None) };
        if let Some(part) = segment.opened_log() {
            let stat = dir.stat(&SegmentFile::Log.name(base))?;
            if stat.is_none_or(|stat| stat.identity != part.identity()) {
                return Ok(None);
            }
        }
        let (valid_len, map_len) = (slot.valid_len, slot.map_len);
        let max_timestamp = Arc::clone(&slot.max_timestamp);
        Ok(Some(Slot { valid_len, map_len, segment: Mutex::new(Arc::downgrade(&segment)), max_timestamp }))
    }

    /// Segments in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
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
        let bases = segments.iter().map(|(base, _)| *base).collect();
        let slots = segments.iter().map(|(_, len)| Slot::new(Some(*len), 0)).collect();
        let list = SegmentList::new(0, bases, slots, Arc::default());
        Self { source: Source::Fixed, newest: Mutex::new(Some(Arc::new(list))) }
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
        let mut slots = Vec::with_capacity(bases.len());
        for base in &bases {
            let kept = match newest.as_ref() {
                Some(list) => list.kept(dir, *base)?,
                None => None,
            };
            slots.push(kept.unwrap_or_else(|| Slot::new(None, map_len)));
        }
        let open = newest.as_ref().map(|list| Arc::clone(&list.open)).unwrap_or_default();
        let list = Arc::new(SegmentList::new(generation, bases, slots, open));
        *newest = Some(Arc::clone(&list));
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Place, Segments};
    use crate::storage::names::SegmentFile;
    use crate::storage::testing::Folder;

    fn folder(bases: &[i64]) -> Folder {
        let folder = Folder::new("segments");
        for base in bases {
            folder.write(&SegmentFile::Log.name(*base), b"x");
        }
        folder
    }

    #[test]
    fn the_greatest_base_at_or_below_holds_an_offset() {
        let folder = folder(&[10, 40, 20]);
        for stranger in ["00000000000000000030.log.deleted", "30.log", "000000000000000000030.log", "a.log", "x.index"]
        {
            folder.write(stranger, b"");
        }
        let list = Segments::live(100).at(&folder.dir, 1).unwrap();
        let found = |offset| list.find(offset).and_then(|at| list.get(at)).map(|segment| segment.base_offset());
        assert_eq!(list.len(), 3);
        for (offset, base) in
            [(i64::MIN, 10), (9, 10), (10, 10), (19, 10), (20, 20), (39, 20), (40, 40), (i64::MAX, 40)]
        {
            assert_eq!(found(offset), Some(base), "{offset}");
        }
        assert_eq!((list.next_base(0), list.next_base(2)), (20, i64::MAX));
        assert_eq!((list.place(1), list.place(2)), (Place::Older, Place::Newest));
        assert_eq!(Segments::fixed(&[]).at(&folder.dir, 0).unwrap().find(0), None);
    }

    #[test]
    fn a_segment_is_kept_as_long_as_its_file_is_the_same() {
        let folder = folder(&[0, 10, 20]);
        let segments = Segments::live(100);
        let first = segments.at(&folder.dir, 1).unwrap();
        for at in 0..3 {
            assert!(first.get(at).unwrap().log(&folder.dir).unwrap().is_some());
        }
        assert!(Arc::ptr_eq(&first, &segments.at(&folder.dir, 1).unwrap()), "the generation did not move");
        // One stays, one is replaced, one goes, one comes.
        folder.write("new", b"y");
        folder.dir.rename("new", &SegmentFile::Log.name(10)).unwrap();
        folder.dir.unlink(&SegmentFile::Log.name(20)).unwrap();
        folder.write(&SegmentFile::Log.name(30), b"z");
        let second = segments.at(&folder.dir, 2).unwrap();
        assert_eq!(second.len(), 3);
        assert_eq!(second.position_of(&first.get(0).unwrap()), Some(0));
        assert_eq!(second.position_of(&first.get(1).unwrap()), None);
        assert_eq!(second.position_of(&first.get(2).unwrap()), None);
        assert!(Arc::ptr_eq(&second, &segments.at(&folder.dir, 1).unwrap()), "newer is good enough");
    }

    #[test]
    fn a_bounded_number_of_segments_stays_open() {
        let bases: Vec<i64> = (0..2 * super::KEPT_OPEN as i64).collect();
        let folder = folder(&bases);
        let list = Segments::live(100).at(&folder.dir, 1).unwrap();
        let held = list.get(0).unwrap();
        for at in 0..bases.len() {
            assert!(list.get(at).unwrap().log(&folder.dir).unwrap().is_some());
        }
        assert!(Arc::ptr_eq(&held, &list.get(0).unwrap()), "what somebody holds is not opened twice");
        let used = |at: &usize| list.slots[*at].used().is_some();
        assert_eq!((1..bases.len()).filter(used).count(), super::KEPT_OPEN);
    }

    #[test]
    fn a_missing_file_is_looked_for_once_more() {
        let folder = folder(&[0, 10]);
        let segments = Segments::live(100);
        let first = segments.at(&folder.dir, 1).unwrap();
        folder.dir.unlink(&SegmentFile::Log.name(0)).unwrap();
        assert!(first.get(0).unwrap().log(&folder.dir).unwrap().is_none());
        assert_eq!(segments.newer_than(&folder.dir, &first).unwrap().len(), 1);
    }
}
