//! Aborted transactions: Kafka's `.txnindex` files. (to be implemented)

use crate::error::Result;
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

/// Reads the aborted transactions of a segment, in the order of their markers; a missing file: none; a malformed one: `Corrupt`.
pub fn read(_dir: &Dir, _base_offset: i64) -> Result<Vec<AbortedTransaction>> {
    todo!()
}
/// The file's bytes.
#[must_use]
pub fn encode(_transactions: &[AbortedTransaction]) -> Vec<u8> {
    todo!()
}
