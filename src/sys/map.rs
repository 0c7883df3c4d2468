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
        let map = MmapOptions::new().len(len).map_raw_read_only(file.descriptor()?.as_raw_fd());
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

    /// Asks the processor to bring the cache lines of a range nearer, all at once; changes nothing, and what lies beyond the map is not asked for.
    #[inline]
    pub fn prefetch(&self, range: Range<usize>) {
        if let Some(map) = &self.map {
            for position in (range.start..range.end.min(map.len())).step_by(CACHE_LINE) {
                prefetch_line(map.as_ptr().wrapping_add(position));
            }
        }
    }
}

const CACHE_LINE: usize = 64;

/// Asks the processor for the cache line of an address.
#[inline]
pub(super) fn prefetch_line(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing as far as the program can tell, and faults on no address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// The same for a line that will be stored to: no other processor has it then.
#[inline]
pub(super) fn prefetch_line_to_store(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as for `prefetch_line`; processors that do not know the instruction take it for one that does nothing.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
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

    /// Asks the processor for the cache lines of a range that will be stored to; changes nothing.
    #[inline]
    pub fn prefetch_to_store(&self, range: Range<usize>) {
        if let Some(map) = &self.map {
            for position in (range.start..range.end.min(map.len())).step_by(CACHE_LINE) {
                prefetch_line_to_store(map.as_mut_ptr().wrapping_add(position));
            }
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
    let map = MmapOptions::new().len(len).map_raw(file.descriptor()?.as_raw_fd());
    let map = map.map_err(|source| Error::io("mmap", file.path(), source))?;
    map.advise(Advice::DontFork).map_err(|source| Error::io("madvise", file.path(), source))?;
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::{Child, Scratch, noise};

    /// Whether an address is mapped in the calling process, by mincore.
    fn is_mapped(address: *const u8) -> bool {
        let mut present = 0_u8;
        // SAFETY: the call only looks up the address.
        unsafe { libc::mincore(address.cast_mut().cast(), 1, &raw mut present) == 0 }
    }

    #[test]
    fn what_is_stored_is_read_through_the_other_map_and_by_the_host() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("a").unwrap();
        file.zero(0..1 << 16).unwrap();
        let (writer, reader) = (WriteMap::new(&file, 1 << 30).unwrap(), ReadMap::new(&file, 1 << 30).unwrap());
        let bytes = noise(5000);
        writer.store(4090, &bytes);
        assert_eq!(reader.slice(4090..9090).unwrap(), bytes);
        let host = std::fs::read(scratch.path().join("a")).unwrap();
        assert_eq!((host.len(), &host[4090..9090]), (1 << 16, &bytes[..]));
        file.write_at(b"by pwrite", 60_000).unwrap();
        assert_eq!(reader.slice(60_000..60_009).unwrap(), b"by pwrite");
    }

    #[test]
    fn the_map_sees_what_the_file_grows_by() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("a").unwrap();
        let reader = ReadMap::new(&file, 1 << 20).unwrap();
        file.write_at(b"later", 8192).unwrap();
        assert_eq!(reader.slice(8192..8197).unwrap(), b"later");
    }

    #[test]
    #[expect(clippy::reversed_empty_ranges, reason = "a range the wrong way round is one of the cases")]
    fn ranges_beyond_the_map_are_none() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("a").unwrap();
        file.zero(0..4096).unwrap();
        let reader = ReadMap::new(&file, 100).unwrap();
        assert_eq!(reader.slice(0..100).unwrap(), [0; 100]);
        assert!(reader.slice(100..100).unwrap().is_empty());
        for range in [0..101, 101..101, 5..4, 0..usize::MAX, usize::MAX..usize::MAX] {
            assert!(reader.slice(range.clone()).is_none(), "{range:?}");
        }
        let nothing = ReadMap::new(&file, 0).unwrap();
        assert!(nothing.is_empty() && nothing.slice(0..0).unwrap().is_empty() && nothing.slice(0..1).is_none());
        let nothing = WriteMap::new(&file, 0).unwrap();
        nothing.store(0, b"");
        assert!(nothing.is_empty());
    }

    #[test]
    #[should_panic(expected = "store of 5 bytes at 96 of 100")]
    fn a_store_beyond_the_map_is_our_own_mistake() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("a").unwrap();
        file.zero(0..4096).unwrap();
        WriteMap::new(&file, 100).unwrap().store(96, b"12345");
    }

    #[test]
    fn populating_beyond_the_file_is_an_error_and_not_a_signal() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("a").unwrap();
        file.zero(0..1 << 20).unwrap();
        let map = WriteMap::new(&file, 4 << 20).unwrap();
        map.populate(0..1 << 20).unwrap();
        map.populate(100..5000).unwrap();
        map.populate(7..7).unwrap();
        match map.populate(0..2 << 20) {
            Err(Error::Io { source, path, .. }) => {
                assert_eq!((source.raw_os_error(), path), (Some(libc::EFAULT), scratch.path().join("a")));
            }
            other => panic!("{other:?}"),
        }
        assert!(map.populate(0..5 << 20).is_err());
    }

    #[test]
    fn a_forked_child_inherits_maps_for_reading_only() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("a").unwrap();
        file.write_at(&[9; 4096], 0).unwrap();
        let (writer, reader) = (WriteMap::new(&file, 4096).unwrap(), ReadMap::new(&file, 4096).unwrap());
        let written = writer.map.as_ref().unwrap().as_ptr();
        assert!(is_mapped(written));
        let child = Child::fork(|| {
            let readable = reader.slice(0..4096) == Some(&[9; 4096]);
            i32::from(readable) + 2 * i32::from(is_mapped(written))
        });
        assert_eq!(child.wait(), 1, "readable: 1, writable: 2");
    }
}
