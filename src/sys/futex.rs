//! Futexes on words of shared mappings (no FUTEX_PRIVATE_FLAG).

use std::sync::atomic::AtomicU32;
use std::time::Duration;

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

/// Sleeps while the word holds `expected`.
pub fn wait(_word: &AtomicU32, _expected: u32, _timeout: Option<Duration>) -> Wake {
    todo!()
}
/// Wakes up to `count` sleepers. Async-signal-safe.
pub fn wake(_word: &AtomicU32, _count: i32) {
    todo!()
}
