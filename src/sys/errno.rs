//! Error numbers of the kernel: which calls are repeated, and which numbers need words beside them.
//!
//! Every room above sees [`Error`] only; how a raw number becomes one is decided here.

use std::io;
use std::path::Path;

use nix::errno::Errno;

use super::cancel::NoCancellation;
use crate::error::Error;

/// Repeats a call for as long as a signal handler interrupts it. No cancellation point.
///
/// Not for fdatasync and fsync, whose every error is final.
pub(super) fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    let _whole = NoCancellation::begin();
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}

/// An error of a call that yields a new descriptor: where descriptors ran out it names the limit, since "too many open
/// files" alone sends people to look in the wrong place.
pub(super) fn open_error(operation: &'static str, path: &Path, errno: Errno) -> Error {
    let source = match errno {
        Errno::EMFILE => explained(errno, &format!("RLIMIT_NOFILE is {}", soft_limit(libc::RLIMIT_NOFILE))),
        Errno::ENFILE => explained(errno, &format!("fs.file-max is {}", sysctl("fs/file-max"))),
        other => other.into(),
    };
    Error::io(operation, path, source)
}

/// The kernel's words for a number, its name, and a reason that the kernel does not give.
pub(super) fn explained(errno: Errno, reason: &str) -> io::Error {
    let plain = io::Error::from(errno);
    io::Error::new(plain.kind(), format!("{} ({errno:?}); {reason}", errno.desc()))
}

/// A kernel setting as text; `unknown` where /proc does not give it.
pub(super) fn sysctl(name: &str) -> String {
    let _whole = NoCancellation::begin();
    let text = std::fs::read_to_string(Path::new("/proc/sys").join(name)).unwrap_or_default();
    let text = text.trim();
    if text.is_empty() { "unknown".to_owned() } else { text.to_owned() }
}

#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

/// The limit that applies to this process now; the largest number where there is none.
pub(super) fn soft_limit(resource: Resource) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is a valid rlimit that the kernel fills; on failure it keeps "no limit".
    unsafe { libc::getrlimit(resource, &raw mut limit) };
    limit.rlim_cur
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_descriptors_names_the_limit() {
        let limit = soft_limit(libc::RLIMIT_NOFILE);
        let text = open_error("open", Path::new("/some/file"), Errno::EMFILE).to_string();
        assert!(text.contains("EMFILE") && text.contains(&limit.to_string()), "{text}");
        let text = open_error("open", Path::new("/some/file"), Errno::ENFILE).to_string();
        assert!(text.contains("fs.file-max is") && !text.contains("unknown"), "{text}");
    }

    #[test]
    fn interrupted_calls_are_repeated_and_others_are_not() {
        let mut answers = [Err(Errno::EINTR), Err(Errno::EINTR), Ok(7)].into_iter();
        assert_eq!(retry(|| answers.next().unwrap()), Ok(7));
        let mut answers = [Err(Errno::EIO), Ok(7)].into_iter();
        assert_eq!(retry(|| answers.next().unwrap()), Err(Errno::EIO));
    }
}
