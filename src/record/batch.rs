//! The 61-byte header of a v2 batch.  (layout table to be listed here)

use super::{BatchError, Codec};

/// Attribute bits of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes(pub i16);

/// What the timestamps of a batch mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampType {
    /// Set by the producer, record by record.
    #[default]
    CreateTime,
    /// Set by the log at append: every record has the batch's largest timestamp.
    LogAppendTime,
}

impl Attributes {
    /// Bits 0 to 2.
    pub fn codec(self) -> Result<Codec, BatchError> {
        todo!()
    }
    /// Bit 3.
    #[must_use]
    pub fn timestamp_type(self) -> TimestampType {
        todo!()
    }
    /// Bit 4.
    #[must_use]
    pub fn is_transactional(self) -> bool {
        todo!()
    }
    /// Bit 5.
    #[must_use]
    pub fn is_control(self) -> bool {
        todo!()
    }
    /// Bit 6.
    #[must_use]
    pub fn has_delete_horizon(self) -> bool {
        todo!()
    }
}

/// A parsed v2 batch header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record (after compaction: a lower bound).
    pub base_offset: i64,
    /// Bytes after the length field: whole size less 12.
    pub batch_length: i32,
    /// Leader epoch, -1 unknown. Outside the CRC.
    pub partition_leader_epoch: i32,
    /// CRC-32C of byte 21 to the end.
    pub crc: u32,
    /// Codec, timestamp type and flags.
    pub attributes: Attributes,
    /// Last offset less base offset.
    pub last_offset_delta: i32,
    /// Base of the timestamp deltas, or the delete horizon.
    pub base_timestamp: i64,
    /// Largest timestamp, or append time.
    pub max_timestamp: i64,
    /// Producer id, -1 none.
    pub producer_id: i64,
    /// Producer epoch, -1 none.
    pub producer_epoch: i16,
    /// First sequence number, -1 none.
    pub base_sequence: i32,
    /// Records in the batch; may be 0 after compaction.
    pub record_count: i32,
}

impl BatchHeader {
    /// Bytes of the header.
    pub const SIZE: usize = 61;
    /// Bytes before the part that `batch_length` counts.
    pub const PREFIX: usize = 12;
    /// Parses the first 61 bytes. Checks length >= 49, magic 2 and that the fields are not impossible (negative deltas or counts); not the CRC, and
    /// not that `bytes` holds the whole batch.
    pub fn parse(_bytes: &[u8]) -> Result<Self, BatchError> {
        todo!()
    }
    /// Writes the header's 61 bytes (magic 2).
    pub fn write(&self, _out: &mut [u8; Self::SIZE]) {
        todo!()
    }
    /// Bytes of the whole batch.
    #[must_use]
    pub fn size(&self) -> usize {
        todo!()
    }
    /// Offset of the last record slot.
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        todo!()
    }
    /// First offset behind the batch. Saturates at i64::MAX.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        todo!()
    }
}

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

/// Checks the CRC of one whole batch (exactly `size()` bytes or more; what follows is ignored).
pub fn check_crc(_batch: &[u8]) -> Result<(), BatchError> {
    todo!()
}

/// Stamps base offset and leader epoch, which lie outside the CRC. `batch` is a whole v2 batch.
pub fn stamp(_batch: &mut [u8], _base_offset: i64, _partition_leader_epoch: i32) {
    todo!()
}
