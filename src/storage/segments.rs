//! The segments of a partition as readers see them: which there are, by their names, and how far each may be looked at.
//!
//! Which segment holds an offset is known from the list alone, never from bytes. A list belongs to a roll generation and
//! is made anew when that moves; segments whose file is still the same inode are kept, with their maps.

use std::sync::{Arc, Mutex, PoisonError};

use super::names::SegmentFile;
use crate::error::Result;
use crate::sys::Dir;

pub use super::segment::{Extent, Place, Segment};

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
        let bases = segments.iter().map(|segment| segment.base_offset()).collect();
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
        let at = self.find(segment.base_offset())?;
        self.get(at).is_some_and(|found| Arc::ptr_eq(found, segment)).then_some(at)
    }

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
        assert_eq!(second.position_of(first.get(0).unwrap()), Some(0));
        assert_eq!(second.position_of(first.get(1).unwrap()), None);
        assert_eq!(second.position_of(first.get(2).unwrap()), None);
        assert!(Arc::ptr_eq(&second, &segments.at(&folder.dir, 1).unwrap()), "newer is good enough");
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
