//! Entries of the two sparse indexes, as bytes.
//!
//! ```text
//! .index      0-3  i32 offset relative to the segment's base (last offset of a batch)   4-7  i32 position of that batch
//! .timeindex  0-7  i64 largest timestamp so far    8-11  i32 relative last offset of the batch that holds it
//! ```
//! Big-endian, no header, no checksum: an entry is a hint, checked against the batch that it names.

/// An entry of the offset index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetEntry {
    /// Last offset of the batch, relative to the segment's base.
    pub relative_offset: i32,
    /// Position of the batch's first byte.
    pub position: i32,
}

impl OffsetEntry {
    /// Bytes of an entry.
    pub const SIZE: usize = 8;

    /// As it lies in the file.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        (u64::from(self.relative_offset.cast_unsigned()) << 32 | u64::from(self.position.cast_unsigned())).to_be_bytes()
    }

    /// From the file.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        let both = i64::from_be_bytes(bytes);
        Self { relative_offset: (both >> 32) as i32, position: both as i32 }
    }
}

/// An entry of the time index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeEntry {
    /// Largest timestamp so far in the segment.
    pub timestamp: i64,
    /// Last offset of the batch that holds it, relative to the segment's base.
    pub relative_offset: i32,
}

impl TimeEntry {
    /// Bytes of an entry.
    pub const SIZE: usize = 12;

    /// As it lies in the file.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..].copy_from_slice(&self.relative_offset.to_be_bytes());
        bytes
    }

    /// From the file.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        let [t0, t1, t2, t3, t4, t5, t6, t7, o0, o1, o2, o3] = bytes;
        Self {
            timestamp: i64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
            relative_offset: i32::from_be_bytes([o0, o1, o2, o3]),
        }
    }
}

/// Most entries that an offset index of `segment_index_bytes` holds.
#[must_use]
pub fn offset_entries_max(segment_index_bytes: u64) -> u64 {
    segment_index_bytes / OffsetEntry::SIZE as u64
}

/// Most entries that a time index holds before the segment rolls: one place is kept for the entry written at roll.
#[must_use]
pub fn time_entries_max(segment_index_bytes: u64) -> u64 {
    (segment_index_bytes / TimeEntry::SIZE as u64).saturating_sub(1)
}
