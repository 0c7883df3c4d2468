//! C API: a batch that is built record by record and appended whole.

use super::args::{out, owned, reference};
use super::boundary::{boundary, failed, on, on_taken};
use super::codes::ckafka_err_t;
use super::error::Failure;
use super::exclusive::{Exclusive, ExclusiveGuard};
use super::log::record;
use super::memory::boxed;
use super::types::{ckafka_batch_t, ckafka_log_t, ckafka_record_t};
use crate::broker::Log;
use crate::error::Error;
use crate::record::BatchBuilder;
use crate::sys::cancel::NoCancellation;
use crate::sys::clock;

const NOUN: &str = "batch";

/// A builder, its limit and the log it is for.
struct Batch {
    building: Exclusive<Building>,
    log: Log,
}

struct Building {
    builder: BatchBuilder,
    size_max: usize,
}

/// Starts an empty batch for a log.
///
/// `max_bytes` limits the batch before compression; 0 is the log's max.message.bytes. The batch belongs to the caller:
/// ckafka_batch_free. One thread at a time may use it. It keeps the log open, also after ckafka_log_close.
///
/// # Safety
/// `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_batch_new(
    log: *mut ckafka_log_t,
    max_bytes: usize,
    out: *mut *mut ckafka_batch_t,
) -> ckafka_err_t {
    on::<Log>("ckafka_batch_new", log, |log| {
        // SAFETY: this function's contract.
        let out = unsafe { self::out(out, "out") }?;
        let config = log.config();
        let size_max = match max_bytes {
            0 => usize::try_from(config.max_message_bytes).unwrap_or(usize::MAX),
            given => given,
        };
        let builder = BatchBuilder::new(config.compression, config.timestamp_type);
        let building = Exclusive::new(Building { builder, size_max });
        out.write(Box::into_raw(boxed(Batch { building, log: log.clone() }, "a batch")?).cast());
        Ok(())
    })
}

/// Adds one record to a batch. Its bytes are copied; a timestamp of -1 becomes the time of this call.
///
/// Errors, with the batch left as it was: CKAFKA_ERR_MESSAGE_TOO_LARGE (it would pass its limit: append it, then add
/// again), CKAFKA_ERR_INVALID_TIMESTAMP, CKAFKA_ERR_CORRUPT_MESSAGE (headers), CKAFKA_ERR__BUSY (another thread).
///
/// # Safety
/// `batch` is NULL or came from ckafka_batch_new and is not freed. `record` is NULL or readable, and each slice in it
/// null or readable for its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_batch_add(batch: *mut ckafka_batch_t, record: *const ckafka_record_t) -> ckafka_err_t {
    const NAME: &str = "ckafka_batch_add";
    // SAFETY: this function's contract.
    match unsafe { take(batch) } {
        Err(failure) => failed(NAME, &failure),
        Ok((_, building)) => on_taken(NAME, building, |building| {
            // SAFETY: this function's contract.
            let given = unsafe { reference(record, "record") }?;
            building.add(given)
        }),
    }
}

impl Building {
    fn add(&mut self, given: &ckafka_record_t) -> Result<(), Failure> {
        // SAFETY: `ckafka_batch_add` took the caller's word for the slices.
        let record = unsafe { record(given) }?;
        let timestamp = match record.timestamp {
            -1 => clock::now_ms(),
            0.. => record.timestamp,
            found => return Err(Error::InvalidTimestamp { index: self.builder.record_count(), found }.into()),
        };
        let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let needed = BatchBuilder::record_size_max(len(record.key), len(record.value), record.headers.len());
        let size = self.builder.size().saturating_add(needed);
        if size > self.size_max {
            return Err(Error::BatchTooLarge { size: size as u64, limit: self.size_max as u64 }.into());
        }
        let added = self.builder.add(timestamp, record.key, record.value, record.headers);
        Ok(added.map_err(Error::InvalidBatch)?)
    }
}

/// Appends what a batch holds, as ckafka_append does, and empties it for reuse. `base_out` gets the first offset.
///
/// With an error the batch keeps its records, and the call may be repeated. CKAFKA_ERR__INVALID_ARG: it is empty.
/// CKAFKA_ERR__BUSY: another thread is using it. Otherwise as ckafka_append.
///
/// # Safety
/// `batch` is NULL or came from ckafka_batch_new and is not freed. `base_out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_batch_append(batch: *mut ckafka_batch_t, base_out: *mut i64) -> ckafka_err_t {
    const NAME: &str = "ckafka_batch_append";
    // SAFETY: this function's contract.
    match unsafe { take(batch) } {
        Err(failure) => failed(NAME, &failure),
        Ok((log, building)) => on_taken(NAME, building, |building| {
            // SAFETY: this function's contract.
            let base_out = unsafe { out(base_out, "base_out") }?;
            if building.builder.record_count() == 0 {
                return Err(Failure::argument(NOUN, "no records", "1 or more"));
            }
            let _whole = NoCancellation::begin();
            base_out.write(log.append_batch(&mut building.builder)?);
            Ok(())
        }),
    }
}

/// The log of a batch, and the right to build.
///
/// # Safety
/// `batch` is NULL or came from `ckafka_batch_new` and is not freed while the result lives.
unsafe fn take<'a>(batch: *mut ckafka_batch_t) -> Result<(&'a Log, ExclusiveGuard<'a, Building>), Failure> {
    // SAFETY: this function's contract.
    let batch = unsafe { reference::<Batch>(batch.cast_const().cast(), NOUN) }?;
    let building = batch.building.take().map_err(|taken| Failure::taken(taken, NOUN))?;
    Ok((&batch.log, building))
}

/// Frees a batch with what it holds. NULL is a no-op.
///
/// # Safety
/// `batch` is NULL or came from ckafka_batch_new and is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_batch_free(batch: *mut ckafka_batch_t) {
    if !batch.is_null() {
        boundary("ckafka_batch_free", || {
            // SAFETY: by contract from `Box::into_raw`, and given back once.
            drop(unsafe { Box::from_raw(owned(batch.cast::<Batch>(), NOUN)?.as_ptr()) });
            Ok(())
        });
    }
}
