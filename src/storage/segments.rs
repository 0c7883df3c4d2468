//! The segments of a partition as readers see them. (to be implemented)

use std::sync::Arc;

use crate::error::Result;
use crate::sys::Dir;

/// One segment: opened and mapped on first use, shared by all readers and views of the process, kept alive by views after it is unlinked.
#[derive(Debug)]
pub struct Segment {
    _todo: (),
}

/// The list of segments of one roll generation, in order of base offset.
#[derive(Debug, Default)]
pub struct SegmentList {
    _todo: (),
}

/// The newest list, shared by the readers of one partition in this process.
#[derive(Debug)]
pub struct Segments {
    _todo: (),
}

impl Segments {
    /// For a live partition: lists `dir` again whenever the roll generation moved. `map_len` is how far an active segment is mapped (`segment.bytes`), so that it seldom needs remapping.
    #[must_use]
    pub fn live(_map_len: u64) -> Self {
        todo!()
    }
    /// For a folder that nobody writes: base offsets and valid bytes as `recovery::inspect` found them.
    #[must_use]
    pub fn fixed(_segments: &[(i64, u64)]) -> Self {
        todo!()
    }
    /// The list as of `generation` or newer. Segments that are still the same inode are kept.
    pub fn at(&self, _dir: &Dir, _generation: u64) -> Result<Arc<SegmentList>> {
        todo!()
    }
}
