//! Cancellation of threads (`pthread_cancel`): kept away from calls that must run to their end.
//!
//! The C library unwinds a cancelled thread from within the system call that it waits in. Rust code with values to drop
//! must not be unwound so: whoever has a frame of such code on the stack holds cancellation back until it has returned.

use std::ptr;

use libc::c_int;

const DISABLE: c_int = 1;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}

/// Runs a call that a pthread_cancel of this thread cannot interrupt; it takes effect at the next cancellation point
/// after the call.
pub fn held_back<T>(call: impl FnOnce() -> T) -> T {
    struct Restore(c_int);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the state is one that the C library gave.
            unsafe { pthread_setcancelstate(self.0, ptr::null_mut()) };
        }
    }
    let mut before = 0;
    // SAFETY: a state of the C library's, and a place for the one before.
    unsafe { pthread_setcancelstate(DISABLE, &raw mut before) };
    let _restore = Restore(before);
    call()
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" {
        fn pthread_cancel(thread: libc::pthread_t) -> c_int;
    }

    #[test]
    fn a_cancelled_thread_finishes_what_it_is_in() {
        // SAFETY: cancels this very thread, which has cancellation held back until its last line has undone it.
        held_back(|| unsafe {
            assert_eq!(pthread_cancel(libc::pthread_self()), 0);
        });
        // The request stays with the thread; held back again it may use cancellation points.
        held_back(|| {
            held_back(|| std::thread::sleep(std::time::Duration::from_millis(1)));
            std::thread::sleep(std::time::Duration::from_millis(1));
            // SAFETY: the thread of this test ends without a cancellation point that could take the request.
            unsafe { pthread_setcancelstate(DISABLE, ptr::null_mut()) };
        });
    }
}
