//! Aborted transactions: Kafka's `.txnindex` files.
//!
//! ```text
//! byte  size  type  field, 34 bytes an entry, big-endian
//!    0     2  i16   version 0
//!    2     8  i64   producer id
//!   10     8  i64   first offset of the transaction
//!   18     8  i64   last offset: that of the abort marker
//!   26     8  i64   last stable offset as of that marker
//! ```
//! In the order of the markers. The file is there only for segments that hold an abort marker.

use super::names::SegmentFile;
use crate::error::{Error, Result};
use crate::sys::Dir;

/// One aborted transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// The producer.
    pub producer_id: i64,
    /// First offset of the transaction.
    pub first_offset: i64,
    /// Offset of the abort marker.
    pub last_offset: i64,
    /// Last stable offset as of that marker.
    pub last_stable_offset: i64,
}

const VERSION: i16 = 0;
const ENTRY_SIZE: usize = 34;
/// Nearly two million aborts in one segment.
pub(super) const SIZE_MAX: usize = 64 << 20;

/// Reads the aborted transactions of a segment, in the order of their markers; a missing file: none; a malformed one: `Corrupt`.
pub fn read(dir: &Dir, base_offset: i64) -> Result<Vec<AbortedTransaction>> {
    let name = SegmentFile::TxnIndex.name(base_offset);
    let content = dir.read_small(&name, SIZE_MAX)?.unwrap_or_default();
    parse(&content).map_err(|(position, reason)| Error::Corrupt { path: dir.path().join(&name), position, reason })
}

/// The file's bytes.
#[must_use]
pub fn encode(transactions: &[AbortedTransaction]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(transactions.len() * ENTRY_SIZE);
    for transaction in transactions {
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&transaction.producer_id.to_be_bytes());
        bytes.extend_from_slice(&transaction.first_offset.to_be_bytes());
        bytes.extend_from_slice(&transaction.last_offset.to_be_bytes());
        bytes.extend_from_slice(&transaction.last_stable_offset.to_be_bytes());
    }
    bytes
}

fn parse(content: &[u8]) -> std::result::Result<Vec<AbortedTransaction>, (u64, String)> {
    let (entries, rest) = content.as_chunks::<ENTRY_SIZE>();
    let mut transactions: Vec<AbortedTransaction> = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let position = (index * ENTRY_SIZE) as u64;
        let version = i16::from_be_bytes([entry[0], entry[1]]);
        if version != VERSION {
            return Err((position, format!("version {version}, expected {VERSION}")));
        }
        let long = |at: usize| entry.get(at..).and_then(<[u8]>::first_chunk).map_or(-1, |b| i64::from_be_bytes(*b));
        let transaction = AbortedTransaction {
            producer_id: long(2),
            first_offset: long(10),
            last_offset: long(18),
            last_stable_offset: long(26),
        };
        let last = transaction.last_offset;
        if transaction.first_offset > last || transactions.last().is_some_and(|before| before.last_offset >= last) {
            let reason = format!("aborted transaction {}..{last} is out of order", transaction.first_offset);
            return Err((position, reason));
        }
        transactions.push(transaction);
    }
    match rest.len() {
        0 => Ok(transactions),
        size => Err(((content.len() - size) as u64, format!("{size} bytes, expected entries of {ENTRY_SIZE}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::Folder;

    const EXAMPLE: [u8; 34] = [
        0, 0, 0, 0, 0, 0, 0, 0, 0x0f, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0x64, 0, 0, 0, 0, 0, 0, 0, 0x67, 0, 0, 0, 0, 0, 0, 0,
        0x68,
    ];

    #[test]
    fn the_worked_example_comes_out_exactly() {
        let aborted =
            AbortedTransaction { producer_id: 4000, first_offset: 100, last_offset: 103, last_stable_offset: 104 };
        assert_eq!(encode(&[aborted]), EXAMPLE);
        assert_eq!(parse(&EXAMPLE), Ok(vec![aborted]));
    }

    #[test]
    fn damage_is_named_with_its_place() {
        let folder = Folder::new("transactions");
        assert_eq!(read(&folder.dir, 7).unwrap(), []);
        let mut twice = EXAMPLE.to_vec();
        twice.extend_from_slice(&EXAMPLE);
        let mut version = EXAMPLE.to_vec();
        version[1] = 1;
        for (content, at) in [(twice, 34), (version, 0), (EXAMPLE[..33].to_vec(), 0)] {
            folder.write("00000000000000000007.txnindex", &content);
            assert!(matches!(read(&folder.dir, 7), Err(Error::Corrupt { position, .. }) if position == at));
        }
    }
}
