//! Keeps the number of segments that this process has open for writing in bounds, over all its partitions.
//!
//! A descriptor that bytes were stored through may go only when nothing that this process published through it lies above durable: it alone would tell of a
//! write that failed. So a partition that has to let go is made durable first. Nobody waits for this: it is done after an append, with no word held, and a
//! partition whose words are taken keeps its turn.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError, Weak};

use super::durable;
use super::partition::PartitionLog;
use crate::sys;
use crate::sys::fork::PerGeneration;

/// How many partitions are asked in one go, so that no append pays for many.
const ASKED_AT_ONCE: usize = 4;
/// Files of a segment.
const DESCRIPTORS_EACH: usize = 3;

struct Open {
    capacity: usize,
    /// Partitions with segments open for writing, about in the order of their opening.
    queue: Mutex<VecDeque<Weak<PartitionLog>>>,
}

/// Of this process: a forked child begins with none.
static OPEN: PerGeneration<Open> = PerGeneration::empty();

impl Default for Open {
    fn default() -> Self {
        Self { capacity: (sys::share_of_limit(4) / DESCRIPTORS_EACH).max(4), queue: Mutex::default() }
    }
}

/// A partition has opened a segment for writing: counts it in, and lets others go where there are too many. With no word held.
#[cold]
pub(super) fn admit(log: &PartitionLog) {
    let Ok(side) = log.writer_side() else { return };
    let open = OPEN.get();
    if side.writer.begin_to_hold() {
        open.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(log.weak());
    }
    for _ in 0..ASKED_AT_ONCE {
        let mut queue = open.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() <= open.capacity {
            return;
        }
        let Some(oldest) = queue.pop_front() else { return };
        drop(queue);
        if let Some(log) = oldest.upgrade()
            && !let_go(&log)
        {
            open.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(oldest);
        }
    }
}

/// Whether a partition has let go of its segments.
fn let_go(log: &PartitionLog) -> bool {
    let Ok(side) = log.writer_side() else { return true };
    if !side.control.is_stopped() && side.control.durable_end() < side.control.published_end() {
        let synced = durable::sync(log, &side.writer, &side.control);
        side.control.wake_durable();
        // What cannot be made durable has latched that, or could not be opened: then another time.
        if synced.is_err() && !side.control.is_stopped() {
            return false;
        }
    }
    side.writer.let_go(&side.control)
}

#[cfg(test)]
mod tests {
    use super::OPEN;
    use crate::sys::testing::Child;

    #[test]
    fn a_forked_child_need_not_wait_for_threads_of_its_parent() {
        let held = OPEN.get().queue.lock().unwrap();
        let child = Child::fork(|| i32::from(OPEN.get().queue.try_lock().is_err()));
        assert_eq!(child.wait(), 0);
        drop(held);
    }
}
