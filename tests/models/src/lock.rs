//! The lock word: free to owned by compare-and-swap, taken from the dead by compare-and-swap, slept on with a waiters bit.
//!
//! An owner is slot and generation. A slot's life is a byte that the kernel frees.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicBool, AtomicU32};
use loom::thread;

use crate::futex::Futex;

const WAITERS: u32 = 1 << 31;
const SLOTS: usize = 4;

/// The rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// None.
    Nothing,
    /// A word is taken from the dead by compare-and-swap.
    SwapFromDead,
    /// Who slept, or takes from the dead, takes the duty to wake the others.
    Duty,
    /// The word is freed with release.
    Release,
    /// The word is taken with acquire.
    Acquire,
    /// A sleep is sliced, since an owner that dies wakes nobody.
    Slice,
    /// Who takes a slot first raises its generation.
    Generation,
}

struct Page {
    word: Futex,
    guarded: UnsafeCell<u32>,
    byte_is_held: [AtomicBool; SLOTS],
    generations: [AtomicU32; SLOTS],
}

/// One bit each for slot and generation, so that no owner's bits are part of another's.
fn owner(slot: usize, generation: u32) -> u32 {
    1 << (8 + generation) | 1 << slot
}

impl Page {
    fn new(word: u32) -> Self {
        Self {
            word: Futex::new(word),
            guarded: UnsafeCell::new(0),
            byte_is_held: std::array::from_fn(|_| AtomicBool::new(true)),
            generations: std::array::from_fn(|_| AtomicU32::new(1)),
        }
    }

    fn is_dead(&self, owner: u32) -> bool {
        let (slot, generation) = ((owner & 0xff).trailing_zeros() as usize, (owner >> 8).trailing_zeros());
        self.generations[slot].load(Acquire) != generation || !self.byte_is_held[slot].load(Acquire)
    }

    fn lock(&self, me: u32, without: Without) {
        let acquire = if without == Without::Acquire { Relaxed } else { Acquire };
        let word = &self.word.word;
        if word.compare_exchange(0, me, acquire, Relaxed).is_ok() {
            return;
        }
        let mut duty = 0;
        loop {
            let seen = word.load(Relaxed);
            let holder = seen & !WAITERS;
            if holder == 0 {
                if word.compare_exchange(seen, me | duty | (seen & WAITERS), acquire, Relaxed).is_ok() {
                    return;
                }
            } else if self.is_dead(holder) {
                if without == Without::SwapFromDead {
                    word.store(me | WAITERS, SeqCst);
                    return;
                }
                let duty = if without == Without::Duty { 0 } else { WAITERS };
                if word.compare_exchange(seen, me | duty, acquire, Relaxed).is_ok() {
                    return;
                }
            } else {
                let expected = seen | WAITERS;
                if seen != expected && word.compare_exchange(seen, expected, Relaxed, Relaxed).is_err() {
                    continue;
                }
                self.word.wait(expected);
                duty = if without == Without::Duty { 0 } else { WAITERS };
            }
        }
    }

    fn unlock(&self, without: Without) {
        let release = if without == Without::Release { Relaxed } else { Release };
        if self.word.word.swap(0, release) & WAITERS != 0 {
            self.word.wake_one();
        }
    }

    fn pass(&self, me: u32, without: Without) {
        self.lock(me, without);
        self.guarded.with_mut(|_| ());
        self.unlock(without);
    }

    /// The kernel lets go of a dead process; nobody is woken by that, but slices end.
    fn die(&self, slot: usize, without: Without) {
        self.byte_is_held[slot].store(false, Release);
        if without != Without::Slice {
            self.word.end_slices(owner(slot, 1));
        }
    }
}

fn spawn(page: &Arc<Page>, body: impl FnOnce(&Page) + 'static) -> thread::JoinHandle<()> {
    let page = page.clone();
    thread::spawn(move || body(&page))
}

/// Three living processes take turns.
pub fn model_of_turns(without: Without) {
    let page = Arc::new(Page::new(0));
    let others = [1, 2].map(|slot| spawn(&page, move |page| page.pass(owner(slot, 1), without)));
    page.pass(owner(3, 1), without);
    for other in others {
        other.join().unwrap();
    }
}

/// One dies holding the word, two others want it.
pub fn model_of_death(without: Without) {
    let page = Arc::new(Page::new(owner(0, 1)));
    let others = [1, 2].map(|slot| spawn(&page, move |page| page.pass(owner(slot, 1), without)));
    page.guarded.with_mut(|_| ());
    page.die(0, without);
    for other in others {
        other.join().unwrap();
    }
}

/// One dies holding the word; another process has taken its slot before a third looks.
pub fn model_of_reuse(without: Without) {
    let page = Arc::new(Page::new(owner(0, 1)));
    let other = spawn(&page, move |page| page.pass(owner(1, 1), without));
    page.guarded.with_mut(|_| ());
    page.byte_is_held[0].store(false, Release);
    page.byte_is_held[0].store(true, Release);
    if without != Without::Generation {
        page.generations[0].store(2, SeqCst);
    }
    page.word.end_slices(owner(0, 1));
    other.join().unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{explore, finds};

    #[test]
    fn one_at_a_time_and_nobody_waits_for_ever() {
        explore(2, || model_of_turns(Without::Nothing));
        explore(2, || model_of_death(Without::Nothing));
        explore(3, || model_of_reuse(Without::Nothing));
    }

    #[test]
    fn turns_need_their_rules() {
        for without in [Without::Duty, Without::Release, Without::Acquire] {
            assert!(finds(&format!("{without:?}"), 3, move || model_of_turns(without)), "{without:?}");
        }
    }

    #[test]
    fn a_death_needs_its_rules() {
        for without in [Without::SwapFromDead, Without::Slice] {
            assert!(finds(&format!("{without:?}"), 3, move || model_of_death(without)), "{without:?}");
        }
        assert!(finds("Generation", 3, || model_of_reuse(Without::Generation)));
    }
}
