//! Memory of the C library's allocator, for what C programs may free or grow themselves.

use std::ffi::{c_char, c_void};
use std::ptr;

/// calloc: zeroed memory for `count` things of `size` bytes, or NULL.
#[must_use]
pub fn zeroed(count: usize, size: usize) -> *mut c_void {
    // SAFETY: calloc takes any two numbers.
    unsafe { libc::calloc(count, size) }
}

/// realloc, or NULL, and then the old memory stays.
///
/// # Safety
/// `memory` is NULL or came from this allocator and is not freed; nobody uses it any more after a success.
#[must_use]
pub unsafe fn resized(memory: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: this function's contract.
    unsafe { libc::realloc(memory, size) }
}

/// A zero-terminated copy of bytes, or NULL.
#[must_use]
pub fn copied(bytes: &[u8]) -> *mut c_char {
    let copy: *mut c_char = zeroed(bytes.len().saturating_add(1), 1).cast();
    if !copy.is_null() {
        // SAFETY: the memory was made one byte longer than what is copied, and nobody else has it.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), copy.cast(), bytes.len()) };
    }
    copy
}

/// free.
///
/// # Safety
/// `memory` is NULL or came from this allocator, and nobody uses it any more.
pub unsafe fn free(memory: *mut c_void) {
    // SAFETY: this function's contract.
    unsafe { libc::free(memory) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_zeroed_grows_and_is_refused_where_there_is_none() {
        assert!(std::hint::black_box(zeroed(std::hint::black_box(usize::MAX), 2)).is_null());
        let memory = zeroed(8, 100);
        // SAFETY: made with this size, grown once, freed once.
        unsafe {
            assert!(std::slice::from_raw_parts(memory.cast::<u8>(), 800).iter().all(|byte| *byte == 0));
            let grown = resized(memory, 100_000);
            assert_eq!(*grown.cast::<u8>(), 0);
            free(grown);
            let text = copied(b"text");
            assert_eq!(std::ffi::CStr::from_ptr(text), c"text");
            free(text.cast());
        }
    }
}
