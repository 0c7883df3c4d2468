//! Open-file-description locks on single bytes of a file (`F_OFD_SETLK`), never waiting in the kernel.
//!
//! They belong to the open file description, so two handles of one process exclude each other, and a host that opens
//! and closes the same file takes nothing away. A copy of the descriptor in a forked child keeps them: such files are
//! registered with [`fork`](super::fork), before the lock is taken. [`unlock`] lets go for all copies at once, closing
//! does so only with the last: so unlock before closing.
//!
//! A shared lock needs a file opened for reading, an exclusive one a file opened for writing (else EBADF).

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

use super::File;
use super::errno::retry;
use crate::error::{Error, Result};

/// Tries a shared lock on byte `byte`; `false`: somebody else holds it exclusively.
pub fn try_shared(file: &File, byte: u64) -> Result<bool> {
    set(file, libc::F_RDLCK, byte)
}

/// Tries an exclusive lock; `false`: somebody else holds it. Upgrades or downgrades a lock of the same description.
pub fn try_exclusive(file: &File, byte: u64) -> Result<bool> {
    set(file, libc::F_WRLCK, byte)
}

/// Lets go.
pub fn unlock(file: &File, byte: u64) -> Result<()> {
    set(file, libc::F_UNLCK, byte).map(|_| ())
}

/// Whether no *other* open file description holds any lock on the byte (`F_OFD_GETLK`).
pub fn is_free(file: &File, byte: u64) -> Result<bool> {
    let mut lock = on_byte(file, libc::F_WRLCK, byte)?;
    retry(|| fcntl(file.descriptor(), FcntlArg::F_OFD_GETLK(&mut lock))).map_err(|errno| error(file, errno))?;
    Ok(i32::from(lock.l_type) == libc::F_UNLCK)
}

fn set(file: &File, kind: libc::c_int, byte: u64) -> Result<bool> {
    let lock = on_byte(file, kind, byte)?;
    match retry(|| fcntl(file.descriptor(), FcntlArg::F_OFD_SETLK(&lock))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(errno) => Err(error(file, errno)),
    }
}

fn on_byte(file: &File, kind: libc::c_int, byte: u64) -> Result<libc::flock> {
    let start = i64::try_from(byte).map_err(|_| error(file, Errno::EOVERFLOW))?;
    // SAFETY: all zeroes are a valid flock; l_pid must be 0 for these locks, and some targets have padding fields.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = start;
    lock.l_len = 1;
    Ok(lock)
}

fn error(file: &File, errno: Errno) -> Error {
    Error::io("fcntl(lock)", file.path(), errno.into())
}
