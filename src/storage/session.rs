//! Membership of this process in a directory: the bytes of `.lock`, the gate, the session and its slot.
//!
//! Invariants: a membership holds byte 0 shared (a broker's lock excludes it), a writing one byte 2 shared and its slot's
//! byte exclusively. The gate is held only inside `Gate`. A descriptor that was locked is the file that stands at its path, or the opening
//! starts over (an unlinked lock file would give two locks on one log).

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::slots::{Beginning, SLOT_COUNT, SLOTS, SlotPage};
use crate::broken::{self, Point, Rule};
use crate::error::{Error, Result};
use crate::sys::cancel::NoCancellation;
use crate::sys::word::{Owner, Patience, Signals};
use crate::sys::{Access, Dir, File, fork, lock};

/// Kafka's lock file.
pub const LOCK: &str = ".lock";
/// Kafka's marker of an orderly stop.
pub const CLEAN_MARKER: &str = ".kafka_cleanshutdown";

const BROKER_BYTE: u64 = 0;
const GATE_BYTE: u64 = 1;
const WRITERS_BYTE: u64 = 2;
/// None of us ever locks it.
const BYTE_OF_NOBODY: u64 = 1 << 20;
/// How long byte 0 may be held by one of us, testing whether it is alone, before its holder must be a broker.
const BROKER_PATIENCE: Duration = Duration::from_millis(100);

/// This process as a member of a directory.
#[derive(Debug)]
pub struct Membership {
    root: Dir,
    /// Empty in a reader that found no lock file; filled when one is there later.
    lock_file: OnceLock<LockFile>,
    writer: Option<WriterSeat>,
    /// The slot page as a reader last found it.
    seen_slots: Mutex<Option<SlotPage>>,
    gate: Mutex<()>,
    /// Set under the gate: who comes to it later has no part in the session any more.
    has_left: AtomicBool,
    lock_waits: LockWaits,
    fork_generation: u32,
}

/// How long others are waited for: at their words, and at the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockWaits {
    /// `ckafka.lock.timeout.ms`.
    pub timeout: Duration,
    /// `ckafka.lock.slice.ms`: the longest time that one call waits, if it may break, and `None` where signals end no wait.
    pub slice: Option<Duration>,
}

/// Whether a wait for others may end with `Interrupted` before its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// No: something was done before it that must not be done twice.
    Whole,
    /// Yes, if the program asked for that: nothing was done, and the call may be repeated.
    MayBreak,
}

impl LockWaits {
    /// For one wait.
    #[must_use]
    pub fn patience(&self, wait: Wait) -> Patience {
        match self.slice {
            Some(slice) if wait == Wait::MayBreak => {
                Patience { timeout: slice.min(self.timeout), signals: Signals::End }
            }
            _ => self.timeout.into(),
        }
    }

    /// The error of a wait that ended without what it was for.
    #[must_use]
    pub fn given_up(&self, what: String, waited: Duration) -> Error {
        if waited < self.timeout {
            return Error::Interrupted { what: what.into() };
        }
        Error::TimedOut { what: what.into(), waited_ms: waited.as_millis() as u64 }
    }
}

impl From<Duration> for LockWaits {
    fn from(timeout: Duration) -> Self {
        Self { timeout, slice: None }
    }
}

#[derive(Debug)]
struct WriterSeat {
    slots: SlotPage,
    owner: Owner,
}

/// `.lock`, which a forked child lets go of. Registered before anything is locked, and until the descriptor is closed: fields drop in their order.
#[derive(Debug)]
struct LockFile {
    _released: fork::Released,
    file: File,
}

impl std::ops::Deref for LockFile {
    type Target = File;
    fn deref(&self) -> &File {
        &self.file
    }
}

/// The gate, held by this process and thread: exclusively by a writer, shared by a reader.
#[derive(Debug)]
pub struct Gate<'a> {
    member: &'a Membership,
    _thread: MutexGuard<'a, ()>,
}

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        if let Some(file) = self.member.lock_file.get() {
            // The byte goes with the descriptor at the latest.
            let _ = lock::unlock(file, GATE_BYTE);
        }
    }
}

impl Membership {
    /// Joins a directory as a writer. Whoever finds no other writer runs `at_begin` and begins a session, alone under the gate; the clean marker is removed, durably,
    /// as the last step, so that an opening that fails leaves the directory as clean as it was.
    pub fn join_writer(root: Dir, waits: impl Into<LockWaits>, at_begin: &dyn Fn(&Dir) -> Result<()>) -> Result<Self> {
        let (dir, waits) = (&root, waits.into());
        let file = lock_checked(dir, waits, Wait::MayBreak, Entry::Writer)?;
        let alone = lock::try_exclusive(&file, WRITERS_BYTE)?;
        let clean = alone && dir.stat(CLEAN_MARKER)?.is_some();
        let slots = if alone {
            at_begin(dir)?;
            SlotPage::begin_session(dir, if clean { Beginning::Clean } else { Beginning::Unclean })?
        } else {
            SlotPage::open(dir, Access::ReadWrite)?.ok_or_else(|| Error::Version {
                path: dir.path().join(SLOTS),
                reason: "missing though a writer is alive: it was removed under it".to_owned(),
            })?
        };
        slots.check_joinable()?;
        if !lock::try_shared(&file, WRITERS_BYTE)? {
            return Err(Error::Locked {
                path: file.path().to_path_buf(),
                holder: "a writer that is opening".to_owned(),
            });
        }
        let owner = slots.take()?.ok_or_else(|| Error::Busy {
            what: "directory",
            reason: format!("{} has {SLOT_COUNT} writing processes already, the most it takes", dir.path().display()),
        })?;
        broken::pass(Point::SessionBegun);
        if clean {
            dir.unlink(CLEAN_MARKER)?;
            dir.sync()?;
        }
        lock::unlock(&file, GATE_BYTE)?;
        Ok(Self::over(root, Some(file), Some(WriterSeat { slots, owner }), waits))
    }

    /// Joins as a reader that changes nothing: gate and byte 0 shared; where `.lock` is missing, no lock at all.
    pub fn join_reader(root: Dir, waits: impl Into<LockWaits>) -> Result<Self> {
        let member = Self::over(root, None, None, waits.into());
        drop(member.gate_to_read(Wait::MayBreak)?);
        Ok(member)
    }

    fn over(root: Dir, file: Option<LockFile>, writer: Option<WriterSeat>, lock_waits: LockWaits) -> Self {
        let lock_file = OnceLock::new();
        if let Some(file) = file {
            let _ = lock_file.set(file);
        }
        Self {
            root,
            lock_file,
            writer,
            seen_slots: Mutex::default(),
            gate: Mutex::new(()),
            has_left: AtomicBool::new(false),
            lock_waits,
            fork_generation: fork::generation(),
        }
    }

    /// Takes the gate, waiting with bounded sleeps. `Busy` once this process has left: another session may have begun since.
    pub fn gate(&self, wait: Wait) -> Result<Gate<'_>> {
        self.check_fork()?;
        let thread = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.lock_file.get();
        if let Some(file) = file {
            wait_for(file, self.lock_waits, wait, "the gate of the directory", || {
                lock::try_exclusive(file, GATE_BYTE)
            })?;
        }
        let gate = Gate { member: self, _thread: thread };
        if self.has_left.load(SeqCst) {
            return Err(Error::Busy { what: "directory", reason: "it was closed".to_owned() });
        }
        // Behind a lock file that is not the one at the path, others do as they like.
        match file {
            Some(file) if !is_at_path(&self.root, file)? => Err(Error::Version {
                path: file.path().to_path_buf(),
                reason: "the lock file was removed or replaced under this process".to_owned(),
            }),
            _ => Ok(gate),
        }
    }

    /// Takes the gate if that needs no waiting.
    pub fn try_gate(&self) -> Result<Option<Gate<'_>>> {
        let Ok(thread) = self.gate.try_lock() else { return Ok(None) };
        let Some(file) = self.lock_file.get() else { return Ok(None) };
        if !lock::try_exclusive(file, GATE_BYTE)? {
            return Ok(None);
        }
        let gate = Gate { member: self, _thread: thread };
        Ok(is_at_path(&self.root, file)?.then_some(gate))
    }

    /// Takes the gate shared, with byte 0 where this process has not got it yet. Without a lock file there is nothing to take.
    pub fn gate_to_read(&self, wait: Wait) -> Result<Gate<'_>> {
        self.check_fork()?;
        let thread = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        match self.lock_file.get() {
            Some(file) => {
                wait_for(file, self.lock_waits, wait, "the gate of the directory", || {
                    lock::try_shared(file, GATE_BYTE)
                })?;
            }
            None if self.root.stat(LOCK)?.is_some() => {
                let _ = self.lock_file.set(lock_checked(&self.root, self.lock_waits, wait, Entry::Reader)?);
            }
            None => {}
        }
        Ok(Gate { member: self, _thread: thread })
    }

    /// The session and who this process is in it; `ReadOnly` for a reader.
    pub fn seat(&self) -> Result<(&SlotPage, Owner)> {
        match &self.writer {
            Some(seat) => Ok((&seat.slots, seat.owner)),
            None => Err(Error::ReadOnly {
                path: self.root.path().to_path_buf(),
                reason: "the directory was opened for reading".to_owned(),
            }),
        }
    }

    /// The session that is alive, as far as a reader can tell: some writer holds byte 2.
    pub fn live_session(&self) -> Result<Option<[u64; 2]>> {
        if let Some(seat) = &self.writer {
            return Ok(Some(seat.slots.session()));
        }
        match self.lock_file.get() {
            Some(file) if !lock::is_free(file, WRITERS_BYTE)? => self.last_session(),
            _ => Ok(None),
        }
    }

    /// The session that the slot page names, alive or not.
    pub fn last_session(&self) -> Result<Option<[u64; 2]>> {
        if let Some(seat) = &self.writer {
            return Ok(Some(seat.slots.session()));
        }
        let mut seen = self.seen_slots.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stat) = self.root.stat(SLOTS)? else { return Ok(None) };
        if !seen.as_ref().is_some_and(|slots| slots.identity().is_ok_and(|identity| identity == stat.identity)) {
            *seen = SlotPage::open(&self.root, Access::Read)?;
        }
        Ok(seen.as_ref().filter(|slots| slots.is_ours()).map(SlotPage::session))
    }

    /// Whether an owner of a word has died.
    #[must_use]
    pub fn is_dead(&self, owner: Owner) -> bool {
        self.writer.as_ref().is_some_and(|seat| seat.slots.is_dead(owner, seat.owner))
    }

    /// Lets go of slot and bytes, once, before the descriptors are closed. A writer does it while it holds the gate: who comes next must not take it for
    /// company in a session that it has closed.
    pub fn leave(&self) -> Result<()> {
        self.has_left.store(true, SeqCst);
        if let Some(seat) = &self.writer {
            seat.slots.release(seat.owner)?;
        }
        if let Some(file) = self.lock_file.get() {
            lock::unlock(file, WRITERS_BYTE)?;
            lock::unlock(file, BROKER_BYTE)?;
        }
        Ok(())
    }

    /// The data directory.
    #[must_use]
    pub fn root(&self) -> &Dir {
        &self.root
    }

    /// How long words and the gate are waited for.
    #[must_use]
    pub fn lock_waits(&self) -> LockWaits {
        self.lock_waits
    }

    /// Whether this is a forked child, which has no part in it: neither locks nor pages.
    #[must_use]
    #[inline]
    pub fn is_inherited(&self) -> bool {
        fork::generation() != self.fork_generation
    }

    /// Errors in a forked child.
    pub fn check_fork(&self) -> Result<()> {
        if self.is_inherited() { Err(Error::Forked) } else { Ok(()) }
    }
}

impl Gate<'_> {
    /// Whether no other writer is in the directory.
    pub fn alone_among_writers(&self) -> Result<bool> {
        self.alone(WRITERS_BYTE)
    }

    /// Whether no other process has the directory open, reader or writer.
    pub fn alone(&self, byte: u64) -> Result<bool> {
        let Some(file) = self.member.lock_file.get() else { return Ok(false) };
        let alone = lock::try_exclusive(file, byte)?;
        if alone {
            lock::try_shared(file, byte)?;
        }
        Ok(alone)
    }

    /// Whether no other process at all has the directory open.
    pub fn alone_in_directory(&self) -> Result<bool> {
        self.alone(BROKER_BYTE)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Reader,
    Writer,
}

/// Opens `.lock` with byte 0 shared and the gate held, making sure that it still is the file at its path.
fn lock_checked(dir: &Dir, waits: LockWaits, wait: Wait, entry: Entry) -> Result<LockFile> {
    loop {
        let file = match entry {
            Entry::Writer => dir.open_or_create_file(LOCK)?,
            Entry::Reader => dir.open_file(LOCK, Access::Read)?,
        };
        let file = LockFile { _released: fork::release_in_child(&file)?, file };
        // Byte 0 first: a broker locks the whole file, and waiting for the gate behind it would take for ever.
        take_broker_byte(&file)?;
        wait_for(&file, waits, wait, "the gate of the directory", || match entry {
            Entry::Writer => lock::try_exclusive(&file, GATE_BYTE),
            Entry::Reader => lock::try_shared(&file, GATE_BYTE),
        })?;
        if broken::is(Rule::LockIsAtPath) || is_at_path(dir, &file)? {
            return Ok(file);
        }
    }
}

/// Whether the file that is open is the one that stands at its path.
fn is_at_path(dir: &Dir, file: &File) -> Result<bool> {
    Ok(dir.stat(LOCK)?.map(|stat| stat.identity) == Some(file.identity()?))
}

/// Byte 0, shared. A broker holds the whole file, one of us that tests whether it is alone holds the one byte for a moment.
fn take_broker_byte(file: &File) -> Result<()> {
    let locked = || Error::Locked { path: file.path().to_path_buf(), holder: "a Kafka broker".to_owned() };
    if lock::try_shared(file, BROKER_BYTE)? {
        return Ok(());
    }
    if !lock::is_free(file, BYTE_OF_NOBODY)? {
        return Err(locked());
    }
    let tested = wait_for(file, BROKER_PATIENCE.into(), Wait::Whole, "byte 0", || lock::try_shared(file, BROKER_BYTE));
    tested.map_err(|error| match error {
        Error::TimedOut { .. } => locked(),
        other => other,
    })
}

/// Polls with growing sleeps of at most 5 ms (`F_SETLKW` can report a deadlock that is none).
fn wait_for(
    file: &File,
    waits: LockWaits,
    wait: Wait,
    what: &str,
    mut attempt: impl FnMut() -> Result<bool>,
) -> Result<()> {
    // A sleep is a cancellation point.
    let _whole = NoCancellation::begin();
    let (begun, patience) = (Instant::now(), waits.patience(wait).timeout);
    let mut pause = Duration::from_micros(50);
    loop {
        if attempt()? {
            return Ok(());
        }
        let waited = begun.elapsed();
        if waited >= patience {
            return Err(waits.given_up(format!("{what} ({})", file.path().display()), waited));
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}
