//! Moves bytes of a file to a descriptor inside the kernel: sendfile, splice, copy_file_range; plain copying where none works.

use std::os::fd::RawFd;

use super::File;
use crate::error::Result;

/// Why a transfer stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// All bytes asked for have gone.
    Done,
    /// The descriptor takes nothing more now (EAGAIN).
    WouldBlock,
    /// A signal came (EINTR).
    Interrupted,
    /// The file ended before the bytes did.
    EndOfFile,
}

/// What a transfer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Bytes that the kernel moved.
    pub by_kernel: u64,
    /// Bytes copied through user space.
    pub copied: u64,
    /// Why it stopped.
    pub stop: Stop,
}

/// Sends `len` bytes of `file` from `position` to `out`. Loops over partial sends and the 0x7ffff000 cap until done or stopped. A closed or reset peer is
/// `PeerClosed` (with nothing of this call sent; else the bytes that went are reported first and the next call fails); SIGPIPE never reaches the process.
pub fn send(_out: RawFd, _file: &File, _position: u64, _len: u64) -> Result<Sent> {
    todo!()
}
