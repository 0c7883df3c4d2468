//! Growing ahead of appends: zeroes only at or above the prepared end, under the grow word; appends only below it, under the append word.
//!
//! A file of three pieces; a piece holds zeroes, or a record that was published and must stay. The words are plain locks here: see
//! [`lock`](crate::lock) for them.

use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use loom::sync::{Arc, Mutex};
use loom::thread;

const PIECES: usize = 3;
const RECORD: usize = 7;

/// The rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// None.
    Nothing,
    /// The prepared end is looked at under the grow word.
    LookUnderGrow,
    /// The prepared end moves only after the zeroes.
    ZeroesFirst,
    /// A taker of append first takes grow.
    TakerTakesGrow,
}

struct Segment {
    append: Mutex<()>,
    grow: Mutex<()>,
    prepared_end: AtomicUsize,
    /// What `fstat` says, in pieces.
    file_len: AtomicUsize,
    pieces: [AtomicUsize; PIECES],
    end: AtomicUsize,
}

/// Who had the grow word last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// It moved the prepared end, and let go of the word.
    Lived,
    /// It died before it moved the prepared end.
    Died,
}

impl Segment {
    fn new(prepared_end: usize, file_len: usize) -> Self {
        Self {
            append: Mutex::new(()),
            grow: Mutex::new(()),
            prepared_end: AtomicUsize::new(prepared_end),
            file_len: AtomicUsize::new(file_len),
            pieces: std::array::from_fn(|_| AtomicUsize::new(0)),
            end: AtomicUsize::new(0),
        }
    }

    /// The file is longer before the last of its zeroes is written.
    fn zero(&self, piece: usize) {
        self.file_len.fetch_max(piece + 1, SeqCst);
        self.pieces[piece].store(0, Relaxed);
    }

    /// One piece more.
    fn grow(&self, without: Without) {
        let looked_before = self.prepared_end.load(Acquire);
        let _word = self.grow.lock().unwrap();
        let from = if without == Without::LookUnderGrow { looked_before } else { self.prepared_end.load(Acquire) };
        if from < PIECES {
            if without == Without::ZeroesFirst {
                self.prepared_end.store(from + 1, SeqCst);
            }
            self.zero(from);
            self.prepared_end.store(from + 1, SeqCst);
        }
    }

    /// A record into the next piece, which is there or is grown.
    fn append(&self, without: Without) {
        let _word = self.append.lock().unwrap();
        self.append_under_word(without);
    }

    fn append_under_word(&self, without: Without) {
        let at = self.end.load(Acquire);
        while self.prepared_end.load(Acquire) <= at {
            self.grow(without);
        }
        self.pieces[at].store(RECORD, Relaxed);
        self.end.store(at + 1, SeqCst);
    }

    /// The append word is had from the dead: how far the file is zeroed is asked, under grow.
    fn take_over_and_append(&self, without: Without) {
        let _word = self.append.lock().unwrap();
        {
            let _grow = (without != Without::TakerTakesGrow).then(|| self.grow.lock().unwrap());
            self.prepared_end.store(self.file_len.load(SeqCst), SeqCst);
        }
        self.append_under_word(without);
    }

    fn check(&self, records: usize) {
        assert_eq!(self.end.load(SeqCst), records);
        for piece in &self.pieces[..records] {
            assert_eq!(piece.load(SeqCst), RECORD, "a published record is gone");
        }
    }
}

/// Two processes append; both grow ahead.
pub fn model_of_growers(without: Without) {
    let segment = Arc::new(Segment::new(0, 0));
    let other = thread::spawn({
        let segment = segment.clone();
        move || {
            segment.append(without);
            segment.grow(without);
        }
    });
    segment.append(without);
    other.join().unwrap();
    segment.check(2);
}

/// One process takes the append word from the dead, another grows ahead. Where a grower died too, the file is zeroed further than the page says.
pub fn model_of_takeover(without: Without, grower: Owner) {
    let segment = Arc::new(Segment::new(0, if grower == Owner::Died { 1 } else { 0 }));
    let other = thread::spawn({
        let segment = segment.clone();
        move || segment.grow(without)
    });
    segment.take_over_and_append(without);
    other.join().unwrap();
    segment.check(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{explore, finds};

    #[test]
    fn nothing_published_is_zeroed() {
        explore(3, || model_of_growers(Without::Nothing));
        for grower in [Owner::Lived, Owner::Died] {
            explore(3, move || model_of_takeover(Without::Nothing, grower));
        }
    }

    #[test]
    fn each_rule_is_needed() {
        for without in [Without::LookUnderGrow, Without::ZeroesFirst] {
            assert!(finds(&format!("{without:?}"), 3, move || model_of_growers(without)), "{without:?}");
        }
        assert!(finds("TakerTakesGrow", 3, || model_of_takeover(Without::TakerTakesGrow, Owner::Lived)));
    }
}
