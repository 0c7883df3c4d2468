//! Open-file-description locks on single bytes of a file (`F_OFD_SETLK`). Only [`wait_exclusive`] waits in the kernel.
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
use super::ground::{self, Ground};
use crate::error::{Error, Result};

/// Tries a shared lock on byte `byte`; `false`: somebody else holds it exclusively.
pub fn try_shared(file: &File, byte: u64) -> Result<bool> {
    set(file, libc::F_RDLCK, byte)
}

/// Tries an exclusive lock; `false`: somebody else holds it. Upgrades or downgrades a lock of the same description.
pub fn try_exclusive(file: &File, byte: u64) -> Result<bool> {
    set(file, libc::F_WRLCK, byte)
}

/// Waits for an exclusive lock on byte `byte`; for ever where its owner never lets go.
#[cfg(feature = "compat")]
pub fn wait_exclusive(file: &File, byte: u64) -> Result<()> {
    let lock = on_byte(file, libc::F_WRLCK, byte)?;
    let descriptor = file.descriptor()?;
    retry(|| fcntl(&descriptor, FcntlArg::F_OFD_SETLKW(&lock))).map_err(|errno| error(file, errno))?;
    Ok(())
}

/// Lets go.
pub fn unlock(file: &File, byte: u64) -> Result<()> {
    set(file, libc::F_UNLCK, byte).map(|_| ())
}

/// Whether no *other* open file description holds any lock on the byte (`F_OFD_GETLK`).
pub fn is_free(file: &File, byte: u64) -> Result<bool> {
    let mut lock = on_byte(file, libc::F_WRLCK, byte)?;
    let descriptor = file.descriptor()?;
    retry(|| match classic() {
        true => fcntl(&descriptor, FcntlArg::F_GETLK(&mut lock)),
        false => fcntl(&descriptor, FcntlArg::F_OFD_GETLK(&mut lock)),
    })
    .map_err(|errno| error(file, errno))?;
    Ok(i32::from(lock.l_type) == libc::F_UNLCK)
}

fn set(file: &File, kind: libc::c_int, byte: u64) -> Result<bool> {
    let lock = on_byte(file, kind, byte)?;
    let descriptor = file.descriptor()?;
    let call = || if classic() { FcntlArg::F_SETLK(&lock) } else { FcntlArg::F_OFD_SETLK(&lock) };
    match retry(|| fcntl(&descriptor, call())) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(errno) => Err(error(file, errno)),
    }
}

/// Whether a test had them be what they must not be: locks of the process.
#[inline]
fn classic() -> bool {
    ground::is_taken_away(Ground::DescriptionLocks)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::{Child, Scratch, shared_words, soon};
    use crate::sys::{Access, futex};

    /// Two descriptions of one file.
    fn two(scratch: &Scratch) -> (File, File) {
        let dir = scratch.dir();
        (dir.open_or_create_file("lock").unwrap(), dir.open_or_create_file("lock").unwrap())
    }

    #[test]
    fn two_descriptions_of_one_process_exclude_each_other() {
        let scratch = Scratch::new();
        let (one, other) = two(&scratch);
        assert!(try_exclusive(&one, 1).unwrap());
        assert!(!try_exclusive(&other, 1).unwrap() && !try_shared(&other, 1).unwrap());
        assert!(!is_free(&other, 1).unwrap());
        assert!(is_free(&one, 1).unwrap(), "one's own lock does not count");
        assert!(try_exclusive(&other, 0).unwrap() && try_exclusive(&other, 2).unwrap(), "the bytes beside it are free");
        assert!(try_shared(&one, 1).unwrap(), "downgraded");
        assert!(try_shared(&other, 1).unwrap() && !try_exclusive(&one, 1).unwrap(), "company forbids the upgrade");
        unlock(&other, 1).unwrap();
        assert!(try_exclusive(&one, 1).unwrap());
    }

    #[test]
    fn host_code_that_opens_and_closes_the_file_takes_nothing_away() {
        let scratch = Scratch::new();
        let (one, other) = two(&scratch);
        assert!(try_exclusive(&one, 7).unwrap());
        drop(std::fs::File::options().read(true).write(true).open(scratch.path().join("lock")).unwrap());
        std::fs::read(scratch.path().join("lock")).unwrap();
        assert!(!is_free(&other, 7).unwrap());
        drop(one);
        assert!(soon(|| is_free(&other, 7).unwrap()));
    }

    #[test]
    fn a_posix_lock_of_another_process_is_seen_and_is_kept_out() {
        let scratch = Scratch::new();
        let (one, other) = two(&scratch);
        assert!(try_shared(&one, 0).unwrap());
        let held = other.descriptor().unwrap();
        let descriptor = held.as_raw_fd();
        let posix = || {
            // SAFETY: zeroes are a valid flock.
            let mut lock: libc::flock = unsafe { std::mem::zeroed() };
            // The length stays 0, a broker's: the whole file.
            lock.l_type = libc::F_WRLCK as libc::c_short;
            // SAFETY: an open descriptor and a valid lock.
            unsafe { libc::fcntl(descriptor, libc::F_SETLK, &raw const lock) }
        };
        assert_eq!(Child::fork(|| i32::from(posix() == 0)).wait(), 0, "a broker does not get in beside us");
        unlock(&one, 0).unwrap();
        let word = &shared_words()[0];
        let child = Child::fork(|| {
            word.store(if posix() == 0 { 1 } else { 2 }, std::sync::atomic::Ordering::Release);
            futex::wake(word, 1);
            let _ = futex::wait(&word_that_never_moves(), 0, None);
            0
        });
        let _ = futex::wait(word, 0, Some(std::time::Duration::from_secs(10)));
        assert_eq!(word.load(std::sync::atomic::Ordering::Acquire), 1, "the child got its lock");
        assert!(!try_shared(&one, 0).unwrap(), "nor we beside a broker");
        drop(child);
        assert!(try_shared(&one, 0).unwrap());
    }

    fn word_that_never_moves() -> std::sync::atomic::AtomicU32 {
        std::sync::atomic::AtomicU32::new(0)
    }

    #[test]
    fn the_wrong_access_is_an_error_and_not_a_refusal() {
        let scratch = Scratch::new();
        let (_one, _other) = two(&scratch);
        let reader = scratch.dir().open_file("lock", Access::Read).unwrap();
        assert!(try_shared(&reader, 0).unwrap());
        let text = try_exclusive(&reader, 0).unwrap_err().to_string();
        assert!(text.contains("lock"), "{text}");
        assert!(is_free(&reader, u64::MAX).is_err());
    }
}
