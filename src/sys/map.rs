//! Mapped ranges of files: a read-only one for readers, a writable one for the owner of a log's tail.
//!
//! Two facts make borrowing from a shared map sound, and both are kept by the rooms above: a byte that a reader may
//! look at (below the published end) is never changed again by anybody, and the file is never cut below it.
//! Bytes that others still write are reached through [`WriteMap::store`] only, which makes no borrow of them.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::{Advice, MmapOptions, MmapRaw};

use super::File;
use crate::error::{Error, Result};

/// A shared read-only mapping from position 0. It may be longer than the file: bytes beyond the file's end must not be touched (SIGBUS), which callers
/// ensure by the published end or by fstat. Inherited by a forked child. `Send + Sync`.
#[derive(Debug)]
pub struct ReadMap {
    /// `None` for a map of no bytes, which the kernel does not make.
    map: Option<MmapRaw>,
}

impl ReadMap {
    /// Maps `len` bytes (0 is allowed and maps nothing).
    pub fn new(file: &File, len: usize) -> Result<Self> {
        if len == 0 {
            return Ok(Self { map: None });
        }
        let map = MmapOptions::new().len(len).map_raw_read_only(file.as_raw_fd());
        Ok(Self { map: Some(map.map_err(|source| Error::io("mmap", file.path(), source))?) })
    }

    /// Bytes mapped.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.as_ref().map_or(0, MmapRaw::len)
    }

    /// Whether nothing is mapped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_none()
    }

    /// Borrows a range; `None` beyond the map. The caller vouches that the file reaches that far.
    #[must_use]
    #[inline]
    pub fn slice(&self, range: Range<usize>) -> Option<&[u8]> {
        if range.start > range.end || range.end > self.len() {
            return None;
        }
        let Some(map) = &self.map else { return Some(&[]) };
        // SAFETY: the range lies within the map, which lives as long as `self`. The bytes below the published end, the
        // only ones that callers ask for, are changed by nobody (see the head of this file).
        Some(unsafe { std::slice::from_raw_parts(map.as_ptr().add(range.start), range.end - range.start) })
    }
}

/// A shared writable mapping from position 0, not inherited by a forked child (MADV_DONTFORK), MADV_RANDOM. Longer than the file as above.
#[derive(Debug)]
pub struct WriteMap {
    map: Option<MmapRaw>,
    path: PathBuf,
}

impl WriteMap {
    /// Maps `len` bytes.
    pub fn new(file: &File, len: usize) -> Result<Self> {
        let path = file.path().to_path_buf();
        if len == 0 {
            return Ok(Self { map: None, path });
        }
        let map = map_shared(file, len)?;
        // Without it a fault reads pages around the one that is written, of a file that is written front to back.
        map.advise(Advice::Random).map_err(|source| Error::io("madvise", &path, source))?;
        Ok(Self { map: Some(map), path })
    }

    /// Bytes mapped.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.as_ref().map_or(0, MmapRaw::len)
    }

    /// Whether nothing is mapped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_none()
    }

    /// Copies bytes in. Panics beyond the map (our own mistake); the caller vouches that the file reaches that far and that it owns the range.
    #[inline]
    pub fn store(&self, position: usize, bytes: &[u8]) {
        let len = self.len();
        assert!(
            position <= len && bytes.len() <= len - position,
            "store of {} bytes at {position} of {len}",
            bytes.len()
        );
        if let Some(map) = &self.map {
            // SAFETY: the target lies within the map by the assertion above; no borrow of it exists, since this type
            // lends none and readers look at published bytes only, which the owner of the tail does not store to.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), map.as_mut_ptr().add(position), bytes.len()) };
        }
    }

    /// Makes the pages present and writable (MADV_POPULATE_WRITE): an error code instead of a signal. EINVAL of older kernels is `Ok`.
    ///
    /// A range beyond the map is EINVAL, beyond the file EFAULT.
    pub fn populate(&self, range: Range<usize>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let error = |source| Err(Error::io("madvise", &self.path, source));
        let Some(map) = self.map.as_ref().filter(|map| range.end <= map.len()) else {
            return error(nix::errno::Errno::EINVAL.into());
        };
        loop {
            match map.advise_range(Advice::PopulateWrite, range.start, range.len()) {
                Ok(()) => return Ok(()),
                Err(source) if source.raw_os_error() == Some(libc::EINVAL) => return Ok(()),
                Err(source) if source.kind() == ErrorKind::Interrupted => {}
                Err(source) => return error(source),
            }
        }
    }

    /// The file's path, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Maps a file for writing and keeps the map from a forked child, which must not write into its parent's log.
pub(super) fn map_shared(file: &File, len: usize) -> Result<MmapRaw> {
    let map = MmapOptions::new().len(len).map_raw(file.as_raw_fd());
    let map = map.map_err(|source| Error::io("mmap", file.path(), source))?;
    map.advise(Advice::DontFork).map_err(|source| Error::io("madvise", file.path(), source))?;
    Ok(map)
}
