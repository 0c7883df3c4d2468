//! One place of the handle table: an object, who is inside a call with it, and which handle it answers to.
//!
//! All of it hangs on one 64-bit word:
//!
//! | bits  | what |
//! | ----- | ---- |
//! | 0-23  | calls inside, those with stale handles included until they notice |
//! | 24    | closing: no call gets in any more |
//! | 25    | poisoned: a call panicked; only close gets in |
//! | 26    | live: an object is here |
//! | 27-56 | generation: raised each time the place is emptied, so that old handles differ |
//! | 57    | left behind: one of the calls inside has ended, but was not allowed to free memory |
//!
//! The object is freed by whoever leaves last after closing: the step from "closing, nobody inside" to the next
//! generation is one compare-and-swap, which a stale visitor in between makes fail and then retries when it leaves.

use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};

const INSIDE: u64 = (1 << 24) - 1;
const CLOSING: u64 = 1 << 24;
const POISONED: u64 = 1 << 25;
const LIVE: u64 = 1 << 26;
const GENERATION_SHIFT: u32 = 27;
/// Generations are 0 to this; a place that has used them all up is never filled again.
pub(super) const GENERATION_MAX: u32 = (1 << 30) - 1;
const GENERATION: u64 = (GENERATION_MAX as u64) << GENERATION_SHIFT;
const LEFT_BEHIND: u64 = 1 << 57;

/// Why a handle gives no object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// NULL, closed, or never a handle.
    Unknown,
    /// A call with it panicked.
    Poisoned,
    /// It was opened before this process was forked off.
    Forked,
}

/// What leaving a place showed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left<T> {
    /// Somebody else is inside, or it is open.
    InUse,
    /// It is empty now, and what was in it belongs to the caller.
    Emptied(*mut T),
}

/// What leaving from a signal handler did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LeftInSignal {
    /// The call is out.
    Gone,
    /// It is over but still counted, as it might have been the last.
    StaysCounted,
}

/// A place of the table. All zero is a valid empty place of generation 0.
#[repr(C, align(64))]
pub(super) struct Slot<T> {
    state: AtomicU64,
    object: AtomicPtr<T>,
    /// The next place in the list that this one is in.
    pub(super) next: AtomicU32,
    /// `sys::fork::generation` when it was filled.
    fork: AtomicU32,
    owns: PhantomData<T>,
}

impl<T> Slot<T> {
    /// Puts an object into an empty place that the caller alone knows; the generation its handle has.
    pub(super) fn fill(&self, object: *mut T, fork: u32) -> u32 {
        self.object.store(object, Relaxed);
        self.fork.store(fork, Relaxed);
        // Stale visitors may be counted in the word, so only the bit is added. Release: who sees it sees the object.
        generation_of(self.state.fetch_or(LIVE, Release))
    }

    /// Goes in. The caller has to leave, also after `Err`.
    #[inline]
    pub(super) fn enter(&self, generation: u32, fork: u32) -> Result<*const T, Refusal> {
        let seen = self.state.fetch_add(1, Acquire) & !INSIDE;
        if seen == expected(generation) && self.fork.load(Relaxed) == fork {
            return Ok(self.object.load(Relaxed));
        }
        Err(match seen {
            seen if seen == expected(generation) => Refusal::Forked,
            seen if seen == expected(generation) | POISONED => Refusal::Poisoned,
            _ => Refusal::Unknown,
        })
    }

    /// Goes in to close: a poisoned or inherited object can be closed too. The caller has to leave, also after `Err`.
    pub(super) fn enter_to_close(&self, generation: u32) -> Result<*const T, Refusal> {
        let seen = self.state.fetch_add(1, Acquire) & !(INSIDE | POISONED);
        if seen == expected(generation) { Ok(self.object.load(Relaxed)) } else { Err(Refusal::Unknown) }
    }

    /// Goes out.
    #[inline]
    pub(super) fn leave(&self) -> Left<T> {
        self.leave_with(1)
    }

    /// Goes out for a call that was left behind.
    pub(super) fn leave_for_other(&self) -> Left<T> {
        self.leave_with(LEFT_BEHIND + 1)
    }

    #[inline]
    fn leave_with(&self, part: u64) -> Left<T> {
        // Release: what this call did to the object is seen by whoever frees it. Acquire: should that be us.
        let seen = self.state.fetch_sub(part, AcqRel);
        if seen & CLOSING == 0 || seen & INSIDE != 1 {
            return Left::InUse;
        }
        self.empty(seen - part)
    }

    /// Goes out without ever emptying the place, as a signal handler must. At most one call at a time stays counted:
    /// whoever gets `StaysCounted` sees to it that `leave_for_other` follows.
    pub(super) fn leave_in_signal(&self) -> LeftInSignal {
        let mut seen = self.state.load(Relaxed);
        loop {
            let must_stay = seen & CLOSING != 0 && seen & LEFT_BEHIND == 0;
            let new = if must_stay { seen | LEFT_BEHIND } else { seen - 1 };
            match self.state.compare_exchange_weak(seen, new, AcqRel, Relaxed) {
                Ok(_) if must_stay => return LeftInSignal::StaysCounted,
                Ok(_) => return LeftInSignal::Gone,
                Err(now) => seen = now,
            }
        }
    }

    #[cold]
    fn empty(&self, seen: u64) -> Left<T> {
        let next = ((seen & GENERATION) + (1 << GENERATION_SHIFT)) & GENERATION;
        match self.state.compare_exchange(seen, next, AcqRel, Relaxed) {
            Ok(_) => Left::Emptied(self.object.swap(ptr::null_mut(), Relaxed)),
            Err(_) => Left::InUse,
        }
    }

    /// Lets no further call in; whether this call was the one that did so. The caller is inside.
    pub(super) fn close(&self) -> Closing {
        if self.state.fetch_or(CLOSING, AcqRel) & CLOSING == 0 { Closing::Ours } else { Closing::Theirs }
    }

    /// Remembers that a call panicked. The caller is inside.
    pub(super) fn poison(&self) {
        self.state.fetch_or(POISONED, AcqRel);
    }

    /// Whether the object was opened before this process was forked off. The caller is inside.
    pub(super) fn is_inherited(&self, fork: u32) -> bool {
        self.fork.load(Relaxed) != fork
    }

    /// The generation that a new handle of this empty place would have.
    pub(super) fn generation(&self) -> u32 {
        generation_of(self.state.load(Acquire))
    }
}

/// Who closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// This call.
    Ours,
    /// Another call was first.
    Theirs,
}

#[inline]
fn expected(generation: u32) -> u64 {
    (u64::from(generation) << GENERATION_SHIFT) | LIVE
}

fn generation_of(state: u64) -> u32 {
    // The mask leaves 30 bits.
    ((state & GENERATION) >> GENERATION_SHIFT) as u32
}
