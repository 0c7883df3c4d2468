//! One open regular file, read and written by position.
//!
//! No file offset is ever used, so that threads share a file without a lock. Only [`Dir`](super::Dir) opens files.
//! A write that would raise SIGXFSZ in the host gives EFBIG instead.

use std::cell::UnsafeCell;
use std::ops::Range;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::stat::fstat;
use nix::sys::uio::{pread, pwrite};
use nix::unistd::ftruncate;

use super::descriptor::{Descriptor, Held};
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
    descriptor: Descriptor,
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
    pub(super) fn from_descriptor(descriptor: Descriptor, path: PathBuf) -> Self {
        Self { descriptor, path }
    }

    /// Its path, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same file under the path that a rename is about to give it, for messages.
    #[must_use]
    pub fn to_be_named(self, path: PathBuf) -> Self {
        Self { descriptor: self.descriptor, path }
    }

    /// The descriptor, open as long as the result lives.
    pub(super) fn descriptor(&self) -> Result<Held<'_>> {
        self.descriptor.get().map_err(|errno| super::errno::open_error("open", &self.path, errno))
    }

    /// Closes a descriptor that is opened on use, as another one's opening may at any time.
    #[cfg(test)]
    pub(super) fn leave(&self) {
        self.descriptor.leave();
    }

    /// Size by fstat.
    pub fn len(&self) -> Result<u64> {
        let stat = fstat(self.descriptor()?).map_err(|errno| self.error("fstat", errno))?;
        Ok(stat.st_size.cast_unsigned())
    }

    /// The descriptor's number, for functions that take one; good as long as this lives. Of a file that is kept open.
    #[cfg(feature = "compat")]
    pub fn number(&self) -> Result<std::os::fd::RawFd> {
        Ok(self.descriptor()?.as_raw_fd())
    }

    /// Last modification, seconds since the epoch; 0 before it.
    #[cfg(feature = "compat")]
    pub fn modified_seconds(&self) -> Result<u64> {
        let stat = fstat(self.descriptor()?).map_err(|errno| self.error("fstat", errno))?;
        Ok(u64::try_from(stat.st_mtime).unwrap_or(0))
    }

    /// Whether the size is 0.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Device and inode by fstat.
    pub fn identity(&self) -> Result<Identity> {
        let stat = fstat(self.descriptor()?).map_err(|errno| self.error("fstat", errno))?;
        Ok(Identity { device: stat.st_dev, inode: stat.st_ino })
    }

    /// Reads until `buffer` is full or the file ends; the count says which.
    pub fn read_at(&self, buffer: &mut [u8], position: u64) -> Result<usize> {
        let descriptor = self.descriptor()?;
        let mut done = 0;
        while done < buffer.len() {
            let at = self.file_offset("pread", position, done)?;
            let rest = buffer.get_mut(done..).unwrap_or_default();
            match retry(|| pread(&descriptor, rest, at)) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(errno) => return Err(self.error("pread", errno)),
            }
        }
        Ok(done)
    }

    /// Writes all bytes. Shielded from SIGXFSZ. On error some of them may have been written.
    pub fn write_at(&self, bytes: &[u8], position: u64) -> Result<()> {
        let descriptor = self.descriptor()?;
        let end = position.saturating_add(bytes.len() as u64);
        within_size_limit(end, || {
            let mut done = 0;
            while done < bytes.len() {
                let at = self.file_offset("pwrite", position, done)?;
                let rest = bytes.get(done..).unwrap_or_default();
                match retry(|| pwrite(&descriptor, rest, at)) {
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
        let descriptor = self.descriptor()?;
        within_size_limit(len, || retry(|| ftruncate(&descriptor, size)))
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
        let descriptor = self.descriptor()?;
        match within_size_limit(range.end, || retry(|| fallocate(&descriptor, flags, start, end - start))) {
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
        nix::unistd::fdatasync(self.descriptor()?).map_err(|errno| self.error("fdatasync", errno))
    }

    /// fsync. Never retried after an error.
    pub fn sync_all(&self) -> Result<()> {
        nix::unistd::fsync(self.descriptor()?).map_err(|errno| self.error("fsync", errno))
    }

    /// Starts write-back of a range without waiting (`SYNC_FILE_RANGE_WRITE` alone, which eats no error report). Best effort.
    pub fn start_writeback(&self, range: Range<u64>) {
        let (Ok(start), Ok(end)) = (i64::try_from(range.start), i64::try_from(range.end)) else { return };
        // A length of 0 would mean "to the end of the file".
        let Ok(descriptor) = self.descriptor() else { return };
        if start < end {
            // SAFETY: the descriptor is held open; the call touches no memory of ours.
            unsafe { libc::sync_file_range(descriptor.as_raw_fd(), start, end - start, libc::SYNC_FILE_RANGE_WRITE) };
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileExt, MetadataExt};

    use super::*;
    use crate::sys::testing::{Scratch, in_own_process, noise};

    #[test]
    fn bytes_come_back_and_a_short_read_tells_the_end() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("a").unwrap();
        let bytes = noise(100_000);
        file.write_at(&bytes, 10).unwrap();
        assert_eq!(file.len().unwrap(), 100_010);
        let mut back = vec![1; 100_100];
        assert_eq!(file.read_at(&mut back, 0).unwrap(), 100_010);
        assert_eq!((&back[..10], &back[10..100_010]), (&[0; 10][..], &bytes[..]));
        assert_eq!(file.read_at(&mut back, 1 << 40).unwrap(), 0);
        assert_eq!(std::fs::read(scratch.path().join("a")).unwrap()[10..], bytes);
    }

    #[test]
    fn zeroing_extends_the_file_and_leaves_the_neighbours_alone() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("a").unwrap();
        let before = vec![7; 3 << 20];
        file.write_at(&before, 0).unwrap();
        let range = 100..(2 << 20) + 333;
        file.zero(range.clone()).unwrap();
        file.zero(3 << 20..(3 << 20) + 5).unwrap();
        let after = std::fs::read(scratch.path().join("a")).unwrap();
        assert_eq!(after.len(), (3 << 20) + 5);
        for (position, &byte) in after.iter().enumerate() {
            let zeroed = range.contains(&(position as u64)) || position >= 3 << 20;
            assert_eq!(byte, if zeroed { 0 } else { 7 }, "at {position}");
        }
    }

    #[test]
    fn reserved_room_does_not_change_the_size() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("a").unwrap();
        file.reserve(0..1 << 20).unwrap();
        let metadata = std::fs::metadata(scratch.path().join("a")).unwrap();
        assert_eq!(metadata.len(), 0);
        assert!(metadata.blocks() * 512 >= 1 << 20, "{} blocks", metadata.blocks());
        file.set_len(0).unwrap();
        assert_eq!(std::fs::metadata(scratch.path().join("a")).unwrap().blocks(), 0, "and is given back by a cut");
        file.reserve(5..5).unwrap();
        file.start_writeback(0..1 << 20);
        file.sync_data().unwrap();
        file.sync_all().unwrap();
    }

    #[test]
    fn positions_that_the_kernel_cannot_take_are_errors() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("a").unwrap();
        assert!(file.write_at(b"x", u64::MAX).is_err());
        assert!(file.read_at(&mut [0], u64::MAX).is_err());
        assert!(file.set_len(1 << 63).is_err());
        assert!(file.reserve(0..1 << 63).is_err());
        assert_eq!(file.len().unwrap(), 0);
    }

    #[test]
    fn identity_is_that_of_the_inode() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("a").unwrap();
        let metadata = std::fs::metadata(scratch.path().join("a")).unwrap();
        let identity = Identity { device: metadata.dev(), inode: metadata.ino() };
        assert_eq!(file.identity().unwrap(), identity);
        assert_eq!(scratch.dir().stat("a").unwrap().unwrap().identity, identity);
    }

    #[test]
    fn a_size_limit_is_an_error_and_not_the_end_of_the_process() {
        in_own_process("sys::file::tests::a_size_limit_is_an_error_and_not_the_end_of_the_process", || {
            let scratch = Scratch::new();
            let file = scratch.dir().create_file("a").unwrap();
            let limit = libc::rlimit { rlim_cur: 1 << 20, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: a valid limit, and the default disposition of the signal, which ends the process.
            unsafe {
                assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
                libc::signal(libc::SIGXFSZ, libc::SIG_DFL);
            }
            let full = |result: Result<()>| match result {
                Err(Error::DiskFull { source, .. }) => assert_eq!(source.raw_os_error(), Some(libc::EFBIG)),
                other => panic!("{other:?}"),
            };
            // Room alone is not held against the limit by every kernel.
            let _ = file.reserve(0..2 << 20);
            full(file.set_len(2 << 20));
            full(file.write_at(b"x", 1 << 20));
            full(file.zero(0..2 << 20));
            assert_eq!(file.len().unwrap(), 1 << 20, "what the limit allows was written");
            file.write_at(b"x", 0).unwrap();
        });
    }

    #[test]
    fn threads_share_a_file_by_position() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("a").unwrap();
        std::thread::scope(|scope| {
            for byte in 0..4_u8 {
                let file = &file;
                scope.spawn(move || {
                    (0..500).for_each(|turn| file.write_at(&[byte; 8], turn * 32 + u64::from(byte) * 8).unwrap())
                });
            }
        });
        let host = std::fs::File::open(scratch.path().join("a")).unwrap();
        let mut row = [0; 32];
        for turn in 0..500 {
            host.read_exact_at(&mut row, turn * 32).unwrap();
            assert!(row.chunks(8).enumerate().all(|(byte, chunk)| chunk == [byte as u8; 8]));
        }
    }
}
