//! The line between an old program and the library: no panic crosses it, nor does the cancellation of a thread, which
//! would unwind Rust code in mid-call.

use std::any::Any;
use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::shim;
use crate::error::Error;
use crate::sys::cancel::NoCancellation;
use crate::sys::host;

/// Runs an entry point to its end; `fallback` where it panics, which is said on standard error.
pub(super) fn entry<T>(function: &'static str, fallback: T, call: impl FnOnce() -> T) -> T {
    let _whole = NoCancellation::begin();
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result,
        Err(payload) => {
            // A payload whose own destructor panics must not get through either.
            let reason = said_by(&payload);
            shim::complain(format_args!("{function}: panic inside the library: {reason}"));
            std::mem::forget(payload);
            fallback
        }
    }
}

fn said_by(payload: &Box<dyn Any + Send>) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}

/// The bytes of a string of the program's; `None` for NULL.
///
/// # Safety
/// `text` is NULL, or zero-terminated and stays as it is for as long as the result lives.
pub(super) unsafe fn text<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: this function's contract.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}

/// A string of the program's for a message, as printf prints it.
pub(super) fn shown(text: Option<&CStr>) -> std::borrow::Cow<'_, str> {
    text.map_or("(null)".into(), CStr::to_string_lossy)
}

/// An error as perror wants it: with the kernel's number, EIO where it has none.
pub(super) fn reason_of(error: &Error) -> std::io::Error {
    std::io::Error::from_raw_os_error(kernel_reason(error).map_or(libc::EIO, host::number_of))
}

/// A path of the program's.
pub(super) fn path(text: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(text.to_bytes()))
}

/// The kernel's number for an error of a system call; `None` for others.
pub(super) fn kernel_reason(error: &Error) -> Option<&std::io::Error> {
    match error {
        Error::Io { source, .. } | Error::DiskFull { source, .. } | Error::PeerClosed { source } => Some(source),
        _ => None,
    }
}
