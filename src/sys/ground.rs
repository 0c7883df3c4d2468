//! What the sharing rules stand on in the kernel and the C library, and tests can take away from a process.
//!
//! Without the feature `break-rules` every question is a constant. `broken` decides what is taken away; nothing else does.

/// A property of the system calls that are made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Ground {
    /// Locks belong to the open file description, not to the process.
    DescriptionLocks,
    /// A forked child lets go of descriptors that are locked through.
    ReleaseInChild,
    /// A thread is not cancelled inside a call.
    NoCancellation,
}

#[cfg(feature = "break-rules")]
static TAKEN_AWAY: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

/// Takes it away from this process, for good.
#[cfg(feature = "break-rules")]
pub fn take_away(ground: Ground) {
    TAKEN_AWAY.fetch_or(1 << ground as u8, std::sync::atomic::Ordering::SeqCst);
}

/// Whether it was taken away. Async-signal-safe.
#[cfg(feature = "break-rules")]
#[inline]
#[must_use]
pub fn is_taken_away(ground: Ground) -> bool {
    TAKEN_AWAY.load(std::sync::atomic::Ordering::Relaxed) & 1 << ground as u8 != 0
}

/// Whether it was taken away.
#[cfg(not(feature = "break-rules"))]
#[inline(always)]
#[must_use]
pub const fn is_taken_away(_ground: Ground) -> bool {
    false
}
