//! The two copies of the tail state: the published end selects the true one, the other one is filled for the next append.

use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::fence;

use super::{ControlPage, at};
use crate::storage::tail::TailState;

/// Words of one copy.
const TAIL_WORDS: usize = 13;

impl ControlPage {
    /// The copy of the tail state that the published end selects, with its number; `None` where neither names it (a page that was never filled).
    ///
    /// The idle copy is left alone where it can be: its lines belong to the processor that fills it.
    #[must_use]
    #[inline]
    pub fn current_tail(&self, published_end: i64) -> Option<(usize, TailState)> {
        let guess = self.likely_copy();
        for copy in [guess, guess ^ 1] {
            if self.long(at::STATES[copy]).load(Relaxed).cast_signed() == published_end {
                self.last_copy.store(copy, Relaxed);
                return Some((copy, self.load_tail(copy)));
            }
        }
        None
    }

    /// The copy that is current by now, if one append was published since this process looked last: they take turns.
    #[inline]
    fn likely_copy(&self) -> usize {
        (self.last_copy.load(Relaxed) & 1) ^ 1
    }

    /// Says that the tail of what was just published will be looked at: another processor has filled it.
    #[inline]
    pub fn prefetch_news(&self) {
        let at = at::STATES[self.likely_copy()];
        self.page.prefetch(at, at + TAIL_WORDS);
    }

    /// Says that the next append will fill the copy that is not `copy`: nobody else looks at it by then.
    #[inline]
    pub fn prefetch_idle(&self, copy: usize) {
        let at = at::STATES[(copy & 1) ^ 1];
        self.page.prefetch_to_store(at, at + TAIL_WORDS);
    }

    /// One copy of the tail state.
    #[must_use]
    #[inline]
    pub fn load_tail(&self, copy: usize) -> TailState {
        let at = at::STATES[copy & 1];
        let word = |n: usize| self.long(at + n).load(Relaxed);
        TailState {
            end_offset: word(0).cast_signed(),
            position: word(1),
            base_offset: word(2).cast_signed(),
            offset_entries: word(3),
            time_entries: word(4),
            last_time_entry_timestamp: word(5).cast_signed(),
            last_time_entry_offset: word(6).cast_signed(),
            bytes_since_entry: word(7),
            max_timestamp: word(8).cast_signed(),
            max_timestamp_offset: word(9).cast_signed(),
            first_timestamp: word(10).cast_signed(),
            created_ms: word(11).cast_signed(),
            leader_epoch: word(12) as i32,
        }
    }

    /// Fills a copy: the idle one before an append, both at recovery. Only under the append word.
    #[inline]
    pub fn store_tail(&self, copy: usize, tail: &TailState) {
        let at = at::STATES[copy & 1];
        let store = |n: usize, value: u64| self.long(at + n).store(value, Relaxed);
        store(0, tail.end_offset.cast_unsigned());
        store(1, tail.position);
        store(2, tail.base_offset.cast_unsigned());
        store(3, tail.offset_entries);
        store(4, tail.time_entries);
        store(5, tail.last_time_entry_timestamp.cast_unsigned());
        store(6, tail.last_time_entry_offset.cast_unsigned());
        store(7, tail.bytes_since_entry);
        store(8, tail.max_timestamp.cast_unsigned());
        store(9, tail.max_timestamp_offset.cast_unsigned());
        store(10, tail.first_timestamp.cast_unsigned());
        store(11, tail.created_ms.cast_unsigned());
        store(12, u64::from(tail.leader_epoch.cast_unsigned()));
    }

    /// Base and byte position of the published end, for who does not hold the append word: retried until no publish came between.
    /// `None` after a few tries.
    #[must_use]
    pub fn active_extent(&self) -> Option<(i64, u64, i64)> {
        for _ in 0..16 {
            let end = self.published_end();
            let tail = self.current_tail(end);
            fence(Acquire);
            if self.published_end() == end {
                return tail.map(|(_, tail)| (tail.base_offset, tail.position, end));
            }
        }
        None
    }
}
