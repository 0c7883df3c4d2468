//! Writes rebuilt indexes, touching only what does not match exactly.
//!
//! What an index must hold is worked out by `segment_scan`; here it meets the file. A closed segment's time index ends with the segment's largest
//! timestamp; the active one's does not, since whoever appends to it adds that entry when the segment closes.

use std::ops::Range;

use super::names::SegmentFile;
use super::recovery::Company;
use super::scan::Crc;
use super::segment_scan::{Scanner, SegmentScan};
use super::tail::TailState;
use super::window::{WINDOW, Window};
use crate::error::{Error, Result};
use crate::sys::{Access, Dir, clock};

const TEMPORARY: &str = "ckafka.index.tmp";
/// Both indexes of a segment of 2 GiB in which every batch has an entry.
const SIZE_MAX: usize = 1 << 30;

/// What was done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It was right.
    None,
    /// It was right but for what its end may have: zeroes of an index that was grown ahead of use, or the entry of a close. That is cut off.
    Trimmed,
    /// It was missing or wrong.
    Rebuilt,
}

/// Both indexes of a segment, as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexes {
    /// For the `.index` file.
    pub offset: Vec<u8>,
    /// For the `.timeindex` file.
    pub time: Vec<u8>,
}

/// The indexes that belong to a closed segment of any format, from its batches. Checksums are not looked at; damage ends the walk.
pub fn indexes_of_closed(dir: &Dir, base_offset: i64, index_interval_bytes: u64) -> Result<Indexes> {
    let mut scanner = Scanner::new(dir, index_interval_bytes, Crc::Skip, 0);
    scanner.producers_from = i64::MAX;
    let mut scan = scanner.scan(TailState::empty(base_offset, clock::now_ms(), 0), None)?;
    close(&mut scan);
    Ok(Indexes { offset: scan.offset_index, time: scan.time_index })
}

/// Adds what a closed segment's time index ends with.
pub(super) fn close(scan: &mut SegmentScan) {
    if let Some(entry) = scan.tail.take_time_entry() {
        scan.time_index.extend_from_slice(&entry.to_bytes());
    }
}

/// The time entry that closing the segment would add; what an active segment's time index may have more than it should.
pub(super) fn closing_entry(tail: &TailState) -> Vec<u8> {
    let mut tail = *tail;
    tail.take_time_entry().map(|entry| entry.to_bytes().to_vec()).unwrap_or_default()
}

/// Makes a file of a segment hold exactly `content`. `surplus` may stand behind it without being damage.
pub(super) fn write(
    dir: &Dir,
    kind: SegmentFile,
    base_offset: i64,
    content: &[u8],
    surplus: &[u8],
    company: Company,
) -> Result<Change> {
    let name = kind.name(base_offset);
    let change = match dir.open_file_if_there(&name, Access::Read)? {
        None => Change::Rebuilt,
        Some(file) => compare(&mut Window::new(&file)?, content, surplus)?,
    };
    match (change, company) {
        (Change::None, _) => {}
        (Change::Trimmed, Company::Alone) => {
            dir.open_file(&name, Access::ReadWrite)?.set_len(content.len() as u64)?;
        }
        _ => dir.replace(&name, TEMPORARY, content)?,
    }
    Ok(change)
}

fn compare(window: &mut Window<'_>, content: &[u8], surplus: &[u8]) -> Result<Change> {
    let size = content.len() as u64;
    if window.len() < size {
        return Ok(Change::Rebuilt);
    }
    for (number, expected) in content.chunks(WINDOW).enumerate() {
        let found = window.bytes((number * WINDOW) as u64, expected.len())?;
        if found.get(..expected.len()) != Some(expected) {
            return Ok(Change::Rebuilt);
        }
    }
    if window.len() == size {
        return Ok(Change::None);
    }
    let follows = window.bytes(size, surplus.len())?.starts_with(surplus);
    let zeroes_from = if follows { size + surplus.len() as u64 } else { size };
    Ok(if window.is_zero_from(zeroes_from)? { Change::Trimmed } else { Change::Rebuilt })
}

/// Keeps the first `kept` bytes of an index and puts `added` behind them.
pub(super) fn splice(
    dir: &Dir,
    kind: SegmentFile,
    base_offset: i64,
    kept: u64,
    added: &[u8],
    company: Company,
) -> Result<()> {
    let name = kind.name(base_offset);
    let file = dir.open_file(&name, Access::ReadWrite)?;
    let len = file.len()?;
    if len > kept && company == Company::Readers {
        let mut content = read(&file, 0..kept)?;
        content.extend_from_slice(added);
        return dir.replace(&name, TEMPORARY, &content);
    }
    if len > kept {
        file.set_len(kept)?;
    }
    match added {
        [] => Ok(()),
        _ => file.write_at(added, kept),
    }
}

fn read(file: &crate::sys::File, range: Range<u64>) -> Result<Vec<u8>> {
    let size = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    if size > SIZE_MAX || bytes.try_reserve_exact(size).is_err() {
        return Err(Error::OutOfMemory { what: "an index", bytes: size });
    }
    bytes.resize(size, 0);
    let count = file.read_at(&mut bytes, range.start)?;
    bytes.truncate(count);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::Folder;

    const NAME: &str = "00000000000000000005.index";

    #[test]
    fn only_what_differs_is_written() {
        let folder = Folder::new("rebuild");
        let put = |content: &[u8], company| write(&folder.dir, SegmentFile::Index, 5, content, b"+", company).unwrap();
        assert_eq!(put(b"entries", Company::Alone), Change::Rebuilt);
        assert_eq!(put(b"entries", Company::Alone), Change::None);
        for company in [Company::Alone, Company::Readers] {
            let surplus: &[u8] = if company == Company::Alone { b"entries\0\0\0\0\0" } else { b"entries+\0\0" };
            folder.write(NAME, surplus);
            let before = folder.dir.stat(NAME).unwrap().unwrap().identity;
            assert_eq!(put(b"entries", company), Change::Trimmed);
            assert_eq!(folder.read(NAME), b"entries");
            let after = folder.dir.stat(NAME).unwrap().unwrap().identity;
            assert_eq!(before == after, company == Company::Alone, "readers keep the inode that they mapped");
        }
        for wrong in [&b"entriez"[..], b"entri", b"entries\0\0\0x", b""] {
            folder.write(NAME, wrong);
            assert_eq!(put(b"entries", Company::Alone), Change::Rebuilt);
            assert_eq!(folder.read(NAME), b"entries");
        }
        assert_eq!(folder.names(), [NAME]);
    }

    #[test]
    fn a_splice_keeps_the_front() {
        let folder = Folder::new("splice");
        for company in [Company::Alone, Company::Readers] {
            folder.write(NAME, b"kept, dropped");
            splice(&folder.dir, SegmentFile::Index, 5, 4, b"+", company).unwrap();
            assert_eq!(folder.read(NAME), b"kept+");
            splice(&folder.dir, SegmentFile::Index, 5, 5, b"", company).unwrap();
            assert_eq!(folder.read(NAME), b"kept+");
        }
    }
}
