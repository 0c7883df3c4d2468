//! The lock word: a 32-bit word in a shared page that one owner at a time holds, and what a process keeps beside it.
//!
//! Bits 0-7 slot, 8-30 generation, 31 somebody sleeps. 0 is free.
//!
//! Exclusion rests on all mappers of the page keeping these rules: free to owned by compare-and-swap, and taken from an
//! owner only who is known to be dead. The threads of one process use one [`Owner`] and exclude each other all the same,
//! because none of them takes a word that is not free.
//!
//! The feature `unshared-words` does without the exchanges, for a benchmark that shows what they cost: right for one thread of one process alone.

use std::cell::UnsafeCell;
use std::fmt;
use std::hint::spin_loop;
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use super::cancel::NoCancellation;
use super::futex::{self, Wake};

const WAITERS: u32 = 1 << 31;
const GENERATION_MASK: u32 = (1 << 23) - 1;
const SPINS: u32 = 200;
/// A sleep is never longer, since an owner that dies wakes nobody.
const SLICE: Duration = Duration::from_millis(10);

/// Who holds a word: slot (0-255) and generation (1..2^23) in one number, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner(u32);

impl Owner {
    /// From slot and generation; only the low 23 bits of the generation count.
    ///
    /// # Panics
    /// Where those bits are all zero: who takes a slot raises its generation by [`Owner::next_generation`], which skips
    /// them. A generation that was merely read is compared by [`Owner::is_of_generation`], which takes any number.
    #[must_use]
    pub fn new(slot: u8, generation: u32) -> Self {
        let generation = generation & GENERATION_MASK;
        assert!(generation != 0, "a generation whose low 23 bits are zero names no owner");
        Self(generation << 8 | u32::from(slot))
    }

    /// The generation to give to a slot that had `generation`.
    #[must_use]
    pub fn next_generation(generation: u32) -> u32 {
        let next = generation.wrapping_add(1);
        if next & GENERATION_MASK == 0 { next.wrapping_add(1) } else { next }
    }

    /// Whether a slot table's generation is the one of this owner.
    #[must_use]
    pub fn is_of_generation(self, generation: u32) -> bool {
        self.generation() == generation & GENERATION_MASK
    }

    /// The slot.
    #[must_use]
    pub fn slot(self) -> u8 {
        self.0.to_le_bytes()[0]
    }

    /// The generation's low 23 bits.
    #[must_use]
    pub fn generation(self) -> u32 {
        self.0 >> 8
    }

    /// As stored in a word, without the waiters bit.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }

    /// From a word; `None` where it is free. The waiters bit is dropped.
    #[must_use]
    pub fn from_word(word: u32) -> Option<Self> {
        match word & !WAITERS {
            0 => None,
            bits => Some(Self(bits)),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "slot {} generation {}", self.slot(), self.generation())
    }
}

/// How the word came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was free.
    Free,
    /// Its owner had died holding it.
    FromDead(Owner),
}

/// A held word. Thread cancellation is disabled while it lives. Dropping it frees the word and wakes one sleeper.
#[derive(Debug)]
pub struct WordGuard<'a> {
    word: &'a AtomicU32,
    // Dropped after the word is free: a cancelled thread may end there, but holds nothing any more.
    _cancellation: NoCancellation,
}

impl WordGuard<'_> {
    /// The word that is held.
    #[must_use]
    #[inline]
    pub fn word(&self) -> &AtomicU32 {
        self.word
    }
}

impl Drop for WordGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        if free(self.word) & WAITERS != 0 {
            wake_one(self.word);
        }
    }
}

/// Takes the word if it is free.
#[inline]
fn claim(word: &AtomicU32, me: Owner) -> bool {
    if cfg!(feature = "unshared-words") {
        let free = word.load(Relaxed) == 0;
        if free {
            word.store(me.bits(), Relaxed);
        }
        return free;
    }
    word.compare_exchange(0, me.bits(), Acquire, Relaxed).is_ok()
}

/// Frees it; what it was.
#[inline]
fn free(word: &AtomicU32) -> u32 {
    if cfg!(feature = "unshared-words") {
        let seen = word.load(Relaxed);
        word.store(0, Relaxed);
        return seen;
    }
    word.swap(0, Release)
}

#[cold]
fn wake_one(word: &AtomicU32) {
    futex::wake(word, 1);
}

/// How long a word is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// At most.
    pub timeout: Duration,
    /// Whether a signal ends the wait before.
    pub signals: Signals,
}

/// What a signal handler that ran does to a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signals {
    /// Nothing.
    Ignored,
    /// It ends the wait, unless it ran in the moment between two sleeps.
    End,
}

impl From<Duration> for Patience {
    fn from(timeout: Duration) -> Self {
        Self { timeout, signals: Signals::Ignored }
    }
}

/// Why a word was not had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// By whom, at the last look.
    pub owner: Owner,
    /// How long was waited.
    pub waited: Duration,
}

/// Takes the word: compare-and-swap, some 200 spins, then a shared futex in slices of at most 10 ms, each re-checked; whoever runs when it is free takes it (barging).
/// `is_dead` is asked about the owner before the first sleep and after each slice that ended without a wake.
#[inline]
pub fn lock<'a>(
    word: &'a AtomicU32,
    me: Owner,
    patience: impl Into<Patience>,
    is_dead: &dyn Fn(Owner) -> bool,
) -> Result<(WordGuard<'a>, Taken), Held> {
    let cancellation = NoCancellation::begin();
    let taken = if claim(word, me) { Taken::Free } else { lock_slowly(word, me, patience.into(), is_dead)? };
    Ok((WordGuard { word, _cancellation: cancellation }, taken))
}

/// Takes the word if it is free.
#[inline]
pub fn try_lock(word: &AtomicU32, me: Owner) -> Option<WordGuard<'_>> {
    let cancellation = NoCancellation::begin();
    claim(word, me).then(|| WordGuard { word, _cancellation: cancellation })
}

#[cold]
fn lock_slowly(
    word: &AtomicU32,
    me: Owner,
    patience: Patience,
    is_dead: &dyn Fn(Owner) -> bool,
) -> Result<Taken, Held> {
    let start = Instant::now();
    for _ in 0..SPINS {
        if word.load(Relaxed) == 0 && word.compare_exchange(0, me.bits(), Acquire, Relaxed).is_ok() {
            return Ok(Taken::Free);
        }
        spin_loop();
    }
    let (mut ask, mut interrupted) = (true, false);
    // Who has slept, or takes the word from the dead, cannot know whether others sleep, and takes the duty to wake them.
    let mut duty = 0;
    loop {
        let seen = word.load(Relaxed);
        let Some(owner) = Owner::from_word(seen) else {
            if word.compare_exchange(seen, me.bits() | duty | (seen & WAITERS), Acquire, Relaxed).is_ok() {
                return Ok(Taken::Free);
            }
            continue;
        };
        if ask && is_dead(owner) {
            if word.compare_exchange(seen, me.bits() | WAITERS, Acquire, Relaxed).is_ok() {
                return Ok(Taken::FromDead(owner));
            }
            continue;
        }
        ask = false;
        let waited = start.elapsed();
        let left = patience.timeout.saturating_sub(waited);
        if interrupted || left.is_zero() {
            return Err(Held { owner, waited });
        }
        let expected = seen | WAITERS;
        if seen != expected && word.compare_exchange(seen, expected, Relaxed, Relaxed).is_err() {
            continue;
        }
        // A process under a fast interval timer sees no slice through to its end, and must ask all the same.
        let wake = futex::wait(word, expected, Some(left.min(SLICE)));
        ask = wake != Wake::Woken;
        interrupted = wake == Wake::Interrupted && patience.signals == Signals::End;
        duty = WAITERS;
    }
}

/// State of this process that only the holder of one word may touch.
///
/// Two threads never touch it at once, because a guard exists only while the word is held, a word has one holder, and
/// [`WordCell::get`] borrows the guard mutably.
#[derive(Debug)]
pub struct WordCell<T> {
    word: *const AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through `get` alone, by one thread at a time (see the type); the word's acquire and
// release order one holder's accesses before the next one's. The pointer is only compared, never followed.
unsafe impl<T: Send> Sync for WordCell<T> {}
// SAFETY: the pointer is only compared, so the cell may move where its value may.
unsafe impl<T: Send> Send for WordCell<T> {}

impl<T> WordCell<T> {
    /// Binds `value` to `word` (by address; the word must stay where it is as long as the cell is used).
    pub fn new(word: &AtomicU32, value: T) -> Self {
        Self { word: ptr::from_ref(word), value: UnsafeCell::new(value) }
    }

    /// The state. Panics where `guard` holds another word.
    #[inline]
    pub fn get<'g>(&'g self, guard: &'g mut WordGuard<'_>) -> &'g mut T {
        assert!(ptr::eq(self.word, guard.word), "the state belongs to another word than the one that is held");
        // SAFETY: the guard holds the one word that this cell is bound to, and is borrowed mutably as long as the
        // reference lives; so there is no other.
        unsafe { &mut *self.value.get() }
    }
}

#[cfg(test)]
mod tests;
