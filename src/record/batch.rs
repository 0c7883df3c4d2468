//! The 61-byte header of a v2 batch, its checksum and the fields that a log stamps into it.
//!
//! All numbers are big-endian. What the header says about the records is not checked here against the records: see
//! `records` for those and `codec` for their compression.
//!
//! ```text
//! byte  size  type  field                 notes
//!    0     8  i64   baseOffset            given by the log; outside the CRC
//!    8     4  i32   batchLength           bytes after this field: whole size less 12, at least 49; outside the CRC
//!   12     4  i32   partitionLeaderEpoch  given by the log, -1 unknown; outside the CRC
//!   16     1  i8    magic                 2; outside the CRC; in the same place for magic 0 and 1
//!   17     4  u32   crc                   CRC-32C of byte 21 to the end, as stored (compressed)
//!   21     2  i16   attributes            bits 0-2 codec, 3 timestamp type, 4 transactional, 5 control,
//!                                         6 delete horizon, 7-15 unused
//!   23     4  i32   lastOffsetDelta       last offset less baseOffset; kept by compaction
//!   27     8  i64   baseTimestamp         the first record's; -1 none; the delete horizon where bit 6 is set
//!   35     8  i64   maxTimestamp          largest of the records', or the append time where bit 3 is set
//!   43     8  i64   producerId            -1 none
//!   51     2  i16   producerEpoch         -1 none
//!   53     4  i32   baseSequence          -1 none
//!   57     4  i32   recordCount           may be 0, or less than lastOffsetDelta + 1, after compaction
//!   61     .        records               recordCount records, or one compressed stream of them
//! ```

use super::{BatchError, Codec, crc32c};

/// Attribute bits of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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

const CODEC_MASK: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;
const DELETE_HORIZON: i16 = 0x40;

impl Attributes {
    /// The bits of a batch of records with this codec and timestamp type.
    #[must_use]
    pub fn new(codec: Codec, timestamp_type: TimestampType) -> Self {
        match timestamp_type {
            TimestampType::CreateTime => Self(codec as i16),
            TimestampType::LogAppendTime => Self(codec as i16 | LOG_APPEND_TIME),
        }
    }

    /// The bits of a transaction marker.
    #[must_use]
    pub fn marker() -> Self {
        Self(TRANSACTIONAL | CONTROL)
    }

    /// Bits 0 to 2.
    #[inline]
    pub fn codec(self) -> Result<Codec, BatchError> {
        match self.0 & CODEC_MASK {
            0 => Ok(Codec::None),
            1 => Ok(Codec::Gzip),
            2 => Ok(Codec::Snappy),
            3 => Ok(Codec::Lz4),
            4 => Ok(Codec::Zstd),
            found => Err(BatchError::UnknownCodec { found }),
        }
    }

    /// Bit 3.
    #[inline]
    #[must_use]
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & LOG_APPEND_TIME == 0 { TimestampType::CreateTime } else { TimestampType::LogAppendTime }
    }

    /// Bit 4.
    #[inline]
    #[must_use]
    pub fn is_transactional(self) -> bool {
        self.0 & TRANSACTIONAL != 0
    }

    /// Bit 5.
    #[inline]
    #[must_use]
    pub fn is_control(self) -> bool {
        self.0 & CONTROL != 0
    }

    /// Bit 6.
    #[inline]
    #[must_use]
    pub fn has_delete_horizon(self) -> bool {
        self.0 & DELETE_HORIZON != 0
    }
}

/// A parsed v2 batch header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

/// The smallest `batch_length` of any entry that Kafka ever wrote: an empty magic 0 message.
pub(super) const LENGTH_LEAST_ANY: i32 = 14;
const LENGTH_LEAST: i32 = (BatchHeader::SIZE - BatchHeader::PREFIX) as i32;
const MAGIC: i8 = 2;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const LAST_OFFSET_DELTA_AT: usize = 23;
const MAX_TIMESTAMP_AT: usize = 35;
const RECORD_COUNT_AT: usize = 57;

/// The `N` bytes of a field.
#[inline(always)]
fn field<const N: usize>(bytes: &[u8; BatchHeader::SIZE], at: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[at..at + N]);
    value
}

impl BatchHeader {
    /// Bytes of the header.
    pub const SIZE: usize = 61;
    /// Bytes before the part that `batch_length` counts.
    pub const PREFIX: usize = 12;

    /// Parses the first 61 bytes.
    ///
    /// Checks that the length is at least 49, the magic 2, and last offset delta and record count not negative. Not the
    /// CRC, not the base offset (the log gives it), and not that `bytes` holds the whole batch. The length comes first,
    /// so that zeroes, as a crash leaves them, are a wrong length and not an old format.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        if let Some(prefix) = bytes.first_chunk::<{ MAGIC_AT + 1 }>() {
            check_magic(prefix)?;
        }
        let Some(head) = bytes.first_chunk::<{ Self::SIZE }>() else {
            return Err(BatchError::Truncated { needed: Self::SIZE as u64, found: bytes.len() as u64 });
        };
        let header = Self {
            base_offset: i64::from_be_bytes(field(head, 0)),
            batch_length: i32::from_be_bytes(field(head, 8)),
            partition_leader_epoch: i32::from_be_bytes(field(head, 12)),
            crc: u32::from_be_bytes(field(head, CRC_AT)),
            attributes: Attributes(i16::from_be_bytes(field(head, ATTRIBUTES_AT))),
            last_offset_delta: i32::from_be_bytes(field(head, LAST_OFFSET_DELTA_AT)),
            base_timestamp: i64::from_be_bytes(field(head, 27)),
            max_timestamp: i64::from_be_bytes(field(head, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(field(head, 43)),
            producer_epoch: i16::from_be_bytes(field(head, 51)),
            base_sequence: i32::from_be_bytes(field(head, 53)),
            record_count: i32::from_be_bytes(field(head, RECORD_COUNT_AT)),
        };
        if header.last_offset_delta < 0 {
            return Err(negative(LAST_OFFSET_DELTA_AT, "last offset delta", header.last_offset_delta));
        }
        if header.record_count < 0 {
            return Err(negative(RECORD_COUNT_AT, "record count", header.record_count));
        }
        Ok(header)
    }

    /// Writes the header's 61 bytes (magic 2).
    ///
    /// What the CRC covers is stored in words of eight bytes from byte 21 on, just as the checksum reads it right after:
    /// a load that spans several younger stores waits for all of them.
    #[inline]
    pub fn write(&self, out: &mut [u8; Self::SIZE]) {
        out[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        out[8..12].copy_from_slice(&self.batch_length.to_be_bytes());
        out[12..16].copy_from_slice(&self.partition_leader_epoch.to_be_bytes());
        out[16] = MAGIC as u8;
        out[17..21].copy_from_slice(&self.crc.to_be_bytes());
        let attributes = u64::from(self.attributes.0.cast_unsigned());
        let last_offset_delta = u64::from(self.last_offset_delta.cast_unsigned());
        let base_timestamp = self.base_timestamp.cast_unsigned();
        let max_timestamp = self.max_timestamp.cast_unsigned();
        let producer_id = self.producer_id.cast_unsigned();
        let producer_epoch = u64::from(self.producer_epoch.cast_unsigned());
        let base_sequence = u64::from(self.base_sequence.cast_unsigned());
        let record_count = u64::from(self.record_count.cast_unsigned());
        let words = [
            attributes << 48 | last_offset_delta << 16 | base_timestamp >> 48,
            base_timestamp << 16 | max_timestamp >> 48,
            max_timestamp << 16 | producer_id >> 48,
            producer_id << 16 | producer_epoch,
            base_sequence << 32 | record_count,
        ];
        for (bytes, word) in out[ATTRIBUTES_AT..].as_chunks_mut().0.iter_mut().zip(words) {
            *bytes = word.to_be_bytes();
        }
    }

    /// Bytes of the whole batch.
    #[inline]
    #[must_use]
    pub fn size(&self) -> usize {
        Self::PREFIX + usize::try_from(self.batch_length).unwrap_or(0)
    }

    /// Offset of the last record slot. Saturates at `i64::MAX`.
    #[inline]
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// First offset behind the batch. Saturates at `i64::MAX`.
    #[inline]
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// The record area of the batch that this header was parsed from: byte 61 to its end, as stored.
    #[inline]
    pub fn record_area<'a>(&self, batch: &'a [u8]) -> Result<&'a [u8], BatchError> {
        batch
            .get(Self::SIZE..self.size())
            .ok_or(BatchError::Truncated { needed: self.size() as u64, found: batch.len() as u64 })
    }
}

/// Length, then magic, of what should be a v2 batch.
#[inline]
fn check_magic(prefix: &[u8; MAGIC_AT + 1]) -> Result<(), BatchError> {
    let length = i32::from_be_bytes([prefix[8], prefix[9], prefix[10], prefix[11]]);
    if length < LENGTH_LEAST_ANY {
        return Err(BatchError::Length { found: length, least: LENGTH_LEAST });
    }
    match prefix[MAGIC_AT].cast_signed() {
        MAGIC if length < LENGTH_LEAST => Err(BatchError::Length { found: length, least: LENGTH_LEAST }),
        MAGIC => Ok(()),
        magic @ 0..=1 => Err(BatchError::OldMagic { magic }),
        found => Err(BatchError::UnknownMagic { found }),
    }
}

#[cold]
fn negative(position: usize, name: &str, found: i32) -> BatchError {
    BatchError::Malformed { position: position as u64, reason: format!("{name} {found}, expected 0 or more") }
}

/// Checks the CRC of one whole batch (exactly `size()` bytes or more; what follows is ignored).
pub fn check_crc(batch: &[u8]) -> Result<(), BatchError> {
    let header = BatchHeader::parse(batch)?;
    let Some(covered) = batch.get(ATTRIBUTES_AT..header.size()) else {
        return Err(BatchError::Truncated { needed: header.size() as u64, found: batch.len() as u64 });
    };
    let found = crc32c(covered);
    if found == header.crc { Ok(()) } else { Err(BatchError::Crc { expected: header.crc, found }) }
}

/// Stamps base offset and leader epoch, which lie outside the CRC. `batch` is a whole v2 batch.
///
/// # Panics
/// Where `batch` is shorter than a header.
#[inline]
pub fn stamp(batch: &mut [u8], base_offset: i64, partition_leader_epoch: i32) {
    batch[0..8].copy_from_slice(&base_offset.to_be_bytes());
    batch[12..16].copy_from_slice(&partition_leader_epoch.to_be_bytes());
}

/// Makes a batch one of `LogAppendTime`: sets bit 3 and the append time, and computes the CRC anew.
///
/// The records keep the deltas that the client wrote, as a broker leaves them. `batch` is exactly one whole v2 batch,
/// whose CRC was checked before: afterwards damage can no longer be seen.
///
/// # Panics
/// Where `batch` is shorter than a header.
pub fn stamp_append_time(batch: &mut [u8], append_time_ms: i64) {
    batch[ATTRIBUTES_AT + 1] |= LOG_APPEND_TIME as u8;
    batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&append_time_ms.to_be_bytes());
    write_crc(batch);
}

/// Computes the CRC of exactly one whole batch and puts it into its header.
#[inline]
pub(super) fn write_crc(batch: &mut [u8]) {
    let crc = crc32c(&batch[ATTRIBUTES_AT..]);
    batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::{Attributes, BatchHeader, TimestampType, check_crc, stamp};
    use crate::record::{BatchError, Codec};

    fn header() -> BatchHeader {
        BatchHeader {
            base_offset: 0x0102_0304_0506_0708,
            batch_length: 49,
            partition_leader_epoch: -2,
            crc: 0xdead_beef,
            attributes: Attributes(0x7b),
            last_offset_delta: 5,
            base_timestamp: -1,
            max_timestamp: i64::MAX,
            producer_id: 4000,
            producer_epoch: 7,
            base_sequence: i32::MAX,
            record_count: 0,
        }
    }

    #[test]
    fn every_field_returns() {
        let mut bytes = [0; BatchHeader::SIZE];
        header().write(&mut bytes);
        assert_eq!(BatchHeader::parse(&bytes), Ok(header()));
        assert_eq!(header().size(), 61);
    }

    #[test]
    fn attribute_bits() {
        let all = Attributes(0x7c);
        assert_eq!(all.codec(), Ok(Codec::Zstd));
        assert_eq!(all.timestamp_type(), TimestampType::LogAppendTime);
        assert!(all.is_transactional() && all.is_control() && all.has_delete_horizon());
        assert_eq!(Attributes(5).codec(), Err(BatchError::UnknownCodec { found: 5 }));
        assert_eq!(Attributes::new(Codec::Lz4, TimestampType::LogAppendTime), Attributes(0x0b));
        assert!(Attributes::marker().is_control() && Attributes::marker().is_transactional());
        assert_eq!(Attributes::default().timestamp_type(), TimestampType::CreateTime);
    }

    #[test]
    fn offsets_saturate() {
        let far = BatchHeader { base_offset: i64::MAX - 1, ..header() };
        assert_eq!((far.last_offset(), far.next_offset()), (i64::MAX, i64::MAX));
        assert_eq!(BatchHeader { base_offset: 10, ..header() }.next_offset(), 16);
    }

    #[test]
    fn impossible_fields_are_named() {
        let mut bytes = [0; BatchHeader::SIZE];
        assert_eq!(BatchHeader::parse(&bytes), Err(BatchError::Length { found: 0, least: 49 }));
        header().write(&mut bytes);
        for magic in [0, 1] {
            bytes[16] = magic;
            assert_eq!(BatchHeader::parse(&bytes), Err(BatchError::OldMagic { magic: magic as i8 }));
        }
        for found in [3, -1, i8::MIN] {
            bytes[16] = found as u8;
            assert_eq!(BatchHeader::parse(&bytes), Err(BatchError::UnknownMagic { found }));
        }
        BatchHeader { batch_length: 48, ..header() }.write(&mut bytes);
        assert_eq!(BatchHeader::parse(&bytes), Err(BatchError::Length { found: 48, least: 49 }));
        BatchHeader { last_offset_delta: -1, ..header() }.write(&mut bytes);
        assert!(matches!(BatchHeader::parse(&bytes), Err(BatchError::Malformed { position: 23, .. })));
        BatchHeader { record_count: -1, ..header() }.write(&mut bytes);
        assert!(matches!(BatchHeader::parse(&bytes), Err(BatchError::Malformed { position: 57, .. })));
    }

    #[test]
    fn short_input_says_what_is_needed() {
        let mut bytes = [0; BatchHeader::SIZE];
        header().write(&mut bytes);
        for cut in 0..bytes.len() {
            let expected = BatchError::Truncated { needed: 61, found: cut as u64 };
            assert_eq!(BatchHeader::parse(&bytes[..cut]), Err(expected));
        }
        BatchHeader { batch_length: i32::MAX, ..header() }.write(&mut bytes);
        assert_eq!(check_crc(&bytes), Err(BatchError::Truncated { needed: (1 << 31) + 11, found: 61 }));
    }

    #[test]
    fn stamping_touches_twelve_bytes() {
        let mut bytes = [0xaa; 80];
        stamp(&mut bytes, 0, 0);
        let touched: Vec<usize> = (0..80).filter(|at| bytes[*at] == 0).collect();
        assert_eq!(touched, [0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15]);
    }
}
