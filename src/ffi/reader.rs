//! C API: readers: fetch, seek, position, waking.

use std::ffi::c_int;
use std::sync::Arc;

use super::args::{limit, out, start, timeout};
use super::boundary::{close, in_signal, on, on_exclusive};
use super::codes::ckafka_err_t;
use super::conf::conf_or_default;
use super::directory::hand_over;
use super::error::Failure;
use super::exclusive::Exclusive;
use super::memory::boxed;
use super::object::{Object, OpenReader};
use super::types::{ckafka_conf_t, ckafka_log_t, ckafka_reader_t, ckafka_view_t};
use super::view::hand_over_view;
use crate::broker::Log;
use crate::storage::reader::{Reader, Start};

/// Opens a reader of a log, at `start`: an offset, or one of CKAFKA_START_*.
///
/// `conf` is copied and may be NULL: all defaults. The handle belongs to the caller: ckafka_reader_close. One thread at
/// a time may use it (another one gets CKAFKA_ERR__BUSY), except ckafka_wakeup. It keeps the log open, also after
/// ckafka_log_close.
///
/// Errors: CKAFKA_ERR_OFFSET_OUT_OF_RANGE, CKAFKA_ERR_INVALID_CONFIG, CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION (deleted).
///
/// # Safety
/// `conf` is NULL or not freed. `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_reader_open(
    log: *mut ckafka_log_t,
    start: i64,
    conf: *const ckafka_conf_t,
    out: *mut *mut ckafka_reader_t,
) -> ckafka_err_t {
    on::<Log>("ckafka_reader_open", log, |log| {
        // SAFETY: this function's contract.
        let (conf, out) = unsafe { (conf_or_default(conf)?, self::out(out, "out")?) };
        let reader = Reader::open(Arc::clone(log), self::start(start)?, conf.reader_config()?)?;
        let wakeup = reader.wakeup_handle();
        let object = OpenReader { reader: Exclusive::new(reader), wakeup, _log: log.clone() };
        hand_over(Object::Reader(boxed(object, "a reader")?), &out)
    })
}

/// Closes a reader. Its views stay valid. A fetch that is waiting in another thread ends with CKAFKA_ERR__INTERRUPTED.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_reader_close(r: *mut ckafka_reader_t) -> ckafka_err_t {
    close("ckafka_reader_close", r, |reader: &OpenReader| {
        reader.wakeup.wake();
        Ok(())
    })
}

/// Fetches the next records: a run of whole batches of one segment, at most `max_bytes` of them but at least one
/// batch, and moves behind them.
///
/// At the end of the log it waits up to `timeout_ms`: -1 for ever, 0 not at all. The view belongs to the caller:
/// ckafka_view_release; it outlives the reader. A view may hold no record, where a run has control batches only.
///
/// Errors: CKAFKA_ERR__TIMED_OUT (nothing new), CKAFKA_ERR__INTERRUPTED (a signal, or ckafka_wakeup),
/// CKAFKA_ERR__CORRUPT, CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, CKAFKA_ERR_OFFSET_OUT_OF_RANGE (retention was
/// faster, or the log was cut), CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION (deleted), CKAFKA_ERR__IO. The reader stays where
/// it was.
///
/// # Safety
/// `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_reader_fetch(
    r: *mut ckafka_reader_t,
    max_bytes: usize,
    timeout_ms: i32,
    out: *mut *mut ckafka_view_t,
) -> ckafka_err_t {
    on_reader("ckafka_reader_fetch", r, |reader| {
        let (max_bytes, timeout) = (limit(max_bytes, "max_bytes")?, timeout(timeout_ms)?);
        // SAFETY: this function's contract.
        let out = unsafe { self::out(out, "out") }?;
        hand_over_view(reader.fetch(max_bytes, timeout)?, &out);
        Ok(())
    })
}

fn on_reader(
    function: &'static str,
    r: *const ckafka_reader_t,
    call: impl FnOnce(&mut Reader) -> Result<(), Failure>,
) -> ckafka_err_t {
    on_exclusive(function, r, |object: &OpenReader| &object.reader, call)
}

/// Moves a reader to an offset, or to one of CKAFKA_START_*. The end of the log is allowed.
///
/// Errors: CKAFKA_ERR_OFFSET_OUT_OF_RANGE; the reader stays where it was.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_reader_seek(r: *mut ckafka_reader_t, offset: i64) -> ckafka_err_t {
    on_reader("ckafka_reader_seek", r, |reader| match start(offset)? {
        Start::At(offset) => Ok(reader.seek(offset)?),
        start => Ok(reader.seek_start(start)?),
    })
}

/// Moves a reader to the first record with a timestamp of `ms` or later, exactly; to the end where there is none.
///
/// `ms` counts from the epoch. ckafka_reader_position tells where that is.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_reader_seek_time(r: *mut ckafka_reader_t, ms: i64) -> ckafka_err_t {
    on_reader("ckafka_reader_seek_time", r, |reader| {
        reader.seek_time(ms)?;
        Ok(())
    })
}

/// The offset that the next fetch starts at.
///
/// # Safety
/// `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_reader_position(r: *const ckafka_reader_t, out: *mut i64) -> ckafka_err_t {
    on_reader("ckafka_reader_position", r, |reader| {
        // SAFETY: this function's contract.
        unsafe { self::out(out, "out") }?.write(reader.position());
        Ok(())
    })
}

/// A descriptor that polls readable while there is something to fetch.
///
/// Borrowed: the reader closes it; poll it, but neither read nor close it. When it is readable, fetch with a timeout of
/// 0 until CKAFKA_ERR__TIMED_OUT, then poll again.
///
/// Errors: CKAFKA_ERR__IO (out of inotify instances; the message names the limit), CKAFKA_ERR__READONLY (a directory that
/// was opened for reading, and nobody writes the log).
///
/// # Safety
/// `fd_out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_reader_fd(r: *mut ckafka_reader_t, fd_out: *mut c_int) -> ckafka_err_t {
    on_reader("ckafka_reader_fd", r, |reader| {
        // SAFETY: this function's contract.
        let fd_out = unsafe { out(fd_out, "fd_out") }?;
        fd_out.write(reader.poll_fd()?);
        Ok(())
    })
}

/// Ends a waiting fetch of this reader with CKAFKA_ERR__INTERRUPTED; if none is waiting, the next one that would.
///
/// From any thread, and from a signal handler: it takes no lock and no memory, and sets no ckafka_errmsg.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_wakeup(r: *mut ckafka_reader_t) -> ckafka_err_t {
    in_signal("ckafka_wakeup", r, |reader: &OpenReader| reader.wakeup.wake())
}

/// Finds the first record with a timestamp of `ms` or later, exactly, without a reader. Any thread.
///
/// Where there is none, both results are -1. `ms` counts from the epoch.
///
/// # Safety
/// `offset_out` and `ts_out` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_offset_for_time(
    log: *mut ckafka_log_t,
    ms: i64,
    offset_out: *mut i64,
    ts_out: *mut i64,
) -> ckafka_err_t {
    on::<Log>("ckafka_offset_for_time", log, |log| {
        // SAFETY: this function's contract.
        let (offset_out, ts_out) = unsafe { (out(offset_out, "offset_out")?, out(ts_out, "ts_out")?) };
        let (offset, timestamp) = log.offset_for_time(ms)?.unwrap_or((-1, -1));
        offset_out.write(offset);
        ts_out.write(timestamp);
        Ok(())
    })
}
