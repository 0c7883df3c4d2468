//! Clocks.

use std::time::{Duration, SystemTime};

/// Wall clock, ms since the epoch.
#[must_use]
#[inline]
pub fn now_ms() -> i64 {
    // A clock set before 1970 gives a negative number; i64 milliseconds last for 292 million years.
    let millis = |distance: Duration| i64::try_from(distance.as_millis()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    }
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
