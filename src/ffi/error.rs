//! Which failure has which number. The numbers and what each means are `codes`.
//!
//! The matches have no wildcard: a new variant of the library's errors cannot be forgotten here.

use std::fmt;

use super::codes::*;
use super::exclusive::Taken;
use super::handle::Full;
use super::slot::Refusal;
use crate::error::Error;
use crate::record::BatchError;

/// What a call of the C API can fail with: an error of the library, or a mistake that only the boundary can see.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library says so.
    Library(Error),
    /// A pointer that must not be NULL is, or it is misaligned.
    Pointer {
        /// Name of the parameter.
        name: &'static str,
    },
    /// Text that has to be UTF-8 is not.
    Text {
        /// Name of the parameter.
        name: &'static str,
    },
    /// The handle does not stand for such an object.
    BadHandle {
        /// What was expected.
        noun: &'static str,
    },
    /// An earlier call with this object panicked.
    Poisoned {
        /// What it is.
        noun: &'static str,
    },
    /// Another call is using the object.
    InUse {
        /// What it is.
        noun: &'static str,
    },
    /// No more handles.
    NoHandle,
}

/// Result of what an entry point does.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl From<Full> for Failure {
    fn from(_: Full) -> Self {
        Self::NoHandle
    }
}

impl Failure {
    /// A handle of `noun` was refused.
    pub(crate) fn refused(refusal: Refusal, noun: &'static str) -> Self {
        match refusal {
            Refusal::Unknown => Self::BadHandle { noun },
            Refusal::Poisoned => Self::Poisoned { noun },
            Refusal::Forked => Self::Library(Error::Forked),
        }
    }

    /// `noun` was not to be had.
    pub(crate) fn taken(taken: Taken, noun: &'static str) -> Self {
        match taken {
            Taken::InUse => Self::InUse { noun },
            Taken::Poisoned => Self::Poisoned { noun },
        }
    }

    /// An argument is out of range.
    #[cold]
    pub(crate) fn argument(name: &'static str, found: impl fmt::Display, expected: &str) -> Self {
        Self::Library(Error::InvalidArgument { name, found: found.to_string(), expected: expected.to_owned() })
    }

    /// The number.
    pub(crate) fn code(&self) -> ckafka_err_t {
        match self {
            Self::Library(error) => code(error),
            Self::Pointer { .. } | Self::Text { .. } => CKAFKA_ERR__INVALID_ARG,
            Self::BadHandle { .. } => CKAFKA_ERR__BAD_HANDLE,
            Self::Poisoned { .. } => CKAFKA_ERR__PANIC,
            Self::InUse { .. } => CKAFKA_ERR__BUSY,
            Self::NoHandle => CKAFKA_ERR__NO_MEMORY,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Library(error) => error.fmt(f),
            Self::Pointer { name } => write!(f, "{name} is NULL or misaligned"),
            Self::Text { name } => write!(f, "{name} is not UTF-8"),
            Self::BadHandle { noun } => write!(f, "the handle is NULL, closed, or not that of a {noun}"),
            Self::Poisoned { noun } => write!(f, "an earlier call with this {noun} panicked; close it"),
            Self::InUse { noun } => write!(f, "the {noun} is in use by another call"),
            Self::NoHandle => write!(f, "no more handles: 1048576 are open, or memory is out"),
        }
    }
}

fn code(error: &Error) -> ckafka_err_t {
    match error {
        Error::Io { .. } | Error::Failed { .. } => CKAFKA_ERR__IO,
        Error::DiskFull { .. } => CKAFKA_ERR__DISK_FULL,
        Error::InvalidArgument { .. } => CKAFKA_ERR__INVALID_ARG,
        Error::InvalidBatch(reason) => batch_code(reason),
        Error::InvalidRecord { .. } => CKAFKA_ERR_INVALID_RECORD,
        Error::InvalidTimestamp { .. } => CKAFKA_ERR_INVALID_TIMESTAMP,
        Error::Corrupt { .. } => CKAFKA_ERR__CORRUPT,
        Error::UnsupportedMagic { .. } => CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
        Error::OffsetOutOfRange { .. } => CKAFKA_ERR_OFFSET_OUT_OF_RANGE,
        Error::BatchTooLarge { .. } | Error::MessageTooLarge { .. } => CKAFKA_ERR_MESSAGE_TOO_LARGE,
        Error::BatchExceedsSegment { .. } => CKAFKA_ERR_RECORD_LIST_TOO_LARGE,
        Error::UnsupportedCodec { .. } => CKAFKA_ERR_UNSUPPORTED_COMPRESSION_TYPE,
        Error::InvalidPartitionCount { .. } => CKAFKA_ERR_INVALID_PARTITIONS,
        Error::InvalidTopic { .. } => CKAFKA_ERR_INVALID_TOPIC,
        Error::TopicExists { .. } => CKAFKA_ERR_TOPIC_ALREADY_EXISTS,
        Error::UnknownPartition { .. } => CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION,
        Error::ConfigRefused { .. } => CKAFKA_ERR_INVALID_CONFIG,
        Error::Locked { .. } => CKAFKA_ERR__LOCKED,
        Error::TimedOut { .. } => CKAFKA_ERR__TIMED_OUT,
        Error::Interrupted { .. } => CKAFKA_ERR__INTERRUPTED,
        Error::ReadOnly { .. } => CKAFKA_ERR__READONLY,
        Error::Forked => CKAFKA_ERR__FORKED,
        Error::Version { .. } => CKAFKA_ERR__VERSION,
        Error::Busy { .. } => CKAFKA_ERR__BUSY,
        Error::BufferTooSmall { .. } => CKAFKA_ERR__TRUNCATED,
        Error::PeerClosed { .. } => CKAFKA_ERR__CLOSED,
        Error::WouldBlock => CKAFKA_ERR__AGAIN,
        Error::OutOfMemory { .. } => CKAFKA_ERR__NO_MEMORY,
        Error::FileSystem { .. } => CKAFKA_ERR__FAIL,
    }
}

fn batch_code(error: &BatchError) -> ckafka_err_t {
    match error {
        BatchError::Truncated { .. }
        | BatchError::Length { .. }
        | BatchError::UnknownMagic { .. }
        | BatchError::Crc { .. }
        | BatchError::Malformed { .. }
        | BatchError::Compression { .. } => CKAFKA_ERR_CORRUPT_MESSAGE,
        BatchError::OldMagic { .. } => CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
        BatchError::UnknownCodec { .. } | BatchError::CodecMissing { .. } => CKAFKA_ERR_UNSUPPORTED_COMPRESSION_TYPE,
        BatchError::OutputLimit { .. } | BatchError::TooLarge { .. } => CKAFKA_ERR_MESSAGE_TOO_LARGE,
    }
}
