//! Clocks.

use nix::time::{ClockId, clock_gettime};

/// Wall clock, ms since the epoch.
#[must_use]
#[inline]
pub fn now_ms() -> i64 {
    // It is there on every Linux, so there is no error to report. A clock set before 1970 gives a negative number.
    clock_gettime(ClockId::CLOCK_REALTIME)
        .map_or(0, |now| now.tv_sec().saturating_mul(1000).saturating_add(now.tv_nsec() / 1_000_000))
}

#[cfg(test)]
mod tests {
    #[test]
    fn agrees_with_the_clock_of_the_file_system() {
        // The kernel's coarse clock, which stamps files, lags by a tick or two.
        let path = std::env::temp_dir().join(format!("ckafka-clock-{}", std::process::id()));
        let before = super::now_ms();
        std::fs::write(&path, b"x").unwrap();
        let after = super::now_ms();
        let stamp = std::fs::metadata(&path).unwrap().modified().unwrap();
        let stamp = stamp.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
        std::fs::remove_file(&path).unwrap();
        assert!(before - 20 <= stamp && stamp <= after, "{before} {stamp} {after}");
    }
}
