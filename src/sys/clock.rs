//! Clocks.

/// Wall clock, ms since the epoch.
#[must_use]
#[inline]
pub fn now_ms() -> i64 {
    todo!()
}
