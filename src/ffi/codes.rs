//! The error numbers of the C API and their texts. Which failure has which number is `error`.
//!
//! Positive numbers are Kafka's protocol errors unchanged, negative ones are local: librdkafka's where it has the same
//! error, ours from -1000 down. A number has one meaning, is never reused, and a retired one stays here as a comment.

use std::ffi::CStr;

/// Result of a call: 0, one of Kafka's error codes (positive) or a local one (negative).
pub type ckafka_err_t = i32;

/// Success.
pub const CKAFKA_OK: ckafka_err_t = 0;

/// The offset is outside [log start, log end].
pub const CKAFKA_ERR_OFFSET_OUT_OF_RANGE: ckafka_err_t = 1;
/// The bytes given by the caller are not a valid record batch, or not header fields: CRC, length or structure.
pub const CKAFKA_ERR_CORRUPT_MESSAGE: ckafka_err_t = 2;
/// No such topic or partition, or it was deleted meanwhile.
pub const CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION: ckafka_err_t = 3;
/// The batch is larger than max.message.bytes, or than the limit given.
pub const CKAFKA_ERR_MESSAGE_TOO_LARGE: ckafka_err_t = 10;
/// The topic name is not legal.
pub const CKAFKA_ERR_INVALID_TOPIC: ckafka_err_t = 17;
/// The batch is larger than segment.bytes.
pub const CKAFKA_ERR_RECORD_LIST_TOO_LARGE: ckafka_err_t = 18;
/// A timestamp is neither -1 nor 0 or more.
pub const CKAFKA_ERR_INVALID_TIMESTAMP: ckafka_err_t = 32;
/// The topic exists.
pub const CKAFKA_ERR_TOPIC_ALREADY_EXISTS: ckafka_err_t = 36;
/// The number of partitions is below 1 or above 100,000.
pub const CKAFKA_ERR_INVALID_PARTITIONS: ckafka_err_t = 37;
/// A configuration key or value is refused; the message names key, value and what is allowed.
pub const CKAFKA_ERR_INVALID_CONFIG: ckafka_err_t = 40;
/// Records of format 0 or 1 were met; the message names magic, offset and position.
pub const CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT: ckafka_err_t = 43;
/// The compression is unknown, or not built into this library.
pub const CKAFKA_ERR_UNSUPPORTED_COMPRESSION_TYPE: ckafka_err_t = 76;
/// The record or batch is well formed but may not be appended.
pub const CKAFKA_ERR_INVALID_RECORD: ckafka_err_t = 87;

/// The time is over. ckafka_append_durable: the records are appended, do not append them again.
pub const CKAFKA_ERR__TIMED_OUT: ckafka_err_t = -185;
/// An argument is NULL or outside its documented range.
pub const CKAFKA_ERR__INVALID_ARG: ckafka_err_t = -186;
/// The request cannot be met here: a file system whose guarantees are not known.
pub const CKAFKA_ERR__FAIL: ckafka_err_t = -196;
/// Somebody else holds the directory, for example a running broker.
pub const CKAFKA_ERR__LOCKED: ckafka_err_t = -1000;
/// The handle belongs to the parent of this forked process: open the directory anew.
pub const CKAFKA_ERR__FORKED: ckafka_err_t = -1001;
/// Bytes on disk are damaged; the message names file and position.
pub const CKAFKA_ERR__CORRUPT: ckafka_err_t = -1002;
/// No space is left; nothing of this call is in the log, and it may be repeated.
pub const CKAFKA_ERR__DISK_FULL: ckafka_err_t = -1003;
/// The directory or partition is open for reading only.
pub const CKAFKA_ERR__READONLY: ckafka_err_t = -1004;
/// The handle is NULL, closed, of another kind, or never was one.
pub const CKAFKA_ERR__BAD_HANDLE: ckafka_err_t = -1005;
/// Memory or handles could not be had.
pub const CKAFKA_ERR__NO_MEMORY: ckafka_err_t = -1006;
/// The buffer is too small; the length says what is needed.
pub const CKAFKA_ERR__TRUNCATED: ckafka_err_t = -1007;
/// The peer of the socket or pipe is gone.
pub const CKAFKA_ERR__CLOSED: ckafka_err_t = -1008;
/// The descriptor takes nothing more now: poll it and call again.
pub const CKAFKA_ERR__AGAIN: ckafka_err_t = -1009;
/// A signal or ckafka_wakeup ended a wait. ckafka_append_durable: the records are appended, do not append them again.
pub const CKAFKA_ERR__INTERRUPTED: ckafka_err_t = -1010;
/// Another version of the library, or another kernel, has the directory open.
pub const CKAFKA_ERR__VERSION: ckafka_err_t = -1011;
/// The library failed inside; the handle of that call answers this until it is closed.
pub const CKAFKA_ERR__PANIC: ckafka_err_t = -1012;
/// Something still uses what was to be closed, or the handle is in use by another thread.
pub const CKAFKA_ERR__BUSY: ckafka_err_t = -1013;
/// A system call failed, or an earlier write or sync of this log did.
pub const CKAFKA_ERR__IO: ckafka_err_t = -1014;

/// The text of a number: its symbol, then what it means.
pub(crate) fn text(code: ckafka_err_t) -> &'static CStr {
    match code {
        CKAFKA_OK => c"CKAFKA_OK: success",
        CKAFKA_ERR_OFFSET_OUT_OF_RANGE => c"CKAFKA_ERR_OFFSET_OUT_OF_RANGE: the offset is outside the log",
        CKAFKA_ERR_CORRUPT_MESSAGE => c"CKAFKA_ERR_CORRUPT_MESSAGE: the bytes given are not a valid record batch",
        CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION => c"CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION: no such topic or partition",
        CKAFKA_ERR_MESSAGE_TOO_LARGE => c"CKAFKA_ERR_MESSAGE_TOO_LARGE: the batch is larger than allowed",
        CKAFKA_ERR_INVALID_TOPIC => c"CKAFKA_ERR_INVALID_TOPIC: the topic name is not legal",
        CKAFKA_ERR_RECORD_LIST_TOO_LARGE => c"CKAFKA_ERR_RECORD_LIST_TOO_LARGE: the batch is larger than a segment",
        CKAFKA_ERR_INVALID_TIMESTAMP => c"CKAFKA_ERR_INVALID_TIMESTAMP: the timestamp is not -1, nor 0 or more",
        CKAFKA_ERR_TOPIC_ALREADY_EXISTS => c"CKAFKA_ERR_TOPIC_ALREADY_EXISTS: the topic exists",
        CKAFKA_ERR_INVALID_PARTITIONS => {
            c"CKAFKA_ERR_INVALID_PARTITIONS: the number of partitions is below 1 or above 100,000"
        }
        CKAFKA_ERR_INVALID_CONFIG => c"CKAFKA_ERR_INVALID_CONFIG: the configuration is refused",
        CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT => {
            c"CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT: record format 0 or 1 is not read"
        }
        CKAFKA_ERR_UNSUPPORTED_COMPRESSION_TYPE => {
            c"CKAFKA_ERR_UNSUPPORTED_COMPRESSION_TYPE: the compression is unknown or not built in"
        }
        CKAFKA_ERR_INVALID_RECORD => c"CKAFKA_ERR_INVALID_RECORD: the record or batch may not be appended",
        CKAFKA_ERR__TIMED_OUT => c"CKAFKA_ERR__TIMED_OUT: the time is over",
        CKAFKA_ERR__INVALID_ARG => c"CKAFKA_ERR__INVALID_ARG: an argument is NULL or out of range",
        CKAFKA_ERR__FAIL => c"CKAFKA_ERR__FAIL: the request cannot be met here",
        CKAFKA_ERR__LOCKED => c"CKAFKA_ERR__LOCKED: somebody else holds the directory",
        CKAFKA_ERR__FORKED => c"CKAFKA_ERR__FORKED: the handle belongs to the parent of this process",
        CKAFKA_ERR__CORRUPT => c"CKAFKA_ERR__CORRUPT: bytes on disk are damaged",
        CKAFKA_ERR__DISK_FULL => c"CKAFKA_ERR__DISK_FULL: no space is left",
        CKAFKA_ERR__READONLY => c"CKAFKA_ERR__READONLY: open for reading only",
        CKAFKA_ERR__BAD_HANDLE => c"CKAFKA_ERR__BAD_HANDLE: the handle is NULL, closed or of another kind",
        CKAFKA_ERR__NO_MEMORY => c"CKAFKA_ERR__NO_MEMORY: memory or handles could not be had",
        CKAFKA_ERR__TRUNCATED => c"CKAFKA_ERR__TRUNCATED: the buffer is too small",
        CKAFKA_ERR__CLOSED => c"CKAFKA_ERR__CLOSED: the peer is gone",
        CKAFKA_ERR__AGAIN => c"CKAFKA_ERR__AGAIN: the descriptor takes nothing more now",
        CKAFKA_ERR__INTERRUPTED => c"CKAFKA_ERR__INTERRUPTED: a signal or wakeup ended the wait",
        CKAFKA_ERR__VERSION => c"CKAFKA_ERR__VERSION: in use by another version or kernel",
        CKAFKA_ERR__PANIC => c"CKAFKA_ERR__PANIC: the library failed inside; close the handle",
        CKAFKA_ERR__BUSY => c"CKAFKA_ERR__BUSY: in use",
        CKAFKA_ERR__IO => c"CKAFKA_ERR__IO: a system call failed, now or earlier",
        _ => c"not an error number of ckafka",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_text_that_starts_with_its_symbol() {
        let mut numbers = Vec::new();
        for line in include_str!("codes.rs").lines() {
            let Some(rest) = line.strip_prefix("pub const ") else { continue };
            let (symbol, value) = rest.split_once(": ckafka_err_t = ").expect("a number");
            let number: ckafka_err_t = value.trim_end_matches(';').parse().expect("a literal");
            assert!(text(number).to_str().expect("UTF-8").starts_with(&format!("{symbol}: ")), "{symbol}");
            assert!(!numbers.contains(&number), "{symbol} has the number of another error");
            numbers.push(number);
        }
        assert_eq!(numbers.len(), 32);
    }
}
