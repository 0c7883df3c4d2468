//! The append log: one record a call, on disk when the call returns. Callers that wait at the same time share one sync.
//!
//! What makes a record safe is the sync of the log alone. The two indexes are written with it and synced by nobody: what
//! a power cut takes of them is written again before the next append (`log_tail`).
//!
//! Invariants, under the lock of an appender: the files end where `sizes` says, or somebody else has changed them and
//! they are made whole first; tickets up to `durable` are decided; after a failed sync nobody appends before everybody
//! whose record was cut has taken its number back.

use std::cell::Cell;
use std::ffi::{c_char, c_ulong, c_void};
use std::ops::RangeInclusive;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::compression::{self, MESSAGE_SIZE_MAX};
use super::guard::{entry, text};
use super::log_files::{self, Files, Sizes};
use super::log_lines::Line;
use super::log_tail::{self, LENGTH_SIZE};
use super::memory::{self, MemoryPool};
use super::types::Partition;
use super::{public, redirect, shim};
use crate::error::Result;
use crate::sys::clock;

/// Buffers of records that are kept for the thread's next message.
const KEPT_SIZE_MAX: usize = 1 << 20;

/// `void append_message_to_log(Partition *p, char *message, MemoryPool *pool)`: appends a record and returns once it is
/// on disk. A failure is a line on standard error; `p->log_offset` then stays, and the files are as they were.
///
/// # Safety
/// `p` is NULL or valid; `message` is NULL or zero-terminated; `pool` is NULL or came from `pool_create`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn append_message_to_log(p: *mut Partition, message: *mut c_char, pool: *mut MemoryPool) {
    entry("append_message_to_log", (), || {
        // SAFETY: this function's contract.
        let message = unsafe { text(message) };
        let (Some(message), false) = (message, p.is_null()) else {
            let what = if p.is_null() { "partition" } else { "message" };
            return complain(&format!("no {what}"));
        };
        let message = message.to_bytes();
        if message.len() > MESSAGE_SIZE_MAX {
            let size = message.len();
            return complain(&format!("a message of {size} bytes; at most {MESSAGE_SIZE_MAX} are possible"));
        }
        // SAFETY: a valid partition; the library's functions reach this field in one way only.
        let log_offset = unsafe { AtomicU64::from_ptr(&raw mut (*p).log_offset) };
        if let Some(target) = redirect::target() {
            match target.append(p, message) {
                Ok(offset) => log_offset.store(offset.saturating_add(1), Relaxed),
                Err(error) => complain(&error),
            }
            return;
        }
        // Taken out, so that a compressor of the program's own may append, too; a thread that is ending keeps nothing.
        let mut record = RECORD.try_with(Cell::take).unwrap_or_default();
        // SAFETY: this function's contract.
        let result = unsafe { compress(message, pool, &mut record) }.and_then(|()| {
            let appender = log_files::current().map_err(|error| error.to_string())?;
            appender.append(log_offset, &record)
        });
        if let Err(reason) = result {
            complain(&reason);
        }
        record.clear();
        record.shrink_to(KEPT_SIZE_MAX);
        let _ = RECORD.try_with(|kept| kept.set(record));
    });
}

fn complain(reason: &str) {
    shim::complain(format_args!("append_message_to_log: {reason}"));
}

thread_local! {
    static RECORD: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Makes a record of a message: in a block of the pool where that is known to be large enough, else beside it. The block
/// is given back in either case.
///
/// # Safety
/// `pool` is NULL or came from `pool_create`.
unsafe fn compress(message: &[u8], pool: *mut MemoryPool, record: &mut Vec<u8>) -> std::result::Result<(), String> {
    let bound = compression::bound(message.len());
    record.clear();
    record.try_reserve(LENGTH_SIZE as usize + bound).map_err(|_| format!("out of memory for {bound} bytes"))?;
    record.resize(LENGTH_SIZE as usize, 0);
    let mut block = std::ptr::null_mut::<c_void>();
    if !pool.is_null() {
        // SAFETY: this function's contract. A pool of the program's own has functions of its own.
        block = unsafe { public::pool_alloc(pool.cast()) };
    }
    // How large the blocks of a pool are that the library did not make, nobody can tell.
    let fits = !block.is_null() && memory::block_size(pool).is_some_and(|size| size >= bound);
    let dest: *mut u8 = if fits { block.cast() } else { record.spare_capacity_mut().as_mut_ptr().cast() };
    let mut dest_len = bound as c_ulong;
    // SAFETY: both places have `bound` bytes of room.
    let made = unsafe { public::compress_message(dest, &raw mut dest_len, message.as_ptr(), message.len() as c_ulong) };
    let size = usize::try_from(made).ok().filter(|size| (1..=bound).contains(size));
    if let Some(size) = size {
        // SAFETY: so many bytes were written to the place, in the block or behind the record's own.
        unsafe {
            if fits {
                record.extend_from_slice(std::slice::from_raw_parts(dest, size));
            } else {
                record.set_len(LENGTH_SIZE as usize + size);
            }
        }
    }
    if !block.is_null() {
        // SAFETY: taken above from this pool.
        unsafe { public::pool_free(pool.cast(), block) };
    }
    let size = size.ok_or("the message was not compressed")?;
    let length = u32::try_from(size).map_err(|_| format!("a record of {size} bytes"))?;
    if let Some(place) = record.first_chunk_mut() {
        *place = length.to_le_bytes();
    }
    Ok(())
}

/// Appends to one set of files.
#[derive(Debug)]
pub(super) struct Appender {
    files: Files,
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// As they were after the last append; `None` before the first.
    sizes: Option<Sizes>,
    /// How many records were written.
    written: u64,
    /// How many of them are decided: on disk, or cut.
    durable: u64,
    /// Sizes up to which all is on disk, as far as this process has written without another one in between.
    kept: Option<Sizes>,
    is_syncing: bool,
    failed: Option<Failed>,
}

/// A sync that failed, until everybody has heard of it.
#[derive(Debug)]
struct Failed {
    tickets: RangeInclusive<u64>,
    unheard: u64,
    reason: String,
}

type Outcome = std::result::Result<(), String>;

impl Appender {
    pub(super) fn new(files: Files) -> Self {
        Self { files, state: Mutex::default(), moved: Condvar::new() }
    }

    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.moved.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a record, counts `log_offset` up and returns once the record is on disk.
    fn append(&self, log_offset: &AtomicU64, record: &[u8]) -> Outcome {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.failed.is_some() {
            state = self.wait(state);
        }
        let number = log_offset.load(Relaxed);
        self.files.alone(|| self.write(&mut state, number, record)).map_err(|error| error.to_string())?;
        log_offset.store(number.wrapping_add(1), Relaxed);
        state.written += 1;
        let ticket = state.written;
        while state.durable < ticket {
            state = if state.is_syncing { self.wait(state) } else { self.sync(state) };
        }
        let Some(failed) = state.failed.as_mut().filter(|failed| failed.tickets.contains(&ticket)) else {
            return Ok(());
        };
        let reason = failed.reason.clone();
        failed.unheard -= 1;
        if failed.unheard == 0 {
            state.failed = None;
            self.moved.notify_all();
        }
        log_offset.fetch_sub(1, Relaxed);
        Err(reason)
    }

    /// Writes a record and its lines; on an error nothing of them stays.
    fn write(&self, state: &mut State, number: u64, record: &[u8]) -> Result<()> {
        let files = &self.files;
        let found = files.sizes()?;
        if state.sizes != Some(found) {
            state.sizes = Some(log_tail::make_whole(files)?);
            state.kept = None;
        }
        let before = state.sizes.unwrap_or(found);
        state.kept.get_or_insert(before);
        let index = Line { number, position: before.log }.text();
        let seconds = u64::try_from(clock::now_ms() / 1000).unwrap_or(0);
        let times = Line { number: seconds, position: before.log }.text();
        let written = files
            .log
            .write_at(record, before.log)
            .and_then(|()| files.index.write_at(index.as_bytes(), before.index))
            .and_then(|()| files.times.write_at(times.as_bytes(), before.times));
        match written {
            Ok(()) => {
                state.sizes = Some(Sizes {
                    log: before.log + record.len() as u64,
                    index: before.index + index.len() as u64,
                    times: before.times + times.len() as u64,
                });
                Ok(())
            }
            Err(error) => {
                // What cannot be cut now is torn, and goes before the next append.
                if files.cut(before).is_err() {
                    state.sizes = None;
                }
                Err(error)
            }
        }
    }

    /// Syncs for everybody who waits. The lock is open meanwhile, so that others may write for the next one.
    fn sync<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.is_syncing = true;
        let (target, sizes) = (state.written, state.sizes);
        drop(state);
        let synced = self.files.log.sync_data();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_syncing = false;
        match synced {
            Ok(()) => {
                state.durable = target;
                state.kept = sizes;
            }
            Err(error) => self.give_up(&mut state, &error.to_string()),
        }
        self.moved.notify_all();
        state
    }

    /// After a failed sync: what was not on disk before is cut, unless another process has appended behind it; a second
    /// sync would say that all is well, and be wrong.
    fn give_up(&self, state: &mut State, reason: &str) {
        let (sizes, kept) = (state.sizes, state.kept);
        let cut = self.files.alone(|| match kept {
            Some(kept) if sizes == Some(self.files.sizes()?) => self.files.cut(kept).map(|()| true),
            _ => Ok(false),
        });
        let fate = match cut {
            Ok(true) => "the record was taken back",
            _ => "whether the record will stay is not known",
        };
        state.sizes = None;
        state.kept = None;
        let tickets = state.durable + 1..=state.written;
        let unheard = state.written - state.durable;
        state.durable = state.written;
        state.failed = Some(Failed { tickets, unheard, reason: format!("{reason}; {fate}") });
    }
}
