//! What the processes of a run do. Each writes down what it means to do, does it, and writes down what it was told.
//!
//! An exit status of 0 is an end in order, 3 an error of the library that nothing in the run explains (it stands on the board).

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use ckafka::broker::{Log, OpenMode};
use ckafka::storage::config::ReaderConfig;
use ckafka::storage::partition::Record;
use ckafka::storage::reader::{Reader, Start};
use ckafka::storage::view::View;
use ckafka::{Error, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::board::{Board, CHUNK, Place};
use super::dice::Dice;
use super::record::{Says, trace};
use super::stage::Stage;

/// How a writer goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// One append after the other.
    Hammer,
    /// Rests in between.
    Polite,
    /// Waits often until what it appended is durable.
    Durable,
    /// Opens, appends a little, closes, again and again.
    Visitor,
}

/// How a follower waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// In the library, on the page's word.
    Sleep,
    /// On the pollable descriptor.
    Poll,
    /// In the library, in a process that may not write the page.
    ReadOnly,
}

const DURABLE_PATIENCE: Duration = Duration::from_secs(20);

/// Runs a role and gives the exit status.
pub fn act(place: Place<'_>, role: impl FnOnce() -> Result<()>) -> i32 {
    match role() {
        Ok(()) => 0,
        Err(error) => {
            place.complain(&format!("{error} ({error:?})"));
            3
        }
    }
}

/// Appends at place `number` until the run ends.
pub fn write(stage: &Stage, number: usize, habit: Habit, seed: u64, budget: u64) -> Result<()> {
    let mut dice = Dice::new(seed);
    while stage.board.stop().load(SeqCst) == 0 {
        let (directory, log) = stage.open(OpenMode::ReadWrite)?;
        let mut writer = Writer::new(&stage.board, number);
        let count = if habit == Habit::Visitor { dice.below(40) } else { u64::MAX };
        for _ in 0..count {
            if stage.board.stop().load(SeqCst) != 0 || !Board::has_room(writer.place.intent().load(SeqCst)) {
                break;
            }
            let last = writer.append(&log, batch_size(&mut dice))?;
            if habit == Habit::Durable && dice.one_in(20) || dice.one_in(4000) {
                writer.make_durable(&log, last)?;
            }
            rest(&stage.board, habit, &mut dice, budget);
        }
        drop(log);
        directory.close()?;
        writer.place.progress().fetch_add(1, SeqCst);
        if habit != Habit::Visitor {
            break;
        }
        std::thread::sleep(Duration::from_micros(dice.below(3000)));
    }
    Ok(())
}

fn batch_size(dice: &mut Dice) -> u32 {
    if dice.one_in(12) { 2 + dice.below(20) as u32 } else { 1 }
}

fn rest(board: &Board, habit: Habit, dice: &mut Dice, budget: u64) {
    if board.bytes().load(SeqCst) > budget {
        // Enough for this run: the processes go on meeting, the files hardly grow.
        std::thread::sleep(Duration::from_millis(1));
    } else if habit == Habit::Polite {
        std::thread::sleep(Duration::from_micros(dice.below(500)));
    }
}

/// A writer that is the only one of its place at a time, and goes on where the one before it stopped.
pub struct Writer<'a> {
    board: &'a Board,
    place: Place<'a>,
    /// First record of the batch that was prepared, and the values of all.
    next: Says,
    values: Vec<Vec<u8>>,
    /// Below this all is durable, as this process was told.
    durable: i64,
}

impl<'a> Writer<'a> {
    pub fn new(board: &'a Board, number: usize) -> Self {
        Self { board, place: board.place(number), next: Says::default(), values: Vec::new(), durable: 0 }
    }

    /// Appends a batch of `count` records; the offset of the last one.
    pub fn append(&mut self, log: &Log, count: u32) -> Result<i64> {
        self.prepare(count);
        self.append_prepared(log)
    }

    /// Makes the values of the next batch, and says what is meant.
    pub fn prepare(&mut self, count: u32) {
        let first = self.place.intent().load(SeqCst) + 1;
        self.next = Says { writer: self.place.number as u32, index: 0, sequence: first, first, count };
        self.values.resize(count as usize, Vec::new());
        for (index, value) in self.values.iter_mut().enumerate() {
            self.next.nth(index).write(value);
        }
        self.place.intent().store(first + u64::from(count) - 1, SeqCst);
    }

    /// Appends it, and says what was told.
    pub fn append_prepared(&mut self, log: &Log) -> Result<i64> {
        let key = self.next.writer.to_le_bytes();
        let records = self.values.iter().enumerate().map(|(index, value)| {
            let timestamp = self.next.nth(index).timestamp();
            Ok(Record { timestamp, key: Some(&key), value: Some(value), headers: &[] })
        });
        let base = log.append(records)?;
        for index in 0..u64::from(self.next.count) {
            self.board.told(self.place.number, self.next.first + index).store(base as u64 + index + 1, SeqCst);
        }
        let bytes: usize = self.values.iter().map(Vec::len).sum();
        self.board.bytes().fetch_add(bytes as u64, SeqCst);
        self.place.progress().fetch_add(1, SeqCst);
        Ok(base + i64::from(self.next.count) - 1)
    }

    /// Waits until a record is durable, and tells.
    pub fn make_durable(&mut self, log: &Log, last: i64) -> Result<()> {
        // As long as this process is a member the session lives, and what is durable only grows.
        let before = log.watermarks().durable;
        if before < self.durable {
            return Err(broken(log, format!("durable went back from {} to {before}", self.durable)));
        }
        log.wait_durable(last, Some(DURABLE_PATIENCE))?;
        let told = log.watermarks();
        if told.durable <= last || told.end < told.durable {
            return Err(broken(log, format!("{last} was said to be durable: {told:?}")));
        }
        self.durable = last + 1;
        self.board.durable().fetch_max(last as u64 + 1, SeqCst);
        self.place.progress().fetch_add(1, SeqCst);
        Ok(())
    }
}

fn broken(log: &Log, reason: String) -> Error {
    Error::Corrupt { path: log.path().to_path_buf(), position: 0, reason }
}

/// Follows the log at place `number` for ever, from the last whole chunk that was seen there.
pub fn follow(stage: &Stage, number: usize, watch: Watch) -> Result<()> {
    let place = stage.board.place(number);
    let mut follower = Follower { board: &stage.board, place, next: place.chunks().load(SeqCst) * CHUNK, sum: 0 };
    loop {
        let mode = if watch == Watch::ReadOnly { OpenMode::ReadOnly } else { OpenMode::ReadWrite };
        let (_directory, log) = stage.open(mode)?;
        let mut reader = Reader::open(Arc::clone(&log), Start::At(follower.next as i64), ReaderConfig::default())?;
        match follower.run(&log, &mut reader, watch) {
            // Another session: this handle's writers are gone.
            Ok(()) | Err(Error::Version { .. }) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Time-outs in a row after which a follower opens again.
const TIMEOUTS_MAX: u32 = 10;

/// A follower and what it has of the chunk that is under way.
pub struct Follower<'a> {
    pub board: &'a Board,
    pub place: Place<'a>,
    pub next: u64,
    pub sum: u64,
}

impl Follower<'_> {
    /// Reads until nothing has come for a while.
    fn run(&mut self, log: &Log, reader: &mut Reader, watch: Watch) -> Result<()> {
        let mut timeouts = 0;
        while timeouts < TIMEOUTS_MAX {
            self.place.progress().fetch_add(1, SeqCst);
            let patience = if watch == Watch::Poll { Duration::ZERO } else { Duration::from_millis(200) };
            match reader.fetch(1 << 18, Some(patience)) {
                Ok(view) => {
                    timeouts = 0;
                    self.take(log, &view)?;
                }
                Err(Error::TimedOut { .. }) => {
                    timeouts += 1;
                    if watch == Watch::Poll {
                        wait_readable(reader, 200)?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Adds a view's records to the sums.
    pub fn take(&mut self, log: &Log, view: &View) -> Result<()> {
        for row in view.rows()? {
            if row.offset as u64 != self.next {
                return Err(broken(log, format!("offset {} follows {}", row.offset, self.next)));
            }
            let value = &view.base()[row.value_position as usize..][..row.value_len as usize];
            self.sum = self.sum.wrapping_add(trace(self.next, row.timestamp, value));
            self.next += 1;
            if self.next.is_multiple_of(CHUNK) {
                let chunk = self.next / CHUNK - 1;
                self.board.chunk(self.place.number, chunk).store(std::mem::take(&mut self.sum), SeqCst);
                self.place.chunks().store(chunk + 1, SeqCst);
            }
        }
        self.place.seen().fetch_max(self.next, SeqCst);
        Ok(())
    }
}

/// Polls the reader's descriptor.
#[expect(unsafe_code, reason = "the descriptor is lent as a number, as to a C program")]
pub fn wait_readable(reader: &mut Reader, timeout_ms: u16) -> Result<bool> {
    let fd = reader.poll_fd()?;
    // SAFETY: the reader owns the descriptor, and lives longer than this call.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    Ok(poll(&mut fds, PollTimeout::from(timeout_ms)).unwrap_or(0) > 0)
}
