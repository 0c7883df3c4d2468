//! The tables of a view's records, by rows and by columns: packed, pointer-free, filled in one pass over the batches.
//!
//! Control records, records below the offset that was asked for and those of hidden batches (aborted transactions) get no row.

use crate::error::{Error, Result};
use crate::record::{BatchError, BatchHeader, RecordIter, TimestampType};

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

impl RecordRow {
    /// Flag: the timestamp is the log's append time, not the producer's.
    pub const LOG_APPEND_TIME: u32 = 1;
    /// Flag: the record came out of a compressed batch; positions are in the decompressed buffer.
    pub const DECOMPRESSED: u32 = 2;
}

/// The same table by columns; all slices are of one length.
///
/// Columns of one width lie in one block, a capacity apart: an allocator that gets back many blocks which are larger together than any of them returns
/// them to the kernel, and each view would fault its columns in anew.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    count: usize,
    capacity: usize,
    /// Offsets, timestamps, positions of keys, values and headers.
    longs: Vec<i64>,
    /// Lengths of keys, values and headers.
    lens: Vec<i32>,
}

/// What a table is filled from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Records<'a> {
    /// Whole uncompressed batches, one behind the other; those at the `hidden` positions (in order) get no rows.
    Run { bytes: &'a [u8], hidden: &'a [usize] },
    /// The records of one batch, decompressed.
    Decompressed { header: &'a BatchHeader, bytes: &'a [u8] },
}

/// A batch whose records cannot be decoded: where in the run it begins, and why.
pub(super) type Malformed = (usize, BatchError);

/// The smallest record: seven fields of a byte each.
const RECORD_BYTES_LEAST: usize = 7;

impl Records<'_> {
    /// Rows at most: what the batch headers claim, if that many could lie in the bytes.
    fn count_max(&self, claimed: usize) -> usize {
        let (Self::Run { bytes, .. } | Self::Decompressed { bytes, .. }) = self;
        claimed.min(bytes.len() / RECORD_BYTES_LEAST + 1)
    }

    /// The table by rows, of the records from `first_offset` on.
    pub(super) fn rows(
        &self,
        first_offset: i64,
        claimed: usize,
    ) -> Result<std::result::Result<Vec<RecordRow>, Malformed>> {
        let mut rows = Vec::new();
        reserve(&mut rows, self.count_max(claimed))?;
        Ok(self.visit(first_offset, |row| rows.push(row)).map(|()| rows))
    }

    /// The one row of records that are one. `None` where there is another number of them, or anything is wrong with them.
    #[inline]
    pub(super) fn only_row(&self, first_offset: i64) -> Option<RecordRow> {
        let (mut found, mut count) = (None, 0);
        let visited = self.visit(first_offset, |row| {
            found = Some(row);
            count += 1;
        });
        found.filter(|_| visited.is_ok() && count == 1)
    }

    /// The table by columns.
    pub(super) fn columns(&self, first_offset: i64, claimed: usize) -> Result<std::result::Result<Columns, Malformed>> {
        let mut columns = Columns::with_capacity(self.count_max(claimed))?;
        Ok(self.visit(first_offset, |row| columns.push(&row)).map(|()| columns))
    }

    /// Whether there is a row at all.
    pub(super) fn has_rows(&self, first_offset: i64) -> bool {
        let mut found = false;
        // A malformed batch must reach the caller, who meets it when the table is asked for.
        self.visit(first_offset, |_| found = true).is_err() || found
    }

    fn visit(&self, first_offset: i64, mut take: impl FnMut(RecordRow)) -> std::result::Result<(), Malformed> {
        match *self {
            Self::Decompressed { header, bytes } => {
                let batch = Batch { header, first_offset, base: 0, flags: RecordRow::DECOMPRESSED };
                batch.visit(bytes, &mut take).map_err(|error| (0, error))
            }
            Self::Run { bytes, hidden } => {
                let mut hidden = hidden.iter().copied().peekable();
                let mut start = 0;
                while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
                    let at = |error| (start, error);
                    let header = BatchHeader::parse(rest).map_err(at)?;
                    let is_hidden = hidden.next_if_eq(&start).is_some();
                    if !is_hidden && !header.attributes.is_control() {
                        let area = header.record_area(rest).map_err(at)?;
                        let base = (start + BatchHeader::SIZE) as u64;
                        let batch = Batch { header: &header, first_offset, base, flags: 0 };
                        batch.visit(area, &mut take).map_err(at)?;
                    }
                    start += header.size();
                }
                Ok(())
            }
        }
    }
}

/// One batch on its way into a table.
struct Batch<'a> {
    header: &'a BatchHeader,
    first_offset: i64,
    /// Position of its record area in the view's base.
    base: u64,
    flags: u32,
}

impl Batch<'_> {
    #[inline]
    fn visit(&self, area: &[u8], take: &mut impl FnMut(RecordRow)) -> std::result::Result<(), BatchError> {
        let append_time = match self.header.attributes.timestamp_type() {
            TimestampType::CreateTime => 0,
            TimestampType::LogAppendTime => RecordRow::LOG_APPEND_TIME,
        };
        let flags = self.flags | append_time;
        for record in RecordIter::new(self.header, area) {
            let record = record?;
            if record.offset < self.first_offset {
                continue;
            }
            take(RecordRow {
                offset: record.offset,
                timestamp: record.timestamp,
                key_position: self.base + record.key_position as u64,
                value_position: self.base + record.value_position as u64,
                headers_position: self.base + record.headers_position as u64,
                key_len: len_of(record.key),
                value_len: len_of(record.value),
                headers_len: record.headers.len() as i32,
                flags,
            });
        }
        Ok(())
    }
}

/// A length as tables have it. A field lies inside a batch of less than 2^31 bytes.
#[inline]
fn len_of(field: Option<&[u8]>) -> i32 {
    field.map_or(-1, |field| field.len() as i32)
}

impl Columns {
    /// Room for that many records.
    fn with_capacity(capacity: usize) -> Result<Self> {
        fn block<T: Default + Clone>(count: usize) -> Result<Vec<T>> {
            let mut block = Vec::new();
            reserve(&mut block, count)?;
            block.resize(count, T::default());
            Ok(block)
        }
        Ok(Self { count: 0, capacity, longs: block(5 * capacity)?, lens: block(3 * capacity)? })
    }

    /// Adds a record, if there is room.
    #[inline]
    fn push(&mut self, row: &RecordRow) {
        let (count, capacity) = (self.count, self.capacity);
        if count < capacity {
            let positions = [row.key_position, row.value_position, row.headers_position].map(u64::cast_signed);
            let [key, value, headers] = positions;
            put(&mut self.longs, capacity, count, [row.offset, row.timestamp, key, value, headers]);
            put(&mut self.lens, capacity, count, [row.key_len, row.value_len, row.headers_len]);
            self.count = count + 1;
        }
    }

    #[inline]
    fn column<'a, T>(&self, block: &'a [T], number: usize) -> &'a [T] {
        let start = number * self.capacity;
        block.get(start..start + self.count).unwrap_or_default()
    }

    /// Offsets.
    #[must_use]
    pub fn offsets(&self) -> &[i64] {
        self.column(&self.longs, 0)
    }

    /// Timestamps.
    #[must_use]
    pub fn timestamps(&self) -> &[i64] {
        self.column(&self.longs, 1)
    }

    /// Key positions, 0 or more.
    #[must_use]
    pub fn key_positions(&self) -> &[i64] {
        self.column(&self.longs, 2)
    }

    /// Value positions, 0 or more.
    #[must_use]
    pub fn value_positions(&self) -> &[i64] {
        self.column(&self.longs, 3)
    }

    /// Header positions, 0 or more.
    #[must_use]
    pub fn headers_positions(&self) -> &[i64] {
        self.column(&self.longs, 4)
    }

    /// Key lengths, -1 null.
    #[must_use]
    pub fn key_lens(&self) -> &[i32] {
        self.column(&self.lens, 0)
    }

    /// Value lengths, -1 null.
    #[must_use]
    pub fn value_lens(&self) -> &[i32] {
        self.column(&self.lens, 1)
    }

    /// Header lengths.
    #[must_use]
    pub fn headers_lens(&self) -> &[i32] {
        self.column(&self.lens, 2)
    }
}

/// Puts one value into each column of a block.
#[inline]
fn put<T, const N: usize>(block: &mut [T], capacity: usize, at: usize, values: [T; N]) {
    for (number, value) in values.into_iter().enumerate() {
        if let Some(place) = block.get_mut(number * capacity + at) {
            *place = value;
        }
    }
}

fn reserve<T>(column: &mut Vec<T>, count: usize) -> Result<()> {
    let refused = |_| Error::OutOfMemory { what: "a record table", bytes: count.saturating_mul(size_of::<T>()) };
    column.try_reserve_exact(count).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::{RecordRow, Records};
    use crate::record::{BatchBuilder, BatchHeader, Compression, TimestampType, stamp};

    fn run(bases: &[i64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for base in bases {
            let mut builder = BatchBuilder::new(Compression::default(), TimestampType::CreateTime);
            builder.add(5, None, Some(b"value"), &[]).unwrap();
            builder.add(6, Some(b""), None, b"\x02h\x01").unwrap();
            let batch = builder.finish(0).unwrap();
            stamp(batch, *base, 0);
            bytes.extend_from_slice(batch);
        }
        bytes
    }

    fn offsets(records: &Records<'_>, first_offset: i64) -> Vec<i64> {
        records.rows(first_offset, 100).unwrap().unwrap().iter().map(|row| row.offset).collect()
    }

    #[test]
    fn hidden_batches_and_lower_offsets_have_no_row() {
        let bytes = run(&[10, 12, 20]);
        let second = bytes.len() / 3;
        assert_eq!(offsets(&Records::Run { bytes: &bytes, hidden: &[] }, 0), [10, 11, 12, 13, 20, 21]);
        assert_eq!(offsets(&Records::Run { bytes: &bytes, hidden: &[second] }, 11), [11, 20, 21]);
        assert!(Records::Run { bytes: &bytes, hidden: &[] }.has_rows(21));
        assert!(!Records::Run { bytes: &bytes, hidden: &[] }.has_rows(22));
    }

    #[test]
    fn positions_count_from_the_run_and_null_is_minus_one() {
        let bytes = run(&[0, 2]);
        let rows = Records::Run { bytes: &bytes, hidden: &[] }.rows(0, 4).unwrap().unwrap();
        for pair in rows.chunks(2) {
            let [first, second] = pair else { panic!("two records a batch") };
            assert_eq!(&bytes[first.value_position as usize..][..5], b"value");
            assert_eq!((first.key_len, first.value_len, first.headers_len, first.timestamp), (-1, 5, 0, 5));
            assert_eq!((second.key_len, second.value_len, second.headers_len, second.timestamp), (0, -1, 3, 6));
            assert_eq!(&bytes[second.headers_position as usize..][..3], b"\x02h\x01");
        }
        assert_eq!(rows[3].value_position as usize + 1, rows[3].headers_position as usize);
    }

    #[test]
    fn what_a_header_claims_is_not_allocated() {
        let bytes = run(&[0]);
        let header = BatchHeader { record_count: i32::MAX, ..BatchHeader::parse(&bytes).unwrap() };
        let records = Records::Decompressed { header: &header, bytes: &bytes[BatchHeader::SIZE..] };
        assert!(records.count_max(i32::MAX as usize) < 10);
        assert!(records.rows(0, i32::MAX as usize).unwrap().is_err());
        assert_eq!(size_of::<RecordRow>(), 56);
    }
}
