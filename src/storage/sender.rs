//! Sends a log to a descriptor as it lies. (to be implemented)

use std::os::fd::RawFd;
use std::sync::Arc;

use super::partition::PartitionLog;
use super::reader::Start;
use crate::error::Result;

/// Why a send stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendStop {
    /// `max_bytes` have gone, or the end was reached.
    Done,
    /// The descriptor takes nothing more now.
    WouldBlock,
    /// A signal came.
    Interrupted,
}

/// What a send did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendOutcome {
    /// Bytes that went, also where it stopped early.
    pub sent: u64,
    /// Why it stopped.
    pub stop: SendStop,
}

/// A byte position in a log, also inside a batch. One thread at a time.
#[derive(Debug)]
pub struct Sender {
    _todo: (),
}

impl Sender {
    /// Starts at the batch that holds the start's offset.
    pub fn open(_log: Arc<PartitionLog>, _start: Start) -> Result<Self> {
        todo!()
    }
    /// Sends up to `max_bytes` of whole batches below the published end; a batch once begun is finished by later calls.
    pub fn send(&mut self, _out: RawFd, _max_bytes: u64) -> Result<SendOutcome> {
        todo!()
    }
    /// Base offset of the batch that the next byte belongs to, and the bytes of it that have gone.
    #[must_use]
    pub fn position(&self) -> (i64, u64) {
        todo!()
    }
}

/// What the senders of a log moved.
#[derive(Debug, Default)]
pub struct SendCounters {
    /// Bytes moved inside the kernel.
    pub by_kernel: std::sync::atomic::AtomicU64,
    /// Bytes copied through user space.
    pub copied: std::sync::atomic::AtomicU64,
}
