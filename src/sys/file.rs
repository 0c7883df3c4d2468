//! One open regular file, read and written by position.

use std::ops::Range;
use std::os::fd::RawFd;
use std::path::Path;

use crate::error::Result;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// O_RDONLY.
    Read,
    /// O_RDWR.
    ReadWrite,
}

/// What makes a file the same file: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// st_dev.
    pub device: u64,
    /// st_ino.
    pub inode: u64,
}

/// An open regular file (O_CLOEXEC). All methods take `&self` and may be called by several threads. EINTR is retried.
#[derive(Debug)]
pub struct File {
    _todo: (),
}

impl File {
    /// Its path, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        todo!()
    }
    /// The descriptor, owned by this object.
    #[must_use]
    pub fn as_raw_fd(&self) -> RawFd {
        todo!()
    }
    /// Size by fstat.
    pub fn len(&self) -> Result<u64> {
        todo!()
    }
    /// Device and inode by fstat.
    pub fn identity(&self) -> Result<Identity> {
        todo!()
    }
    /// Reads until `buffer` is full or the file ends; the count says which.
    pub fn read_at(&self, _buffer: &mut [u8], _position: u64) -> Result<usize> {
        todo!()
    }
    /// Writes all bytes.
    pub fn write_at(&self, _bytes: &[u8], _position: u64) -> Result<()> {
        todo!()
    }
    /// ftruncate.
    pub fn set_len(&self, _len: u64) -> Result<()> {
        todo!()
    }
    /// Reserves blocks without changing the size (FALLOC_FL_KEEP_SIZE). A file system without fallocate is `Ok`. Shielded from SIGXFSZ.
    pub fn reserve(&self, _range: Range<u64>) -> Result<()> {
        todo!()
    }
    /// Writes zeroes by pwrite in pieces of at most 1 MiB; extends the file. Shielded from SIGXFSZ.
    pub fn zero(&self, _range: Range<u64>) -> Result<()> {
        todo!()
    }
    /// fdatasync. Never retried after an error.
    pub fn sync_data(&self) -> Result<()> {
        todo!()
    }
    /// fsync.
    pub fn sync_all(&self) -> Result<()> {
        todo!()
    }
    /// Starts write-back of a range without waiting (`SYNC_FILE_RANGE_WRITE` alone, which eats no error report). Best effort.
    pub fn start_writeback(&self, _range: Range<u64>) {
        todo!()
    }
}
