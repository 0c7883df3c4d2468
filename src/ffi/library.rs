//! C API: the library itself: version, texts of errors, memory that it handed out.

use std::ffi::{c_char, c_void};

use super::codes::{ckafka_err_t, text};
use super::message;

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
}

/// Version of the library, for example "0.1.0". Static.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_version_str() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Version of the binary interface: major version * 1000 + minor version.
///
/// A program built against a header with the same CKAFKA_VERSION_MAJOR and a CKAFKA_VERSION_MINOR that is not higher
/// can use this library; while the major version is 0, the minor version has to be the same.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_abi_version() -> i32 {
    ABI_VERSION
}

const ABI_VERSION: i32 = number(env!("CARGO_PKG_VERSION_MAJOR")) * 1000 + number(env!("CARGO_PKG_VERSION_MINOR"));

const fn number(text: &str) -> i32 {
    match i32::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => panic!("a version number is a number"),
    }
}

/// What an error code means. The text starts with the code's symbol. Static, never NULL, for any number.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_strerror(err: ckafka_err_t) -> *const c_char {
    text(err).as_ptr()
}

/// What the last failed call on this thread failed with: which call, what, where, what was expected and found.
///
/// UTF-8, never NULL; empty if no call on this thread has failed yet. Borrowed: valid until the next call fails on
/// this thread. A call that succeeds leaves it as it is, and so does ckafka_wakeup.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_errmsg() -> *const c_char {
    message::get()
}

/// Frees memory that a function of this library gave to the caller to free. NULL is a no-op. It is the C library's
/// free.
///
/// # Safety
/// `ptr` is NULL or was handed out as text to pass to ckafka_free, and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_free(ptr: *mut c_void) {
    // SAFETY: this function's contract; such memory comes from `own_text`.
    unsafe { free(ptr) }
}

/// A copy of `text` in memory of the C library, closed by a zero; NULL where memory is out.
pub(super) fn own_text(text: &str) -> *mut c_char {
    // SAFETY: any size may be asked for.
    let memory: *mut u8 = unsafe { malloc(text.len() + 1) }.cast();
    if !memory.is_null() {
        // SAFETY: new memory of this size, so nothing overlaps and all of it may be written.
        unsafe {
            memory.copy_from_nonoverlapping(text.as_ptr(), text.len());
            memory.add(text.len()).write(0);
        }
    }
    memory.cast()
}
