//! Publish, arm and wake: who appends stores the end, looks whether anybody armed, clears and wakes; who waits arms, looks again and sleeps.
//!
//! The lowest bit of the word is *armed*; clearing it counts the word on.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, SeqCst};
use loom::sync::atomic::{AtomicU64, fence};
use loom::thread;

use crate::futex::Futex;

/// The rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// None.
    Nothing,
    /// The end is ordered before the look at the armed bit.
    FenceInPublish,
    /// Arming is ordered before the second look at the end.
    FenceInArm,
    /// The end is looked at again after arming.
    SecondLook,
    /// The end is published with release.
    Release,
    /// A wait is sliced: the writer dies between publishing and waking.
    Slice,
    /// Clearing the bit changes the word for good: else the bit that another waiter arms next looks like one's own, and is slept on.
    Sequence,
}

struct Log {
    batch: UnsafeCell<u32>,
    end: AtomicU64,
    armed: Futex,
}

/// One writer, `waiters` readers that wait for its record.
pub fn model(without: Without, waiters: usize) {
    let log = Arc::new(Log { batch: UnsafeCell::new(0), end: AtomicU64::new(0), armed: Futex::new(0) });
    let readers: Vec<_> = (0..waiters)
        .map(|_| {
            let log = log.clone();
            thread::spawn(move || read(&log, without))
        })
        .collect();
    publish(&log, without);
    for reader in readers {
        reader.join().unwrap();
    }
}

fn publish(log: &Log, without: Without) {
    log.batch.with_mut(|_| ());
    log.end.swap(1, if without == Without::Release { Relaxed } else { AcqRel });
    if without != Without::FenceInPublish {
        fence(SeqCst);
    }
    if without == Without::Slice {
        // It dies here; nobody else appends.
        return;
    }
    let seen = log.armed.word.load(Relaxed);
    let cleared = if without == Without::Sequence { 0 } else { seen + 1 };
    if seen & 1 != 0 && log.armed.word.compare_exchange(seen, cleared, SeqCst, SeqCst).is_ok() {
        log.armed.wake_all();
    }
}

fn read(log: &Log, without: Without) {
    while log.end.load(Acquire) == 0 {
        let armed = log.armed.word.fetch_or(1, SeqCst) | 1;
        if without != Without::FenceInArm {
            fence(SeqCst);
        }
        if without == Without::SecondLook || log.end.load(Acquire) == 0 {
            log.armed.wait(armed);
        }
    }
    log.batch.with(|_| ());
}

/// The writer dies between publishing and waking; the readers' slices end after.
pub fn model_of_death() {
    let log = Arc::new(Log { batch: UnsafeCell::new(0), end: AtomicU64::new(0), armed: Futex::new(0) });
    let reader = thread::spawn({
        let log = log.clone();
        move || read(&log, Without::Nothing)
    });
    publish(&log, Without::Slice);
    log.armed.end_slices(1);
    reader.join().unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{explore, finds};

    #[test]
    fn nobody_sleeps_through_a_publish() {
        explore(3, || model(Without::Nothing, 1));
        explore(2, || model(Without::Nothing, 2));
        explore(3, model_of_death);
    }

    #[test]
    fn each_rule_is_needed() {
        for without in
            [Without::FenceInPublish, Without::FenceInArm, Without::SecondLook, Without::Release, Without::Slice]
        {
            assert!(finds(&format!("{without:?}"), 3, move || model(without, 1)), "{without:?}");
        }
        assert!(finds("Sequence", 3, || model(Without::Sequence, 2)));
    }
}
