//! Futexes on words of shared mappings (no FUTEX_PRIVATE_FLAG).

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use nix::errno::Errno;

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Woken, or the word no longer held `expected`. May be spurious.
    Woken,
    /// The time is over.
    TimedOut,
    /// A signal handler ran.
    Interrupted,
}

/// Sleeps while the word holds `expected`. The time is measured by the monotonic clock. Not a cancellation point.
#[must_use]
pub fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) -> Wake {
    let time = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(timeout.subsec_nanos().cast_signed()),
    });
    let time_pointer = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the word is borrowed and the time lives until the call returns; the kernel only reads both.
    let status = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, time_pointer) };
    if status == 0 {
        return Wake::Woken;
    }
    match Errno::last() {
        Errno::EINTR => Wake::Interrupted,
        Errno::ETIMEDOUT => Wake::TimedOut,
        // EAGAIN: the word holds something else. There is no other error for a mapped, aligned word.
        _ => Wake::Woken,
    }
}

/// Wakes up to `count` sleepers. Async-signal-safe.
pub fn wake(word: &AtomicU32, count: i32) {
    // SAFETY: the word is borrowed; the kernel uses its address only to find sleepers.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count) };
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::{Acquire, Release};
    use std::time::Instant;

    use super::*;
    use crate::sys::testing::{Child, shared_words, soon, under_signals};

    #[test]
    fn a_word_that_moved_on_is_not_slept_on() {
        assert_eq!(wait(&AtomicU32::new(1), 0, None), Wake::Woken);
    }

    #[test]
    fn the_time_is_kept() {
        let start = Instant::now();
        assert_eq!(wait(&AtomicU32::new(1), 1, Some(Duration::from_millis(30))), Wake::TimedOut);
        assert!(start.elapsed() >= Duration::from_millis(30));
        assert_eq!(wait(&AtomicU32::new(1), 1, Some(Duration::ZERO)), Wake::TimedOut);
    }

    #[test]
    fn a_sleeper_in_another_process_is_woken() {
        let [word, asleep, ..] = shared_words();
        let child = Child::fork(|| {
            asleep.store(1, Release);
            loop {
                match wait(word, 0, Some(Duration::MAX)) {
                    Wake::Woken if word.load(Acquire) == 5 => return 42,
                    Wake::Woken => {}
                    _ => return 1,
                }
            }
        });
        assert!(soon(|| asleep.load(Acquire) == 1));
        std::thread::sleep(Duration::from_millis(20));
        word.store(5, Release);
        wake(word, 1);
        assert_eq!(child.wait(), 42);
    }

    #[test]
    fn a_signal_handler_ends_the_wait() {
        let ended = under_signals(|| wait(&AtomicU32::new(1), 1, Some(Duration::from_secs(10))));
        assert_eq!(ended, Wake::Interrupted);
    }
}
