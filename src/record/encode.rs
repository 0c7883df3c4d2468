//! Writes one record into a buffer. The layout is listed in `records`.
//!
//! Nearly every record has short fields, and all that lies before its key then fits sixteen bytes: they are put together
//! in a register and stored at once. Besides being fewer instructions it leaves the checksum, which reads the same bytes
//! right afterwards, one store to wait for instead of ten. Longer fields take the plain way.

use super::varint;

/// Bytes of a record besides key, value and header fields, at most: its length, the attributes, two deltas, the lengths
/// of key and value, the count of headers.
const OVERHEAD_MAX: usize = 5 + 1 + 10 + 5 + 5 + 5 + 5;

/// Bytes of the head that is stored at once, whatever of them is used.
const HEAD_SIZE: usize = 16;

/// Numbers below this take one or two bytes, after zigzag.
const SHORT: u64 = 1 << 14;
/// Numbers below this take up to three. So what lies between attributes and key, or value where there is no key, takes at
/// most eight: three for the timestamp, two for the offset, and two for the key's length or three for both lengths.
const MIDDLE: u64 = 1 << 21;

/// What a record is made of.
pub(super) struct RecordFields<'a> {
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Header fields, checked.
    pub headers: &'a [u8],
    pub header_count: i32,
}

/// Room that [`write()`] asks for. Saturates.
#[inline]
pub(super) fn record_size_max(key_len: usize, value_len: usize, headers_len: usize) -> usize {
    OVERHEAD_MAX.saturating_add(key_len).saturating_add(value_len).saturating_add(headers_len)
}

/// Writes a record at the start of `out`, which has [`record_size_max`] bytes or more, and says how many it took. Bytes
/// behind those may change too.
///
/// # Panics
/// Where `out` is shorter.
#[inline]
pub(super) fn write(out: &mut [u8], fields: &RecordFields<'_>) -> usize {
    match short_head(fields) {
        Some(head) => write_short(out, fields, head),
        None => write_long(out, fields),
    }
}

/// The first bytes of a record, up to its key, or up to its value where there is no key.
struct Head {
    bits: u128,
    size: usize,
}

/// Varints side by side, the first in the lowest byte.
struct Word {
    bits: u64,
    size: usize,
}

impl Word {
    #[inline(always)]
    fn push(&mut self, (bits, size): (u64, usize)) {
        self.bits |= bits << (8 * self.size);
        self.size += size;
    }
}

/// One or two bytes of a number below `SHORT`.
#[inline(always)]
fn short(value: u64) -> (u64, usize) {
    if value < 0x80 { (value, 1) } else { ((value & 0x7f) | 0x80 | ((value >> 7) << 8), 2) }
}

/// Up to three bytes of a number below `MIDDLE`.
#[inline(always)]
fn middle(value: u64) -> (u64, usize) {
    if value < SHORT {
        return short(value);
    }
    ((value & 0x7f) | (((value >> 7) & 0x7f) << 8) | 0x8080 | ((value >> 14) << 16), 3)
}

/// What a nullable field's length says.
#[inline(always)]
fn length_field(bytes: Option<&[u8]>) -> i64 {
    bytes.map_or(-1, |bytes| bytes.len() as i64)
}

/// The head, where every field in it is short and there are no headers.
#[inline(always)]
fn short_head(fields: &RecordFields<'_>) -> Option<Head> {
    let timestamp_delta = varint::zigzag(fields.timestamp_delta);
    let offset_delta = varint::zigzag(i64::from(fields.offset_delta));
    let key_len = varint::zigzag(length_field(fields.key));
    let value_len = varint::zigzag(length_field(fields.value));
    if timestamp_delta >= MIDDLE || (offset_delta | key_len | value_len) >= SHORT || fields.header_count != 0 {
        return None;
    }
    let mut word = Word { bits: 0, size: 0 };
    word.push(middle(timestamp_delta));
    word.push(short(offset_delta));
    word.push(short(key_len));
    let value_len = short(value_len);
    // Besides the word: the attributes, the value's length, and the count of headers, 0, at the end.
    let fields_size = fields.key.map_or(0, <[u8]>::len) + fields.value.map_or(0, <[u8]>::len);
    let length = varint::zigzag((word.size + value_len.1 + 2 + fields_size) as i64);
    if length >= SHORT {
        return None;
    }
    if fields.key.is_none() {
        word.push(value_len);
    }
    let (length, length_size) = short(length);
    let attributes_size = 1;
    let before = length_size + attributes_size;
    Some(Head { bits: (u128::from(word.bits) << (8 * before)) | u128::from(length), size: before + word.size })
}

#[inline(always)]
fn write_short(out: &mut [u8], fields: &RecordFields<'_>, head: Head) -> usize {
    out[..HEAD_SIZE].copy_from_slice(&head.bits.to_le_bytes());
    let mut at = head.size;
    if let Some(key) = fields.key {
        copy(out, &mut at, key);
        let (bits, size) = short(varint::zigzag(length_field(fields.value)));
        out[at..at + 2].copy_from_slice(&(bits as u16).to_le_bytes());
        at += size;
    }
    if let Some(value) = fields.value {
        copy(out, &mut at, value);
    }
    out[at] = 0;
    at + 1
}

#[inline(never)]
fn write_long(out: &mut [u8], fields: &RecordFields<'_>) -> usize {
    let (key_len, value_len) = (length_field(fields.key), length_field(fields.value));
    let body_size = 1
        + varint::size_i64(fields.timestamp_delta)
        + varint::size_i64(i64::from(fields.offset_delta))
        + varint::size_i64(key_len)
        + fields.key.map_or(0, <[u8]>::len)
        + varint::size_i64(value_len)
        + fields.value.map_or(0, <[u8]>::len)
        + varint::size_i64(i64::from(fields.header_count))
        + fields.headers.len();
    let mut at = 0;
    varint::write_i64(out, &mut at, body_size as i64);
    out[at] = 0;
    at += 1;
    varint::write_i64(out, &mut at, fields.timestamp_delta);
    varint::write_i64(out, &mut at, i64::from(fields.offset_delta));
    varint::write_i64(out, &mut at, key_len);
    copy(out, &mut at, fields.key.unwrap_or_default());
    varint::write_i64(out, &mut at, value_len);
    copy(out, &mut at, fields.value.unwrap_or_default());
    varint::write_i64(out, &mut at, i64::from(fields.header_count));
    copy(out, &mut at, fields.headers);
    at
}

#[inline(always)]
fn copy(out: &mut [u8], at: &mut usize, bytes: &[u8]) {
    out[*at..*at + bytes.len()].copy_from_slice(bytes);
    *at += bytes.len();
}

#[cfg(test)]
mod tests {
    use super::{RecordFields, record_size_max, short_head, write, write_long};

    /// The two ways write the same bytes wherever the short one is taken, within the room that is asked for.
    #[test]
    fn both_ways_write_the_same() {
        let bytes = vec![0xa5; 70_000];
        let lengths = [None, Some(0), Some(1), Some(63), Some(64), Some(8000), Some(8191), Some(8192), Some(70_000)];
        let deltas = [0, 1, -1, 63, 64, -64, -65, 8191, 8192, -8192, -8193, 1 << 20, -(1 << 20) - 1, 1 << 27, i64::MIN];
        let mut short = 0;
        for key_len in lengths {
            for value_len in lengths {
                for (index, timestamp_delta) in deltas.into_iter().enumerate() {
                    let fields = RecordFields {
                        timestamp_delta,
                        offset_delta: [0, 63, 64, 8191, 8192, i32::MAX][index % 6],
                        key: key_len.map(|len| &bytes[..len]),
                        value: value_len.map(|len| &bytes[..len]),
                        headers: &[],
                        header_count: 0,
                    };
                    let room = record_size_max(key_len.unwrap_or(0), value_len.unwrap_or(0), 0);
                    let (mut one, mut other) = (vec![0; room], vec![0; room]);
                    let (one_size, other_size) = (write(&mut one, &fields), write_long(&mut other, &fields));
                    assert_eq!(one[..one_size], other[..other_size]);
                    short += usize::from(short_head(&fields).is_some());
                }
            }
        }
        assert!(short > 200, "{short} took the short way");
    }
}
