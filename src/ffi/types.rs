//! The structs and flags of the header. Their layout is part of the ABI: held by assertions here and in C.

use std::ffi::c_void;
use std::mem::{offset_of, size_of};

use crate::broker::directory::capability;
use crate::storage::view::RecordRow;

/// An open data directory.
pub struct ckafka_t {
    _private: (),
}
/// The log of one partition.
pub struct ckafka_log_t {
    _private: (),
}
/// A reading position in a log.
pub struct ckafka_reader_t {
    _private: (),
}
/// A sending position in a log, counted in bytes.
pub struct ckafka_sender_t {
    _private: (),
}
/// Records that were read: whole batches pinned in memory. Immutable, usable from any thread; counted references.
pub struct ckafka_view_t {
    _private: (),
}
/// A batch in the making.
pub struct ckafka_batch_t {
    _private: (),
}
/// Configuration values.
pub struct ckafka_conf_t {
    _private: (),
}

/// Bytes owned by somebody else. `data` NULL is Kafka's null, whatever `len`; another `data` with `len` 0 is empty.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct ckafka_slice_t {
    /// First byte, or NULL.
    pub data: *const c_void,
    /// How many bytes.
    pub len: usize,
}

/// One record to append. All bytes are copied before the call returns.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct ckafka_record_t {
    /// Key, or null.
    pub key: ckafka_slice_t,
    /// Value, or null (a tombstone).
    pub value: ckafka_slice_t,
    /// Header fields as ckafka_headers_append writes them; null or empty: none.
    pub headers: ckafka_slice_t,
    /// Milliseconds since the epoch; -1: now.
    pub ts: i64,
}

/// One record that was read. Positions count bytes from the view's base (ckafka_view_base); a length of -1 is null.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct ckafka_rec_t {
    /// Offset in the log.
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub ts: i64,
    /// Where the key starts.
    pub key_pos: u64,
    /// Where the value starts.
    pub val_pos: u64,
    /// Where the header fields start (ckafka_header_next).
    pub hdr_pos: u64,
    /// Bytes of the key; -1: null.
    pub key_len: i32,
    /// Bytes of the value; -1: null.
    pub val_len: i32,
    /// Bytes of the header fields; 0: none.
    pub hdr_len: i32,
    /// CKAFKA_REC_* bits.
    pub flags: u32,
}

/// The records of a view by columns: `count` values behind each pointer, with the meanings of ckafka_rec_t.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct ckafka_columns_t {
    /// Set by the caller to sizeof(ckafka_columns_t) before the call.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Records.
    pub count: usize,
    /// Offsets in the log.
    pub offsets: *const i64,
    /// Milliseconds since the epoch.
    pub timestamps: *const i64,
    /// Where keys start.
    pub key_pos: *const u64,
    /// Where values start.
    pub val_pos: *const u64,
    /// Where header fields start.
    pub hdr_pos: *const u64,
    /// Bytes of keys; -1: null.
    pub key_len: *const i32,
    /// Bytes of values; -1: null.
    pub val_len: *const i32,
    /// Bytes of header fields.
    pub hdr_len: *const i32,
}

/// ckafka_open: for reading only; nothing in the directory changes.
pub const CKAFKA_OPEN_RDONLY: u32 = 1;
/// ckafka_open: an empty or missing directory becomes a data directory.
pub const CKAFKA_OPEN_CREATE: u32 = 2;

/// Start at the log's first offset.
pub const CKAFKA_START_EARLIEST: i64 = -2;
/// Start at the published end as it is now; under read_committed at the last stable offset.
pub const CKAFKA_START_LATEST: i64 = -1;
/// Start at the durable end as it is now.
pub const CKAFKA_START_DURABLE_END: i64 = -3;

/// ckafka_io_threads_start: sync on request and every flush.ms.
pub const CKAFKA_IO_FLUSH: u32 = 1;
/// ckafka_io_threads_start: prepare pages ahead of the ends.
pub const CKAFKA_IO_PRETOUCH: u32 = 2;

/// ckafka_caps: views borrow from the page cache.
pub const CKAFKA_CAP_ZERO_COPY_READ: u64 = 1;
/// ckafka_caps: ckafka_send moves bytes inside the kernel.
pub const CKAFKA_CAP_ZERO_COPY_SEND: u64 = 2;
/// ckafka_caps: ckafka_wait_durable works.
pub const CKAFKA_CAP_DURABLE_WAIT: u64 = 4;
/// ckafka_caps: appends work.
pub const CKAFKA_CAP_WRITE: u64 = 8;
/// ckafka_caps: several processes may append to one partition.
pub const CKAFKA_CAP_SHARED_WRITE: u64 = 16;

/// ckafka_rec_t flags: `ts` was set by the log at append, not by the producer.
pub const CKAFKA_REC_LOG_APPEND_TIME: u32 = 1;
/// ckafka_rec_t flags: the bytes were decompressed into memory of the view.
pub const CKAFKA_REC_DECOMPRESSED: u32 = 2;

const _: () = {
    assert!(size_of::<usize>() == 8, "a handle needs 64 bits");
    assert!(size_of::<ckafka_slice_t>() == 16 && size_of::<ckafka_record_t>() == 56);
    assert!(size_of::<ckafka_columns_t>() == 80 && size_of::<ckafka_rec_t>() == 56);
    // A view's table is handed out as it lies.
    assert!(size_of::<RecordRow>() == 56 && align_of::<RecordRow>() == align_of::<ckafka_rec_t>());
    assert!(offset_of!(RecordRow, offset) == offset_of!(ckafka_rec_t, offset));
    assert!(offset_of!(RecordRow, timestamp) == offset_of!(ckafka_rec_t, ts));
    assert!(offset_of!(RecordRow, key_position) == offset_of!(ckafka_rec_t, key_pos));
    assert!(offset_of!(RecordRow, value_position) == offset_of!(ckafka_rec_t, val_pos));
    assert!(offset_of!(RecordRow, headers_position) == offset_of!(ckafka_rec_t, hdr_pos));
    assert!(offset_of!(RecordRow, key_len) == offset_of!(ckafka_rec_t, key_len));
    assert!(offset_of!(RecordRow, value_len) == offset_of!(ckafka_rec_t, val_len));
    assert!(offset_of!(RecordRow, headers_len) == offset_of!(ckafka_rec_t, hdr_len));
    assert!(offset_of!(RecordRow, flags) == offset_of!(ckafka_rec_t, flags));
    assert!(CKAFKA_CAP_ZERO_COPY_READ == capability::ZERO_COPY_READ);
    assert!(CKAFKA_CAP_ZERO_COPY_SEND == capability::ZERO_COPY_SEND);
    assert!(CKAFKA_CAP_DURABLE_WAIT == capability::DURABLE_WAIT);
    assert!(CKAFKA_CAP_WRITE == capability::WRITE && CKAFKA_CAP_SHARED_WRITE == capability::SHARED_WRITE);
};
