//! Moves bytes of a file to a descriptor inside the kernel: sendfile, splice, copy_file_range; plain copying where none works.
//!
//! Nothing is remembered between calls: the kernel's answer to sendfile decides each time, and it is the first try.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::path::PathBuf;
use std::ptr;

use nix::errno::Errno;
use nix::sys::stat::{SFlag, fstat};
use nix::sys::uio::pread;
use nix::unistd::write;

use super::descriptor::Held;
use super::{File, shield};
use crate::error::{Error, Result};

/// Why a transfer stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// All bytes asked for have gone.
    Done,
    /// The descriptor takes nothing more now (EAGAIN).
    WouldBlock,
    /// A signal came (EINTR), or an error after some bytes had gone: the next call goes on, or meets the error.
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
///
/// The same holds for every other error: bytes that went come first, with [`Stop::Interrupted`]. `out` must stay open
/// during the call; it is written at its own file offset. SIGXFSZ of a regular `out` is EFBIG.
pub fn send(out: RawFd, file: &File, position: u64, len: u64) -> Result<Sent> {
    send_starting_with(Way::Sendfile, out, file, position, len)
}

/// The kernel moves no more in one call.
const CALL_BYTES_MAX: u64 = 0x7fff_f000;
const COPY_BYTES: usize = 64 << 10;

/// How bytes are moved, in the order of the attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Sendfile,
    Splice,
    CopyFileRange,
    Copy,
}

impl Way {
    fn operation(self) -> &'static str {
        match self {
            Self::Sendfile => "sendfile",
            Self::Splice => "splice",
            Self::CopyFileRange => "copy_file_range",
            Self::Copy => "write",
        }
    }

    /// Whether the number says that this way does not suit the descriptor (rather than that the transfer failed).
    fn is_refused_by(self, errno: Errno) -> bool {
        match self {
            Self::Sendfile | Self::Splice => matches!(errno, Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP),
            // EBADF: opened for appending. EPERM: an append-only or sealed file, of which write decides.
            Self::CopyFileRange => matches!(
                errno,
                Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EBADF | Errno::EXDEV | Errno::EPERM
            ),
            Self::Copy => false,
        }
    }
}

fn send_starting_with(way: Way, out: RawFd, file: &File, position: u64, len: u64) -> Result<Sent> {
    let nothing = Sent { by_kernel: 0, copied: 0, stop: Stop::Done };
    if len == 0 {
        return Ok(nothing);
    }
    if out < 0 {
        return Err(Error::io("sendfile", &name_of(out), Errno::EBADF.into()));
    }
    // SAFETY: not -1, as checked above, and the caller keeps it open; a wrong number is answered by EBADF.
    let out = unsafe { BorrowedFd::borrow_raw(out) };
    let source = file.descriptor()?;
    let mut transfer = Transfer { out, file, source, way, buffer: Vec::new(), sent: nothing };
    shield::without_signals([libc::SIGPIPE, libc::SIGXFSZ], || transfer.run(position, len))
}

/// One call of `send` on its way.
struct Transfer<'a> {
    out: BorrowedFd<'a>,
    file: &'a File,
    /// Its descriptor, held open until the call is over.
    source: Held<'a>,
    way: Way,
    /// For plain copying; allocated when that is needed.
    buffer: Vec<u8>,
    sent: Sent,
}

/// Why a step moved nothing: the number, and whether reading the file gave it.
enum Failure {
    Moving(Errno),
    Reading(Errno),
    Memory,
}

impl Transfer<'_> {
    fn run(&mut self, position: u64, len: u64) -> Result<Sent> {
        let mut done = 0;
        while done < len {
            let Some(at) = position.checked_add(done).and_then(|at| i64::try_from(at).ok()) else {
                return Ok(self.stopped(Stop::EndOfFile));
            };
            // At most CALL_BYTES_MAX, which fits any usize that the library is built for.
            let count = (len - done).min(CALL_BYTES_MAX) as usize;
            match self.step(at, count) {
                Ok(0) => return Ok(self.stopped(Stop::EndOfFile)),
                Ok(moved) => {
                    let moved = moved as u64;
                    done += moved;
                    match self.way {
                        Way::Copy => self.sent.copied += moved,
                        _ => self.sent.by_kernel += moved,
                    }
                }
                Err(Failure::Moving(Errno::EAGAIN)) => return Ok(self.stopped(Stop::WouldBlock)),
                Err(Failure::Moving(Errno::EINTR) | Failure::Reading(Errno::EINTR)) => {
                    return Ok(self.stopped(Stop::Interrupted));
                }
                Err(Failure::Moving(errno)) if self.way.is_refused_by(errno) => self.way = self.next_way(),
                Err(_) if done > 0 => return Ok(self.stopped(Stop::Interrupted)),
                Err(failure) => return Err(self.error(&failure)),
            }
        }
        Ok(self.stopped(Stop::Done))
    }

    fn stopped(&self, stop: Stop) -> Sent {
        Sent { stop, ..self.sent }
    }

    fn step(&mut self, at: i64, count: usize) -> std::result::Result<usize, Failure> {
        let (source, out) = (self.source.as_raw_fd(), self.out.as_raw_fd());
        let mut at = at;
        // SAFETY: all three calls take two open descriptors and a position of ours that they may advance.
        let moved = unsafe {
            match self.way {
                Way::Sendfile => libc::sendfile(out, source, &raw mut at, count),
                Way::Splice => libc::splice(source, &raw mut at, out, ptr::null_mut(), count, 0),
                Way::CopyFileRange => libc::copy_file_range(source, &raw mut at, out, ptr::null_mut(), count, 0),
                Way::Copy => return self.copy(at, count),
            }
        };
        Errno::result(moved).map(isize::cast_unsigned).map_err(Failure::Moving)
    }

    /// Reads a piece and writes what the descriptor takes of it; the rest is read again by the next step.
    fn copy(&mut self, at: i64, count: usize) -> std::result::Result<usize, Failure> {
        if self.buffer.is_empty() {
            let size = count.min(COPY_BYTES);
            self.buffer.try_reserve_exact(size).map_err(|_| Failure::Memory)?;
            self.buffer.resize(size, 0);
        }
        let size = count.min(self.buffer.len());
        let piece = self.buffer.get_mut(..size).unwrap_or_default();
        let filled = pread(&self.source, piece, at).map_err(Failure::Reading)?;
        if filled == 0 {
            return Ok(0);
        }
        match write(self.out, piece.get(..filled).unwrap_or_default()) {
            // Nothing taken and no reason given: called an error, since a caller would take 0 for the end of the file.
            Ok(0) => Err(Failure::Moving(Errno::EIO)),
            Ok(taken) => Ok(taken),
            Err(errno) => Err(Failure::Moving(errno)),
        }
    }

    /// What to try where sendfile was refused; where its successor is refused too, plain copying.
    fn next_way(&self) -> Way {
        if self.way != Way::Sendfile {
            return Way::Copy;
        }
        let kind =
            fstat(self.out).map_or(SFlag::empty(), |stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT);
        match kind {
            SFlag::S_IFIFO => Way::Splice,
            SFlag::S_IFREG => Way::CopyFileRange,
            _ => Way::Copy,
        }
    }

    fn error(&self, failure: &Failure) -> Error {
        match *failure {
            Failure::Reading(errno) => Error::io("pread", self.file.path(), errno.into()),
            Failure::Memory => Error::OutOfMemory { what: "copying to a descriptor", bytes: COPY_BYTES },
            Failure::Moving(errno @ (Errno::EPIPE | Errno::ECONNRESET | Errno::ENOTCONN)) => {
                Error::PeerClosed { source: errno.into() }
            }
            // EIO is the one that the file may have given; all others speak of the descriptor.
            Failure::Moving(errno @ Errno::EIO) if self.way != Way::Copy => {
                Error::io(self.way.operation(), self.file.path(), errno.into())
            }
            Failure::Moving(errno) => Error::io(self.way.operation(), &name_of(self.out.as_raw_fd()), errno.into()),
        }
    }
}

/// What stands for the path of a descriptor that the host opened.
fn name_of(out: RawFd) -> PathBuf {
    PathBuf::from(format!("descriptor {out}"))
}

#[cfg(test)]
mod tests;
