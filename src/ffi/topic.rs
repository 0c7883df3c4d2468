//! C API: topics of a directory.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::args::{nullable, out, topic};
use super::boundary::{boundary, on};
use super::codes::{CKAFKA_OK, ckafka_err_t};
use super::conf::conf_or_default;
use super::directory::hand_over_text;
use super::error::Failure;
use super::types::{ckafka_conf_t, ckafka_slice_t, ckafka_t};
use crate::broker::{Directory, partition_for_key};

/// Creates a topic with partitions 0 to `partition_count` - 1. Any thread.
///
/// `conf` holds the topic's settings, is copied and may be NULL: none. They are kept with the topic. What is not among them has
/// its default; how often to flush, and how to compress, that of the configuration with which a process opens the directory.
///
/// Errors: CKAFKA_ERR_TOPIC_ALREADY_EXISTS, CKAFKA_ERR_INVALID_TOPIC, CKAFKA_ERR_INVALID_PARTITIONS,
/// CKAFKA_ERR_INVALID_CONFIG, CKAFKA_ERR__READONLY, CKAFKA_ERR__DISK_FULL.
///
/// # Safety
/// `name` is NULL or zero-terminated. `conf` is NULL or not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_topic_create(
    h: *mut ckafka_t,
    name: *const c_char,
    partition_count: i32,
    conf: *const ckafka_conf_t,
) -> ckafka_err_t {
    on::<Arc<Directory>>("ckafka_topic_create", h, |directory| {
        // SAFETY: this function's contract.
        let (name, conf) = unsafe { (topic(name)?, conf_or_default(conf)?) };
        Ok(directory.create_topic(name, partition_count, &conf)?)
    })
}

/// Deletes a topic with all its records. Any thread.
///
/// Readers and appenders that have it open get CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION from now on; views stay valid.
///
/// Errors: CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION, CKAFKA_ERR_INVALID_TOPIC, CKAFKA_ERR__READONLY, CKAFKA_ERR__BUSY (one
/// of its folders holds a folder, which is not ours to remove; nothing was deleted), CKAFKA_ERR__TIMED_OUT (another
/// process keeps the directory or a log of the topic longer than ckafka.lock.timeout.ms).
///
/// # Safety
/// `name` is NULL or zero-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_topic_delete(h: *mut ckafka_t, name: *const c_char) -> ckafka_err_t {
    on::<Arc<Directory>>("ckafka_topic_delete", h, |directory| {
        // SAFETY: this function's contract.
        let name = unsafe { topic(name) }?;
        Ok(directory.delete_topic(name)?)
    })
}

/// Names, partitions and settings of all topics, as JSON. Any thread.
///
/// The text belongs to the caller: ckafka_free.
///
/// # Safety
/// `json_out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_topic_list(h: *const ckafka_t, json_out: *mut *mut c_char) -> ckafka_err_t {
    on::<Arc<Directory>>("ckafka_topic_list", h, |directory| {
        // SAFETY: this function's contract.
        let json_out = unsafe { out(json_out, "json_out") }?;
        hand_over_text(&directory.topics()?, &json_out)
    })
}

/// Three offsets of a partition. Any thread.
///
/// `low` is the first offset that can be read, `end` is one past the last published record, `durable` one past the
/// last record that is known to be on disk. All three pointers are required. A partition that this process has not
/// opened yet is opened, as by ckafka_log_open, and stays open with the directory.
///
/// Errors: CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION, CKAFKA_ERR_INVALID_TOPIC, CKAFKA_ERR__IO, CKAFKA_ERR__CORRUPT.
///
/// # Safety
/// `topic` is NULL or zero-terminated. `low`, `end` and `durable` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_watermarks(
    h: *const ckafka_t,
    topic: *const c_char,
    partition: i32,
    low: *mut i64,
    end: *mut i64,
    durable: *mut i64,
) -> ckafka_err_t {
    on::<Arc<Directory>>("ckafka_watermarks", h, |directory| {
        // SAFETY: this function's contract.
        let (topic, low, end, durable) =
            unsafe { (self::topic(topic)?, out(low, "low")?, out(end, "end")?, out(durable, "durable")?) };
        let watermarks = directory.watermarks(topic, partition)?;
        low.write(watermarks.low);
        end.write(watermarks.end);
        durable.write(watermarks.durable);
        Ok(())
    })
}

/// The partition that Kafka's Java client picks for a key, of `n` partitions: murmur2. 0 or more; a negative number is
/// an error code: CKAFKA_ERR__INVALID_ARG for `n` below 1 or a NULL key (which has no partition of its own).
///
/// # Safety
/// `key` is NULL or readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_partition_for_key(key: *const c_void, len: usize, n: i32) -> i32 {
    let mut partition = 0;
    let code = boundary("ckafka_partition_for_key", || {
        // SAFETY: this function's contract.
        let key = unsafe { nullable(ckafka_slice_t { data: key, len }, "key") }?;
        let key = key.ok_or(Failure::Pointer { name: "key" })?;
        partition = partition_for_key(key, n).ok_or_else(|| Failure::argument("n", n, "1 or more"))?;
        Ok(())
    });
    if code == CKAFKA_OK { partition } else { code }
}
