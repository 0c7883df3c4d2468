//! Membership of this process in a directory: the bytes of `.lock`, the gate, the session and its slot.
//!
//! Invariants: a membership holds byte 0 shared (a broker's lock excludes it), a writing one byte 2 shared and its slot's
//! byte exclusively. The gate is held only inside `Gate`. A descriptor that was locked is the file that stands at its path, or the opening
//! starts over (an unlinked lock file would give two locks on one log).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::slots::{Beginning, SLOT_COUNT, SlotPage};
use crate::error::{Error, Result};
use crate::sys::word::Owner;
use crate::sys::{Access, Dir, File, fork, lock};

/// Kafka's lock file.
pub const LOCK: &str = ".lock";
/// Kafka's marker of an orderly stop.
pub const CLEAN_MARKER: &str = ".kafka_cleanshutdown";

const BROKER_BYTE: u64 = 0;
const GATE_BYTE: u64 = 1;
const WRITERS_BYTE: u64 = 2;
/// How long byte 0 may be held by one of us, testing whether it is alone, before its holder must be a broker.
const BROKER_PATIENCE: Duration = Duration::from_millis(100);

/// This process as a member of a directory.
#[derive(Debug)]
pub struct Membership {
    root: Dir,
    lock_file: Option<LockFile>,
    writer: Option<WriterSeat>,
    reader_slots: Option<SlotPage>,
    gate: Mutex<()>,
    lock_timeout: Duration,
    fork_generation: u32,
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

/// The gate, held exclusively by this process and thread.
#[derive(Debug)]
pub struct Gate<'a> {
    member: &'a Membership,
    _thread: MutexGuard<'a, ()>,
}

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        if let Some(file) = &self.member.lock_file {
            // The byte goes with the descriptor at the latest.
            let _ = lock::unlock(file, GATE_BYTE);
        }
    }
}

impl Membership {
    /// Joins a directory as a writer; whoever finds no other writer begins a session (the clean marker is removed first, durably) and runs
    /// `at_begin`, still alone under the gate.
    pub fn join_writer(root: Dir, lock_timeout: Duration, at_begin: &dyn Fn(&Dir) -> Result<()>) -> Result<Self> {
        let dir = &root;
        let file = lock_checked(dir, lock_timeout, Entry::Writer)?;
        let alone = lock::try_exclusive(&file, WRITERS_BYTE)?;
        let slots = if alone {
            let slots = Self::begin(dir)?;
            at_begin(dir)?;
            slots
        } else {
            SlotPage::open(dir, Access::ReadWrite)?.ok_or_else(|| Error::Version {
                path: dir.path().join(super::slots::SLOTS),
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
        let member = Self {
            root,
            lock_file: Some(file),
            writer: Some(WriterSeat { slots, owner }),
            reader_slots: None,
            gate: Mutex::new(()),
            lock_timeout,
            fork_generation: fork::generation(),
        };
        member.leave_gate()?;
        Ok(member)
    }

    fn begin(dir: &Dir) -> Result<SlotPage> {
        let clean = dir.stat(CLEAN_MARKER)?.is_some();
        let slots = SlotPage::begin_session(dir, if clean { Beginning::Clean } else { Beginning::Unclean })?;
        if clean {
            dir.unlink(CLEAN_MARKER)?;
            dir.sync()?;
        }
        Ok(slots)
    }

    /// Joins as a reader that changes nothing: gate and byte 0 shared; where `.lock` is missing, no lock at all.
    pub fn join_reader(root: Dir, lock_timeout: Duration) -> Result<Self> {
        let dir = &root;
        let file = match dir.open_file_if_there(LOCK, Access::Read)? {
            Some(_) => Some(lock_checked(dir, lock_timeout, Entry::Reader)?),
            None => None,
        };
        let reader_slots = SlotPage::open(dir, Access::Read)?.filter(SlotPage::is_ours);
        let member = Self {
            root,
            lock_file: file,
            writer: None,
            reader_slots,
            gate: Mutex::new(()),
            lock_timeout,
            fork_generation: fork::generation(),
        };
        member.leave_gate()?;
        Ok(member)
    }

    fn leave_gate(&self) -> Result<()> {
        self.lock_file.as_ref().map_or(Ok(()), |file| lock::unlock(file, GATE_BYTE))
    }

    /// Takes the gate, waiting with bounded sleeps.
    pub fn gate(&self) -> Result<Gate<'_>> {
        let thread = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.lock_file {
            wait_for(file, self.lock_timeout, "the gate of the directory", || lock::try_exclusive(file, GATE_BYTE))?;
        }
        Ok(Gate { member: self, _thread: thread })
    }

    /// Takes the gate if that needs no waiting.
    pub fn try_gate(&self) -> Result<Option<Gate<'_>>> {
        let Ok(thread) = self.gate.try_lock() else { return Ok(None) };
        if let Some(file) = &self.lock_file
            && !lock::try_exclusive(file, GATE_BYTE)?
        {
            return Ok(None);
        }
        Ok(Some(Gate { member: self, _thread: thread }))
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
        match (&self.lock_file, &self.reader_slots) {
            (Some(file), Some(slots)) if !lock::is_free(file, WRITERS_BYTE)? => Ok(Some(slots.session())),
            _ => Ok(None),
        }
    }

    /// Whether an owner of a word has died.
    #[must_use]
    pub fn is_dead(&self, owner: Owner) -> bool {
        self.writer.as_ref().is_some_and(|seat| seat.slots.is_dead(owner, seat.owner))
    }

    /// Lets go of slot and bytes, once, before the descriptors are closed.
    pub fn leave(&self) -> Result<()> {
        if let Some(seat) = &self.writer {
            seat.slots.release(seat.owner)?;
        }
        if let Some(file) = &self.lock_file {
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
    pub fn lock_timeout(&self) -> Duration {
        self.lock_timeout
    }

    /// Errors in a forked child.
    pub fn check_fork(&self) -> Result<()> {
        if fork::generation() == self.fork_generation { Ok(()) } else { Err(Error::Forked) }
    }
}

impl Gate<'_> {
    /// Whether no other writer is in the directory.
    pub fn alone_among_writers(&self) -> Result<bool> {
        self.alone(WRITERS_BYTE)
    }

    /// Whether no other process has the directory open, reader or writer.
    pub fn alone(&self, byte: u64) -> Result<bool> {
        let Some(file) = &self.member.lock_file else { return Ok(false) };
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
fn lock_checked(dir: &Dir, timeout: Duration, entry: Entry) -> Result<LockFile> {
    loop {
        let file = match entry {
            Entry::Writer => dir.open_or_create_file(LOCK)?,
            Entry::Reader => dir.open_file(LOCK, Access::Read)?,
        };
        let file = LockFile { _released: fork::release_in_child(&file)?, file };
        // Byte 0 first: a broker locks the whole file, and waiting for the gate behind it would take for ever.
        wait_for(&file, BROKER_PATIENCE, "byte 0", || lock::try_shared(&file, BROKER_BYTE)).map_err(
            |error| match error {
                Error::TimedOut { .. } => {
                    Error::Locked { path: file.path().to_path_buf(), holder: "a Kafka broker".to_owned() }
                }
                other => other,
            },
        )?;
        wait_for(&file, timeout, "the gate of the directory", || match entry {
            Entry::Writer => lock::try_exclusive(&file, GATE_BYTE),
            Entry::Reader => lock::try_shared(&file, GATE_BYTE),
        })?;
        if dir.stat(LOCK)?.map(|stat| stat.identity) == Some(file.identity()?) {
            return Ok(file);
        }
    }
}

/// Polls with growing sleeps of at most 5 ms (`F_SETLKW` can report a deadlock that is none).
fn wait_for(file: &File, timeout: Duration, what: &str, mut attempt: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    let mut pause = Duration::from_micros(50);
    loop {
        if attempt()? {
            return Ok(());
        }
        if begun.elapsed() >= timeout {
            let what = format!("{what} ({})", file.path().display());
            return Err(Error::TimedOut { what, waited_ms: begun.elapsed().as_millis() as u64 });
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}
