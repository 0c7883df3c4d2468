//! Keeps `pthread_cancel` from ending a thread in the middle of what it does.
//!
//! A cancelled thread unwinds from the next system call that is a cancellation point: with a word in its hands, which nobody would free, or through Rust
//! frames that catch panics, which ends the process. So it stays uncancelled inside every call of the library, and ends behind it: where calls hold something that
//! others wait for, as a whole; else, since it costs 20 ns, around each system call.

use std::cell::Cell;
use std::marker::PhantomData;

use libc::c_int;

use super::ground::{self, Ground};

/// Keeps the thread from being cancelled as long as any such value lives.
///
/// Counted by thread, since guards need not be dropped in the reverse order of their making. `!Send`: the state is the
/// thread's.
#[derive(Debug)]
pub struct NoCancellation {
    _of_this_thread: PhantomData<*mut ()>,
}

thread_local! {
    /// How many values live in this thread, and the state to restore after the last.
    static CANCELLATION: Cell<(u32, c_int)> = const { Cell::new((0, 0)) };
}

// The libc crate lacks it for glibc; both glibc and musl have it.
unsafe extern "C" {
    pub(super) fn pthread_setcancelstate(state: c_int, previous: *mut c_int) -> c_int;
}

pub(super) const PTHREAD_CANCEL_DISABLE: c_int = 1;

impl NoCancellation {
    /// From here on.
    #[inline]
    #[must_use]
    pub fn begin() -> Self {
        let (count, mut before) = CANCELLATION.get();
        if count == 0 && !ground::is_taken_away(Ground::NoCancellation) {
            // SAFETY: a defined state and a valid place for the one before; the call does nothing else.
            unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &raw mut before) };
        }
        CANCELLATION.set((count + 1, before));
        Self { _of_this_thread: PhantomData }
    }
}

impl Drop for NoCancellation {
    #[inline]
    fn drop(&mut self) {
        let (count, before) = CANCELLATION.get();
        CANCELLATION.set((count - 1, before));
        if count == 1 && !ground::is_taken_away(Ground::NoCancellation) {
            let mut ignored: c_int = 0;
            // SAFETY: `before` is what the same function reported when this thread's first value was made.
            unsafe { pthread_setcancelstate(before, &raw mut ignored) };
        }
    }
}
