//! One open regular file, read and written by position.
//!
//! No file offset is ever used, so that threads share a file without a lock. Only [`Dir`](super::Dir) opens files.
//! A write that would raise SIGXFSZ in the host gives EFBIG instead.

use std::cell::UnsafeCell;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::stat::fstat;
use nix::sys::uio::{pread, pwrite};
use nix::unistd::ftruncate;

use super::errno::{retry, soft_limit};
use super::shield;
use crate::error::{Error, Result};

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
    descriptor: OwnedFd,
    path: PathBuf,
}

/// Zeroes are written in pieces of this size, so that no single call holds the inode's lock for long.
const ZERO_PIECE_BYTES: usize = 1 << 20;

/// One piece of zeroes. The cell puts it among the zeroed data of the program: it takes no room in the library file.
struct Zeroes(UnsafeCell<[u8; ZERO_PIECE_BYTES]>);

// SAFETY: nothing writes through the cell; `zeroes` is its only user and hands out shared borrows.
unsafe impl Sync for Zeroes {}

static ZEROES: Zeroes = Zeroes(UnsafeCell::new([0; ZERO_PIECE_BYTES]));

fn zeroes() -> &'static [u8; ZERO_PIECE_BYTES] {
    // SAFETY: no mutable borrow of the cell is ever made, so shared ones are free to live for ever.
    unsafe { &*ZEROES.0.get() }
}

impl File {
    /// Takes over a descriptor that is known to be a regular file.
    pub(super) fn from_descriptor(descriptor: OwnedFd, path: PathBuf) -> Self {
        Self { descriptor, path }
    }

    /// Its path, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The descriptor, owned by this object.
    #[must_use]
    pub fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }

    /// The descriptor, borrowed.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Size by fstat.
    pub fn len(&self) -> Result<u64> {
        let stat = fstat(&self.descriptor).map_err(|errno| self.error("fstat", errno))?;
        Ok(stat.st_size.cast_unsigned())
    }

    /// Whether the size is 0.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Device and inode by fstat.
    pub fn identity(&self) -> Result<Identity> {
        let stat = fstat(&self.descriptor).map_err(|errno| self.error("fstat", errno))?;
        Ok(Identity { device: stat.st_dev, inode: stat.st_ino })
    }

    /// Reads until `buffer` is full or the file ends; the count says which.
    pub fn read_at(&self, buffer: &mut [u8], position: u64) -> Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            let at = self.file_offset("pread", position, done)?;
            let rest = buffer.get_mut(done..).unwrap_or_default();
            match retry(|| pread(&self.descriptor, rest, at)) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(errno) => return Err(self.error("pread", errno)),
            }
        }
        Ok(done)
    }

    /// Writes all bytes. Shielded from SIGXFSZ. On error some of them may have been written.
    pub fn write_at(&self, bytes: &[u8], position: u64) -> Result<()> {
        let end = position.saturating_add(bytes.len() as u64);
        within_size_limit(end, || {
            let mut done = 0;
            while done < bytes.len() {
                let at = self.file_offset("pwrite", position, done)?;
                let rest = bytes.get(done..).unwrap_or_default();
                match retry(|| pwrite(&self.descriptor, rest, at)) {
                    Ok(0) => return Err(self.error("pwrite", Errno::EIO)),
                    Ok(count) => done += count,
                    Err(errno) => return Err(self.error("pwrite", errno)),
                }
            }
            Ok(())
        })
    }

    /// ftruncate. Shielded from SIGXFSZ.
    pub fn set_len(&self, len: u64) -> Result<()> {
        let size = self.file_offset("ftruncate", len, 0)?;
        within_size_limit(len, || retry(|| ftruncate(&self.descriptor, size)))
            .map_err(|errno| self.error("ftruncate", errno))
    }

    /// Reserves blocks without changing the size (FALLOC_FL_KEEP_SIZE). A file system without fallocate is `Ok`. Shielded from SIGXFSZ.
    ///
    /// A failed call may leave some blocks reserved (ext4); `set_len` to the current size gives them back.
    pub fn reserve(&self, range: Range<u64>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let start = self.file_offset("fallocate", range.start, 0)?;
        let end = self.file_offset("fallocate", range.end, 0)?;
        let flags = FallocateFlags::FALLOC_FL_KEEP_SIZE;
        match within_size_limit(range.end, || retry(|| fallocate(&self.descriptor, flags, start, end - start))) {
            Ok(()) | Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(()),
            Err(errno) => Err(self.error("fallocate", errno)),
        }
    }

    /// Writes zeroes by pwrite in pieces of at most 1 MiB; extends the file. Shielded from SIGXFSZ.
    pub fn zero(&self, range: Range<u64>) -> Result<()> {
        let mut position = range.start;
        while position < range.end {
            let count = (range.end - position).min(ZERO_PIECE_BYTES as u64);
            // The piece is at most ZERO_PIECE_BYTES long, so neither the cast nor the slice can fail.
            let piece = zeroes().get(..count as usize).unwrap_or_default();
            self.write_at(piece, position)?;
            position += count;
        }
        Ok(())
    }

    /// fdatasync. Never retried after an error.
    pub fn sync_data(&self) -> Result<()> {
        nix::unistd::fdatasync(&self.descriptor).map_err(|errno| self.error("fdatasync", errno))
    }

    /// fsync. Never retried after an error.
    pub fn sync_all(&self) -> Result<()> {
        nix::unistd::fsync(&self.descriptor).map_err(|errno| self.error("fsync", errno))
    }

    /// Starts write-back of a range without waiting (`SYNC_FILE_RANGE_WRITE` alone, which eats no error report). Best effort.
    pub fn start_writeback(&self, range: Range<u64>) {
        let (Ok(start), Ok(end)) = (i64::try_from(range.start), i64::try_from(range.end)) else { return };
        // A length of 0 would mean "to the end of the file".
        if start < end {
            // SAFETY: the descriptor is open as long as `self` lives; the call touches no memory of ours.
            unsafe { libc::sync_file_range(self.as_raw_fd(), start, end - start, libc::SYNC_FILE_RANGE_WRITE) };
        }
    }

    /// A position as the kernel takes it; what it cannot express is EFBIG.
    fn file_offset(&self, operation: &'static str, position: u64, plus: usize) -> Result<i64> {
        let offset = position.checked_add(plus as u64).and_then(|sum| i64::try_from(sum).ok());
        offset.ok_or_else(|| self.error(operation, Errno::EFBIG))
    }

    fn error(&self, operation: &'static str, errno: Errno) -> Error {
        Error::io(operation, &self.path, errno.into())
    }
}

/// Runs a call that may make a file reach `end`, shielded where the process's file size limit would answer it by a
/// signal. The usual process has no limit and pays one cheap system call.
fn within_size_limit<T>(end: u64, call: impl FnOnce() -> T) -> T {
    if end <= soft_limit(libc::RLIMIT_FSIZE) { call() } else { shield::without_signal(libc::SIGXFSZ, call) }
}
