//! Memory whose pages cost nothing before they are written: for results of which only a generous bound is known.

use std::num::NonZeroUsize;
use std::os::raw::c_void;
use std::path::Path;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};

use crate::error::{Error, Result};

/// A private anonymous mapping, zeroed, without a claim on swap space.
#[derive(Debug)]
pub struct ScratchMemory {
    start: NonNull<c_void>,
    len: usize,
}

impl ScratchMemory {
    /// At least one byte.
    pub fn new(len: usize) -> Result<Self> {
        let size = NonZeroUsize::new(len).unwrap_or(NonZeroUsize::MIN);
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        // SAFETY: a new mapping that nobody else knows.
        let start = unsafe { mmap_anonymous(None, size, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, flags) };
        let start = start.map_err(|errno| Error::io("mmap", Path::new("memory"), errno.into()))?;
        Ok(Self { start, len: size.get() })
    }

    /// How much there is.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never so: there is at least one byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Where it starts; writable as long as this lives.
    #[must_use]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.start.as_ptr().cast()
    }

    /// The first bytes, at most all.
    #[must_use]
    pub fn bytes(&self, size: usize) -> &[u8] {
        // SAFETY: mapped, zeroed or written, and written only through `as_mut_ptr`, which borrows mutably.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast_const().cast(), size.min(self.len)) }
    }

    /// Gives the pages back that hold bytes from `size` on; they are zeroes again.
    pub fn forget_beyond(&mut self, size: usize) {
        let start = size.next_multiple_of(64 << 10);
        if start < self.len {
            // SAFETY: inside of the mapping, at the start of a page; no borrow of the bytes is alive.
            let _ = unsafe { madvise(self.start.byte_add(start), self.len - start, MmapAdvise::MADV_DONTNEED) };
        }
    }
}

impl Drop for ScratchMemory {
    fn drop(&mut self) {
        // SAFETY: this mapping, which nobody borrows any more.
        let _ = unsafe { munmap(self.start, self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_machine_has_can_be_had_as_long_as_it_is_not_used() {
        let mut memory = ScratchMemory::new(64 << 30).unwrap();
        // SAFETY: inside of the mapping.
        unsafe {
            memory.as_mut_ptr().write(7);
            memory.as_mut_ptr().add(1 << 20).write(8);
        }
        assert_eq!((memory.bytes(2), memory.bytes((1 << 20) + 1)[1 << 20]), (&[7, 0][..], 8));
        memory.forget_beyond(1 << 20);
        assert_eq!((memory.bytes(1)[0], memory.bytes((1 << 20) + 1)[1 << 20]), (7, 0));
    }

    #[test]
    fn what_no_address_space_holds_is_an_error() {
        assert!(ScratchMemory::new(usize::MAX).is_err());
    }
}
