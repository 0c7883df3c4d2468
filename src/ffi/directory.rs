//! C API: a data directory: open, close, sync, reports.

use std::ffi::c_char;
use std::sync::Arc;

use super::args::{Out, out, path};
use super::boundary::{boundary, close, on, on_brief};
use super::codes::ckafka_err_t;
use super::conf::conf_or_default;
use super::error::{Failure, Outcome};
use super::library::own_text;
use super::object::{HANDLES, Object};
use super::types::{CKAFKA_OPEN_CREATE, CKAFKA_OPEN_RDONLY, ckafka_conf_t, ckafka_t};
use crate::broker::{Directory, OpenMode};
use crate::error::Error;
use crate::sys::cancel::NoCancellation;

/// Opens a data directory: one of ours, or one that a stopped Kafka broker wrote.
///
/// `path` is bytes as the file system has them. `conf` is copied and may be NULL: all defaults. `flags` is 0 or one of
/// CKAFKA_OPEN_*. The handle belongs to the caller: ckafka_close. Any number of processes and threads may use one
/// directory, and one handle.
///
/// What a crash left behind is mended before the call returns; ckafka_recovery_report tells what was done.
///
/// Calls that need what another process holds wait for it, ckafka.lock.timeout.ms at most and whatever signals come. For
/// programs whose signal handlers only leave a note there is ckafka.lock.slice.ms: then opening, making and removing
/// topics, and appending end with CKAFKA_ERR__INTERRUPTED when a handler ran or so much time is over, have done nothing,
/// and may be called again.
///
/// Errors: CKAFKA_ERR__IO (missing, not readable, a file), CKAFKA_ERR__LOCKED (a running broker),
/// CKAFKA_ERR__READONLY, CKAFKA_ERR__DISK_FULL, CKAFKA_ERR__VERSION, CKAFKA_ERR__CORRUPT, CKAFKA_ERR__FAIL (file system
/// not supported), CKAFKA_ERR__INVALID_ARG (no data directory, or one with a folder that a broker refuses too),
/// CKAFKA_ERR__BUSY (256 processes write there), CKAFKA_ERR__TIMED_OUT (ckafka.lock.timeout.ms).
///
/// # Safety
/// `path` is NULL or zero-terminated. `conf` is NULL or not freed. `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_open(
    path: *const c_char,
    conf: *const ckafka_conf_t,
    flags: u32,
    out: *mut *mut ckafka_t,
) -> ckafka_err_t {
    let _whole = NoCancellation::begin();
    boundary("ckafka_open", || {
        // SAFETY: this function's contract.
        let (path, conf, out) = unsafe { (self::path(path, "path")?, conf_or_default(conf)?, self::out(out, "out")?) };
        let directory = Directory::open(path, &conf, open_mode(flags)?)?;
        let handed = hand_over(Object::Directory(Arc::clone(&directory)), &out);
        if handed.is_err() {
            // Nobody else can, and other handles of this process would wait for it to end the session.
            let _ = directory.close();
        }
        handed
    })
}

fn open_mode(flags: u32) -> Outcome<OpenMode> {
    match flags {
        0 => Ok(OpenMode::ReadWrite),
        CKAFKA_OPEN_RDONLY => Ok(OpenMode::ReadOnly),
        CKAFKA_OPEN_CREATE => Ok(OpenMode::Create),
        _ => Err(Failure::argument("flags", flags, "0, CKAFKA_OPEN_RDONLY or CKAFKA_OPEN_CREATE")),
    }
}

/// Puts an object behind a handle and gives that to the caller.
pub(super) fn hand_over<H>(object: Object, out: &Out<*mut H>) -> Outcome {
    let handle = HANDLES.insert(object)?;
    // Only ever compared and taken apart, never followed.
    out.write(std::ptr::without_provenance_mut(handle as usize));
    Ok(())
}

/// Makes all records durable, writes the checkpoints and closes the directory.
///
/// CKAFKA_ERR__BUSY while one of its logs, readers, senders or batches is open, or a call with them is running: then
/// nothing happened. With any other result the handle is gone. Views stay valid. In a forked child only the handle
/// goes, and the answer is CKAFKA_ERR__FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_close(h: *mut ckafka_t) -> ckafka_err_t {
    close::<Arc<Directory>>("ckafka_close", h, |directory| Ok(directory.close()?))
}

/// Makes all records durable of all partitions that this process has used, and writes their checkpoints. Blocks. Any
/// thread. Partitions that only other processes have open are theirs to sync.
///
/// A partition that cannot be synced keeps no other from it. Errors: CKAFKA_ERR__IO, CKAFKA_ERR__READONLY,
/// CKAFKA_ERR__DISK_FULL.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_sync(h: *mut ckafka_t) -> ckafka_err_t {
    on::<Arc<Directory>>("ckafka_sync", h, |directory| Ok(directory.sync()?))
}

/// What was cut, set aside or rebuilt since the directory was opened, as JSON. Any thread.
///
/// The text belongs to the caller: ckafka_free.
///
/// # Safety
/// `json_out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_recovery_report(h: *const ckafka_t, json_out: *mut *mut c_char) -> ckafka_err_t {
    on::<Arc<Directory>>("ckafka_recovery_report", h, |directory| {
        // SAFETY: this function's contract.
        let json_out = unsafe { out(json_out, "json_out") }?;
        hand_over_text(&directory.recovery_report()?, &json_out)
    })
}

/// Counters, watermarks and sizes, as JSON. Any thread.
///
/// The text belongs to the caller: ckafka_free.
///
/// # Safety
/// `json_out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_stats(h: *const ckafka_t, json_out: *mut *mut c_char) -> ckafka_err_t {
    on::<Arc<Directory>>("ckafka_stats", h, |directory| {
        // SAFETY: this function's contract.
        let json_out = unsafe { out(json_out, "json_out") }?;
        hand_over_text(&directory.stats()?, &json_out)
    })
}

/// Gives a text to the caller in memory of the C library.
pub(crate) fn hand_over_text(text: &str, out: &Out<*mut c_char>) -> Outcome {
    let owned = own_text(text);
    if owned.is_null() {
        return Err(Error::OutOfMemory { what: "a text", bytes: text.len() }.into());
    }
    out.write(owned);
    Ok(())
}

/// What this handle can do: CKAFKA_CAP_* bits. Any thread.
///
/// # Safety
/// `bits_out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_caps(h: *const ckafka_t, bits_out: *mut u64) -> ckafka_err_t {
    on_brief::<Arc<Directory>>("ckafka_caps", h, |directory| {
        // SAFETY: this function's contract.
        let bits_out = unsafe { out(bits_out, "bits_out") }?;
        bits_out.write(directory.capabilities());
        Ok(())
    })
}
