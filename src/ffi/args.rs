//! What C passes: pointers become references, numbers become the library's types, or the call fails by name.
//!
//! NULL, misalignment and lengths that no memory can have are refused here; whether a pointer that passes is what the
//! header asks for is the caller's word, and the contract of each unsafe function.

use std::ffi::{CStr, OsStr, c_char, c_void};
use std::mem::size_of;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;
use std::slice;
use std::time::Duration;

use super::error::{Failure, Outcome};
use super::types::{CKAFKA_START_DURABLE_END, CKAFKA_START_EARLIEST, CKAFKA_START_LATEST, ckafka_slice_t};
use crate::error::Error;
use crate::storage::reader::Start;

/// Where a result goes. Written on success only.
#[derive(Debug)]
pub(crate) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// Hands the result over.
    #[inline]
    pub(crate) fn write(&self, value: T) {
        // SAFETY: `out` took the caller's word that it is writable; it is aligned and not NULL.
        unsafe { self.0.as_ptr().write(value) }
    }
}

impl<T: Copy> Out<T> {
    /// What the caller put in: for cursors and lengths.
    pub(crate) fn read(&self) -> T {
        // SAFETY: `out` took the caller's word that it is readable for parameters named _inout.
        unsafe { self.0.as_ptr().read() }
    }
}

/// A place for a result.
///
/// # Safety
/// `pointer` is NULL or writable (and readable, for `Out::read`) while the call lasts.
#[inline]
pub(crate) unsafe fn out<T>(pointer: *mut T, name: &'static str) -> Outcome<Out<T>> {
    match NonNull::new(pointer) {
        Some(pointer) if pointer.is_aligned() => Ok(Out(pointer)),
        _ => Err(Failure::Pointer { name }),
    }
}

/// Something that is read.
///
/// # Safety
/// `pointer` is NULL or readable while the call lasts.
#[inline]
pub(crate) unsafe fn reference<'a, T>(pointer: *const T, name: &'static str) -> Outcome<&'a T> {
    if pointer.is_null() || !pointer.is_aligned() {
        return Err(Failure::Pointer { name });
    }
    // SAFETY: checked above, and the caller's word.
    Ok(unsafe { &*pointer })
}

/// Something that belongs to the caller and is changed or freed: not NULL, and where such an object can be.
#[inline]
pub(crate) fn owned<T>(pointer: *mut T, name: &'static str) -> Outcome<NonNull<T>> {
    NonNull::new(pointer).filter(|pointer| pointer.is_aligned()).ok_or(Failure::Pointer { name })
}

/// An array of at least one element.
///
/// # Safety
/// `pointer` is NULL or readable for `count` elements while the call lasts.
#[inline]
pub(crate) unsafe fn array<'a, T>(pointer: *const T, count: usize, name: &'static str) -> Outcome<&'a [T]> {
    if pointer.is_null() || !pointer.is_aligned() {
        return Err(Failure::Pointer { name });
    }
    if count == 0 || count > isize::MAX as usize / size_of::<T>() {
        return Err(Failure::argument("n", count, "1 or more, and no more than memory can hold"));
    }
    // SAFETY: not NULL, aligned, of a possible size, and readable by the caller's word.
    Ok(unsafe { slice::from_raw_parts(pointer, count) })
}

/// Bytes that have to be there; an empty array may be NULL.
///
/// # Safety
/// `data` is NULL or readable for `len` bytes while the call lasts.
#[inline]
pub(crate) unsafe fn bytes<'a>(data: *const c_void, len: usize, name: &'static str) -> Outcome<&'a [u8]> {
    if data.is_null() && len != 0 {
        return Err(Failure::Pointer { name });
    }
    // SAFETY: this function's own contract.
    Ok(unsafe { nullable(ckafka_slice_t { data, len }, name) }?.unwrap_or_default())
}

/// Bytes or null.
///
/// # Safety
/// `slice.data` is NULL or readable for `slice.len` bytes while the call lasts.
#[inline]
pub(crate) unsafe fn nullable<'a>(slice: ckafka_slice_t, name: &'static str) -> Outcome<Option<&'a [u8]>> {
    if slice.data.is_null() {
        return Ok(None);
    }
    if slice.len > isize::MAX as usize {
        return Err(Failure::argument(name, slice.len, "no more bytes than memory can hold"));
    }
    // SAFETY: not NULL, of a possible size, and readable by the caller's word; bytes have no alignment.
    Ok(Some(unsafe { slice::from_raw_parts(slice.data.cast(), slice.len) }))
}

/// A C string.
///
/// # Safety
/// `text` is NULL or ends with a zero, and stays as it is while the call lasts.
pub(crate) unsafe fn c_string<'a>(text: *const c_char, name: &'static str) -> Outcome<&'a CStr> {
    if text.is_null() {
        return Err(Failure::Pointer { name });
    }
    // SAFETY: not NULL, and closed by a zero by the caller's word.
    Ok(unsafe { CStr::from_ptr(text) })
}

/// Text in UTF-8.
///
/// # Safety
/// As [`c_string`].
pub(crate) unsafe fn utf8<'a>(text: *const c_char, name: &'static str) -> Outcome<&'a str> {
    // SAFETY: this function's own contract.
    unsafe { c_string(text, name) }?.to_str().map_err(|_| Failure::Text { name })
}

/// The name of a topic; which names are legal is decided below.
///
/// # Safety
/// As [`c_string`].
pub(crate) unsafe fn topic<'a>(text: *const c_char) -> Outcome<&'a str> {
    // SAFETY: this function's own contract.
    let text = unsafe { c_string(text, "topic") }?;
    text.to_str().map_err(|_| {
        let name = text.to_string_lossy().into_owned();
        Failure::Library(Error::InvalidTopic {
            name,
            reason: "not UTF-8; expected a-z, A-Z, 0-9, '.', '_', '-'".into(),
        })
    })
}

/// A path: bytes as they are given.
///
/// # Safety
/// As [`c_string`].
pub(crate) unsafe fn path<'a>(text: *const c_char, name: &'static str) -> Outcome<&'a Path> {
    // SAFETY: this function's own contract.
    let text = unsafe { c_string(text, name) }?;
    if text.is_empty() {
        return Err(Failure::argument(name, "an empty path", "the path of a directory"));
    }
    Ok(Path::new(OsStr::from_bytes(text.to_bytes())))
}

/// How long to wait: `None` for ever.
pub(crate) fn timeout(milliseconds: i32) -> Outcome<Option<Duration>> {
    match u64::try_from(milliseconds) {
        Ok(milliseconds) => Ok(Some(Duration::from_millis(milliseconds))),
        Err(_) if milliseconds == -1 => Ok(None),
        Err(_) => Err(Failure::argument("timeout_ms", milliseconds, "-1 (for ever), 0 (do not wait) or milliseconds")),
    }
}

/// Where to start.
pub(crate) fn start(start: i64) -> Outcome<Start> {
    match start {
        CKAFKA_START_EARLIEST => Ok(Start::Earliest),
        CKAFKA_START_LATEST => Ok(Start::Latest),
        CKAFKA_START_DURABLE_END => Ok(Start::DurableEnd),
        0.. => Ok(Start::At(start)),
        _ => Err(Failure::argument("start", start, "an offset, or one of CKAFKA_START_*")),
    }
}

/// A limit in bytes that is not 0.
pub(crate) fn limit<T: Copy + PartialEq + Default>(limit: T, name: &'static str) -> Outcome<T> {
    if limit == T::default() { Err(Failure::argument(name, 0, "1 or more")) } else { Ok(limit) }
}
