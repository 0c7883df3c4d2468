//! C API: record headers, written into and read from plain bytes.

use std::ffi::{c_char, c_void};
use std::ptr;

use super::args::{bytes, nullable, out, utf8};
use super::boundary::boundary;
use super::codes::ckafka_err_t;
use super::error::Failure;
use super::types::ckafka_slice_t;
use crate::error::Error;
use crate::record::headers;

/// Appends one header to the header fields in `buf`, as ckafka_record_t takes them. Start with a length of 0.
///
/// `cap` is the size of `buf`; `len_inout` the length of the fields in it, before and after the call. `value` NULL is
/// null. Errors: CKAFKA_ERR__TRUNCATED: `buf` was left alone and `len_inout` says what capacity is needed: grow the
/// buffer, restore the length and call again.
///
/// # Safety
/// `buf` is NULL or writable for `cap` bytes. `name` is NULL or zero-terminated UTF-8. `value` is NULL or readable for
/// `value_len` bytes. `len_inout` is NULL or readable and writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_headers_append(
    buf: *mut c_void,
    cap: usize,
    name: *const c_char,
    value: *const c_void,
    value_len: usize,
    len_inout: *mut usize,
) -> ckafka_err_t {
    boundary("ckafka_headers_append", || {
        // SAFETY: this function's contract.
        let (name, value, len) = unsafe {
            let value = nullable(ckafka_slice_t { data: value, len: value_len }, "value")?;
            (utf8(name, "name")?, value, out(len_inout, "len_inout")?)
        };
        let used = len.read();
        if buf.is_null() && cap != 0 {
            return Err(Failure::Pointer { name: "buf" });
        }
        if used > cap {
            return Err(Failure::argument("len_inout", used, "no more than cap"));
        }
        let header_size = headers::size(name.len(), value.map(<[u8]>::len));
        let needed = used.saturating_add(header_size);
        if needed > cap {
            len.write(needed);
            return Err(Error::BufferTooSmall { capacity: cap, needed }.into());
        }
        let mut field = Vec::with_capacity(header_size);
        headers::append(&mut field, name, value).map_err(Error::InvalidBatch)?;
        let new_len = used + field.len();
        if new_len > cap {
            len.write(new_len);
            return Err(Error::BufferTooSmall { capacity: cap, needed: new_len }.into());
        }
        // SAFETY: `buf` is not NULL, as the capacity is above 0; the end was checked against it. `field` is ours.
        unsafe { buf.cast::<u8>().add(used).copy_from_nonoverlapping(field.as_ptr(), field.len()) };
        len.write(new_len);
        Ok(())
    })
}

/// Takes the next header of a record. `headers` and `len` are what a ckafka_rec_t's hdr_pos and hdr_len point out.
///
/// `cursor_inout` starts at 0 and moves behind the header. `name_out` and `value_out` borrow from `headers`; the name
/// is UTF-8 without a closing zero. At the end: CKAFKA_OK with `name_out->data` NULL.
///
/// Errors: CKAFKA_ERR_CORRUPT_MESSAGE: not header fields.
///
/// # Safety
/// `headers` is NULL or readable for `len` bytes. `cursor_inout`, `name_out` and `value_out` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_header_next(
    headers: *const c_void,
    len: usize,
    cursor_inout: *mut usize,
    name_out: *mut ckafka_slice_t,
    value_out: *mut ckafka_slice_t,
) -> ckafka_err_t {
    boundary("ckafka_header_next", || {
        // SAFETY: this function's contract.
        let (fields, cursor, name_out, value_out) = unsafe {
            (
                bytes(headers, len, "headers")?,
                out(cursor_inout, "cursor_inout")?,
                out(name_out, "name_out")?,
                out(value_out, "value_out")?,
            )
        };
        let mut position = cursor.read();
        if position > fields.len() {
            return Err(Failure::argument("cursor_inout", position, "0, or what the last call left"));
        }
        let next = headers::next(fields, &mut position).map_err(Error::InvalidBatch)?;
        let (name, value) = next.map_or((None, None), |(name, value)| (Some(name), value));
        name_out.write(slice(name));
        value_out.write(slice(value));
        cursor.write(position);
        Ok(())
    })
}

fn slice(bytes: Option<&[u8]>) -> ckafka_slice_t {
    match bytes {
        Some(bytes) => ckafka_slice_t { data: bytes.as_ptr().cast(), len: bytes.len() },
        None => ckafka_slice_t { data: ptr::null(), len: 0 },
    }
}
