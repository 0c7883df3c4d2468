//! Zigzag LEB128 integers, 32 bits in at most 5 bytes and 64 bits in at most 10.
//!
//! Kafka's signed variable-length integers: zigzag first, so that small negative numbers stay short, then seven bits a
//! byte, lowest first, the top bit saying that more follow. A number written with more bytes than it needs is read, as
//! Kafka reads it; one that does not fit its type is not. Reading is inlined for one and two bytes, which is what
//! nearly every field of a record is.

use super::BatchError;

/// Reads a 32-bit varint at `*position` and moves it.
///
/// On `Err` the position is where it was.
#[inline]
pub fn read_i32(bytes: &[u8], position: &mut usize) -> Result<i32, BatchError> {
    match read_short(bytes, position) {
        Some(value) => Ok(unzigzag_i32(value)),
        None => read_long_i32(bytes, position),
    }
}

/// Reads a 64-bit varint at `*position` and moves it.
///
/// On `Err` the position is where it was.
#[inline]
pub fn read_i64(bytes: &[u8], position: &mut usize) -> Result<i64, BatchError> {
    match read_short(bytes, position) {
        Some(value) => Ok(i64::from(unzigzag_i32(value))),
        None => read_long_i64(bytes, position),
    }
}

/// Bytes that `value` takes.
#[inline]
#[must_use]
pub fn size_i64(value: i64) -> usize {
    // A multiplication instead of a division: (bits * 9 + 64) / 64 is ceil(bits / 7) for every count up to 64.
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    (bits * 9 + 64) / 64
}

/// Writes `value` at `*position` of `out` and moves it; `out` must have room.
///
/// # Panics
/// Where `out` has fewer than [`size_i64`] bytes left.
#[inline]
pub fn write_i64(out: &mut [u8], position: &mut usize, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        out[*position] = rest as u8 | 0x80;
        *position += 1;
        rest >>= 7;
    }
    out[*position] = rest as u8;
    *position += 1;
}

/// The number whose seven-bit groups are written: 0, -1, 1, -2 become 0, 1, 2, 3.
#[inline]
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[inline]
fn unzigzag_i32(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[inline]
fn unzigzag_i64(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// A varint of one or two bytes, before zigzag; `None` for anything else.
#[inline(always)]
fn read_short(bytes: &[u8], position: &mut usize) -> Option<u32> {
    let first = u32::from(*bytes.get(*position)?);
    if first < 0x80 {
        *position += 1;
        return Some(first);
    }
    let second = u32::from(*bytes.get(*position + 1)?);
    if second < 0x80 {
        *position += 2;
        return Some(first & 0x7f | second << 7);
    }
    None
}

#[cold]
fn read_long_i32(bytes: &[u8], position: &mut usize) -> Result<i32, BatchError> {
    let (value, next) = read_long(bytes, *position, 5)?;
    let value = u32::try_from(value).map_err(|_| malformed(*position, "varint does not fit 32 bits"))?;
    *position = next;
    Ok(unzigzag_i32(value))
}

#[cold]
fn read_long_i64(bytes: &[u8], position: &mut usize) -> Result<i64, BatchError> {
    let (value, next) = read_long(bytes, *position, 10)?;
    *position = next;
    Ok(unzigzag_i64(value))
}

/// A varint of at most `size_max` bytes, before zigzag, and the position behind it.
fn read_long(bytes: &[u8], position: usize, size_max: usize) -> Result<(u64, usize), BatchError> {
    let mut value = 0_u64;
    for index in 0..size_max {
        let Some(&byte) = bytes.get(position + index) else {
            return Err(malformed(position, "varint runs past the end"));
        };
        let low = u64::from(byte & 0x7f);
        let shift = 7 * index as u32;
        if low << shift >> shift != low {
            return Err(malformed(position, "varint does not fit 64 bits"));
        }
        value |= low << shift;
        if byte < 0x80 {
            return Ok((value, position + index + 1));
        }
    }
    Err(malformed(position, "varint longer than its type allows"))
}

#[cold]
fn malformed(position: usize, reason: &str) -> BatchError {
    BatchError::Malformed { position: position as u64, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{read_i32, read_i64, size_i64, write_i64};

    fn written(value: i64) -> Vec<u8> {
        let mut out = vec![0; size_i64(value)];
        let mut position = 0;
        write_i64(&mut out, &mut position, value);
        assert_eq!(position, out.len(), "size_i64({value})");
        out
    }

    /// The table of Kafka's own documents and tests.
    #[test]
    fn known_encodings() {
        let table: [(i64, &[u8]); 11] = [
            (0, &[0x00]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (300, &[0xd8, 0x04]),
            (8191, &[0xfe, 0x7f]),
            (8192, &[0x80, 0x80, 0x01]),
            (2_147_483_647, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (-2_147_483_648, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ];
        for (value, bytes) in table {
            assert_eq!(written(value), bytes, "{value}");
            let mut position = 0;
            assert_eq!(i64::from(read_i32(bytes, &mut position).unwrap()), value);
            assert_eq!(position, bytes.len());
            assert_eq!(read_i64(bytes, &mut 0).unwrap(), value);
        }
        let least = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(written(i64::MIN), least);
        assert_eq!(read_i64(&least, &mut 0).unwrap(), i64::MIN);
    }

    #[test]
    fn every_power_of_two_and_its_neighbours_return() {
        for shift in 0..63 {
            for value in [(1_i64 << shift) - 1, 1 << shift, (1 << shift) + 1] {
                for value in [value, -value, !value] {
                    assert_eq!(read_i64(&written(value), &mut 0).unwrap(), value);
                    let narrow = read_i32(&written(value), &mut 0);
                    assert_eq!(narrow.ok().map(i64::from), i32::try_from(value).ok().map(i64::from), "{value}");
                }
            }
        }
        assert_eq!(read_i64(&written(i64::MAX), &mut 0).unwrap(), i64::MAX);
    }

    #[test]
    fn longer_or_cut_numbers_are_refused_and_do_not_move() {
        let mut position = 0;
        assert!(read_i32(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00], &mut position).is_err());
        assert!(read_i32(&[0xff, 0xff, 0xff, 0xff, 0x1f], &mut position).is_err());
        assert!(read_i64(&[0x80; 11], &mut position).is_err());
        assert!(read_i64(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], &mut position).is_err());
        for cut in 0..4 {
            assert!(read_i32(&[0x80; 4][..cut], &mut position).is_err());
            assert!(read_i64(&[0x80; 4][..cut], &mut position).is_err());
        }
        assert!(read_i32(&[0], &mut 7).is_err());
        assert_eq!(position, 0);
        assert_eq!(read_i32(&[0x80, 0x80, 0x00], &mut 0).unwrap(), 0, "more bytes than needed are read, as Kafka does");
    }
}
