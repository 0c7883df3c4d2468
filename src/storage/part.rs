//! One file of a segment as readers see it: opened once, mapped on demand, measured only when its length can be trusted to stay.
//!
//! A map may be longer than its file. Who borrows from it stays below a length that nobody cuts: the published position of
//! a segment that is being written, or the length of one that is closed (`segments` says which).

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::Result;
use crate::sys::{File, Identity, ReadMap};

/// A map with the path of its file, for messages. What views hold on to: the kernel keeps the bytes of an unlinked file.
#[derive(Debug)]
pub struct Mapping {
    map: ReadMap,
    path: PathBuf,
}

impl Mapping {
    /// Bytes mapped.
    #[must_use]
    #[inline]
    pub fn len(&self) -> u64 {
        self.map.len() as u64
    }

    /// Whether nothing is mapped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// The bytes of a range; none where it lies beyond the map.
    #[must_use]
    #[inline]
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.map.slice(range).unwrap_or_default()
    }

    /// Brings the cache lines of a range nearer.
    #[inline]
    pub fn prefetch(&self, range: Range<usize>) {
        self.map.prefetch(range);
    }

    /// The file's path when it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// An open file of a segment.
#[derive(Debug)]
pub struct SegmentPart {
    file: File,
    identity: Identity,
    /// Set once the segment is known to be closed: from then on nobody changes the length.
    closed_len: OnceLock<u64>,
    map: Mutex<Option<Arc<Mapping>>>,
}

impl SegmentPart {
    /// Takes an open file.
    pub fn new(file: File) -> Result<Self> {
        let identity = file.identity()?;
        Ok(Self { file, identity, closed_len: OnceLock::new(), map: Mutex::default() })
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Device and inode.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Length of a file of a closed segment; asked of the kernel once.
    #[inline]
    pub fn closed_len(&self) -> Result<u64> {
        match self.closed_len.get() {
            Some(len) => Ok(*len),
            None => {
                let len = self.file.len()?;
                Ok(*self.closed_len.get_or_init(|| len))
            }
        }
    }

    /// A map of at least `least` bytes; where a new one is made, of `wanted`.
    pub fn map(&self, least: u64, wanted: u64) -> Result<Arc<Mapping>> {
        let mut slot = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mapping) = slot.as_ref().filter(|mapping| mapping.len() >= least) {
            return Ok(Arc::clone(mapping));
        }
        let len = usize::try_from(wanted.max(least)).unwrap_or(usize::MAX);
        let mapping = Arc::new(Mapping { map: ReadMap::new(&self.file, len)?, path: self.file.path().to_path_buf() });
        *slot = Some(Arc::clone(&mapping));
        Ok(mapping)
    }
}
