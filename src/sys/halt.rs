//! Ends or stops of the calling process at a place that a test chose.

/// Kills the process: nothing of it runs any more, as if from outside.
pub fn kill() {
    // SAFETY: always defined; the process ends before the call returns.
    unsafe { libc::raise(libc::SIGKILL) };
}

/// Stops the process until it is told to go on.
pub fn stop() {
    // To the thread itself: one to the process may be taken by another thread, while this one runs on.
    // SAFETY: always defined.
    unsafe { libc::raise(libc::SIGSTOP) };
}
