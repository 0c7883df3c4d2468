//! Decodes the records of one batch without allocating.
//!
//! ```text
//! varint length            bytes after this field
//! i8     attributes        unused, 0
//! varint timestampDelta    64 bit; timestamp = baseTimestamp + delta
//! varint offsetDelta       offset = baseOffset + delta
//! varint keyLength, key    -1 null
//! varint valueLength, value  -1 null
//! varint headerCount, then per header as in `headers`
//! ```
//!
//! What a record borrows always lies inside its own length, every length is consumed exactly, and offsets rise strictly
//! and stay within what the batch header spans: whoever keeps tables of them can rely on it.

use super::{BatchError, BatchHeader, TimestampType, headers, varint};

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
#[derive(Debug, Clone)]
pub struct RecordIter<'a> {
    records: &'a [u8],
    position: usize,
    /// Records that the header still promises.
    remaining: i32,
    /// Offset delta of the record before; -1 at first.
    offset_delta: i32,
    last_offset_delta: i32,
    base_offset: i64,
    timestamps: Timestamps,
}

/// Where a record's timestamp comes from.
#[derive(Debug, Clone, Copy)]
enum Timestamps {
    /// Its delta is added to this.
    Base(i64),
    /// All have this one, and the deltas mean nothing.
    Append(i64),
}

impl<'a> RecordIter<'a> {
    /// `records` is the uncompressed record area: bytes 61 to the end of an uncompressed batch, or what `decompress` gave.
    #[inline]
    #[must_use]
    pub fn new(header: &BatchHeader, records: &'a [u8]) -> Self {
        let timestamps = match header.attributes.timestamp_type() {
            TimestampType::CreateTime => Timestamps::Base(header.base_timestamp),
            TimestampType::LogAppendTime => Timestamps::Append(header.max_timestamp),
        };
        Self {
            records,
            position: 0,
            remaining: header.record_count.max(0),
            offset_delta: -1,
            last_offset_delta: header.last_offset_delta,
            base_offset: header.base_offset,
            timestamps,
        }
    }

    /// Decodes the record at the position and moves behind it.
    #[inline(always)]
    fn decode(&mut self) -> Result<RecordRef<'a>, BatchError> {
        let records = self.records;
        let mut at = self.position;
        let length = varint::read_i32(records, &mut at)?;
        let end = end_of(records, at, length)?;
        at += 1;
        let timestamp_delta = varint::read_i64(records, &mut at)?;
        let offset_delta = varint::read_i32(records, &mut at)?;
        if offset_delta <= self.offset_delta || offset_delta > self.last_offset_delta {
            return Err(self.wrong_offset(offset_delta));
        }
        let key_len = varint::read_i32(records, &mut at)?;
        let key_position = at;
        let key = nullable(records, &mut at, key_len)?;
        let value_len = varint::read_i32(records, &mut at)?;
        let value_position = at;
        let value = nullable(records, &mut at, value_len)?;
        let header_count = varint::read_i32(records, &mut at)?;
        let headers_position = at;
        // The fields were read within the area; that they end within the record, exactly, is known only here.
        let Some(headers) = records.get(at..end) else {
            return Err(malformed(self.position, "record's fields run past its length"));
        };
        if header_count != 0 || !headers.is_empty() {
            check_headers(headers, header_count, at)?;
        }
        self.position = end;
        self.offset_delta = offset_delta;
        Ok(RecordRef {
            offset: self.base_offset.wrapping_add(i64::from(offset_delta)),
            timestamp: match self.timestamps {
                Timestamps::Base(base) => base.wrapping_add(timestamp_delta),
                Timestamps::Append(time) => time,
            },
            key,
            value,
            headers,
            header_count,
            key_position,
            value_position,
            headers_position,
        })
    }

    /// After the last record: `Err` once where bytes are left.
    #[cold]
    fn end(&mut self) -> Option<Result<RecordRef<'a>, BatchError>> {
        let left = self.records.len() - self.position;
        if left == 0 {
            return None;
        }
        let position = self.position;
        self.position = self.records.len();
        Some(Err(malformed(position, &format!("{left} bytes behind the last record"))))
    }

    #[cold]
    fn wrong_offset(&self, found: i32) -> BatchError {
        let (least, most) = (i64::from(self.offset_delta) + 1, self.last_offset_delta);
        malformed(self.position, &format!("offset delta {found}, expected {least} to {most}"))
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<RecordRef<'a>, BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.remaining == 0 {
            return self.end();
        }
        let record = self.decode();
        if record.is_ok() {
            self.remaining -= 1;
        } else {
            self.remaining = 0;
            self.position = self.records.len();
        }
        Some(record)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // A record takes seven bytes or more; a header may promise anything.
        let most = (self.records.len() - self.position) / 7 + 1;
        (0, Some(most.min(self.remaining as usize + 1)))
    }
}

impl std::iter::FusedIterator for RecordIter<'_> {}

/// Where a record of `length` bytes from `at` ends.
#[inline(always)]
fn end_of(records: &[u8], at: usize, length: i32) -> Result<usize, BatchError> {
    // Six bytes are the attributes and five fields; the rest of the record is read under that promise.
    if length < 6 || length as usize > records.len() - at {
        return Err(wrong_length(records.len(), at, length));
    }
    Ok(at + length as usize)
}

/// The next `len` bytes, or nothing where it is -1.
#[inline(always)]
fn nullable<'a>(records: &'a [u8], at: &mut usize, len: i32) -> Result<Option<&'a [u8]>, BatchError> {
    if len < 0 {
        return if len == -1 { Ok(None) } else { Err(wrong_length(records.len(), *at, len)) };
    }
    let Some(bytes) = records.get(*at..).and_then(|rest| rest.get(..len as usize)) else {
        return Err(wrong_length(records.len(), *at, len));
    };
    *at += len as usize;
    Ok(Some(bytes))
}

/// That `fields` are exactly `expected` headers.
fn check_headers(fields: &[u8], expected: i32, position: usize) -> Result<(), BatchError> {
    let found = headers::count(fields).map_err(|error| match error {
        BatchError::Malformed { position: within, reason } => {
            BatchError::Malformed { position: position as u64 + within, reason }
        }
        other => other,
    })?;
    if found == expected {
        return Ok(());
    }
    Err(malformed(position, &format!("header count {expected}, found {found} in the record's length")))
}

#[cold]
fn wrong_length(size: usize, at: usize, length: i32) -> BatchError {
    let left = size.saturating_sub(at);
    malformed(at, &format!("length {length} with {left} bytes left"))
}

#[cold]
fn malformed(position: usize, reason: &str) -> BatchError {
    BatchError::Malformed { position: position as u64, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::RecordIter;
    use crate::record::{Attributes, BatchError, BatchHeader, headers};

    /// Three records of `kafka-storage`'s worked batch: k1=v1, k2=v2 with a header, and a tombstone.
    const RECORDS: [u8; 35] = [
        0x14, 0, 0, 0, 4, b'k', b'1', 4, b'v', b'1', 0, 0x1c, 0, 0x0a, 2, 4, b'k', b'2', 4, b'v', b'2', 2, 2, b'h', 2,
        b'x', 0x10, 0, 0x14, 4, 4, b'k', b'3', 1, 0,
    ];

    fn header(record_count: i32) -> BatchHeader {
        BatchHeader {
            base_offset: 100,
            batch_length: 84,
            partition_leader_epoch: 0,
            crc: 0,
            attributes: Attributes(0),
            last_offset_delta: 2,
            base_timestamp: 1_700_000_000_000,
            max_timestamp: 1_700_000_123_456,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count,
        }
    }

    #[test]
    fn fields_and_positions() {
        let records: Vec<_> = RecordIter::new(&header(3), &RECORDS).map(Result::unwrap).collect();
        assert_eq!(records.iter().map(|r| r.offset).collect::<Vec<_>>(), [100, 101, 102]);
        assert_eq!(records.iter().map(|r| r.timestamp - 1_700_000_000_000).collect::<Vec<_>>(), [0, 5, 10]);
        assert_eq!(records[1].key, Some(&b"k2"[..]));
        assert_eq!(records[2].value, None);
        assert_eq!(records[1].header_count, 1);
        assert_eq!(headers::next(records[1].headers, &mut 0).unwrap(), Some((&b"h"[..], Some(&b"x"[..]))));
        for record in &records {
            assert_eq!(&RECORDS[record.key_position..][..2], record.key.unwrap());
            assert_eq!(&RECORDS[record.headers_position..][..record.headers.len()], record.headers);
            if let Some(value) = record.value {
                assert_eq!(&RECORDS[record.value_position..][..2], value);
            }
        }
    }

    #[test]
    fn append_time_and_delete_horizon() {
        let append = BatchHeader { attributes: Attributes(8), ..header(3) };
        assert!(RecordIter::new(&append, &RECORDS).all(|record| record.unwrap().timestamp == 1_700_000_123_456));
        // With a horizon the base is another number, and adding the delta still gives the timestamp.
        let horizon = BatchHeader { attributes: Attributes(0x40), base_timestamp: i64::MAX, ..header(3) };
        let timestamps: Vec<i64> = RecordIter::new(&horizon, &RECORDS).map(|r| r.unwrap().timestamp).collect();
        assert_eq!(timestamps, [i64::MAX, i64::MIN + 4, i64::MIN + 9]);
    }

    #[test]
    fn a_wrong_count_is_one_error_and_the_end() {
        for (count, records_before) in [(0, 0), (1, 1), (2, 2), (4, 3), (i32::MAX, 3)] {
            let mut iter = RecordIter::new(&header(count), &RECORDS);
            for _ in 0..records_before {
                assert!(iter.next().unwrap().is_ok());
            }
            assert!(matches!(iter.next(), Some(Err(BatchError::Malformed { .. }))), "count {count}");
            assert!(iter.next().is_none());
            assert!(iter.next().is_none());
        }
        assert!(RecordIter::new(&header(0), &[]).next().is_none());
    }

    #[test]
    fn every_cut_and_every_changed_byte_ends_without_a_panic() {
        for cut in 0..RECORDS.len() {
            assert!(RecordIter::new(&header(3), &RECORDS[..cut]).any(|record| record.is_err()), "cut at {cut}");
        }
        for at in 0..RECORDS.len() {
            for byte in 0..=255 {
                let mut bytes = RECORDS;
                bytes[at] = byte;
                assert!(RecordIter::new(&header(3), &bytes).count() <= 4);
            }
        }
    }

    #[test]
    fn fields_stay_inside_their_record() {
        // The first record's value claims three bytes: it would take the next record's first byte.
        let mut bytes = RECORDS;
        bytes[7] = 6;
        assert!(RecordIter::new(&header(3), &bytes).next().unwrap().is_err());
        // A header count that the fields do not have.
        for count in [0, 1, 4, 0x7e] {
            let mut bytes = RECORDS;
            bytes[21] = count;
            assert!(RecordIter::new(&header(3), &bytes).nth(1).unwrap().is_err(), "count byte {count}");
        }
    }

    #[test]
    fn offsets_rise_and_stay_within_the_batch() {
        for delta in [0, 1, 3, 6, 0x7e] {
            let mut bytes = RECORDS;
            bytes[14] = delta;
            let mut iter = RecordIter::new(&header(3), &bytes);
            assert!(iter.next().unwrap().is_ok());
            assert!(iter.next().unwrap().is_err(), "delta byte {delta}");
        }
    }
}
