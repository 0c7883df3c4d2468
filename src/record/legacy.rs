//! Recognises magic 0 and 1 message sets, so that they can be named, stepped over and indexed. Never decoded.

use super::{BatchError, EntryHeader};

/// Reads the entry header at the start of `bytes`, whatever its magic. Needs 61 bytes for magic 2, 26 (18 for magic 0) else; `Truncated` says how many.
/// Does not check a CRC, nor that the whole entry is there.
pub fn scan_entry(_bytes: &[u8]) -> Result<EntryHeader, BatchError> {
    todo!()
}
