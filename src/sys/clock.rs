//! The wall clock, in milliseconds, as every appended record asks for it.
//!
//! A millisecond is long beside an append, and where the processor has a time stamp counter that is read in a third of the
//! time of the clock, the clock is asked anew only when its millisecond may be over.

use nix::time::{ClockId, clock_gettime};

/// Wall clock, ms since the epoch.
#[must_use]
#[inline]
pub fn now_ms() -> i64 {
    #[cfg(target_arch = "x86_64")]
    return ticks::now_ms();
    #[cfg(not(target_arch = "x86_64"))]
    Moment::now().ms
}

/// What the clock says.
struct Moment {
    ms: i64,
    /// How long it goes on to say the same millisecond.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only a counter beside the clock asks"))]
    remaining_ns: u32,
}

impl Moment {
    #[inline(never)]
    fn now() -> Self {
        const MS: i64 = 1_000_000;
        // It is there on every Linux, so there is no error to report. A clock set before 1970 gives a negative number.
        clock_gettime(ClockId::CLOCK_REALTIME).map_or(Self { ms: 0, remaining_ns: 0 }, |now| Self {
            ms: now.tv_sec().saturating_mul(1000).saturating_add(now.tv_nsec() / MS),
            remaining_ns: (MS - now.tv_nsec() % MS) as u32,
        })
    }
}

/// The millisecond that a thread saw last, and for how long the counter says that it is still the same.
#[cfg(target_arch = "x86_64")]
mod ticks {
    use std::arch::x86_64::{__cpuid, _rdtsc};
    use std::cell::Cell;
    use std::sync::OnceLock;

    use super::Moment;

    /// A tick is never longer: the slowest counters of constant rate run at about 1 GHz.
    const NS_PER_TICK: u32 = 2;

    #[derive(Clone, Copy)]
    struct Seen {
        ms: i64,
        /// The counter from the reading of the clock until the end of its millisecond or sooner; an empty range where the
        /// counter is of no use.
        from: u64,
        until: u64,
    }

    thread_local! {
        /// A thread's own, so that nothing is shared, and a forked child begins with a range that time ends as well.
        static SEEN: Cell<Seen> = const { Cell::new(Seen { ms: 0, from: 0, until: 0 }) };
    }

    #[inline]
    pub fn now_ms() -> i64 {
        let seen = SEEN.get();
        // A counter that was set back, as on a virtual machine that moved, is in no range.
        if seen.until != 0 && (seen.from..seen.until).contains(&ticks()) { seen.ms } else { ask() }
    }

    #[cold]
    fn ask() -> i64 {
        // Before the clock, so that the range is rather too short.
        let from = if is_constant() { ticks() } else { 0 };
        let now = Moment::now();
        let until = if from == 0 { 0 } else { from + u64::from(now.remaining_ns / NS_PER_TICK) };
        SEEN.set(Seen { ms: now.ms, from, until });
        now.ms
    }

    fn ticks() -> u64 {
        // SAFETY: every x86-64 processor has the instruction; a process that is forbidden it cannot read its clock either.
        unsafe { _rdtsc() }
    }

    /// Whether the counter runs at one rate, on all processors alike, in every state of sleep ("invariant TSC": AMD64
    /// Architecture Programmer's Manual 3, CPUID 8000_0007h; Intel SDM 3, 18.17).
    fn is_constant() -> bool {
        const ADVANCED_POWER_MANAGEMENT: u32 = 0x8000_0007;
        static CONSTANT: OnceLock<bool> = OnceLock::new();
        #[allow(unused_unsafe, reason = "the call is unsafe for older compilers only")]
        // SAFETY: every x86-64 processor has the instruction.
        let leaf = |leaf| unsafe { __cpuid(leaf) };
        *CONSTANT.get_or_init(|| {
            leaf(0x8000_0000).eax >= ADVANCED_POWER_MANAGEMENT && leaf(ADVANCED_POWER_MANAGEMENT).edx >> 8 & 1 == 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, now_ms};

    #[test]
    fn agrees_with_the_clock_of_the_file_system() {
        // The kernel's coarse clock, which stamps files, lags by a tick or two.
        let path = std::env::temp_dir().join(format!("ckafka-clock-{}", std::process::id()));
        let before = now_ms();
        std::fs::write(&path, b"x").unwrap();
        let after = now_ms();
        let stamp = std::fs::metadata(&path).unwrap().modified().unwrap();
        let stamp = stamp.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
        std::fs::remove_file(&path).unwrap();
        assert!(before - 20 <= stamp && stamp <= after, "{before} {stamp} {after}");
    }

    /// A program notes the time, appends, and seeks that time: the record must not be older.
    #[test]
    fn is_never_behind_a_clock_that_was_read_before_nor_ahead_of_one_read_after() {
        let mut changes = 0;
        let begun = std::time::Instant::now();
        let mut last = 0;
        while begun.elapsed().as_millis() < 100 {
            let before = Moment::now().ms;
            let now = now_ms();
            let after = Moment::now().ms;
            assert!(before <= now && now <= after, "{before} {now} {after}");
            changes += u32::from(now != last);
            last = now;
        }
        assert!(changes >= 10, "the millisecond changed {changes} times in 100 ms");
    }
}
