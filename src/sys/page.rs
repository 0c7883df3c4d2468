//! A 4,096-byte page of a file, mapped shared, seen as atomic words.

use std::sync::atomic::{AtomicU32, AtomicU64};

use memmap2::{MmapOptions, MmapRaw};

use super::map::{map_shared, prefetch_line, prefetch_line_to_store};
use super::{Access, File};
use crate::error::{Error, Result};

/// The mapped page. Each byte must be used as one width only, which the layouts over it ensure. Not inherited by a forked child where it is writable.
#[derive(Debug)]
pub struct SharedPage {
    map: MmapRaw,
    access: Access,
}

impl SharedPage {
    /// Bytes of the page.
    pub const BYTES: usize = 4096;

    /// Maps the first 4,096 bytes; a shorter file is an error (never touched beyond its end). `access` Read gives a page whose words may only be loaded.
    pub fn map(file: &File, access: Access) -> Result<Self> {
        let len = file.len()?;
        if len < Self::BYTES as u64 {
            let reason = format!("file of {len} bytes; a shared page needs {}", Self::BYTES);
            return Err(Error::Corrupt { path: file.path().to_path_buf(), position: len, reason });
        }
        let map = match access {
            Access::Read => MmapOptions::new()
                .len(Self::BYTES)
                .map_raw_read_only(file.descriptor()?.as_raw_fd())
                .map_err(|source| Error::io("mmap", file.path(), source))?,
            Access::ReadWrite => map_shared(file, Self::BYTES)?,
        };
        Ok(Self { map, access })
    }

    /// Whether stores are allowed. Storing into a page mapped for reading is a fault: layouts check this first.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.access == Access::ReadWrite
    }

    /// Asks the processor for the cache lines of 64-bit words `from` to `to`.
    #[inline]
    pub fn prefetch(&self, from: usize, to: usize) {
        for word in self.u64s().get(from..to).unwrap_or_default().iter().step_by(8) {
            prefetch_line(std::ptr::from_ref(word).cast());
        }
    }

    /// The same for words that will be stored to.
    #[inline]
    pub fn prefetch_to_store(&self, from: usize, to: usize) {
        for word in self.u64s().get(from..to).unwrap_or_default().iter().step_by(8) {
            prefetch_line_to_store(std::ptr::from_ref(word).cast());
        }
    }

    /// The page as 32-bit words.
    #[must_use]
    #[inline]
    pub fn u32s(&self) -> &[AtomicU32; Self::BYTES / 4] {
        // SAFETY: the map is page-aligned, 4,096 bytes long and lives as long as `self`; every bit pattern is a word,
        // and others change the memory by atomic stores only.
        unsafe { &*self.map.as_ptr().cast() }
    }

    /// The page as 64-bit words.
    #[must_use]
    #[inline]
    pub fn u64s(&self) -> &[AtomicU64; Self::BYTES / 8] {
        // SAFETY: as for `u32s`; a page boundary is an 8-byte boundary.
        unsafe { &*self.map.as_ptr().cast() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::{Acquire, Release};

    use super::*;
    use crate::sys::testing::Scratch;

    #[test]
    fn a_file_shorter_than_the_page_is_refused() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("page").unwrap();
        file.zero(0..4095).unwrap();
        for access in [Access::Read, Access::ReadWrite] {
            let text = SharedPage::map(&file, access).unwrap_err().to_string();
            assert!(text.contains("4095 bytes") && text.contains("4096"), "{text}");
        }
        file.zero(4095..4096).unwrap();
        assert!(SharedPage::map(&file, Access::Read).is_ok());
    }

    #[test]
    fn all_maps_of_a_file_show_the_same_words() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("page").unwrap();
        file.zero(0..4096).unwrap();
        let writer = SharedPage::map(&file, Access::ReadWrite).unwrap();
        let reader_file = scratch.dir().open_file("page", Access::Read).unwrap();
        let reader = SharedPage::map(&reader_file, Access::Read).unwrap();
        assert!(writer.is_writable() && !reader.is_writable());
        writer.u32s()[3].store(0x0403_0201, Release);
        writer.u64s()[511].store(u64::MAX - 1, Release);
        assert_eq!(reader.u32s()[3].load(Acquire), 0x0403_0201);
        assert_eq!(reader.u64s()[511].load(Acquire), u64::MAX - 1);
        let mut bytes = [0; 4096];
        file.read_at(&mut bytes, 0).unwrap();
        assert_eq!(bytes[12..16], 0x0403_0201_u32.to_ne_bytes());
        assert_eq!(bytes[4088..], (u64::MAX - 1).to_ne_bytes());
    }

    #[test]
    fn a_writable_page_needs_a_writable_file() {
        let scratch = Scratch::new();
        scratch.dir().create_file("page").unwrap().zero(0..4096).unwrap();
        let file = scratch.dir().open_file("page", Access::Read).unwrap();
        assert!(matches!(SharedPage::map(&file, Access::ReadWrite), Err(Error::Io { operation: "mmap", .. })));
    }
}
