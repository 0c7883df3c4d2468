//! Keeps signals that a system call raises in the calling thread from the host: SIGPIPE, SIGXFSZ.
//!
//! Both are sent to the thread that made the call. So it is enough to block them in that thread and to take away what
//! came; no handler and no disposition of the host is touched, and other threads do not notice.

use std::mem::MaybeUninit;
use std::ptr;

use libc::{c_int, sigset_t};

/// Runs `call` with `signal` (libc::SIGPIPE or SIGXFSZ) blocked in this thread; one that the call raised is taken away, one that was pending before stays.
pub fn without_signal<T>(signal: c_int, call: impl FnOnce() -> T) -> T {
    without_signals([signal], call)
}

/// The same for several signals at the price of one: three system calls.
pub fn without_signals<const COUNT: usize, T>(signals: [c_int; COUNT], call: impl FnOnce() -> T) -> T {
    let _shield = Shield::raise(signals);
    call()
}

/// Blocks all signals in this thread for good: one of the library's own runs no handler of the host.
pub fn block_all() {
    let mut all = empty_set();
    // SAFETY: the set is valid; SIG_BLOCK with a valid set cannot fail.
    unsafe {
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut());
    }
}

/// Blocked signals; dropping it, also by unwinding, takes away those that came and restores the mask.
struct Shield<const COUNT: usize> {
    signals: [c_int; COUNT],
    mask_before: sigset_t,
    pending_before: sigset_t,
}

impl<const COUNT: usize> Shield<COUNT> {
    fn raise(signals: [c_int; COUNT]) -> Self {
        let mut mask_before = empty_set();
        // SAFETY: both sets are valid; SIG_BLOCK with a valid set cannot fail.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set_of(&signals), &raw mut mask_before) };
        // Only a signal that was blocked already can have been pending: an unblocked one would have been delivered.
        let was_blocked = signals.iter().any(|&signal| contains(&mask_before, signal));
        let pending_before = if was_blocked { pending() } else { empty_set() };
        Self { signals, mask_before, pending_before }
    }
}

impl<const COUNT: usize> Drop for Shield<COUNT> {
    fn drop(&mut self) {
        let pending = pending();
        for signal in self.signals {
            if contains(&pending, signal) && !contains(&self.pending_before, signal) {
                take(signal);
            }
        }
        // SAFETY: `mask_before` was filled by the kernel; SIG_SETMASK with a valid set cannot fail.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.mask_before, ptr::null_mut()) };
    }
}

/// Takes a pending, blocked signal away without running a handler.
fn take(signal: c_int) {
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    loop {
        // SAFETY: set and time are valid; the kernel's account of the signal is not asked for.
        let taken = unsafe { libc::sigtimedwait(&set_of(&[signal]), ptr::null_mut(), &raw const now) };
        if taken != -1 || nix::errno::Errno::last() != nix::errno::Errno::EINTR {
            return;
        }
    }
}

fn pending() -> sigset_t {
    let mut set = empty_set();
    // SAFETY: `set` is a valid set that the kernel fills.
    unsafe { libc::sigpending(&raw mut set) };
    set
}

fn empty_set() -> sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the whole set.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

fn set_of(signals: &[c_int]) -> sigset_t {
    let mut set = empty_set();
    for &signal in signals {
        // SAFETY: `set` is initialised; an illegal signal number leaves it as it was.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    set
}

fn contains(set: &sigset_t, signal: c_int) -> bool {
    // SAFETY: `set` is initialised; the call only reads it.
    unsafe { libc::sigismember(set, signal) == 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raise(signal: c_int) {
        // SAFETY: sends a signal to the calling thread, which has it blocked.
        unsafe { libc::raise(signal) };
    }

    fn mask() -> sigset_t {
        let mut set = empty_set();
        // SAFETY: without a new set the call only reports the mask.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &raw mut set) };
        set
    }

    #[test]
    fn a_signal_of_the_call_is_taken_away_and_the_mask_comes_back() {
        let seen = without_signals([libc::SIGPIPE, libc::SIGXFSZ], || {
            raise(libc::SIGXFSZ);
            contains(&pending(), libc::SIGXFSZ) && contains(&mask(), libc::SIGPIPE)
        });
        assert!(seen, "the signal was blocked during the call");
        assert!(!contains(&pending(), libc::SIGXFSZ));
        assert!(!contains(&mask(), libc::SIGXFSZ) && !contains(&mask(), libc::SIGPIPE));
    }

    #[test]
    fn a_signal_that_was_pending_before_stays_for_the_host() {
        // A thread of its own, so that the pending signal goes away with it.
        std::thread::spawn(|| {
            // SAFETY: a valid set; blocks the signal in this thread only.
            unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set_of(&[libc::SIGPIPE]), ptr::null_mut()) };
            raise(libc::SIGPIPE);
            without_signal(libc::SIGPIPE, || raise(libc::SIGPIPE));
            assert!(contains(&pending(), libc::SIGPIPE), "the host's own signal is still there");
            assert!(contains(&mask(), libc::SIGPIPE), "and still blocked, as the host had it");
            take(libc::SIGPIPE);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn unwinding_restores_the_mask() {
        let result = std::panic::catch_unwind(|| without_signal(libc::SIGXFSZ, || panic!("on purpose")));
        assert!(result.is_err());
        assert!(!contains(&mask(), libc::SIGXFSZ));
    }
}
