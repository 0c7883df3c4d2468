//! Encodes records into a v2 batch: header space first, records behind it, compression and CRC at the end.
//!
//! The buffer always begins with room for the header, so that an uncompressed batch is finished where it lies. A
//! compressed one is finished in a second buffer; the records stay as they are, and both buffers are kept. Invariant: the
//! batch never outgrows what its 32-bit fields can say.

use super::encode::{self, RecordFields};
use super::{Attributes, BatchError, BatchHeader, Codec, Compression, Compressor, TimestampType, batch, headers};

/// Largest whole batch. Kafka reads the length field as a signed 32-bit number and adds 12 to it in the same width.
const BATCH_SIZE_MAX: usize = i32::MAX as usize;

/// Bytes in front of the batch in its buffer. They put byte 21, where the checksum begins, on a multiple of eight of the
/// allocation, so that the checksum's aligned loads are the very words that were stored a moment ago, and need not wait
/// for the stores to reach the cache: that halves the time for a batch of one small record.
const LEAD: usize = 3;

/// Builds one batch at a time in a buffer that is kept for the next.
///
/// No allocation once the buffer has grown to what batches need. Offsets inside are 0, 1, 2, ...; base offset and leader
/// epoch are stamped by who appends.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    compression: Compression,
    timestamp_type: TimestampType,
    /// `LEAD` bytes, header space, then records; what lies behind those is left over from earlier batches.
    buffer: Vec<u8>,
    /// Bytes of the header and the records so far; 0 stands for an empty batch.
    size: usize,
    record_count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    /// The compressed batch.
    packed: Vec<u8>,
    compressor: Compressor,
    /// Of the batch that was finished last.
    header: BatchHeader,
}

impl BatchBuilder {
    /// An empty builder.
    #[must_use]
    pub fn new(compression: Compression, timestamp_type: TimestampType) -> Self {
        Self { compression, timestamp_type, ..Self::default() }
    }

    /// Empties it, keeps the buffers, takes the settings for the next batch.
    pub fn reset(&mut self, compression: Compression, timestamp_type: TimestampType) {
        self.compression = compression;
        self.timestamp_type = timestamp_type;
        self.size = 0;
        self.record_count = 0;
    }

    /// Adds a record. `headers` is Kafka's header fields without the count (see [`super::headers`]), checked here. On
    /// `Err` the batch is as before.
    #[inline]
    pub fn add(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[u8],
    ) -> Result<(), BatchError> {
        let start = self.size();
        let room = Self::record_size_max(key.map_or(0, <[u8]>::len), value.map_or(0, <[u8]>::len), headers.len());
        if room > BATCH_SIZE_MAX - start {
            return Err(BatchError::TooLarge { reason: "its bytes would exceed 2^31-1" });
        }
        if self.record_count == i32::MAX {
            return Err(BatchError::TooLarge { reason: "its records would exceed 2^31-1" });
        }
        let header_count = if headers.is_empty() { 0 } else { headers::count(headers)? };
        if self.record_count == 0 {
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        }
        if LEAD + start + room > self.buffer.len() {
            self.grow(LEAD + start + room);
        }
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        let offset_delta = self.record_count;
        let fields = RecordFields { timestamp_delta, offset_delta, key, value, headers, header_count };
        self.size = start + encode::write(&mut self.buffer[LEAD + start..], &fields);
        self.record_count += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        Ok(())
    }

    /// Records so far.
    #[inline]
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.record_count as usize
    }

    /// Bytes of the batch so far, uncompressed, header included.
    #[inline]
    #[must_use]
    pub fn size(&self) -> usize {
        self.size.max(BatchHeader::SIZE)
    }

    /// Upper bound of the bytes that `add` of such a record would need on top of `size()`. Saturates.
    #[must_use]
    pub fn record_size_max(key_len: usize, value_len: usize, headers_len: usize) -> usize {
        encode::record_size_max(key_len, value_len, headers_len)
    }

    /// Compresses, fills in the header (base offset 0, leader epoch -1, no producer) and the CRC; the whole batch,
    /// writable for `stamp`.
    ///
    /// An empty batch is `Malformed`. With LogAppendTime the caller's `append_time_ms` is put into max timestamp. The
    /// records stay: more may be added and the batch finished anew.
    #[inline]
    pub fn finish(&mut self, append_time_ms: i64) -> Result<&mut [u8], BatchError> {
        self.finish_with_header(append_time_ms).map(|(bytes, _)| bytes)
    }

    /// As `finish`, with the header that was written (its checksum is 0).
    #[inline]
    pub fn finish_with_header(&mut self, append_time_ms: i64) -> Result<(&mut [u8], &BatchHeader), BatchError> {
        if self.record_count == 0 {
            return Err(empty());
        }
        let size = if self.compression.codec == Codec::None { self.size } else { self.compress()? };
        self.header = self.header(size, append_time_ms);
        let bytes = match self.compression.codec {
            Codec::None => &mut self.buffer[LEAD..LEAD + size],
            _ => &mut self.packed[..size],
        };
        if let Some(head) = bytes.first_chunk_mut() {
            self.header.write(head);
        }
        batch::write_crc(bytes);
        Ok((bytes, &self.header))
    }

    /// Makes the buffer hold `size` bytes, and as many again, so that growth is rare.
    #[cold]
    fn grow(&mut self, size: usize) {
        let target = size.max(256).saturating_mul(2).min(BATCH_SIZE_MAX).max(size);
        self.buffer.resize(target, 0);
    }

    /// Compresses the records behind header space in `packed`; the size of the whole batch.
    #[inline(never)]
    fn compress(&mut self) -> Result<usize, BatchError> {
        self.packed.clear();
        self.packed.resize(BatchHeader::SIZE, 0);
        let records = &self.buffer[LEAD + BatchHeader::SIZE..LEAD + self.size];
        self.compressor.compress(self.compression, records, &mut self.packed)?;
        if self.packed.len() > BATCH_SIZE_MAX {
            return Err(BatchError::TooLarge { reason: "its bytes, compressed, exceed 2^31-1" });
        }
        Ok(self.packed.len())
    }

    fn header(&self, size: usize, append_time_ms: i64) -> BatchHeader {
        BatchHeader {
            base_offset: 0,
            batch_length: (size - BatchHeader::PREFIX) as i32,
            partition_leader_epoch: -1,
            crc: 0,
            attributes: Attributes::new(self.compression.codec, self.timestamp_type),
            last_offset_delta: self.record_count - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: match self.timestamp_type {
                TimestampType::CreateTime => self.max_timestamp,
                TimestampType::LogAppendTime => append_time_ms,
            },
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: self.record_count,
        }
    }
}

#[cold]
fn empty() -> BatchError {
    BatchError::Malformed { position: 57, reason: "record count 0, expected 1 or more".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::BatchBuilder;
    use crate::record::{BatchError, BatchHeader, Codec, Compression, RecordIter, TimestampType, check_crc, headers};

    fn plain() -> BatchBuilder {
        BatchBuilder::new(Compression::default(), TimestampType::CreateTime)
    }

    #[test]
    fn base_is_the_first_timestamp_and_max_the_largest() {
        let mut builder = plain();
        for timestamp in [1000, 400, 3000, -1, 2000] {
            builder.add(timestamp, None, None, &[]).unwrap();
        }
        let batch = builder.finish(77).unwrap();
        let header = BatchHeader::parse(batch).unwrap();
        assert_eq!((header.base_timestamp, header.max_timestamp), (1000, 3000));
        let records = RecordIter::new(&header, header.record_area(batch).unwrap());
        assert_eq!(records.map(|r| r.unwrap().timestamp).collect::<Vec<_>>(), [1000, 400, 3000, -1, 2000]);
        assert_eq!(header.partition_leader_epoch, -1);
        assert_eq!(header.base_offset, 0);
    }

    #[test]
    fn append_time_takes_the_place_of_the_largest() {
        let mut builder = BatchBuilder::new(Compression::default(), TimestampType::LogAppendTime);
        builder.add(5, None, Some(b"v"), &[]).unwrap();
        let batch = builder.finish(77).unwrap();
        let header = BatchHeader::parse(batch).unwrap();
        assert_eq!((header.base_timestamp, header.max_timestamp), (5, 77));
        assert_eq!(RecordIter::new(&header, &batch[61..]).next().unwrap().unwrap().timestamp, 77);
    }

    #[test]
    fn timestamps_farther_apart_than_a_delta_return() {
        let mut builder = plain();
        let timestamps = [i64::MAX, i64::MIN, 0, i64::MAX];
        for timestamp in timestamps {
            builder.add(timestamp, None, None, &[]).unwrap();
        }
        let batch = builder.finish(0).unwrap();
        let header = BatchHeader::parse(batch).unwrap();
        let read: Vec<i64> = RecordIter::new(&header, &batch[61..]).map(|r| r.unwrap().timestamp).collect();
        assert_eq!(read, timestamps);
    }

    #[test]
    fn an_empty_batch_and_bad_headers_are_refused_and_change_nothing() {
        let mut builder = plain();
        assert!(matches!(builder.finish(0), Err(BatchError::Malformed { .. })));
        assert_eq!(builder.size(), 61);
        assert!(builder.add(1, None, None, &[0x01]).is_err(), "null header name");
        assert_eq!((builder.size(), builder.record_count()), (61, 0));
        builder.add(1, Some(b"k"), Some(b"v"), &[]).unwrap();
        let before = builder.finish(0).unwrap().to_vec();
        assert!(builder.add(9, None, None, &[0x02]).is_err());
        assert_eq!(builder.finish(0).unwrap(), before);
    }

    #[test]
    fn reset_and_further_adds_leave_nothing_of_before() {
        let mut builder = plain();
        builder.add(9, Some(b"key"), Some(&[7; 500]), &[]).unwrap();
        builder.finish(0).unwrap();
        builder.reset(Compression::default(), TimestampType::CreateTime);
        builder.add(3, None, Some(b"x"), &[]).unwrap();
        let mut fresh = plain();
        fresh.add(3, None, Some(b"x"), &[]).unwrap();
        assert_eq!(builder.finish(0).unwrap(), fresh.finish(0).unwrap());
        builder.add(4, None, Some(b"y"), &[]).unwrap();
        fresh.add(4, None, Some(b"y"), &[]).unwrap();
        assert_eq!(builder.finish(0).unwrap(), fresh.finish(0).unwrap());
        assert_eq!(builder.record_count(), 2);
    }

    #[test]
    fn size_is_exact_and_the_bound_holds() {
        let mut fields = Vec::new();
        headers::append(&mut fields, "name", Some(&[1; 70])).unwrap();
        let mut builder = plain();
        for (index, length) in [0, 1, 63, 64, 8191, 8192, 70000].into_iter().enumerate() {
            let (key, value) = (vec![1; length], vec![2; length]);
            let before = builder.size();
            builder.add(-(index as i64) << 40, Some(&key), Some(&value), &fields).unwrap();
            let grown = builder.size() - before;
            assert!(grown <= BatchBuilder::record_size_max(length, length, fields.len()));
            assert!(grown > 2 * length + fields.len());
        }
        let size = builder.size();
        let batch = builder.finish(0).unwrap();
        assert_eq!(batch.len(), size);
        check_crc(batch).unwrap();
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(BatchBuilder::record_size_max(usize::MAX, 1, 1), usize::MAX);
        let mut builder = plain();
        builder.add(0, None, None, &[]).unwrap();
        builder.size = i32::MAX as usize - 100;
        assert!(matches!(builder.add(0, None, Some(&[0; 100]), &[]), Err(BatchError::TooLarge { .. })));
        builder.size = 100;
        builder.record_count = i32::MAX;
        assert!(matches!(builder.add(0, None, None, &[]), Err(BatchError::TooLarge { .. })));
    }

    #[test]
    fn a_codec_that_is_not_built_in_is_named() {
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let mut builder = BatchBuilder::new(Compression { codec, level: None }, TimestampType::CreateTime);
            builder.add(0, None, Some(b"v"), &[]).unwrap();
            let finished = builder.finish(0).map(|_| ());
            if codec.is_available() {
                assert_eq!(finished, Ok(()));
            } else {
                assert_eq!(finished, Err(BatchError::CodecMissing { codec: codec.name() }));
            }
        }
    }
}
