//! What a fetch gives: whole batches pinned in memory, with tables of their records beside them. (to be implemented)

use std::sync::Arc;

use crate::error::Result;

/// One row of a view's record table; 56 bytes, pointer-free. Lengths -1: null. Positions count from the view's base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct RecordRow {
    /// Offset in the log.
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Where the key starts.
    pub key_position: u64,
    /// Where the value starts.
    pub value_position: u64,
    /// Where the header fields start.
    pub headers_position: u64,
    /// Bytes of the key, -1 null.
    pub key_len: i32,
    /// Bytes of the value, -1 null.
    pub value_len: i32,
    /// Bytes of the header fields.
    pub headers_len: i32,
    /// Bits: 0 LogAppendTime, 1 decompressed.
    pub flags: u32,
}

/// The same table by columns; all slices are of one length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns {
    /// Offsets.
    pub offsets: Vec<i64>,
    /// Timestamps.
    pub timestamps: Vec<i64>,
    /// Key positions.
    pub key_positions: Vec<u64>,
    /// Value positions.
    pub value_positions: Vec<u64>,
    /// Header positions.
    pub headers_positions: Vec<u64>,
    /// Key lengths, -1 null.
    pub key_lens: Vec<i32>,
    /// Value lengths, -1 null.
    pub value_lens: Vec<i32>,
    /// Header lengths.
    pub headers_lens: Vec<i32>,
}

/// A run of whole uncompressed batches, or one decompressed batch. Shared by `Arc`, immutable, any thread; outlives its reader, the log and the directory.
#[derive(Debug)]
pub struct View {
    _todo: (),
}

impl View {
    /// Decodes batches that arrived from elsewhere: copies the first run of `bytes` that one view can hold. `max_output` bounds what decompression may give (and what is copied).
    /// `Ok((view, consumed))`; `Ok` with a view of 0 records and consumed 0 where `bytes` hold no whole batch yet; CRCs are checked.
    pub fn decode(_bytes: &[u8], _max_output: usize) -> Result<(Arc<Self>, usize)> {
        todo!()
    }
    /// What all positions refer to: the run itself, or the decompressed records.
    #[must_use]
    pub fn base(&self) -> &[u8] {
        todo!()
    }
    /// The batches as they lie on disk.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        todo!()
    }
    /// The record table by rows (made on first use). Control records, records below the position fetched from and records of aborted transactions (read_committed) are not in it.
    pub fn rows(&self) -> Result<&[RecordRow]> {
        todo!()
    }
    /// The record table by columns (made on first use).
    pub fn columns(&self) -> Result<&Columns> {
        todo!()
    }
    /// Offset behind the last batch of the view: where the next fetch starts.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        todo!()
    }
}
