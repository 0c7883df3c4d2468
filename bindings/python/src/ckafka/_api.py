"""What the package knows of the C interface: types, constants and functions, in one table each.

Nothing else in the package declares anything of C. A test reads include/ckafka.h and compares every line with it:
result and arguments of each function, layout of each structure, value of each constant. What a function does is told
in the header, not here.
"""

from __future__ import annotations

from ctypes import POINTER, Structure, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Tuple

ABI_VERSION = 1
"""Major version * 1000 + minor version of the interface that the tables below describe."""


class Slice(Structure):
    """ckafka_slice_t"""

    _fields_ = [("data", c_void_p), ("len", c_size_t)]


class RecordIn(Structure):
    """ckafka_record_t"""

    _fields_ = [("key", Slice), ("value", Slice), ("headers", Slice), ("ts", c_int64)]


class RecordOut(Structure):
    """ckafka_rec_t"""

    _fields_ = [
        ("offset", c_int64),
        ("ts", c_int64),
        ("key_pos", c_uint64),
        ("val_pos", c_uint64),
        ("hdr_pos", c_uint64),
        ("key_len", c_int32),
        ("val_len", c_int32),
        ("hdr_len", c_int32),
        ("flags", c_uint32),
    ]


class Columns(Structure):
    """ckafka_columns_t; its pointers are kept as addresses."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("count", c_size_t),
        ("offsets", c_void_p),
        ("timestamps", c_void_p),
        ("key_pos", c_void_p),
        ("val_pos", c_void_p),
        ("hdr_pos", c_void_p),
        ("key_len", c_void_p),
        ("val_len", c_void_p),
        ("hdr_len", c_void_p),
    ]


STRUCTURES: Dict[str, Any] = {
    "ckafka_slice_t": Slice,
    "ckafka_record_t": RecordIn,
    "ckafka_rec_t": RecordOut,
    "ckafka_columns_t": Columns,
}

CONSTANTS: Dict[str, int] = {
    "CKAFKA_VERSION_MAJOR": 0,
    "CKAFKA_VERSION_MINOR": 1,
    "CKAFKA_VERSION_PATCH": 0,
    "CKAFKA_OPEN_RDONLY": 1,
    "CKAFKA_OPEN_CREATE": 2,
    "CKAFKA_START_EARLIEST": -2,
    "CKAFKA_START_LATEST": -1,
    "CKAFKA_START_DURABLE_END": -3,
    "CKAFKA_IO_FLUSH": 1,
    "CKAFKA_IO_PRETOUCH": 2,
    "CKAFKA_CAP_ZERO_COPY_READ": 1,
    "CKAFKA_CAP_ZERO_COPY_SEND": 2,
    "CKAFKA_CAP_DURABLE_WAIT": 4,
    "CKAFKA_CAP_WRITE": 8,
    "CKAFKA_CAP_SHARED_WRITE": 16,
    "CKAFKA_REC_LOG_APPEND_TIME": 1,
    "CKAFKA_REC_DECOMPRESSED": 2,
    "CKAFKA_OK": 0,
    "CKAFKA_ERR_OFFSET_OUT_OF_RANGE": 1,
    "CKAFKA_ERR_CORRUPT_MESSAGE": 2,
    "CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION": 3,
    "CKAFKA_ERR_MESSAGE_TOO_LARGE": 10,
    "CKAFKA_ERR_INVALID_TOPIC": 17,
    "CKAFKA_ERR_RECORD_LIST_TOO_LARGE": 18,
    "CKAFKA_ERR_INVALID_TIMESTAMP": 32,
    "CKAFKA_ERR_TOPIC_ALREADY_EXISTS": 36,
    "CKAFKA_ERR_INVALID_PARTITIONS": 37,
    "CKAFKA_ERR_INVALID_CONFIG": 40,
    "CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT": 43,
    "CKAFKA_ERR_UNSUPPORTED_COMPRESSION_TYPE": 76,
    "CKAFKA_ERR_INVALID_RECORD": 87,
    "CKAFKA_ERR__TIMED_OUT": -185,
    "CKAFKA_ERR__INVALID_ARG": -186,
    "CKAFKA_ERR__FAIL": -196,
    "CKAFKA_ERR__LOCKED": -1000,
    "CKAFKA_ERR__FORKED": -1001,
    "CKAFKA_ERR__CORRUPT": -1002,
    "CKAFKA_ERR__DISK_FULL": -1003,
    "CKAFKA_ERR__READONLY": -1004,
    "CKAFKA_ERR__BAD_HANDLE": -1005,
    "CKAFKA_ERR__NO_MEMORY": -1006,
    "CKAFKA_ERR__TRUNCATED": -1007,
    "CKAFKA_ERR__CLOSED": -1008,
    "CKAFKA_ERR__AGAIN": -1009,
    "CKAFKA_ERR__INTERRUPTED": -1010,
    "CKAFKA_ERR__VERSION": -1011,
    "CKAFKA_ERR__PANIC": -1012,
    "CKAFKA_ERR__BUSY": -1013,
    "CKAFKA_ERR__IO": -1014,
}

# The words that the table of functions is written in. Handles, and pointers to bytes or arrays that are only read, are
# addresses; what a call writes is a pointer of its type. OWNED is text that goes back through ckafka_free.
ERR = c_int32
DIR = LOG = READER = SENDER = BATCH = VIEW = CONF = c_void_p
BYTES = ARRAY = BUFFER = c_void_p
TEXT = c_char_p
ADDRESS_OUT = OWNED_OUT = POINTER(c_void_p)
INT64_OUT = POINTER(c_int64)
UINT64_OUT = POINTER(c_uint64)
SIZE_OUT = POINTER(c_size_t)
FD_OUT = POINTER(c_int)
SLICE_OUT = POINTER(Slice)
COLUMNS_OUT = POINTER(Columns)

FUNCTIONS: Dict[str, Tuple[Any, Tuple[Any, ...]]] = {
    "ckafka_version_str": (TEXT, ()),
    "ckafka_abi_version": (c_int32, ()),
    "ckafka_strerror": (TEXT, (ERR,)),
    "ckafka_errmsg": (TEXT, ()),
    "ckafka_free": (None, (BUFFER,)),
    "ckafka_conf_new": (CONF, ()),
    "ckafka_conf_set": (ERR, (CONF, TEXT, TEXT)),
    "ckafka_conf_get": (ERR, (CONF, TEXT, BUFFER, SIZE_OUT)),
    "ckafka_conf_dup": (CONF, (CONF,)),
    "ckafka_conf_free": (None, (CONF,)),
    "ckafka_open": (ERR, (TEXT, CONF, c_uint32, ADDRESS_OUT)),
    "ckafka_close": (ERR, (DIR,)),
    "ckafka_sync": (ERR, (DIR,)),
    "ckafka_recovery_report": (ERR, (DIR, OWNED_OUT)),
    "ckafka_stats": (ERR, (DIR, OWNED_OUT)),
    "ckafka_caps": (ERR, (DIR, UINT64_OUT)),
    "ckafka_topic_create": (ERR, (DIR, TEXT, c_int32, CONF)),
    "ckafka_topic_delete": (ERR, (DIR, TEXT)),
    "ckafka_topic_list": (ERR, (DIR, OWNED_OUT)),
    "ckafka_watermarks": (ERR, (DIR, TEXT, c_int32, INT64_OUT, INT64_OUT, INT64_OUT)),
    "ckafka_partition_for_key": (c_int32, (BYTES, c_size_t, c_int32)),
    "ckafka_log_open": (ERR, (DIR, TEXT, c_int32, ADDRESS_OUT)),
    "ckafka_log_close": (ERR, (LOG,)),
    "ckafka_append": (ERR, (LOG, ARRAY, c_size_t, INT64_OUT)),
    "ckafka_append_durable": (ERR, (LOG, ARRAY, c_size_t, c_int32, INT64_OUT)),
    "ckafka_append_raw": (ERR, (LOG, BYTES, c_size_t, INT64_OUT)),
    "ckafka_wait_durable": (ERR, (LOG, c_int64, c_int32)),
    "ckafka_sync_request": (ERR, (LOG,)),
    "ckafka_durable_fd": (ERR, (LOG, FD_OUT)),
    "ckafka_pretouch": (ERR, (LOG,)),
    "ckafka_append_packed": (ERR, (LOG, BYTES, ARRAY, BYTES, ARRAY, c_size_t, c_int64, INT64_OUT)),
    "ckafka_batch_new": (ERR, (LOG, c_size_t, ADDRESS_OUT)),
    "ckafka_batch_add": (ERR, (BATCH, ARRAY)),
    "ckafka_batch_append": (ERR, (BATCH, INT64_OUT)),
    "ckafka_batch_free": (None, (BATCH,)),
    "ckafka_headers_append": (ERR, (BUFFER, c_size_t, TEXT, BYTES, c_size_t, SIZE_OUT)),
    "ckafka_header_next": (ERR, (BYTES, c_size_t, SIZE_OUT, SLICE_OUT, SLICE_OUT)),
    "ckafka_reader_open": (ERR, (LOG, c_int64, CONF, ADDRESS_OUT)),
    "ckafka_reader_close": (ERR, (READER,)),
    "ckafka_reader_fetch": (ERR, (READER, c_size_t, c_int32, ADDRESS_OUT)),
    "ckafka_reader_seek": (ERR, (READER, c_int64)),
    "ckafka_reader_seek_time": (ERR, (READER, c_int64)),
    "ckafka_reader_position": (ERR, (READER, INT64_OUT)),
    "ckafka_reader_fd": (ERR, (READER, FD_OUT)),
    "ckafka_wakeup": (ERR, (READER,)),
    "ckafka_offset_for_time": (ERR, (LOG, c_int64, INT64_OUT, INT64_OUT)),
    "ckafka_view_base": (ERR, (VIEW, ADDRESS_OUT, SIZE_OUT)),
    "ckafka_view_records": (ERR, (VIEW, ADDRESS_OUT, SIZE_OUT)),
    "ckafka_view_columns": (ERR, (VIEW, COLUMNS_OUT)),
    "ckafka_view_raw": (ERR, (VIEW, ADDRESS_OUT, SIZE_OUT)),
    "ckafka_view_retain": (ERR, (VIEW,)),
    "ckafka_view_release": (None, (VIEW,)),
    "ckafka_view_decode": (ERR, (BYTES, c_size_t, c_size_t, ADDRESS_OUT, SIZE_OUT)),
    "ckafka_sender_open": (ERR, (LOG, c_int64, ADDRESS_OUT)),
    "ckafka_send": (ERR, (SENDER, c_int, c_uint64, c_uint32, UINT64_OUT)),
    "ckafka_sender_position": (ERR, (SENDER, INT64_OUT, UINT64_OUT)),
    "ckafka_sender_close": (ERR, (SENDER,)),
    "ckafka_pin_thread": (ERR, (c_int32,)),
    "ckafka_io_threads_start": (ERR, (DIR, c_uint32)),
}

KEEPS_GIL = frozenset({
    "ckafka_version_str",
    "ckafka_abi_version",
    "ckafka_strerror",
    "ckafka_errmsg",
    "ckafka_free",
    "ckafka_conf_new",
    "ckafka_conf_set",
    "ckafka_conf_get",
    "ckafka_conf_dup",
    "ckafka_conf_free",
    "ckafka_partition_for_key",
    "ckafka_headers_append",
    "ckafka_header_next",
    "ckafka_reader_position",
    "ckafka_view_base",
    "ckafka_view_raw",
    "ckafka_view_release",
    "ckafka_wakeup",
    "ckafka_sender_position",
})  # fmt: skip
"""Functions that neither wait nor touch a file: letting other threads in would cost more than they do."""
