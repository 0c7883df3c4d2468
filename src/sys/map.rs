//! Mapped ranges of files: a read-only one for readers, a writable one for the owner of a log's tail.

use std::ops::Range;

use super::File;
use crate::error::Result;

/// A shared read-only mapping from position 0. It may be longer than the file: bytes beyond the file's end must not be touched (SIGBUS), which callers
/// ensure by the published end or by fstat. Inherited by a forked child. `Send + Sync`.
#[derive(Debug)]
pub struct ReadMap {
    _todo: (),
}

impl ReadMap {
    /// Maps `len` bytes (0 is allowed and maps nothing).
    pub fn new(_file: &File, _len: usize) -> Result<Self> {
        todo!()
    }
    /// Bytes mapped.
    #[must_use]
    pub fn len(&self) -> usize {
        todo!()
    }
    /// Borrows a range; `None` beyond the map. The caller vouches that the file reaches that far.
    #[must_use]
    pub fn slice(&self, _range: Range<usize>) -> Option<&[u8]> {
        todo!()
    }
}

/// A shared writable mapping from position 0, not inherited by a forked child (MADV_DONTFORK), MADV_RANDOM. Longer than the file as above.
#[derive(Debug)]
pub struct WriteMap {
    _todo: (),
}

impl WriteMap {
    /// Maps `len` bytes.
    pub fn new(_file: &File, _len: usize) -> Result<Self> {
        todo!()
    }
    /// Bytes mapped.
    #[must_use]
    pub fn len(&self) -> usize {
        todo!()
    }
    /// Copies bytes in. Panics beyond the map (our own mistake); the caller vouches that the file reaches that far and that it owns the range.
    #[inline]
    pub fn store(&self, _position: usize, _bytes: &[u8]) {
        todo!()
    }
    /// Makes the pages present and writable (MADV_POPULATE_WRITE): an error code instead of a signal. EINVAL of older kernels is `Ok`.
    pub fn populate(&self, _range: Range<usize>) -> Result<()> {
        todo!()
    }
}
