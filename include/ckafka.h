/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * ckafka.h - the C interface of libckafka: Kafka's log as a library.
 *
 * Functions that can fail return ckafka_err_t: 0, one of Kafka's error codes (positive) or a local one (negative).
 * ckafka_errmsg() has the details of the last failure on the calling thread. Results come through trailing pointers,
 * which are written on success only; exceptions say so. No pointer crashes a call by being NULL.
 *
 * Handles (ckafka_t, ckafka_log_t, ckafka_reader_t, ckafka_sender_t) are numbers dressed as pointers: never follow
 * one. A handle that is NULL, closed or of another kind answers CKAFKA_ERR__BAD_HANDLE; one that a fork brought into a
 * child process CKAFKA_ERR__FORKED; one whose call failed inside the library CKAFKA_ERR__PANIC until it is closed.
 * Views, batches and configurations are real pointers: pass none that was freed.
 *
 * Offsets count records, positions and sizes count bytes. Times are milliseconds since the epoch; timeouts are
 * milliseconds, -1 for ever, 0 without waiting. Text is zero-terminated UTF-8.
 *
 * "Pointers" in a comment is what the caller answers for. Functions may be called from any thread unless they say
 * otherwise, but only ckafka_wakeup from a signal handler. No function may be left by longjmp or a C++ exception. None
 * is a cancellation point: a thread that is cancelled in one ends behind it.
 */

#ifndef CKAFKA_H
#define CKAFKA_H

/* Made by cbindgen from src/ffi: change it there, then run `make header`. */

#include <stddef.h>
#include <stdint.h>

#define CKAFKA_VERSION_MAJOR 0
#define CKAFKA_VERSION_MINOR 1
#define CKAFKA_VERSION_PATCH 0
#define CKAFKA_VERSION_STRING "0.1.0"

/** ckafka_open: for reading only; nothing in the directory changes. */
#define CKAFKA_OPEN_RDONLY 1

/** ckafka_open: an empty or missing directory becomes a data directory. */
#define CKAFKA_OPEN_CREATE 2

/** Start at the log's first offset. */
#define CKAFKA_START_EARLIEST (-2)

/** Start at the published end as it is now; under read_committed at the last stable offset. */
#define CKAFKA_START_LATEST (-1)

/** Start at the durable end as it is now. */
#define CKAFKA_START_DURABLE_END (-3)

/** ckafka_io_threads_start: sync on request and every flush.ms. */
#define CKAFKA_IO_FLUSH 1

/** ckafka_io_threads_start: prepare pages ahead of the ends. */
#define CKAFKA_IO_PRETOUCH 2

/** ckafka_caps: views borrow from the page cache. */
#define CKAFKA_CAP_ZERO_COPY_READ 1

/** ckafka_caps: ckafka_send moves bytes inside the kernel. */
#define CKAFKA_CAP_ZERO_COPY_SEND 2

/** ckafka_caps: ckafka_wait_durable works. */
#define CKAFKA_CAP_DURABLE_WAIT 4

/** ckafka_caps: appends work. */
#define CKAFKA_CAP_WRITE 8

/** ckafka_caps: several processes may append to one partition. */
#define CKAFKA_CAP_SHARED_WRITE 16

/** ckafka_rec_t flags: `ts` was set by the log at append, not by the producer. */
#define CKAFKA_REC_LOG_APPEND_TIME 1

/** ckafka_rec_t flags: the bytes were decompressed into memory of the view. */
#define CKAFKA_REC_DECOMPRESSED 2

/** A batch in the making. */
typedef struct ckafka_batch_t ckafka_batch_t;

/** Configuration values. */
typedef struct ckafka_conf_t ckafka_conf_t;

/** The log of one partition. */
typedef struct ckafka_log_t ckafka_log_t;

/** A reading position in a log. */
typedef struct ckafka_reader_t ckafka_reader_t;

/** A sending position in a log, counted in bytes. */
typedef struct ckafka_sender_t ckafka_sender_t;

/** An open data directory. */
typedef struct ckafka_t ckafka_t;

/** Records that were read: whole batches pinned in memory. Immutable, usable from any thread; counted references. */
typedef struct ckafka_view_t ckafka_view_t;

/** Result of a call: 0, one of Kafka's error codes (positive) or a local one (negative). */
typedef int32_t ckafka_err_t;

/** Bytes owned by somebody else. `data` NULL is Kafka's null, whatever `len`; another `data` with `len` 0 is empty. */
typedef struct {
    /** First byte, or NULL. */
    const void *data;
    /** How many bytes. */
    size_t len;
} ckafka_slice_t;

/** One record to append. All bytes are copied before the call returns. */
typedef struct {
    /** Key, or null. */
    ckafka_slice_t key;
    /** Value, or null (a tombstone). */
    ckafka_slice_t value;
    /** Header fields as ckafka_headers_append writes them; null or empty: none. */
    ckafka_slice_t headers;
    /** Milliseconds since the epoch; -1: now. */
    int64_t ts;
} ckafka_record_t;

/** One record that was read. Positions count bytes from the view's base (ckafka_view_base); a length of -1 is null. */
typedef struct {
    /** Offset in the log. */
    int64_t offset;
    /** Milliseconds since the epoch. */
    int64_t ts;
    /** Where the key starts. */
    uint64_t key_pos;
    /** Where the value starts. */
    uint64_t val_pos;
    /** Where the header fields start (ckafka_header_next). */
    uint64_t hdr_pos;
    /** Bytes of the key; -1: null. */
    int32_t key_len;
    /** Bytes of the value; -1: null. */
    int32_t val_len;
    /** Bytes of the header fields; 0: none. */
    int32_t hdr_len;
    /** CKAFKA_REC_* bits. */
    uint32_t flags;
} ckafka_rec_t;

/** The records of a view by columns: `count` values behind each pointer, with the meanings of ckafka_rec_t. */
typedef struct {
    /** Set by the caller to sizeof(ckafka_columns_t) before the call. */
    uint32_t struct_size;
    /** 0. */
    uint32_t reserved;
    /** Records. */
    size_t count;
    /** Offsets in the log. */
    const int64_t *offsets;
    /** Milliseconds since the epoch. */
    const int64_t *timestamps;
    /** Where keys start. */
    const uint64_t *key_pos;
    /** Where values start. */
    const uint64_t *val_pos;
    /** Where header fields start. */
    const uint64_t *hdr_pos;
    /** Bytes of keys; -1: null. */
    const int32_t *key_len;
    /** Bytes of values; -1: null. */
    const int32_t *val_len;
    /** Bytes of header fields. */
    const int32_t *hdr_len;
} ckafka_columns_t;

/** Success. */
#define CKAFKA_OK 0

/** The offset is outside [log start, log end]. */
#define CKAFKA_ERR_OFFSET_OUT_OF_RANGE 1

/** The bytes given by the caller are not a valid record batch, or not header fields: CRC, length or structure. */
#define CKAFKA_ERR_CORRUPT_MESSAGE 2

/** No such topic or partition, or it was deleted meanwhile. */
#define CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION 3

/** The batch is larger than max.message.bytes, or than the limit given. */
#define CKAFKA_ERR_MESSAGE_TOO_LARGE 10

/** The topic name is not legal. */
#define CKAFKA_ERR_INVALID_TOPIC 17

/** The batch is larger than segment.bytes. */
#define CKAFKA_ERR_RECORD_LIST_TOO_LARGE 18

/** A timestamp is neither -1 nor 0 or more. */
#define CKAFKA_ERR_INVALID_TIMESTAMP 32

/** The topic exists. */
#define CKAFKA_ERR_TOPIC_ALREADY_EXISTS 36

/** The number of partitions is below 1 or above 100,000. */
#define CKAFKA_ERR_INVALID_PARTITIONS 37

/** A configuration key or value is refused; the message names key, value and what is allowed. */
#define CKAFKA_ERR_INVALID_CONFIG 40

/** Records of format 0 or 1 were met; the message names magic, offset and position. */
#define CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT 43

/** The compression is unknown, or not built into this library. */
#define CKAFKA_ERR_UNSUPPORTED_COMPRESSION_TYPE 76

/** The record or batch is well formed but may not be appended. */
#define CKAFKA_ERR_INVALID_RECORD 87

/** The time is over. ckafka_append_durable: the records are appended, do not append them again. */
#define CKAFKA_ERR__TIMED_OUT (-185)

/** An argument is NULL or outside its documented range. */
#define CKAFKA_ERR__INVALID_ARG (-186)

/** The request cannot be met here: a file system whose guarantees are not known. */
#define CKAFKA_ERR__FAIL (-196)

/** Somebody else holds the directory, for example a running broker. */
#define CKAFKA_ERR__LOCKED (-1000)

/** The handle belongs to the parent of this forked process: open the directory anew. */
#define CKAFKA_ERR__FORKED (-1001)

/** Bytes on disk are damaged; the message names file and position. */
#define CKAFKA_ERR__CORRUPT (-1002)

/** No space is left; nothing of this call is in the log, and it may be repeated. */
#define CKAFKA_ERR__DISK_FULL (-1003)

/** The directory or partition is open for reading only. */
#define CKAFKA_ERR__READONLY (-1004)

/** The handle is NULL, closed, of another kind, or never was one. */
#define CKAFKA_ERR__BAD_HANDLE (-1005)

/** Memory or handles could not be had. */
#define CKAFKA_ERR__NO_MEMORY (-1006)

/** The buffer is too small; the length says what is needed. */
#define CKAFKA_ERR__TRUNCATED (-1007)

/** The peer of the socket or pipe is gone. */
#define CKAFKA_ERR__CLOSED (-1008)

/** The descriptor takes nothing more now: poll it and call again. */
#define CKAFKA_ERR__AGAIN (-1009)

/** A signal or ckafka_wakeup ended a wait. ckafka_append_durable: the records are appended, do not append them again. */
#define CKAFKA_ERR__INTERRUPTED (-1010)

/** Another version of the library, or another kernel, has the directory open. */
#define CKAFKA_ERR__VERSION (-1011)

/** The library failed inside; the handle of that call answers this until it is closed. */
#define CKAFKA_ERR__PANIC (-1012)

/** Something still uses what was to be closed, or the handle is in use by another thread. */
#define CKAFKA_ERR__BUSY (-1013)

/** A system call failed, or an earlier write or sync of this log did. */
#define CKAFKA_ERR__IO (-1014)

#ifdef __cplusplus
extern "C" {
#endif  /* __cplusplus */

/** Version of the library, for example "0.1.0". Static. */
const char *ckafka_version_str(void);

/**
 * Version of the binary interface: major version * 1000 + minor version.
 *
 * A program built against a header with the same CKAFKA_VERSION_MAJOR and a CKAFKA_VERSION_MINOR that is not higher
 * can use this library; while the major version is 0, the minor version has to be the same.
 */
int32_t ckafka_abi_version(void);

/** What an error code means. The text starts with the code's symbol. Static, never NULL, for any number. */
const char *ckafka_strerror(ckafka_err_t err);

/**
 * What the last failed call on this thread failed with: which call, what, where, what was expected and found.
 *
 * UTF-8, never NULL; empty if no call on this thread has failed yet. Borrowed: valid until the next call fails on
 * this thread. A call that succeeds leaves it as it is, and so does ckafka_wakeup.
 */
const char *ckafka_errmsg(void);

/**
 * Frees memory that a function of this library gave to the caller to free. NULL is a no-op. It is the C library's
 * free.
 *
 * Pointers: `ptr` is NULL or was handed out as text to pass to ckafka_free, and is not used afterwards.
 */
void ckafka_free(void *ptr);

/**
 * A configuration with every key at its default.
 *
 * The caller owns it: ckafka_conf_free. One thread at a time may use it. Calls that take a configuration copy it. NULL
 * if memory is out.
 */
ckafka_conf_t *ckafka_conf_new(void);

/**
 * Sets one value. Both texts are copied.
 *
 * One configuration may hold keys of directories, topics and readers; each call takes those that concern it.
 *
 * Errors: CKAFKA_ERR_INVALID_CONFIG for an unknown key or a value out of range (ckafka_errmsg names the allowed
 * ones), CKAFKA_ERR_UNSUPPORTED_COMPRESSION_TYPE for a codec that is not built in; nothing was changed then.
 *
 * Pointers: `conf` is NULL or came from ckafka_conf_new or ckafka_conf_dup and is not freed. `key` and `value` are NULL or
 * zero-terminated UTF-8.
 */
ckafka_err_t ckafka_conf_set(ckafka_conf_t *conf,
                             const char *key,
                             const char *value);

/**
 * Reads one value, or its default, as text.
 *
 * `len_inout` holds the size of `buf` before the call, and the length of the text with its closing zero after it.
 * CKAFKA_ERR__TRUNCATED: `buf` is too small and was left alone, `len_inout` says what is needed; `buf` may be NULL
 * with a size of 0 to ask for that. CKAFKA_ERR_INVALID_CONFIG: unknown key.
 *
 * Pointers: `conf` is NULL or came from ckafka_conf_new or ckafka_conf_dup and is not freed. `key` is NULL or zero-terminated
 * UTF-8. `len_inout` is NULL or readable and writable. `buf` is NULL or writable for that many bytes.
 */
ckafka_err_t ckafka_conf_get(const ckafka_conf_t *conf,
                             const char *key,
                             char *buf,
                             size_t *len_inout);

/**
 * A copy of a configuration. The caller owns it: ckafka_conf_free. NULL for NULL, or if memory is out.
 *
 * Pointers: `conf` is NULL or came from ckafka_conf_new or ckafka_conf_dup and is not freed.
 */
ckafka_conf_t *ckafka_conf_dup(const ckafka_conf_t *conf);

/**
 * Frees a configuration. NULL is a no-op.
 *
 * Pointers: `conf` is NULL or came from ckafka_conf_new or ckafka_conf_dup and is not freed.
 */
void ckafka_conf_free(ckafka_conf_t *conf);

/**
 * Opens a data directory: one of ours, or one that a stopped Kafka broker wrote.
 *
 * `path` is bytes as the file system has them. `conf` is copied and may be NULL: all defaults. `flags` is 0 or one of
 * CKAFKA_OPEN_*. The handle belongs to the caller: ckafka_close. Any number of processes and threads may use one
 * directory, and one handle.
 *
 * What a crash left behind is mended before the call returns; ckafka_recovery_report tells what was done.
 *
 * Calls that need what another process holds wait for it, ckafka.lock.timeout.ms at most and whatever signals come. For
 * programs whose signal handlers only leave a note there is ckafka.lock.slice.ms: then opening, making and removing
 * topics, and appending end with CKAFKA_ERR__INTERRUPTED when a handler ran or so much time is over, have done nothing,
 * and may be called again.
 *
 * Errors: CKAFKA_ERR__IO (missing, not readable, a file), CKAFKA_ERR__LOCKED (a running broker),
 * CKAFKA_ERR__READONLY, CKAFKA_ERR__DISK_FULL, CKAFKA_ERR__VERSION, CKAFKA_ERR__CORRUPT, CKAFKA_ERR__FAIL (file system
 * not supported), CKAFKA_ERR__INVALID_ARG (no data directory, or one with a folder that a broker refuses too),
 * CKAFKA_ERR__BUSY (256 processes write there), CKAFKA_ERR__TIMED_OUT (ckafka.lock.timeout.ms).
 *
 * Pointers: `path` is NULL or zero-terminated. `conf` is NULL or not freed. `out` is NULL or writable.
 */
ckafka_err_t ckafka_open(const char *path,
                         const ckafka_conf_t *conf,
                         uint32_t flags,
                         ckafka_t **out);

/**
 * Makes all records durable, writes the checkpoints and closes the directory.
 *
 * CKAFKA_ERR__BUSY while one of its logs, readers, senders or batches is open, or a call with them is running: then
 * nothing happened. With any other result the handle is gone. Views stay valid. In a forked child only the handle
 * goes, and the answer is CKAFKA_ERR__FORKED.
 */
ckafka_err_t ckafka_close(ckafka_t *h);

/**
 * Makes all records durable of all partitions that this process has used, and writes their checkpoints. Blocks. Any
 * thread. Partitions that only other processes have open are theirs to sync.
 *
 * A partition that cannot be synced keeps no other from it. Errors: CKAFKA_ERR__IO, CKAFKA_ERR__READONLY,
 * CKAFKA_ERR__DISK_FULL.
 */
ckafka_err_t ckafka_sync(ckafka_t *h);

/**
 * What was cut, set aside or rebuilt since the directory was opened, as JSON. Any thread.
 *
 * The text belongs to the caller: ckafka_free.
 *
 * Pointers: `json_out` is NULL or writable.
 */
ckafka_err_t ckafka_recovery_report(const ckafka_t *h, char **json_out);

/**
 * Counters, watermarks and sizes, as JSON. Any thread.
 *
 * The text belongs to the caller: ckafka_free.
 *
 * Pointers: `json_out` is NULL or writable.
 */
ckafka_err_t ckafka_stats(const ckafka_t *h, char **json_out);

/**
 * What this handle can do: CKAFKA_CAP_* bits. Any thread.
 *
 * Pointers: `bits_out` is NULL or writable.
 */
ckafka_err_t ckafka_caps(const ckafka_t *h, uint64_t *bits_out);

/**
 * Creates a topic with partitions 0 to `partition_count` - 1. Any thread.
 *
 * `conf` holds the topic's settings, is copied and may be NULL: none. They are kept with the topic. What is not among them has
 * its default; how often to flush, and how to compress, that of the configuration with which a process opens the directory.
 *
 * Errors: CKAFKA_ERR_TOPIC_ALREADY_EXISTS, CKAFKA_ERR_INVALID_TOPIC, CKAFKA_ERR_INVALID_PARTITIONS,
 * CKAFKA_ERR_INVALID_CONFIG, CKAFKA_ERR__READONLY, CKAFKA_ERR__DISK_FULL.
 *
 * Pointers: `name` is NULL or zero-terminated. `conf` is NULL or not freed.
 */
ckafka_err_t ckafka_topic_create(ckafka_t *h,
                                 const char *name,
                                 int32_t partition_count,
                                 const ckafka_conf_t *conf);

/**
 * Deletes a topic with all its records. Any thread.
 *
 * Readers and appenders that have it open get CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION from now on; views stay valid.
 *
 * Errors: CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION, CKAFKA_ERR_INVALID_TOPIC, CKAFKA_ERR__READONLY, CKAFKA_ERR__BUSY (one
 * of its folders holds a folder, which is not ours to remove; nothing was deleted), CKAFKA_ERR__TIMED_OUT (another
 * process keeps the directory or a log of the topic longer than ckafka.lock.timeout.ms).
 *
 * Pointers: `name` is NULL or zero-terminated.
 */
ckafka_err_t ckafka_topic_delete(ckafka_t *h,
                                 const char *name);

/**
 * Names, partitions and settings of all topics, as JSON. Any thread.
 *
 * The text belongs to the caller: ckafka_free.
 *
 * Pointers: `json_out` is NULL or writable.
 */
ckafka_err_t ckafka_topic_list(const ckafka_t *h, char **json_out);

/**
 * Three offsets of a partition. Any thread.
 *
 * `low` is the first offset that can be read, `end` is one past the last published record, `durable` one past the
 * last record that is known to be on disk. All three pointers are required. A partition that this process has not
 * opened yet is opened, as by ckafka_log_open, and stays open with the directory.
 *
 * Errors: CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION, CKAFKA_ERR_INVALID_TOPIC, CKAFKA_ERR__IO, CKAFKA_ERR__CORRUPT.
 *
 * Pointers: `topic` is NULL or zero-terminated. `low`, `end` and `durable` are NULL or writable.
 */
ckafka_err_t ckafka_watermarks(const ckafka_t *h,
                               const char *topic,
                               int32_t partition,
                               int64_t *low,
                               int64_t *end,
                               int64_t *durable);

/**
 * The partition that Kafka's Java client picks for a key, of `n` partitions: murmur2. 0 or more; a negative number is
 * an error code: CKAFKA_ERR__INVALID_ARG for `n` below 1 or a NULL key (which has no partition of its own).
 *
 * Pointers: `key` is NULL or readable for `len` bytes.
 */
int32_t ckafka_partition_for_key(const void *key,
                                 size_t len,
                                 int32_t n);

/**
 * Opens the log of a partition. The handle belongs to the caller: ckafka_log_close. Any number of threads may use it.
 *
 * Errors: CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION, CKAFKA_ERR_INVALID_TOPIC, CKAFKA_ERR__IO, CKAFKA_ERR__CORRUPT,
 * CKAFKA_ERR_INVALID_CONFIG (flush.ms is set and ckafka_io_threads_start did not start the flush thread).
 *
 * Pointers: `topic` is NULL or zero-terminated. `out` is NULL or writable.
 */
ckafka_err_t ckafka_log_open(ckafka_t *h,
                             const char *topic,
                             int32_t partition,
                             ckafka_log_t **out);

/** Closes the handle of a log. Its readers, senders and batches go on, and keep the directory open. */
ckafka_err_t ckafka_log_close(ckafka_log_t *log);

/**
 * Appends records as one batch: all of them or none. Returns once they are published, that is readable by every
 * process and safe from this one's death, but not from a power failure. Any thread; no allocation on the common path.
 *
 * The records are copied. `n` is at least 1. `base_out` gets the offset of the first one; the others follow it. With
 * flush.messages a call that makes it due returns once all is durable, and no signal ends it before.
 *
 * Errors: CKAFKA_ERR_MESSAGE_TOO_LARGE, CKAFKA_ERR_RECORD_LIST_TOO_LARGE, CKAFKA_ERR_INVALID_TIMESTAMP,
 * CKAFKA_ERR_CORRUPT_MESSAGE (headers), CKAFKA_ERR__DISK_FULL, CKAFKA_ERR__READONLY, CKAFKA_ERR__TIMED_OUT (another
 * process holds the log; nothing was appended), CKAFKA_ERR__IO (also after an earlier failed sync),
 * CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION (deleted). CKAFKA_ERR__INTERRUPTED where ckafka.lock.slice.ms is set: a signal
 * handler ran, or that time was over, while another process held the log; nothing was appended, call again.
 *
 * Pointers: `records` is NULL or readable for `n` records, and each slice in them is null or readable for its length.
 * `base_out` is NULL or writable.
 */
ckafka_err_t ckafka_append(ckafka_log_t *log,
                           const ckafka_record_t *records,
                           size_t n,
                           int64_t *base_out);

/**
 * Appends records as ckafka_append does, and returns once they are durable: on disk, safe from a power failure.
 *
 * Appenders that wait at the same time share one sync. `timeout_ms` -1 waits for ever, 0 not at all.
 *
 * CKAFKA_ERR__TIMED_OUT and CKAFKA_ERR__INTERRUPTED, both with `base_out` written: the records ARE appended and
 * published, only not known to be durable: go on with ckafka_wait_durable, never append them again.
 * CKAFKA_ERR__BUSY: another process holds the log (ckafka.lock.timeout.ms, or one slice of it); nothing was appended.
 * CKAFKA_ERR__IO: the records may or may not be on disk, and the log takes no more appends. Otherwise as ckafka_append.
 *
 * Pointers: As ckafka_append.
 */
ckafka_err_t ckafka_append_durable(ckafka_log_t *log,
                                   const ckafka_record_t *records,
                                   size_t n,
                                   int32_t timeout_ms,
                                   int64_t *base_out);

/**
 * Appends one ready record batch (Kafka's format v2), compressed or not. Published when it returns. Any thread.
 *
 * CRC and structure are checked; base offset and leader epoch are stamped into the copy, the bytes given stay as they
 * are. `base_out` gets the offset of the first record.
 *
 * Errors, besides those of ckafka_append: CKAFKA_ERR_CORRUPT_MESSAGE (CRC or structure),
 * CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT (format 0 or 1), CKAFKA_ERR_INVALID_RECORD (a producer id, or a control
 * batch), CKAFKA_ERR_UNSUPPORTED_COMPRESSION_TYPE.
 *
 * Pointers: `batch` is NULL or readable for `len` bytes. `base_out` is NULL or writable.
 */
ckafka_err_t ckafka_append_raw(ckafka_log_t *log,
                               const void *batch,
                               size_t len,
                               int64_t *base_out);

/**
 * Waits until the record at `offset` is durable; with the `base` of an append, its whole batch. Any thread.
 *
 * `timeout_ms` -1 waits for ever, 0 not at all. A record that is not appended yet is waited for, too.
 *
 * Errors: CKAFKA_ERR__TIMED_OUT, CKAFKA_ERR__INTERRUPTED (a signal), CKAFKA_ERR__IO (a sync failed: it will not become durable in this session).
 */
ckafka_err_t ckafka_wait_durable(ckafka_log_t *log,
                                 int64_t offset,
                                 int32_t timeout_ms);

/**
 * Asks the flush thread for a sync and returns at once. Any thread.
 *
 * CKAFKA_ERR_INVALID_CONFIG where no flush thread runs (ckafka_io_threads_start).
 */
ckafka_err_t ckafka_sync_request(ckafka_log_t *log);

/**
 * A descriptor that polls readable when the durable end has moved since the last call of this function.
 *
 * Borrowed: the log closes it; poll it, but neither read nor close it. Then call this function again, which makes
 * it unreadable, and ask ckafka_watermarks.
 *
 * Errors: CKAFKA_ERR__IO (out of inotify instances; the message names the limit), CKAFKA_ERR__READONLY.
 *
 * Pointers: `fd_out` is NULL or writable.
 */
ckafka_err_t ckafka_durable_fd(ckafka_log_t *log,
                               int *fd_out);

/**
 * Prepares pages ahead of the end of the log once, so that appends do not have to. For programs with a thread of
 * their own for it; any thread.
 */
ckafka_err_t ckafka_pretouch(ckafka_log_t *log);

/**
 * Appends records given as concatenated bytes and lengths, as one batch; otherwise as ckafka_append. Without headers.
 *
 * `value_lens` holds `n` lengths; -1 is null, which takes no bytes of `values`. `keys` and `key_lens` likewise; both
 * NULL: all keys are null. Bytes may be NULL where all lengths are 0 or -1. `ts` is the timestamp of all records, -1
 * is now.
 *
 * Pointers: `value_lens` is NULL or readable for `n` lengths, `values` NULL or readable for their sum; `key_lens` and `keys`
 * likewise. `base_out` is NULL or writable.
 */
ckafka_err_t ckafka_append_packed(ckafka_log_t *log,
                                  const void *values,
                                  const int32_t *value_lens,
                                  const void *keys,
                                  const int32_t *key_lens,
                                  size_t n,
                                  int64_t ts,
                                  int64_t *base_out);

/**
 * Starts an empty batch for a log.
 *
 * `max_bytes` limits the batch before compression; 0 is the log's max.message.bytes. The batch belongs to the caller:
 * ckafka_batch_free. One thread at a time may use it. It keeps the log open, also after ckafka_log_close.
 *
 * Pointers: `out` is NULL or writable.
 */
ckafka_err_t ckafka_batch_new(ckafka_log_t *log,
                              size_t max_bytes,
                              ckafka_batch_t **out);

/**
 * Adds one record to a batch. Its bytes are copied; a timestamp of -1 becomes the time of this call.
 *
 * Errors, with the batch left as it was: CKAFKA_ERR_MESSAGE_TOO_LARGE (it would pass its limit: append it, then add
 * again), CKAFKA_ERR_INVALID_TIMESTAMP, CKAFKA_ERR_CORRUPT_MESSAGE (headers), CKAFKA_ERR__BUSY (another thread).
 *
 * Pointers: `batch` is NULL or came from ckafka_batch_new and is not freed. `record` is NULL or readable, and each slice in it
 * null or readable for its length.
 */
ckafka_err_t ckafka_batch_add(ckafka_batch_t *batch,
                              const ckafka_record_t *record);

/**
 * Appends what a batch holds, as ckafka_append does, and empties it for reuse. `base_out` gets the first offset.
 *
 * With an error the batch keeps its records, and the call may be repeated. CKAFKA_ERR__INVALID_ARG: it is empty.
 * CKAFKA_ERR__BUSY: another thread is using it. Otherwise as ckafka_append.
 *
 * Pointers: `batch` is NULL or came from ckafka_batch_new and is not freed. `base_out` is NULL or writable.
 */
ckafka_err_t ckafka_batch_append(ckafka_batch_t *batch,
                                 int64_t *base_out);

/**
 * Frees a batch with what it holds. NULL is a no-op.
 *
 * Pointers: `batch` is NULL or came from ckafka_batch_new and is not freed.
 */
void ckafka_batch_free(ckafka_batch_t *batch);

/**
 * Appends one header to the header fields in `buf`, as ckafka_record_t takes them. Start with a length of 0.
 *
 * `cap` is the size of `buf`; `len_inout` the length of the fields in it, before and after the call. `value` NULL is
 * null. Errors: CKAFKA_ERR__TRUNCATED: `buf` was left alone and `len_inout` says what capacity is needed: grow the
 * buffer, restore the length and call again.
 *
 * Pointers: `buf` is NULL or writable for `cap` bytes. `name` is NULL or zero-terminated UTF-8. `value` is NULL or readable for
 * `value_len` bytes. `len_inout` is NULL or readable and writable.
 */
ckafka_err_t ckafka_headers_append(void *buf,
                                   size_t cap,
                                   const char *name,
                                   const void *value,
                                   size_t value_len,
                                   size_t *len_inout);

/**
 * Takes the next header of a record. `headers` and `len` are what a ckafka_rec_t's hdr_pos and hdr_len point out.
 *
 * `cursor_inout` starts at 0 and moves behind the header. `name_out` and `value_out` borrow from `headers`; the name
 * is UTF-8 without a closing zero. At the end: CKAFKA_OK with `name_out->data` NULL.
 *
 * Errors: CKAFKA_ERR_CORRUPT_MESSAGE: not header fields.
 *
 * Pointers: `headers` is NULL or readable for `len` bytes. `cursor_inout`, `name_out` and `value_out` are NULL or writable.
 */
ckafka_err_t ckafka_header_next(const void *headers,
                                size_t len,
                                size_t *cursor_inout,
                                ckafka_slice_t *name_out,
                                ckafka_slice_t *value_out);

/**
 * Opens a reader of a log, at `start`: an offset, or one of CKAFKA_START_*.
 *
 * `conf` is copied and may be NULL: all defaults. The handle belongs to the caller: ckafka_reader_close. One thread at
 * a time may use it (another one gets CKAFKA_ERR__BUSY), except ckafka_wakeup. It keeps the log open, also after
 * ckafka_log_close.
 *
 * Errors: CKAFKA_ERR_OFFSET_OUT_OF_RANGE, CKAFKA_ERR_INVALID_CONFIG, CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION (deleted).
 *
 * Pointers: `conf` is NULL or not freed. `out` is NULL or writable.
 */
ckafka_err_t ckafka_reader_open(ckafka_log_t *log,
                                int64_t start,
                                const ckafka_conf_t *conf,
                                ckafka_reader_t **out);

/** Closes a reader. Its views stay valid. A fetch that is waiting in another thread ends with CKAFKA_ERR__INTERRUPTED. */
ckafka_err_t ckafka_reader_close(ckafka_reader_t *r);

/**
 * Fetches the next records: a run of whole batches of one segment, at most `max_bytes` of them but at least one
 * batch, and moves behind them.
 *
 * At the end of the log it waits up to `timeout_ms`: -1 for ever, 0 not at all. The view belongs to the caller:
 * ckafka_view_release; it outlives the reader. A view may hold no record, where a run has control batches only.
 *
 * Errors: CKAFKA_ERR__TIMED_OUT (nothing new), CKAFKA_ERR__INTERRUPTED (a signal, or ckafka_wakeup),
 * CKAFKA_ERR__CORRUPT, CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, CKAFKA_ERR_OFFSET_OUT_OF_RANGE (retention was
 * faster, or the log was cut), CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION (deleted), CKAFKA_ERR__IO. The reader stays where
 * it was.
 *
 * Pointers: `out` is NULL or writable.
 */
ckafka_err_t ckafka_reader_fetch(ckafka_reader_t *r,
                                 size_t max_bytes,
                                 int32_t timeout_ms,
                                 ckafka_view_t **out);

/**
 * Moves a reader to an offset, or to one of CKAFKA_START_*. The end of the log is allowed.
 *
 * Errors: CKAFKA_ERR_OFFSET_OUT_OF_RANGE; the reader stays where it was.
 */
ckafka_err_t ckafka_reader_seek(ckafka_reader_t *r, int64_t offset);

/**
 * Moves a reader to the first record with a timestamp of `ms` or later, exactly; to the end where there is none.
 *
 * `ms` counts from the epoch. ckafka_reader_position tells where that is.
 */
ckafka_err_t ckafka_reader_seek_time(ckafka_reader_t *r,
                                     int64_t ms);

/**
 * The offset that the next fetch starts at.
 *
 * Pointers: `out` is NULL or writable.
 */
ckafka_err_t ckafka_reader_position(const ckafka_reader_t *r, int64_t *out);

/**
 * A descriptor that polls readable while there is something to fetch.
 *
 * Borrowed: the reader closes it; poll it, but neither read nor close it. When it is readable, fetch with a timeout of
 * 0 until CKAFKA_ERR__TIMED_OUT, then poll again.
 *
 * Errors: CKAFKA_ERR__IO (out of inotify instances; the message names the limit), CKAFKA_ERR__READONLY (a directory that
 * was opened for reading, and nobody writes the log).
 *
 * Pointers: `fd_out` is NULL or writable.
 */
ckafka_err_t ckafka_reader_fd(ckafka_reader_t *r,
                              int *fd_out);

/**
 * Ends a waiting fetch of this reader with CKAFKA_ERR__INTERRUPTED; if none is waiting, the next one that would.
 *
 * From any thread, and from a signal handler: it takes no lock and no memory, and sets no ckafka_errmsg.
 */
ckafka_err_t ckafka_wakeup(ckafka_reader_t *r);

/**
 * Finds the first record with a timestamp of `ms` or later, exactly, without a reader. Any thread.
 *
 * Where there is none, both results are -1. `ms` counts from the epoch.
 *
 * Pointers: `offset_out` and `ts_out` are NULL or writable.
 */
ckafka_err_t ckafka_offset_for_time(ckafka_log_t *log,
                                    int64_t ms,
                                    int64_t *offset_out,
                                    int64_t *ts_out);

/**
 * The memory that all positions in a view's tables refer to: the batches as they lie in the page cache, or
 * decompressed records. Read-only.
 *
 * Valid until the view is released for the last time. Any thread. With ckafka.read.mode=map, touching a
 * page that the disk cannot give is a SIGBUS; with copy it is not.
 *
 * Pointers: `view` is NULL or not released. `ptr` and `len` are NULL or writable.
 */
ckafka_err_t ckafka_view_base(const ckafka_view_t *view,
                              const void **ptr,
                              size_t *len);

/**
 * The records of a view, in order of their offsets: `n` rows. Read-only.
 *
 * Valid until the view is released for the last time. Any thread. Control records, records below the offset that was
 * fetched from and, under read_committed, those of aborted transactions are not in it.
 *
 * Errors: CKAFKA_ERR__CORRUPT, CKAFKA_ERR_CORRUPT_MESSAGE (records of a batch that do not parse).
 *
 * Pointers: `view` is NULL or not released. `recs` and `n` are NULL or writable.
 */
ckafka_err_t ckafka_view_records(const ckafka_view_t *view,
                                 const ckafka_rec_t **recs,
                                 size_t *n);

/**
 * The same records by columns: one array a field. Read-only, valid as ckafka_view_records says.
 *
 * Set `out->struct_size` to sizeof(ckafka_columns_t) before the call; the other fields are filled in.
 *
 * Pointers: `view` is NULL or not released. `out` is NULL or readable and writable.
 */
ckafka_err_t ckafka_view_columns(const ckafka_view_t *view,
                                 ckafka_columns_t *out);

/**
 * The batches of a view exactly as they lie on disk. Read-only, valid until the view is released for the last time.
 *
 * Pointers: `view` is NULL or not released. `ptr` and `len` are NULL or writable.
 */
ckafka_err_t ckafka_view_raw(const ckafka_view_t *view,
                             const void **ptr,
                             size_t *len);

/**
 * Counts one more owner of a view: one more ckafka_view_release is needed. Any thread.
 *
 * Pointers: `view` is NULL or not released.
 */
ckafka_err_t ckafka_view_retain(ckafka_view_t *view);

/**
 * Gives a view back. With its last owner its memory and its tables go. Any thread. NULL is a no-op.
 *
 * Pointers: `view` is NULL or not released.
 */
void ckafka_view_release(ckafka_view_t *view);

/**
 * Makes a view of batches that arrived from elsewhere, for example from a socket. Needs no log. Any thread.
 *
 * The bytes are copied. One call takes one view's worth: a run of uncompressed batches, or one compressed batch.
 * `consumed_out` says how many bytes that was: call again with the rest. Where `bytes` hold no whole batch,
 * `consumed_out` is 0 and `out` gets NULL: read more first. `max_out` limits the memory of the view, whatever the
 * bytes claim. CRCs are checked. The view belongs to the caller: ckafka_view_release.
 *
 * Errors: CKAFKA_ERR_CORRUPT_MESSAGE, CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, CKAFKA_ERR_MESSAGE_TOO_LARGE (more
 * than `max_out`), CKAFKA_ERR_UNSUPPORTED_COMPRESSION_TYPE.
 *
 * Pointers: `bytes` is NULL or readable for `len` bytes. `out` and `consumed_out` are NULL or writable.
 */
ckafka_err_t ckafka_view_decode(const void *bytes,
                                size_t len,
                                size_t max_out,
                                ckafka_view_t **out,
                                size_t *consumed_out);

/**
 * Opens a sender of a log, at the batch that holds `start`: an offset, or one of CKAFKA_START_*.
 *
 * The handle belongs to the caller: ckafka_sender_close. One thread at a time may use it (another one gets
 * CKAFKA_ERR__BUSY). It keeps the log open, also after ckafka_log_close.
 *
 * Errors: CKAFKA_ERR_OFFSET_OUT_OF_RANGE, CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION (deleted).
 *
 * Pointers: `out` is NULL or writable.
 */
ckafka_err_t ckafka_sender_open(ckafka_log_t *log,
                                int64_t start,
                                ckafka_sender_t **out);

/**
 * Sends record batches to a socket, pipe or file, inside the kernel where it can, and moves behind what went.
 *
 * Whole batches go, at most `max_bytes` of them but at least one, and none that is not published; where the descriptor
 * took a part of a batch, the next call goes on inside it. `flags` is 0. The descriptor stays the caller's, and may be non-blocking. `sent_out` gets the bytes that
 * went, 0 at the end of the log. No SIGPIPE is raised.
 *
 * Errors: CKAFKA_ERR__AGAIN (poll the descriptor for writing) and CKAFKA_ERR__INTERRUPTED (a signal, or a failure
 * after some bytes, which the next call reports), both with `sent_out` written: those bytes are gone;
 * CKAFKA_ERR__CLOSED (the peer is gone), CKAFKA_ERR__IO,
 * CKAFKA_ERR__DISK_FULL (of the target), CKAFKA_ERR_OFFSET_OUT_OF_RANGE (retention was faster),
 * CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION (deleted). ckafka_sender_position tells what went before them.
 *
 * Pointers: `sent_out` is NULL or writable.
 */
ckafka_err_t ckafka_send(ckafka_sender_t *s,
                         int out_fd,
                         uint64_t max_bytes,
                         uint32_t flags,
                         uint64_t *sent_out);

/**
 * Where a sender is: the base offset of the batch that the next byte belongs to, and how many bytes of that batch have
 * gone.
 *
 * Pointers: `offset` and `bytes_into_batch` are NULL or writable.
 */
ckafka_err_t ckafka_sender_position(const ckafka_sender_t *s,
                                    int64_t *offset,
                                    uint64_t *bytes_into_batch);

/** Closes a sender. The descriptors it sent to stay as they are. */
ckafka_err_t ckafka_sender_close(ckafka_sender_t *s);

/**
 * Binds the calling thread to one core, counted from 0.
 *
 * Errors: CKAFKA_ERR__INVALID_ARG for a core that this machine or process does not have; the message names those it
 * has.
 */
ckafka_err_t ckafka_pin_thread(int32_t cpu);

/**
 * Starts threads of the library that work for all logs of a directory until it is closed: CKAFKA_IO_* bits.
 *
 * A role that runs already stays as it is. Each thread is bound to the core that ckafka.flush.cpu or
 * ckafka.pretouch.cpu names, and takes no signal of the program. The library starts no thread otherwise.
 *
 * Errors: CKAFKA_ERR__INVALID_ARG (no role, an unknown one, or a core that is not there), CKAFKA_ERR__READONLY,
 * CKAFKA_ERR__IO.
 */
ckafka_err_t ckafka_io_threads_start(ckafka_t *h,
                                     uint32_t roles);

#ifdef __cplusplus
}  /* extern "C" */
#endif  /* __cplusplus */

#endif  /* CKAFKA_H */
