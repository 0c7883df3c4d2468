//! Segments read by other code than the library's: batches, records and indexes of a partition folder, as they lie.
//!
//! Only what the harness appends is understood: uncompressed v2 batches of records with a key and a value. Anything else
//! is a fault, and is told with its file and position.

use std::fs;
use std::path::{Path, PathBuf};

const HEADER: usize = 61;

/// One record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub offset: u64,
    pub timestamp: i64,
    pub key: &'a [u8],
    pub value: &'a [u8],
}

/// A segment.
pub struct Segment {
    pub base: u64,
    path: PathBuf,
    bytes: Vec<u8>,
}

/// The segments of a folder, in order of their bases.
pub fn segments(folder: &Path) -> Vec<Segment> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("partition folder")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    paths.sort();
    let base = |path: &Path| path.file_stem()?.to_str()?.parse().ok();
    paths
        .into_iter()
        .filter_map(|path| {
            let bytes = fs::read(&path).expect("segment");
            Some(Segment { base: base(&path)?, path, bytes })
        })
        .collect()
}

/// The newest segment's file.
pub fn newest(folder: &Path) -> PathBuf {
    segments(folder).pop().expect("a segment").path
}

/// Leaves behind `end` what a power cut might: half a batch, then one that is whole.
pub fn tear(path: &Path, end: u64) {
    let mut bytes = fs::read(path).expect("segment");
    let end = end as usize;
    let size = 12 + u32_at(&bytes, 8) as usize;
    let first = bytes[..size].to_vec();
    bytes.resize(bytes.len().max(end + 2 * size), 0);
    bytes[end..end + size / 2].copy_from_slice(&first[..size / 2]);
    bytes[end + size..end + 2 * size].copy_from_slice(&first);
    fs::write(path, bytes).expect("segment");
}

/// Where a batch lies, and what its header says.
struct Batch {
    position: usize,
    size: usize,
    last: u64,
    max_timestamp: i64,
}

impl Segment {
    /// Walks the whole file: batches follow each other from the base on, without a gap and to the last byte. The offset behind
    /// the last, or what is wrong and where.
    pub fn walk(&self, mut each: impl FnMut(&Record<'_>)) -> Result<u64, String> {
        let (mut position, mut next) = (0, self.base);
        let mut batches = Vec::new();
        while position < self.bytes.len() {
            let batch = self.batch(position, next, &mut each).map_err(|reason| self.fault(position, &reason))?;
            position += batch.size;
            next = batch.last + 1;
            batches.push(batch);
        }
        self.check_offset_index(&batches)?;
        self.check_time_index(&batches)?;
        Ok(next)
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn fault(&self, position: usize, reason: &str) -> String {
        format!("{} at {position} of {}: {reason}", self.path.display(), self.bytes.len())
    }

    fn batch(&self, position: usize, next: u64, each: &mut impl FnMut(&Record<'_>)) -> Result<Batch, String> {
        let rest = &self.bytes[position..];
        let header = rest.get(..HEADER).ok_or("a header that is cut")?;
        let size = 12 + u32_at(header, 8) as usize;
        let bytes = rest.get(..size).ok_or_else(|| format!("a batch of {size} bytes that is cut"))?;
        let base = u64_at(header, 0);
        if base != next {
            return Err(format!("base offset {base}, expected {next}"));
        }
        if header[16] != 2 || size < HEADER {
            return Err(format!("magic {} and {size} bytes", header[16]));
        }
        let (found, expected) = (crc32c(&bytes[21..]), u32_at(header, 17));
        if found != expected {
            return Err(format!("checksum {found:#x}, the header has {expected:#x}"));
        }
        let count = u32_at(header, 57);
        if u32_at(header, 23) + 1 != count {
            return Err(format!("{count} records, last offset delta {}", u32_at(header, 23)));
        }
        let base_timestamp = u64_at(header, 27) as i64;
        let mut cursor = Cursor { bytes: &bytes[HEADER..] };
        for index in 0..u64::from(count) {
            let record =
                cursor.record(base, base_timestamp).ok_or_else(|| format!("record {index} does not decode"))?;
            if record.offset != base + index {
                return Err(format!("record {index} of offset {}", record.offset));
            }
            each(&record);
        }
        if !cursor.bytes.is_empty() {
            return Err(format!("{} bytes behind the last record", cursor.bytes.len()));
        }
        Ok(Batch { position, size, last: base + u64::from(count) - 1, max_timestamp: u64_at(header, 35) as i64 })
    }

    /// Entries rise and name batches: offset of the last record, position of the first byte.
    fn check_offset_index(&self, batches: &[Batch]) -> Result<(), String> {
        let path = self.path.with_extension("index");
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut left = batches.iter();
        for (number, entry) in bytes.chunks(8).enumerate() {
            let fault = |reason: &str| Err(format!("{} entry {number}: {reason}", path.display()));
            if entry.len() < 8 {
                return fault("is cut");
            }
            let (relative, position) = (u64::from(u32_at(entry, 0)), u32_at(entry, 4) as usize);
            match left.find(|batch| batch.position >= position) {
                Some(batch) if batch.position == position && batch.last == self.base + relative => {}
                _ => return fault(&format!("relative offset {relative} at {position} is of no batch behind the last")),
            }
        }
        Ok(())
    }

    /// Entries rise, and each is the largest timestamp so far with the last offset of its batch.
    fn check_time_index(&self, batches: &[Batch]) -> Result<(), String> {
        let path = self.path.with_extension("timeindex");
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut left = batches.iter();
        let mut largest = i64::MIN;
        for (number, entry) in bytes.chunks(12).enumerate() {
            let fault = |reason: &str| Err(format!("{} entry {number}: {reason}", path.display()));
            if entry.len() < 12 {
                return fault("is cut");
            }
            let (timestamp, last) = (u64_at(entry, 0) as i64, self.base + u64::from(u32_at(entry, 8)));
            if timestamp <= largest {
                return fault(&format!("{timestamp} behind {largest}"));
            }
            match left.find(|batch| {
                largest = largest.max(batch.max_timestamp);
                batch.last >= last
            }) {
                Some(batch) if batch.last == last && batch.max_timestamp == timestamp && largest == timestamp => {}
                _ => return fault(&format!("{timestamp} of offset {last} is of no batch behind the last")),
            }
        }
        Ok(())
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    /// A zigzag varint.
    fn number(&mut self) -> Option<i64> {
        let mut raw = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            raw |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some((raw >> 1) as i64 ^ -((raw & 1) as i64));
            }
        }
        None
    }

    fn field(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        self.take(len)
    }

    fn record(&mut self, base: u64, base_timestamp: i64) -> Option<Record<'a>> {
        let mut inner = Cursor { bytes: self.field()? };
        inner.take(1)?;
        let timestamp = base_timestamp + inner.number()?;
        let offset = base.checked_add_signed(inner.number()?)?;
        let (key, value) = (inner.field()?, inner.field()?);
        (inner.number()? == 0 && inner.bytes.is_empty()).then_some(Record { offset, timestamp, key, value })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(std::array::from_fn(|n| bytes[at + n]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(std::array::from_fn(|n| bytes[at + n]))
}

/// Eight tables of 256, one a byte of a word.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut n = 0;
    while n < 256 {
        let mut crc = n as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        tables[0][n] = crc;
        n += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut n = 0;
        while n < 256 {
            let before = tables[table - 1][n];
            tables[table][n] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            n += 1;
        }
        table += 1;
    }
    tables
}

/// CRC-32C by tables.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        let word = u64::from_le_bytes(*eight) ^ u64::from(crc);
        crc = (0..8).fold(0, |sum, n| sum ^ TABLES[7 - n][(word >> (8 * n)) as usize & 0xff]);
    }
    for byte in rest {
        crc = crc >> 8 ^ TABLES[0][(crc as usize ^ usize::from(*byte)) & 0xff];
    }
    !crc
}

#[test]
fn the_checksum_is_the_published_one() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
}
