//! Waits for the end of a log to move, and the ways to be woken from that.
//!
//! A sleeper arms the control page, looks again, and sleeps on the page's word in slices: the writer that should wake it may
//! die between publishing and waking. Who may not write the page cannot arm, and looks every few milliseconds.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use super::partition::PartitionLog;
use crate::broken::{self, Rule};
use crate::error::{Error, Result};
use crate::sys::futex::{self, Wake};
use crate::sys::{fork, futex::wake};

/// How long an armed sleeper sleeps before it looks for itself.
const SLICE: Duration = Duration::from_millis(50);

/// The same for one that cannot arm.
const SLICE_UNARMED: Duration = Duration::from_millis(10);

/// Cancels a blocked fetch from any thread or signal handler.
#[derive(Debug)]
pub struct Wakeup {
    log: Arc<PartitionLog>,
    /// 1 from a call of `wake` to the fetch that it cancels.
    flag: AtomicU32,
    /// The control page is not there in a forked child.
    process: u32,
}

impl Wakeup {
    /// For one reader of `log`.
    #[must_use]
    pub fn new(log: Arc<PartitionLog>) -> Self {
        Self { log, flag: AtomicU32::new(0), process: fork::generation() }
    }

    /// Cancels the blocked fetch, or the next one. Async-signal-safe: atomics and system calls, no lock, no allocation.
    ///
    /// Everybody who sleeps for this log's end is woken, looks, and sleeps on: the word is theirs together. A descriptor that polls
    /// for the end becomes readable.
    pub fn wake(&self) {
        self.flag.store(1, SeqCst);
        wake(&self.flag, i32::MAX);
        if fork::generation() != self.process {
            return;
        }
        if let Some(control) = self.log.control().filter(|control| control.is_writable()) {
            control.wake_end();
        }
    }

    /// Whether a fetch is to be cancelled.
    #[must_use]
    #[inline]
    pub fn is_set(&self) -> bool {
        self.flag.load(SeqCst) != 0
    }

    /// Ends the fetch that was to be cancelled.
    #[inline]
    pub(super) fn check(&self) -> Result<()> {
        if self.is_set() { self.cancel() } else { Ok(()) }
    }

    #[cold]
    fn cancel(&self) -> Result<()> {
        self.flag.store(0, SeqCst);
        Err(Error::Interrupted { what: WHAT.into() })
    }
}

const WHAT: &str = "records";

/// Returns once `visible` is beyond `offset`. `None`: waits for ever.
pub(super) fn wait_beyond(
    log: &PartitionLog,
    wakeup: &Wakeup,
    offset: i64,
    timeout: Option<Duration>,
    visible: impl Fn() -> i64,
) -> Result<()> {
    if timeout == Some(Duration::ZERO) {
        // A poll: no clock, no text that has to be made.
        wakeup.check()?;
        return if visible() > offset { Ok(()) } else { Err(Error::TimedOut { what: WHAT.into(), waited_ms: 0 }) };
    }
    let begun = Instant::now();
    loop {
        wakeup.check()?;
        if visible() > offset {
            return Ok(());
        }
        let waited = begun.elapsed();
        let left = timeout.map_or(Duration::MAX, |timeout| timeout.saturating_sub(waited));
        if left.is_zero() {
            let what = format!("records from offset {offset} of {}", log.path().display());
            return Err(Error::TimedOut {
                what: what.into(),
                waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
            });
        }
        match sleep(log, wakeup, left, || visible() > offset) {
            Wake::Woken => {}
            Wake::Interrupted => {
                // A wakeup that came by a signal handler of this thread is used up with it.
                wakeup.check()?;
                return Err(Error::Interrupted { what: WHAT.into() });
            }
            Wake::TimedOut if log.is_stale() => return Err(stale(log)),
            Wake::TimedOut => {}
        }
        log.check()?;
    }
}

/// Sleeps for one slice at most, unless there is something to do.
fn sleep(log: &PartitionLog, wakeup: &Wakeup, left: Duration, is_done: impl Fn() -> bool) -> Wake {
    match log.control() {
        Some(control) if control.is_writable() => {
            let armed = control.arm_end();
            if is_done() || wakeup.is_set() {
                return Wake::Woken;
            }
            let slice = if broken::is(Rule::SlicedWaits) { left } else { left.min(SLICE) };
            armed.sleep(slice)
        }
        Some(_) => futex::wait(&wakeup.flag, 0, Some(left.min(SLICE_UNARMED))),
        // Nothing will come: only a wakeup, a signal or the time ends this.
        None => futex::wait(&wakeup.flag, 0, Some(left.min(SLICE))),
    }
}

/// The log goes on in another session, which this handle does not see.
#[cold]
pub(super) fn stale(log: &PartitionLog) -> Error {
    let reason = "another session has begun since this log was opened: open it again and seek to the same offset";
    Error::Version { path: log.path().to_path_buf(), reason: reason.to_owned() }
}
