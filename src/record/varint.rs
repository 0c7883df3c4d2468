//! Zigzag LEB128 integers, 32 bits in at most 5 bytes and 64 bits in at most 10.

use super::BatchError;

/// Reads a 32-bit varint at `*position` and moves it.
pub fn read_i32(_bytes: &[u8], _position: &mut usize) -> Result<i32, BatchError> {
    todo!()
}
/// Reads a 64-bit varint at `*position` and moves it.
pub fn read_i64(_bytes: &[u8], _position: &mut usize) -> Result<i64, BatchError> {
    todo!()
}
/// Bytes that `value` takes.
#[must_use]
pub fn size_i64(_value: i64) -> usize {
    todo!()
}
/// Writes `value` at `*position` of `out` and moves it; `out` must have room.
pub fn write_i64(_out: &mut [u8], _position: &mut usize, _value: i64) {
    todo!()
}
