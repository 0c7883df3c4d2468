//! What must be true of the files of a run, given what its processes were told.
//!
//! - every record that was acknowledged is at the offset that was told, once, after the writer's earlier ones: else *lost* or *doubled*;
//! - what is there was written by a writer, byte by byte, and batches are whole: else *torn*;
//! - offsets have no gap, and no file holds anything behind its batches: else *torn*;
//! - each follower saw the same: else *torn*; below what anybody was told is durable nothing is missing: else *lost*.

use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;

use super::board::{Board, CHUNK, FOLLOWERS_AT, PLACES, WRITERS};
use super::files::{self, Record};
use super::record::{Says, trace};

/// The counts that a run ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    pub kills: u64,
    pub records: u64,
    pub lost: u64,
    pub doubled: u64,
    pub torn: u64,
    pub hung: u64,
}

impl Verdict {
    pub fn add(&mut self, other: Self) {
        self.kills += other.kills;
        self.records += other.records;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.torn += other.torn;
        self.hung += other.hung;
    }

    pub fn is_good(&self) -> bool {
        self.lost + self.doubled + self.torn + self.hung == 0
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kills, records, lost, doubled, torn, hung } = self;
        write!(f, "soak: {kills} kills, {records} records, {lost} lost, {doubled} doubled, {torn} torn, {hung} hung")
    }
}

/// Faults are printed, but not without end.
const FAULTS_PRINTED: u64 = 20;

struct Check<'a> {
    board: &'a Board,
    verdict: Verdict,
    /// Next sequence of each writer.
    next: [u64; WRITERS],
    /// The batch that is under way: the next of its records, if one is missing.
    open_batch: Option<Says>,
    scratch: Vec<u8>,
    sum: u64,
}

#[derive(Clone, Copy)]
enum Fault {
    Lost,
    Doubled,
    Torn,
}

impl Check<'_> {
    fn fault(&mut self, fault: Fault, text: &str) {
        let count = match fault {
            Fault::Lost => &mut self.verdict.lost,
            Fault::Doubled => &mut self.verdict.doubled,
            Fault::Torn => &mut self.verdict.torn,
        };
        *count += 1;
        if *count <= FAULTS_PRINTED {
            let name = ["LOST", "DOUBLED", "TORN"][fault as usize];
            println!("{name}: {text}");
        }
    }

    fn record(&mut self, record: &Record<'_>) {
        self.verdict.records += 1;
        let offset = record.offset;
        self.sum = self.sum.wrapping_add(trace(offset, record.timestamp, record.value));
        if (offset + 1).is_multiple_of(CHUNK) {
            self.compare_followers(offset / CHUNK);
        }
        let says = match Says::read(record.value, &mut self.scratch) {
            Some(says) if (says.writer as usize) < WRITERS && record.key == says.writer.to_le_bytes() => says,
            _ => return self.fault(Fault::Torn, &format!("offset {offset}: not what any writer wrote")),
        };
        if record.timestamp != says.timestamp() {
            self.fault(Fault::Torn, &format!("offset {offset}: timestamp {}", record.timestamp));
        }
        self.follow_batch(offset, says);
        self.follow_writer(offset, says);
    }

    fn follow_batch(&mut self, offset: u64, says: Says) {
        let expected = self.open_batch.take();
        let is_first = says.index == 0 && says.first == says.sequence;
        if expected.is_some_and(|expected| expected != says) || expected.is_none() && !is_first {
            self.fault(
                Fault::Torn,
                &format!("offset {offset}: {says:?}, the batch before it goes on with {expected:?}"),
            );
        }
        if says.index + 1 < says.count {
            self.open_batch = Some(Says { index: says.index + 1, sequence: says.sequence + 1, ..says });
        }
    }

    fn follow_writer(&mut self, offset: u64, says: Says) {
        let writer = says.writer as usize;
        let expected = self.next[writer];
        if says.sequence < expected {
            let text = format!("offset {offset}: record {} of writer {writer}, expected {expected}", says.sequence);
            return self.fault(Fault::Doubled, &text);
        }
        self.look_for_lost(writer, expected..says.sequence, offset);
        self.next[writer] = says.sequence + 1;
        let told = self.board.told(writer, says.sequence).load(SeqCst);
        if told != 0 && told != offset + 1 {
            let text = format!("record {} of writer {writer} is at {offset}, told was {}", says.sequence, told - 1);
            self.fault(Fault::Lost, &text);
        }
    }

    fn look_for_lost(&mut self, writer: usize, sequences: std::ops::Range<u64>, before: u64) {
        for sequence in sequences {
            let told = self.board.told(writer, sequence).load(SeqCst);
            if told != 0 {
                let text =
                    format!("record {sequence} of writer {writer}, told {}, not before offset {before}", told - 1);
                self.fault(Fault::Lost, &text);
            }
        }
    }

    fn compare_followers(&mut self, chunk: u64) {
        let sum = std::mem::take(&mut self.sum);
        for place in FOLLOWERS_AT..PLACES {
            let whole = self.board.place(place).chunks().load(SeqCst);
            if chunk < whole && self.board.chunk(place, chunk).load(SeqCst) != sum {
                let offsets = chunk * CHUNK..(chunk + 1) * CHUNK;
                self.fault(Fault::Torn, &format!("follower at place {place} saw something else in {offsets:?}"));
            }
        }
    }
}

/// Judges the partition folder of a directory that was closed cleanly.
pub fn judge(board: &Board, folder: &Path) -> Verdict {
    let mut check =
        Check { board, verdict: Verdict::default(), next: [1; WRITERS], open_batch: None, scratch: Vec::new(), sum: 0 };
    let segments = files::segments(folder);
    let mut end = segments.first().map_or(0, |first| first.base);
    for (number, segment) in segments.iter().enumerate() {
        if segment.base != end {
            check.fault(Fault::Torn, &format!("a segment begins at {}, the one before ends at {end}", segment.base));
        }
        if segment.is_empty() && number + 1 < segments.len() {
            check.fault(Fault::Torn, &format!("the segment at {end} is empty and not the last"));
        }
        match segment.walk(|record| check.record(record)) {
            Ok(next) => end = next,
            Err(reason) => {
                check.fault(Fault::Torn, &reason);
                end = segments.get(number + 1).map_or(end, |next| next.base);
            }
        }
    }
    for writer in 0..WRITERS {
        let (next, intent) = (check.next[writer], board.place(writer).intent().load(SeqCst));
        check.look_for_lost(writer, next..intent + 1, end);
    }
    let durable = board.durable().load(SeqCst);
    for (what, seen) in [("told durable below", durable), ("a follower saw all below", board.seen_most())] {
        if seen > end {
            check.fault(Fault::Lost, &format!("{what} {seen}, the log ends at {end}"));
        }
    }
    check.verdict
}
