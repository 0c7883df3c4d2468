//! The one error type of the library: what failed, where, and what was expected and found.
//!
//! A variant leaves its caller a decision: retry, reopen, mend the input, or give up. Numbers for C programs are
//! given in `ffi::error` by an exhaustive match; nothing here knows them. Leaf module: every room may use it.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use crate::record::BatchError;

/// Shorthand for results of the library.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong, with its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed; nothing is known to be damaged.
    #[error("{operation} {}: {source}", path.display())]
    Io {
        /// The system call or operation, for example `open` or `fdatasync`.
        operation: &'static str,
        /// The file it was for.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// No space is left for what was asked (ENOSPC, EDQUOT or EFBIG); what was there before is untouched.
    #[error("{operation} {}: no space left ({source})", path.display())]
    DiskFull {
        /// The system call or operation.
        operation: &'static str,
        /// The file that could not grow.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// A write or sync of this log failed earlier; until a new session it takes no more appends.
    #[error("{}: failed earlier ({reason}); records below offset {durable_end} are durable, reads go on", path.display())]
    Failed {
        /// The partition directory.
        path: PathBuf,
        /// What failed.
        reason: String,
        /// End of what is known to be on disk.
        durable_end: i64,
    },
    /// An argument is outside its documented range.
    #[error("{name}: {found}; expected {expected}")]
    InvalidArgument {
        /// The argument's name.
        name: &'static str,
        /// What was given.
        found: String,
        /// What is allowed.
        expected: String,
    },
    /// Bytes that the caller gave are not a valid record batch.
    #[error("record batch given by the caller: {0}")]
    InvalidBatch(BatchError),
    /// The batch is well formed but not one that a client may append (Kafka's INVALID_RECORD).
    #[error("record refused: {reason}")]
    InvalidRecord {
        /// Which rule it breaks.
        reason: String,
    },
    /// A timestamp is neither -1 nor a time.
    #[error("timestamp {found} of record {index}; expected -1 (now) or milliseconds since the epoch, 0 or more")]
    InvalidTimestamp {
        /// Which record of the call.
        index: usize,
        /// What was given.
        found: i64,
    },
    /// A batch on disk is damaged.
    #[error("{} at position {position}: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Byte position of the batch or field.
        position: u64,
        /// What was expected and found there.
        reason: String,
    },
    /// A batch on disk has a format older than v2.
    #[error("{} at position {position}, offset {offset}: record format magic {magic} is not read, only 2", path.display())]
    UnsupportedMagic {
        /// The file.
        path: PathBuf,
        /// Byte position of the message set.
        position: u64,
        /// Offset that the message set carries.
        offset: i64,
        /// The format's number, 0 or 1.
        magic: i8,
    },
    /// The offset is outside the log.
    #[error("{}: offset {offset} is outside [{start}, {end}]", path.display())]
    OffsetOutOfRange {
        /// The partition directory.
        path: PathBuf,
        /// What was asked for.
        offset: i64,
        /// Log start offset.
        start: i64,
        /// Log end offset.
        end: i64,
    },
    /// A batch is larger than `max.message.bytes`.
    #[error("batch of {size} bytes; max.message.bytes is {limit}")]
    BatchTooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A batch is larger than a whole segment.
    #[error("batch of {size} bytes; segment.bytes is {limit}")]
    BatchExceedsSegment {
        /// Its size in bytes.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A message of a C-Kafka log is larger than the log that takes it over allows.
    #[error("{} at position {position}: the message is larger than the {limit} bytes that the log takes (max.message.bytes, segment.bytes)", path.display())]
    MessageTooLarge {
        /// The C-Kafka log.
        path: PathBuf,
        /// Byte position of the record.
        position: u64,
        /// The limit.
        limit: u64,
    },
    /// A codec is not compiled in.
    #[error("compression {codec} is not built into this library")]
    UnsupportedCodec {
        /// Kafka's name of the codec.
        codec: &'static str,
    },
    /// The topic name is not legal.
    #[error("topic name {name:?}: {reason}")]
    InvalidTopic {
        /// The name.
        name: String,
        /// Which rule it breaks.
        reason: String,
    },
    /// The topic is there already.
    #[error("topic {name} exists")]
    TopicExists {
        /// The name.
        name: String,
    },
    /// No such topic or partition, or it was deleted meanwhile.
    #[error("topic {topic} partition {partition}: no such partition")]
    UnknownPartition {
        /// The topic.
        topic: String,
        /// The partition number.
        partition: i32,
    },
    /// The number of partitions is not one that a topic can have.
    #[error("{found} partitions; expected {expected}")]
    InvalidPartitionCount {
        /// What was asked for.
        found: i32,
        /// What is allowed.
        expected: String,
    },
    /// A configuration key or value was refused.
    #[error("configuration {key}={value}: {allowed}")]
    ConfigRefused {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What is allowed, or why it is refused.
        allowed: String,
    },
    /// Somebody else holds the directory.
    #[error("{}: locked by {holder}", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who, as far as it is known.
        holder: String,
    },
    /// A wait ended before what it waited for.
    #[error("timed out after {waited_ms} ms waiting for {what}")]
    TimedOut {
        /// What was waited for, with slot and owner where there is one.
        what: Cow<'static, str>,
        /// How long.
        waited_ms: u64,
    },
    /// A signal or a wakeup call ended a wait.
    #[error("interrupted while waiting for {what}")]
    Interrupted {
        /// What was waited for, with slot and owner where there is one.
        what: Cow<'static, str>,
    },
    /// The directory or partition was opened, or can only be opened, for reading.
    #[error("{}: read-only ({reason})", path.display())]
    ReadOnly {
        /// Directory or partition.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The process is a forked child of the one that opened the handle.
    #[error("handle belongs to the parent of this forked process; open the directory anew")]
    Forked,
    /// The directory is in use by an incompatible version or another kernel.
    #[error("{}: {reason}", path.display())]
    Version {
        /// The page or file.
        path: PathBuf,
        /// Expected and found.
        reason: String,
    },
    /// Something still uses what was to be closed, or the handle is in use on another thread.
    #[error("{what} is busy: {reason}")]
    Busy {
        /// What.
        what: &'static str,
        /// Who uses it.
        reason: String,
    },
    /// A value does not fit into the caller's buffer.
    #[error("buffer of {capacity} bytes is too small; {needed} are needed")]
    BufferTooSmall {
        /// What the caller gave.
        capacity: usize,
        /// What it takes.
        needed: usize,
    },
    /// The peer of a socket or pipe has gone.
    #[error("peer closed the connection ({source})")]
    PeerClosed {
        /// The kernel's reason.
        source: io::Error,
    },
    /// The descriptor takes nothing more at the moment.
    #[error("descriptor would block")]
    WouldBlock,
    /// Memory could not be had.
    #[error("out of memory: {bytes} bytes for {what}")]
    OutOfMemory {
        /// What for.
        what: &'static str,
        /// How much.
        bytes: usize,
    },
    /// The file system is not one whose guarantees are known.
    #[error("{}: file system type {found:#x} is not supported; set ckafka.filesystem.check=false to use it all the same", path.display())]
    FileSystem {
        /// The directory.
        path: PathBuf,
        /// The kernel's number for it.
        found: i64,
    },
}

impl Error {
    /// Wraps a failed system call; a full disk becomes its own variant.
    #[must_use]
    pub fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => Self::DiskFull { operation, path, source },
            _ => Self::Io { operation, path, source },
        }
    }
}
