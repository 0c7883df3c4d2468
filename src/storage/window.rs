//! A log file read from front to back through a bounded buffer.
//!
//! By `pread`, not by a map: a page that the disk cannot give is then an error code instead of a signal, and a file of 2 GiB costs no more
//! memory than one of 2 KiB. The file's length is taken once; nobody shortens it meanwhile.

use crate::error::{Error, Result};
use crate::record::Checksum;
use crate::sys::File;

/// Bytes read at a time: large enough to make calls rare, small enough to stay in the processor's cache until they are checked.
pub(super) const WINDOW: usize = 256 << 10;

/// A part of a file in memory.
#[derive(Debug)]
pub(super) struct Window<'a> {
    file: &'a File,
    len: u64,
    start: u64,
    buffer: Vec<u8>,
    read_size: usize,
    /// Bytes summed for what turned out to be no batch.
    vain: u64,
}

/// What any search may sum for nothing.
const VAIN_LEAST: u64 = 64 << 20;

/// How often it may sum the whole of a file for nothing, beyond that.
const VAIN_RATIO: u64 = 4;

/// Most bytes of a file of `len` that a search for batches sums for nothing. Batches that are values of others lie within them, so that even
/// a file full of such ones comes to less than its length.
pub(super) fn vain_max(len: u64) -> u64 {
    len.saturating_mul(VAIN_RATIO).saturating_add(VAIN_LEAST)
}

/// For a look at a place or two.
const NARROW: usize = 4096;

impl<'a> Window<'a> {
    /// Over all of the file as long as it is now.
    pub(super) fn new(file: &'a File) -> Result<Self> {
        Ok(Self { file, len: file.len()?, start: 0, buffer: Vec::new(), read_size: WINDOW, vain: 0 })
    }

    /// Over all of the file, but reading little at a time.
    pub(super) fn narrow(file: &'a File) -> Result<Self> {
        Ok(Self { read_size: NARROW, ..Self::new(file)? })
    }

    /// Bytes of the file.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// What the file holds from `position` on: at least `wanted` bytes (at most [`WINDOW`] may be wanted), fewer only where the file ends.
    pub(super) fn bytes(&mut self, position: u64, wanted: usize) -> Result<&[u8]> {
        let rest = usize::try_from(self.len.saturating_sub(position)).unwrap_or(usize::MAX);
        let wanted = wanted.min(WINDOW).min(rest);
        let skip = position.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        let is_there = skip.is_some_and(|skip| self.buffer.len().checked_sub(skip).is_some_and(|n| n >= wanted));
        if !is_there {
            self.fill(position, rest.min(self.read_size.max(wanted)))?;
        }
        let skip = usize::try_from(position - self.start).unwrap_or(usize::MAX);
        Ok(self.buffer.get(skip..).unwrap_or_default())
    }

    fn fill(&mut self, position: u64, size: usize) -> Result<()> {
        let grown = size.saturating_sub(self.buffer.len());
        self.buffer.try_reserve(grown).map_err(|_| Error::OutOfMemory { what: "a read buffer", bytes: size })?;
        self.buffer.resize(size, 0);
        self.start = position;
        let count = self.file.read_at(&mut self.buffer, position)?;
        self.buffer.truncate(count);
        Ok(())
    }

    /// Takes note of bytes that were summed for nothing. Whether a search may go on: one that trusts lengths which lie would take time that
    /// grows with the square of the file.
    pub(super) fn spend(&mut self, bytes: u64) -> bool {
        self.vain = self.vain.saturating_add(bytes);
        self.vain <= vain_max(self.len)
    }

    /// A checksum of bytes `from..to`; `None` where the file ends before.
    pub(super) fn checksum(&mut self, kind: Checksum, from: u64, to: u64) -> Result<Option<u32>> {
        let mut state = Checksum::START;
        let mut position = from;
        while position < to {
            let left = usize::try_from(to - position).unwrap_or(usize::MAX);
            let part = self.bytes(position, left.min(WINDOW))?;
            let part = part.get(..left).unwrap_or(part);
            if part.is_empty() {
                return Ok(None);
            }
            state = kind.update(state, part);
            position += part.len() as u64;
        }
        Ok(Some(kind.finish(state)))
    }

    /// Whether nothing but zeroes lies from `from` to the end of the file.
    pub(super) fn is_zero_from(&mut self, from: u64) -> Result<bool> {
        let mut position = from;
        while position < self.len {
            let part = self.bytes(position, WINDOW)?;
            if part.is_empty() || part.iter().any(|byte| *byte != 0) {
                return Ok(part.is_empty());
            }
            position += part.len() as u64;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::Folder;
    use crate::sys::Access;

    #[test]
    fn parts_checksums_and_zeroes_are_those_of_the_whole_file() {
        let folder = Folder::new("window");
        let mut content: Vec<u8> = (0..3 * WINDOW + 77).map(|n| ((n * n) >> 7) as u8).collect();
        content.extend(std::iter::repeat_n(0, WINDOW + 5));
        folder.write("a.log", &content);
        let file = folder.dir.open_file("a.log", Access::Read).unwrap();
        let mut window = Window::new(&file).unwrap();
        for position in [0, 1, WINDOW - 1, WINDOW, 3 * WINDOW + 70, content.len() - 1, 5, content.len(), 9] {
            let part = window.bytes(position as u64, 61).unwrap();
            assert!(part.len() >= 61.min(content.len() - position));
            assert_eq!(part, &content[position..][..part.len()], "position {position}");
        }
        let sum = window.checksum(Checksum::Crc32c, 7, 3 * WINDOW as u64).unwrap().unwrap();
        assert_eq!(sum, crate::record::crc32c(&content[7..3 * WINDOW]));
        assert_eq!(window.checksum(Checksum::Crc32c, 7, content.len() as u64 + 1).unwrap(), None);
        assert!(window.is_zero_from(3 * WINDOW as u64 + 77).unwrap());
        assert!(!window.is_zero_from(3 * WINDOW as u64 + 76).unwrap() || content[3 * WINDOW + 76] == 0);
        assert!(!window.is_zero_from(0).unwrap());
        assert!(window.is_zero_from(content.len() as u64).unwrap());
    }
}
