//! C API: the log of one partition: append, durability. Packed records are `packed`, prepared batches `batch`.

use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

use super::args::{array, bytes, out, timeout, topic};
use super::boundary::{close, on};
use super::codes::ckafka_err_t;
use super::directory::hand_over;
use super::error::Failure;
use super::object::Object;
use super::types::{ckafka_log_t, ckafka_record_t, ckafka_t};
use crate::broker::{Directory, Log};
use crate::error::{Error, Result};
use crate::storage::partition::Record;

/// Opens the log of a partition. The handle belongs to the caller: ckafka_log_close. Any number of threads may use it.
///
/// Errors: CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION, CKAFKA_ERR_INVALID_TOPIC, CKAFKA_ERR__IO, CKAFKA_ERR__CORRUPT,
/// CKAFKA_ERR_INVALID_CONFIG (flush.ms is set and ckafka_io_threads_start did not start the flush thread).
///
/// # Safety
/// `topic` is NULL or zero-terminated. `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_log_open(
    h: *mut ckafka_t,
    topic: *const c_char,
    partition: i32,
    out: *mut *mut ckafka_log_t,
) -> ckafka_err_t {
    on::<Arc<Directory>>("ckafka_log_open", h, |directory| {
        // SAFETY: this function's contract.
        let (topic, out) = unsafe { (self::topic(topic)?, self::out(out, "out")?) };
        hand_over(Object::Log(directory.open_log(topic, partition)?), &out)
    })
}

/// Closes the handle of a log. Its readers, senders and batches go on, and keep the directory open.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_log_close(log: *mut ckafka_log_t) -> ckafka_err_t {
    close::<Log>("ckafka_log_close", log, |_| Ok(()))
}

/// Appends records as one batch: all of them or none. Returns once they are published, that is readable by every
/// process and safe from this one's death, but not from a power failure. Any thread; no allocation on the common path.
///
/// The records are copied. `n` is at least 1. `base_out` gets the offset of the first one; the others follow it. With
/// flush.messages a call that makes it due returns once all is durable, and no signal ends it before.
///
/// Errors: CKAFKA_ERR_MESSAGE_TOO_LARGE, CKAFKA_ERR_RECORD_LIST_TOO_LARGE, CKAFKA_ERR_INVALID_TIMESTAMP,
/// CKAFKA_ERR_CORRUPT_MESSAGE (headers), CKAFKA_ERR__DISK_FULL, CKAFKA_ERR__READONLY, CKAFKA_ERR__TIMED_OUT (another
/// process holds the log; nothing was appended), CKAFKA_ERR__IO (also after an earlier failed sync),
/// CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION (deleted). CKAFKA_ERR__INTERRUPTED where ckafka.lock.slice.ms is set: a signal
/// handler ran, or that time was over, while another process held the log; nothing was appended, call again.
///
/// # Safety
/// `records` is NULL or readable for `n` records, and each slice in them is null or readable for its length.
/// `base_out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_append(
    log: *mut ckafka_log_t,
    records: *const ckafka_record_t,
    n: usize,
    base_out: *mut i64,
) -> ckafka_err_t {
    on::<Log>("ckafka_append", log, |log| {
        // SAFETY: this function's contract.
        let (records, base_out) = unsafe { (array(records, n, "records")?, out(base_out, "base_out")?) };
        // SAFETY: this function's contract covers the slices in the records.
        base_out.write(log.append(records.iter().map(|given| unsafe { record(given) }))?);
        Ok(())
    })
}

/// One record as the engine takes it.
///
/// # Safety
/// Each slice is null or readable for its length as long as the result lives.
#[inline]
pub(super) unsafe fn record<'a>(given: &ckafka_record_t) -> Result<Record<'a>> {
    let longest = given.key.len.max(given.value.len).max(given.headers.len);
    if longest > isize::MAX as usize {
        for slice in [given.key, given.value, given.headers] {
            if slice.len > isize::MAX as usize && !slice.data.is_null() {
                return Err(impossible_length(slice.len));
            }
        }
    }
    // SAFETY: this function's contract; a length that no memory has comes with NULL only.
    let (key, value, headers) = unsafe { (borrow(given.key), borrow(given.value), borrow(given.headers)) };
    Ok(Record { timestamp: given.ts, key, value, headers: headers.unwrap_or_default() })
}

/// # Safety
/// As `record`.
#[inline(always)]
unsafe fn borrow<'a>(slice: crate::ffi::types::ckafka_slice_t) -> Option<&'a [u8]> {
    // SAFETY: this function's contract.
    (!slice.data.is_null()).then(|| unsafe { std::slice::from_raw_parts(slice.data.cast(), slice.len) })
}

#[cold]
pub(super) fn impossible_length(found: impl std::fmt::Display) -> Error {
    Error::InvalidArgument {
        name: "record",
        found: format!("a length of {found}"),
        expected: "no more bytes than memory can hold".into(),
    }
}

/// Appends records as ckafka_append does, and returns once they are durable: on disk, safe from a power failure.
///
/// Appenders that wait at the same time share one sync. `timeout_ms` -1 waits for ever, 0 not at all.
///
/// CKAFKA_ERR__TIMED_OUT and CKAFKA_ERR__INTERRUPTED, both with `base_out` written: the records ARE appended and
/// published, only not known to be durable: go on with ckafka_wait_durable, never append them again.
/// CKAFKA_ERR__BUSY: another process holds the log (ckafka.lock.timeout.ms, or one slice of it); nothing was appended.
/// CKAFKA_ERR__IO: the records may or may not be on disk, and the log takes no more appends. Otherwise as ckafka_append.
///
/// # Safety
/// As ckafka_append.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_append_durable(
    log: *mut ckafka_log_t,
    records: *const ckafka_record_t,
    n: usize,
    timeout_ms: i32,
    base_out: *mut i64,
) -> ckafka_err_t {
    on::<Log>("ckafka_append_durable", log, |log| {
        let timeout = timeout(timeout_ms)?;
        // SAFETY: this function's contract.
        let (records, base_out) = unsafe { (array(records, n, "records")?, out(base_out, "base_out")?) };
        // SAFETY: this function's contract covers the slices in the records.
        let appended = log.append(records.iter().map(|given| unsafe { record(given) }));
        let base = appended.map_err(nothing_appended)?;
        let waited = log.wait_durable(base, timeout);
        if matches!(waited, Ok(()) | Err(Error::TimedOut { .. } | Error::Interrupted { .. })) {
            base_out.write(base);
        }
        Ok(waited?)
    })
}

/// In a durable append these two tell that the records are in the log; here they are not.
fn nothing_appended(error: Error) -> Error {
    match error {
        Error::TimedOut { .. } | Error::Interrupted { .. } => Error::Busy { what: "log", reason: error.to_string() },
        other => other,
    }
}

/// Appends one ready record batch (Kafka's format v2), compressed or not. Published when it returns. Any thread.
///
/// CRC and structure are checked; base offset and leader epoch are stamped into the copy, the bytes given stay as they
/// are. `base_out` gets the offset of the first record.
///
/// Errors, besides those of ckafka_append: CKAFKA_ERR_CORRUPT_MESSAGE (CRC or structure),
/// CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT (format 0 or 1), CKAFKA_ERR_INVALID_RECORD (a producer id, or a control
/// batch), CKAFKA_ERR_UNSUPPORTED_COMPRESSION_TYPE.
///
/// # Safety
/// `batch` is NULL or readable for `len` bytes. `base_out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_append_raw(
    log: *mut ckafka_log_t,
    batch: *const c_void,
    len: usize,
    base_out: *mut i64,
) -> ckafka_err_t {
    on::<Log>("ckafka_append_raw", log, |log| {
        if batch.is_null() {
            return Err(Failure::Pointer { name: "batch" });
        }
        // SAFETY: this function's contract.
        let (batch, base_out) = unsafe { (bytes(batch, len, "batch")?, out(base_out, "base_out")?) };
        base_out.write(log.append_raw(batch)?);
        Ok(())
    })
}

/// Waits until the record at `offset` is durable; with the `base` of an append, its whole batch. Any thread.
///
/// `timeout_ms` -1 waits for ever, 0 not at all. A record that is not appended yet is waited for, too.
///
/// Errors: CKAFKA_ERR__TIMED_OUT, CKAFKA_ERR__INTERRUPTED (a signal), CKAFKA_ERR__IO (a sync failed: it will not become durable in this session).
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_wait_durable(log: *mut ckafka_log_t, offset: i64, timeout_ms: i32) -> ckafka_err_t {
    on::<Log>("ckafka_wait_durable", log, |log| Ok(log.wait_durable(offset, timeout(timeout_ms)?)?))
}

/// Asks the flush thread for a sync and returns at once. Any thread.
///
/// CKAFKA_ERR_INVALID_CONFIG where no flush thread runs (ckafka_io_threads_start).
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_sync_request(log: *mut ckafka_log_t) -> ckafka_err_t {
    on::<Log>("ckafka_sync_request", log, |log| Ok(log.request_sync()?))
}

/// A descriptor that polls readable when the durable end has moved since the last call of this function.
///
/// Borrowed: the log closes it; poll it, but neither read nor close it. Then call this function again, which makes
/// it unreadable, and ask ckafka_watermarks.
///
/// Errors: CKAFKA_ERR__IO (out of inotify instances; the message names the limit), CKAFKA_ERR__READONLY.
///
/// # Safety
/// `fd_out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_durable_fd(log: *mut ckafka_log_t, fd_out: *mut c_int) -> ckafka_err_t {
    on::<Log>("ckafka_durable_fd", log, |log| {
        // SAFETY: this function's contract.
        let fd_out = unsafe { out(fd_out, "fd_out") }?;
        fd_out.write(log.durable_fd()?);
        Ok(())
    })
}

/// Prepares pages ahead of the end of the log once, so that appends do not have to. For programs with a thread of
/// their own for it; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_pretouch(log: *mut ckafka_log_t) -> ckafka_err_t {
    on::<Log>("ckafka_pretouch", log, |log| {
        log.pretouch()?;
        Ok(())
    })
}
