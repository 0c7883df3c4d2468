//! What every entry of a log file has in common, whatever its magic; and so all that is known of magic 0 and 1.
//!
//! Message sets of those are recognised, so that they can be named, stepped over and indexed. Never decoded.
//!
//! ```text
//! byte  size  type  field
//!    0     8  i64   offset       of the message; of a compressed wrapper the last inner one
//!    8     4  i32   size         bytes after this field: at least 14 (magic 0) or 22 (magic 1)
//!   12     4  u32   crc          CRC-32 (zlib's) of byte 16 to the end; not checked here
//!   16     1  i8    magic        0 or 1
//!   17     1  i8    attributes   bits 0-2 codec, 3 timestamp type (magic 1)
//!   18     8  i64   timestamp    magic 1 only; of a wrapper the largest inner one
//!    .     .        key, value
//! ```

use super::batch::LENGTH_LEAST_ANY;
use super::{BatchError, BatchHeader};

const LENGTH_LEAST_MAGIC_1: i32 = 22;
const HEAD_SIZE_MAGIC_0: usize = 18;
const HEAD_SIZE_MAGIC_1: usize = 26;

/// What every entry of a log file has in common, whatever its magic: enough to walk a file and to rebuild its indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryHeader {
    /// 0, 1 or 2.
    pub magic: i8,
    /// First offset; for magic 0 and 1 the offset that the entry carries, which is its last.
    pub base_offset: i64,
    /// Last offset.
    pub last_offset: i64,
    /// Whole size in bytes.
    pub size: usize,
    /// Largest timestamp, -1 for magic 0.
    pub max_timestamp: i64,
}

/// Reads the entry header at the start of `bytes`, whatever its magic. Needs 61 bytes for magic 2, 26 (18 for magic 0)
/// else; `Truncated` says how many. Does not check a CRC, nor that the whole entry is there.
pub fn scan_entry(bytes: &[u8]) -> Result<EntryHeader, BatchError> {
    let Some(head) = bytes.first_chunk::<HEAD_SIZE_MAGIC_0>() else {
        return Err(truncated(HEAD_SIZE_MAGIC_0, bytes));
    };
    let length = i32::from_be_bytes([head[8], head[9], head[10], head[11]]);
    if length < LENGTH_LEAST_ANY {
        return Err(BatchError::Length { found: length, least: LENGTH_LEAST_ANY });
    }
    match head[16].cast_signed() {
        0 => Ok(legacy(0, bytes, length, -1)),
        1 if length < LENGTH_LEAST_MAGIC_1 => Err(BatchError::Length { found: length, least: LENGTH_LEAST_MAGIC_1 }),
        1 => match bytes.get(HEAD_SIZE_MAGIC_0..HEAD_SIZE_MAGIC_1) {
            Some(timestamp) => Ok(legacy(1, bytes, length, i64_of(timestamp))),
            None => Err(truncated(HEAD_SIZE_MAGIC_1, bytes)),
        },
        _ => BatchHeader::parse(bytes).map(|header| EntryHeader {
            magic: 2,
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            size: header.size(),
            max_timestamp: header.max_timestamp,
        }),
    }
}

fn legacy(magic: i8, bytes: &[u8], length: i32, max_timestamp: i64) -> EntryHeader {
    let offset = i64_of(bytes);
    let size = BatchHeader::PREFIX + length as usize;
    EntryHeader { magic, base_offset: offset, last_offset: offset, size, max_timestamp }
}

/// The big-endian number at the start of `bytes`, which holds at least eight.
fn i64_of(bytes: &[u8]) -> i64 {
    bytes.first_chunk().map_or(-1, |bytes| i64::from_be_bytes(*bytes))
}

fn truncated(needed: usize, bytes: &[u8]) -> BatchError {
    BatchError::Truncated { needed: needed as u64, found: bytes.len() as u64 }
}

#[cfg(test)]
mod tests {
    use super::{EntryHeader, scan_entry};
    use crate::record::BatchError;

    fn message(magic: u8, length: i32) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&42_i64.to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&[9, 9, 9, 9, magic, 0]);
        bytes.extend_from_slice(&1_704_067_200_000_i64.to_be_bytes());
        bytes
    }

    #[test]
    fn magic_0_and_1_are_named() {
        let entry =
            |magic, size, max_timestamp| EntryHeader { magic, base_offset: 42, last_offset: 42, size, max_timestamp };
        assert_eq!(scan_entry(&message(0, 14)), Ok(entry(0, 26, -1)));
        assert_eq!(scan_entry(&message(0, 14)[..18]), Ok(entry(0, 26, -1)));
        assert_eq!(scan_entry(&message(1, 100)), Ok(entry(1, 112, 1_704_067_200_000)));
    }

    #[test]
    fn wrong_lengths_and_magics_are_named() {
        assert_eq!(scan_entry(&[0; 100]), Err(BatchError::Length { found: 0, least: 14 }));
        assert_eq!(scan_entry(&message(0, 13)), Err(BatchError::Length { found: 13, least: 14 }));
        assert_eq!(scan_entry(&message(1, 21)), Err(BatchError::Length { found: 21, least: 22 }));
        assert_eq!(scan_entry(&message(2, 48)), Err(BatchError::Length { found: 48, least: 49 }));
        assert_eq!(scan_entry(&message(3, 100)), Err(BatchError::UnknownMagic { found: 3 }));
        assert_eq!(scan_entry(&message(0xff, 100)), Err(BatchError::UnknownMagic { found: -1 }));
    }

    #[test]
    fn short_input_says_what_is_needed() {
        for (magic, needed) in [(0, 18), (1, 26), (2, 61)] {
            for cut in 0..26 {
                match scan_entry(&message(magic, 100)[..cut]) {
                    Err(BatchError::Truncated { needed: said, found }) => {
                        assert_eq!(found, cut as u64);
                        assert_eq!(said, if cut < 18 { 18 } else { needed });
                    }
                    other => assert!(other.is_ok() && cut >= needed as usize, "magic {magic} cut {cut}: {other:?}"),
                }
            }
        }
    }
}
