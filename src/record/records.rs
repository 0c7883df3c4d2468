//! Decodes the records of one batch without allocating.

use super::{BatchError, BatchHeader};

/// One record, borrowed from the record area it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// Its offset in the log.
    pub offset: i64,
    /// Milliseconds since the epoch; the batch's append time under LogAppendTime.
    pub timestamp: i64,
    /// `None` is Kafka's null.
    pub key: Option<&'a [u8]>,
    /// `None` is Kafka's null (a tombstone).
    pub value: Option<&'a [u8]>,
    /// Header fields without the count.
    pub headers: &'a [u8],
    /// How many headers.
    pub header_count: i32,
    /// Position of the key's first byte in the record area (of where it would be, for null).
    pub key_position: usize,
    /// Position of the value's first byte.
    pub value_position: usize,
    /// Position of the first header field.
    pub headers_position: usize,
}

/// Iterates the records of a batch. Yields `Err` once and then ends where the area is malformed, holds fewer or more
/// records than the header says, or bytes are left over.
#[derive(Debug)]
pub struct RecordIter<'a> {
    _records: &'a [u8],
}

impl<'a> RecordIter<'a> {
    /// `records` is the uncompressed record area: bytes 61 to the end of an uncompressed batch, or what `decompress` gave.
    #[must_use]
    pub fn new(_header: &BatchHeader, _records: &'a [u8]) -> Self {
        todo!()
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<RecordRef<'a>, BatchError>;
    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}
