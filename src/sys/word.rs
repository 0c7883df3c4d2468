//! The lock word: a 32-bit word in a shared page that one owner at a time holds, and what a process keeps beside it.
//!
//! Bits 0-7 slot, 8-30 generation, 31 somebody sleeps. 0 is free.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Who holds a word: slot (0-255) and generation (1..2^23) in one number, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner(u32);

impl Owner {
    /// From slot and generation; only the low 23 bits of the generation count.
    #[must_use]
    pub fn new(_slot: u8, _generation: u32) -> Self {
        todo!()
    }
    /// The slot.
    #[must_use]
    pub fn slot(self) -> u8 {
        todo!()
    }
    /// The generation's low 23 bits.
    #[must_use]
    pub fn generation(self) -> u32 {
        todo!()
    }
    /// As stored in a word, without the waiters bit.
    #[must_use]
    pub fn bits(self) -> u32 {
        todo!()
    }
    /// From a word; `None` where it is free. The waiters bit is dropped.
    #[must_use]
    pub fn from_word(_word: u32) -> Option<Self> {
        todo!()
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
    _word: &'a AtomicU32,
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
/// `is_dead` is asked about the owner after each slice.
pub fn lock<'a>(
    _word: &'a AtomicU32,
    _me: Owner,
    _timeout: Duration,
    _is_dead: &dyn Fn(Owner) -> bool,
) -> Result<(WordGuard<'a>, Taken), Held> {
    todo!()
}
/// Takes the word if it is free.
pub fn try_lock(_word: &AtomicU32, _me: Owner) -> Option<WordGuard<'_>> {
    todo!()
}

/// State of this process that only the holder of one word may touch.
#[derive(Debug)]
pub struct WordCell<T> {
    _value: T,
}

impl<T> WordCell<T> {
    /// Binds `value` to `word` (by address; the word must stay where it is as long as the cell is used).
    pub fn new(_word: &AtomicU32, _value: T) -> Self {
        todo!()
    }
    /// The state. Panics where `guard` holds another word.
    #[expect(clippy::mut_from_ref, reason = "the guard is the exclusive borrow")]
    pub fn get<'g>(&'g self, _guard: &'g mut WordGuard<'_>) -> &'g mut T {
        todo!()
    }
}
