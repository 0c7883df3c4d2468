//! Keeps signals that a system call raises in the calling thread from the host: SIGPIPE, SIGXFSZ.

/// Runs `call` with `signal` (libc::SIGPIPE or SIGXFSZ) blocked in this thread; one that the call raised is taken away, one that was pending before stays.
pub fn without_signal<T>(_signal: libc::c_int, _call: impl FnOnce() -> T) -> T {
    todo!()
}
