//! C API: records as concatenated bytes and arrays of lengths, for languages that cannot afford a struct a record.

use std::ffi::c_void;
use std::iter;

use super::args::{array, nullable, out};
use super::boundary::on;
use super::codes::ckafka_err_t;
use super::error::{Failure, Outcome};
use super::log::impossible_length;
use super::types::{ckafka_log_t, ckafka_slice_t};
use crate::broker::Log;
use crate::error::{Error, Result};
use crate::storage::partition::Record;

/// Appends records given as concatenated bytes and lengths, as one batch; otherwise as ckafka_append. Without headers.
///
/// `value_lens` holds `n` lengths; -1 is null, which takes no bytes of `values`. `keys` and `key_lens` likewise; both
/// NULL: all keys are null. Bytes may be NULL where all lengths are 0 or -1. `ts` is the timestamp of all records, -1
/// is now.
///
/// # Safety
/// `value_lens` is NULL or readable for `n` lengths, `values` NULL or readable for their sum; `key_lens` and `keys`
/// likewise. `base_out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_append_packed(
    log: *mut ckafka_log_t,
    values: *const c_void,
    value_lens: *const i32,
    keys: *const c_void,
    key_lens: *const i32,
    n: usize,
    ts: i64,
    base_out: *mut i64,
) -> ckafka_err_t {
    on::<Log>("ckafka_append_packed", log, |log| {
        // SAFETY: this function's contract.
        let (mut values, mut keys, base_out) = unsafe {
            (
                Column::new(values, array(value_lens, n, "value_lens")?, "values"),
                keys_column(keys, key_lens, n)?,
                out(base_out, "base_out")?,
            )
        };
        let records = iter::repeat_n((), n).map(|()| {
            // SAFETY: this function's contract covers what the lengths sum up to.
            let (value, key) = unsafe { (values.take()?, keys.as_mut().map_or(Ok(None), |keys| keys.take())?) };
            Ok(Record { timestamp: ts, key, value, headers: &[] })
        });
        base_out.write(log.append(records)?);
        Ok(())
    })
}

/// The keys; `None` where all are null.
///
/// # Safety
/// `key_lens` is NULL or readable for `n` lengths.
unsafe fn keys_column<'a>(keys: *const c_void, key_lens: *const i32, n: usize) -> Outcome<Option<Column<'a>>> {
    if key_lens.is_null() {
        return if keys.is_null() { Ok(None) } else { Err(Failure::Pointer { name: "key_lens" }) };
    }
    // SAFETY: this function's contract.
    Ok(Some(Column::new(keys, unsafe { array(key_lens, n, "key_lens") }?, "keys")))
}

/// Concatenated bytes that are taken apart in order.
struct Column<'a> {
    data: *const c_void,
    position: usize,
    lens: std::slice::Iter<'a, i32>,
    name: &'static str,
}

impl<'a> Column<'a> {
    fn new(data: *const c_void, lens: &'a [i32], name: &'static str) -> Self {
        Self { data, position: 0, lens: lens.iter(), name }
    }

    /// The next bytes, or null.
    ///
    /// # Safety
    /// `data` is NULL or readable for the sum of the lengths, as long as the result lives.
    unsafe fn take(&mut self) -> Result<Option<&'a [u8]>> {
        let len = match self.lens.next() {
            None | Some(-1) => return Ok(None),
            Some(0) => return Ok(Some(&[])),
            Some(len) => usize::try_from(*len).map_err(|_| self.refuse(len, "-1 (null), or 0 or more"))?,
        };
        if self.data.is_null() {
            return Err(self.refuse("NULL", "bytes, as a length is above 0"));
        }
        let end = self.position.checked_add(len).filter(|end| *end <= isize::MAX as usize);
        let end = end.ok_or_else(|| impossible_length("all records together"))?;
        // SAFETY: within the sum of the lengths, which `data` is readable for by contract.
        let data = unsafe { self.data.byte_add(self.position) };
        self.position = end;
        // SAFETY: the same.
        unsafe { nullable(ckafka_slice_t { data, len }, self.name) }.map_err(|_| impossible_length(len))
    }

    #[cold]
    fn refuse(&self, found: impl std::fmt::Display, expected: &str) -> Error {
        Error::InvalidArgument { name: self.name, found: found.to_string(), expected: expected.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_tells_null_from_empty_and_refuses_what_it_cannot_be() {
        let data = b"onethree";
        let mut column = Column::new(data.as_ptr().cast(), &[3, -1, 0, 5, -2], "values");
        // SAFETY: the lengths above 0 sum up to the bytes that are there.
        let mut take = || unsafe { column.take() };
        assert_eq!(take().expect("bytes"), Some(&b"one"[..]));
        assert_eq!(take().expect("null"), None);
        assert_eq!(take().expect("empty"), Some(&b""[..]));
        assert_eq!(take().expect("bytes"), Some(&b"three"[..]));
        assert!(take().is_err());
        let mut nowhere = Column::new(std::ptr::null(), &[0, -1, 1], "values");
        // SAFETY: NULL is allowed.
        let mut take = || unsafe { nowhere.take() };
        assert_eq!(take().expect("empty"), Some(&b""[..]));
        assert_eq!(take().expect("null"), None);
        assert!(take().is_err());
    }
}
