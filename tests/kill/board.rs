//! What all processes of a run share: who meant to append what, who was told what, who saw what.
//!
//! A process writes down what it means to do before, and what it was told right after. One that is killed in between leaves
//! a record of which nobody knows whether it is there: then both are right. Followers keep a sum of each chunk of offsets.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use super::process::Words;

/// Places for processes.
pub const PLACES: usize = 16;
/// Writers that may be told of appends: places below it.
pub const WRITERS: usize = 8;
/// Followers keep their sums at places from here.
pub const FOLLOWERS_AT: usize = 8;
/// Offsets of a chunk.
pub const CHUNK: u64 = 64;

const PLACE_WORDS: usize = 128;
const PLACES_AT: usize = 64;
const TEXT_BYTES: usize = 800;
const ACKS_MAX: usize = 1 << 22;
const CHUNKS_MAX: usize = 1 << 18;
const ACKS_AT: usize = PLACES_AT + PLACES * PLACE_WORDS;
const CHUNKS_AT: usize = ACKS_AT + WRITERS * ACKS_MAX;
const WORDS: usize = CHUNKS_AT + (PLACES - FOLLOWERS_AT) * CHUNKS_MAX;

/// The shared memory.
pub struct Board {
    words: Words,
}

impl Board {
    /// A new board, all zero, in a file that takes room only where something is written.
    pub fn new(path: &Path) -> Self {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path).expect("board");
        file.set_len(WORDS as u64 * 8).expect("board");
        Self { words: Words::map(&file, WORDS) }
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        &self.words.get()[at]
    }

    /// Raised to end a run: writers close, followers go on.
    pub fn stop(&self) -> &AtomicU64 {
        self.word(0)
    }

    /// Counts those who have come to the place where they wait.
    pub fn ready(&self) -> &AtomicU64 {
        self.word(1)
    }

    /// Lets those go on who wait.
    pub fn go(&self) -> &AtomicU64 {
        self.word(2)
    }

    /// Bytes appended, as far as told.
    pub fn bytes(&self) -> &AtomicU64 {
        self.word(3)
    }

    /// The largest offset below which anybody was told that all is durable.
    pub fn durable(&self) -> &AtomicU64 {
        self.word(4)
    }

    /// The largest offset that any follower expects next.
    pub fn seen_most(&self) -> u64 {
        (FOLLOWERS_AT..PLACES).map(|place| self.place(place).seen().load(SeqCst)).max().unwrap_or(0)
    }

    /// The place of a process.
    pub fn place(&self, number: usize) -> Place<'_> {
        assert!(number < PLACES);
        Place { board: self, number }
    }

    /// Offset + 1 that writer `writer` was told for record `sequence`; 0 where it was told nothing.
    pub fn told(&self, writer: usize, sequence: u64) -> &AtomicU64 {
        assert!(writer < WRITERS && (sequence as usize) < ACKS_MAX, "writer {writer}, record {sequence}");
        self.word(ACKS_AT + writer * ACKS_MAX + sequence as usize)
    }

    /// Whether there is room for more records of a writer.
    pub fn has_room(sequence: u64) -> bool {
        (sequence as usize) < ACKS_MAX - 1024
    }

    /// Sum of a chunk as the follower at place `place` saw it.
    pub fn chunk(&self, place: usize, chunk: u64) -> &AtomicU64 {
        assert!((chunk as usize) < CHUNKS_MAX, "chunk {chunk}");
        self.word(CHUNKS_AT + (place - FOLLOWERS_AT) * CHUNKS_MAX + chunk as usize)
    }
}

/// What one process says of itself. Outlives it: who takes its place goes on from there.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    board: &'a Board,
    pub number: usize,
}

impl<'a> Place<'a> {
    fn word(self, at: usize) -> &'a AtomicU64 {
        self.board.word(PLACES_AT + self.number * PLACE_WORDS + at)
    }

    /// Last record that the writer ever meant to append.
    pub fn intent(self) -> &'a AtomicU64 {
        self.word(0)
    }

    /// Moves as long as the process gets on.
    pub fn progress(self) -> &'a AtomicU64 {
        self.word(1)
    }

    /// Next offset that the follower expects.
    pub fn seen(self) -> &'a AtomicU64 {
        self.word(2)
    }

    /// Chunks whose sums are whole.
    pub fn chunks(self) -> &'a AtomicU64 {
        self.word(3)
    }

    /// Says why the process gave up.
    pub fn complain(self, text: &str) {
        let bytes = &text.as_bytes()[..text.len().min(TEXT_BYTES)];
        for (at, eight) in bytes.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..eight.len()].copy_from_slice(eight);
            self.word(8 + at).store(u64::from_le_bytes(word), SeqCst);
        }
        self.word(4).store(bytes.len() as u64, SeqCst);
    }

    /// What it said, once.
    pub fn complaint(self) -> Option<String> {
        let len = self.word(4).swap(0, SeqCst) as usize;
        let bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|at| self.word(8 + at).load(SeqCst).to_le_bytes()).collect();
        (len > 0).then(|| String::from_utf8_lossy(&bytes[..len]).into_owned())
    }
}
