//! The C half, as Rust sees it: C's streams, and the loops of threads that are cancelled in mid-sleep.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::io;

use crate::sys::host;

unsafe extern "C" {
    fn ckafka_shim_print(bytes: *const c_char, size: usize, then_flush: c_int);
    fn ckafka_shim_complain(bytes: *const c_char, size: usize);
    fn ckafka_shim_perror(what: *const c_char, number: c_int);
    fn ckafka_shim_arrived();
    fn ckafka_shim_exit(status: c_int) -> !;
}

// What a cancelled thread is unwound through.
unsafe extern "C-unwind" {
    /// # Safety
    /// As `network_io_thread`.
    pub(super) fn ckafka_shim_network(core_id: *mut c_void) -> *mut c_void;
    /// # Safety
    /// As `log_flush_thread`.
    pub(super) fn ckafka_shim_flush(core_id: *mut c_void) -> *mut c_void;
    /// # Safety
    /// As `consumer_thread`.
    pub(super) fn ckafka_shim_consumer(core_id: *mut c_void) -> *mut c_void;
    /// # Safety
    /// `look` may be called with `args` and an int for as long as the thread runs.
    pub(super) fn ckafka_shim_consume(
        args: *mut c_void,
        look: unsafe extern "C" fn(*mut c_void, *mut c_int) -> c_int,
    ) -> *mut c_void;
    /// # Safety
    /// `turn` may be called with `server` until `end` has been called with it.
    pub(super) fn ckafka_shim_serve(
        server: *mut c_void,
        descriptor: c_int,
        turn: unsafe extern "C" fn(*mut c_void) -> c_int,
        end: unsafe extern "C" fn(*mut c_void),
    );
}

/// Whether lines leave at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flush {
    /// As the program has set up its standard output.
    Later,
    /// Also where that is a pipe or a file.
    Now,
}

/// Writes bytes to the program's standard output.
pub(super) fn print(bytes: &[u8], flush: Flush) {
    // SAFETY: readable for their length.
    unsafe { ckafka_shim_print(bytes.as_ptr().cast(), bytes.len(), c_int::from(flush == Flush::Now)) };
}

/// Writes one line to standard error.
pub(super) fn complain(line: fmt::Arguments<'_>) {
    let line = format!("{line}\n");
    // SAFETY: readable for their length.
    unsafe { ckafka_shim_complain(line.as_ptr().cast(), line.len()) };
}

/// perror: `what`, a colon and the reason, on standard error; errno stays at the reason.
pub(super) fn perror(what: &CStr, reason: &io::Error) {
    // SAFETY: zero-terminated.
    unsafe { ckafka_shim_perror(what.as_ptr(), host::number_of(reason)) };
}

/// Wakes the consumers that wait for a message.
pub(super) fn arrived() {
    // SAFETY: has no condition.
    unsafe { ckafka_shim_arrived() };
}

/// Ends the program, as its author asked for by calling a function that does.
pub(super) fn exit(status: c_int) -> ! {
    // SAFETY: has no condition; the frames above hold nothing that others wait for.
    unsafe { ckafka_shim_exit(status) }
}
