//! What a writing process keeps beside the control page of a partition, and how it gets the words and the active segment.
//!
//! Order of locks: gate, append, grow, sync; the in-process mutexes here are leaves, held for moments.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::active::ActiveSegment;
use super::config::LogConfig;
use super::control::{ControlPage, Counter};
use super::durable;
use super::names::SegmentFile;
use super::session::{Membership, Wait};
use super::takeover::{Takeover, take_over};
use crate::broken::{self, Rule};
use crate::error::{Error, Result};
use crate::sys::word::{self, Owner, Taken, WordCell, WordGuard};
use crate::sys::{Dir, notify};

/// Written by who holds the append word.
#[derive(Debug, Default)]
pub struct Appender {
    /// Roll generation that `segment` is of; `None` before the first look.
    pub generation: Option<u64>,
    /// The active segment.
    pub segment: Option<Arc<ActiveSegment>>,
}

/// Counts of what this process appended: stored by who holds the append word, read by anybody.
#[derive(Debug, Default)]
pub struct Counts {
    records: AtomicU64,
    batches: AtomicU64,
    bytes: AtomicU64,
}

impl Counts {
    /// One more batch. Under the append word, so that plain stores do.
    #[inline]
    pub fn add(&self, records: u64, bytes: u64) {
        for (count, more) in [(&self.records, records), (&self.batches, 1), (&self.bytes, bytes)] {
            count.store(count.load(Relaxed) + more, Relaxed);
        }
    }

    /// What was counted.
    #[must_use]
    pub fn read(&self) -> AppendCounts {
        AppendCounts {
            records: self.records.load(Relaxed),
            batches: self.batches.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }
}

/// What a process appended to a partition.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct AppendCounts {
    /// Records.
    pub records: u64,
    /// Batches.
    pub batches: u64,
    /// Bytes of batches.
    pub bytes: u64,
}

/// Written by who holds the grow word.
#[derive(Debug, Default)]
pub struct Grower {
    /// Roll generation that `segment` is of.
    pub generation: Option<u64>,
    /// The active segment.
    pub segment: Option<Arc<ActiveSegment>>,
    /// Up to where blocks are reserved, as far as this process knows.
    pub reserved_end: u64,
    /// Up to where write-back was started.
    pub written_back: u64,
    /// When growth ahead of need last found the disk full.
    pub full_since: Option<std::time::Instant>,
}

/// What the syncer of this process keeps.
#[derive(Debug, Default)]
pub struct SyncState {
    /// Roll generation that `bases` is of.
    pub listed: Option<u64>,
    /// Roll generation as of which the folder was synced.
    pub named: Option<u64>,
    /// Base offsets of the segments, in order.
    pub bases: Vec<i64>,
}

/// The writing half of a partition handle.
#[derive(Debug)]
pub struct Writer {
    /// This process as a member.
    pub member: Arc<Membership>,
    /// Slot and generation.
    pub me: Owner,
    /// Guarded by the append word.
    appender: WordCell<Appender>,
    /// What this process appended.
    pub counts: Counts,
    /// Guarded by the grow word.
    grower: WordCell<Grower>,
    /// Held while this process syncs: one sync at a time, so that a failure is latched before anybody else can miss it.
    pub sync: Mutex<SyncState>,
    /// Text of the failure that this process met, for messages.
    pub failure: OnceLock<String>,
    /// The segments that this process has open for writing: the active one last, before it those with bytes not yet durable.
    held: Mutex<Vec<Arc<ActiveSegment>>>,
    /// Watch behind `durable_fd`.
    pub durable_watch: Mutex<Option<notify::Watch>>,
    /// Whether this partition is counted among those that have segments open.
    holds: AtomicBool,
    /// Where `request_sync` goes.
    pub flusher: OnceLock<Arc<dyn Flusher>>,
}

/// The flush threads as a log sees them: they come and go.
pub trait Flusher: Send + Sync + std::fmt::Debug {
    /// Asks it to look at its logs now; whether there is one that will.
    fn request(&self) -> bool;
}

impl Writer {
    /// For a partition whose page is `control`.
    pub fn new(member: Arc<Membership>, control: &ControlPage) -> Result<Self> {
        let (_, me) = member.seat()?;
        Ok(Self {
            me,
            appender: WordCell::new(control.append_word(), Appender::default()),
            counts: Counts::default(),
            grower: WordCell::new(control.grow_word(), Grower::default()),
            sync: Mutex::default(),
            failure: OnceLock::new(),
            held: Mutex::default(),
            durable_watch: Mutex::default(),
            holds: AtomicBool::new(false),
            flusher: OnceLock::new(),
            member,
        })
    }

    /// Runs `work` under the append word, after mending what a dead owner left. A panic in it is mended before the word is free again.
    ///
    /// Where the taker fails before it has touched anything, the word goes back to the dead, and the next one mends.
    ///
    /// A log that is stopped is not mended: nobody appends to it any more, and a deleted one has no files to look at. Nor is one that is not recovered: who held
    /// the word was at it, and the next one begins it anew. `work` asks for both itself.
    #[inline]
    pub fn in_append<T>(
        &self,
        control: &ControlPage,
        folder: &Dir,
        config: &LogConfig,
        wait: Wait,
        work: impl FnOnce(&mut Appender) -> Result<T>,
    ) -> Result<T> {
        let (mut guard, taken) = self.take(control.append_word(), folder, "append", wait)?;
        let appender = self.appender.get(&mut guard);
        let mut unmended = None;
        let run = AssertUnwindSafe(|| {
            if let Taken::FromDead(dead) = taken
                && control.is_recovered()
                && !control.is_stopped()
            {
                match take_over(self, appender, control, folder, config, wait) {
                    Takeover::Mended => {}
                    Takeover::Untouched(error) => {
                        unmended = Some(dead);
                        return Err(error);
                    }
                    Takeover::Broken(error) => return Err(error),
                }
            }
            work(appender)
        });
        match catch_unwind(run) {
            Ok(done) => {
                if let Some(dead) = unmended {
                    guard.give_back(dead);
                }
                done
            }
            Err(panic) => {
                if control.is_recovered() && !broken::is(Rule::PanicMends) {
                    match take_over(self, self.appender.get(&mut guard), control, folder, config, Wait::Whole) {
                        Takeover::Mended => {}
                        // This process lives: nobody else would mend.
                        Takeover::Untouched(error) | Takeover::Broken(error) => return Err(self.fail(control, error)),
                    }
                }
                drop(guard);
                resume_unwind(panic)
            }
        }
    }

    /// Latches a failure; the error that it was.
    #[cold]
    pub fn fail(&self, control: &ControlPage, error: Error) -> Error {
        let _ = self.failure.set(error.to_string());
        control.fail(libc::EIO);
        error
    }

    /// Takes a word, from the dead if need be. Who gets the append word from the dead has to mend: see `in_append`.
    #[inline]
    pub fn take<'a>(
        &self,
        word: &'a AtomicU32,
        folder: &Dir,
        name: &str,
        wait: Wait,
    ) -> Result<(WordGuard<'a>, Taken)> {
        match word::try_lock(word, self.me) {
            Some(guard) => Ok((guard, Taken::Free)),
            None => self.take_slowly(word, folder, name, wait),
        }
    }

    #[cold]
    fn take_slowly<'a>(
        &self,
        word: &'a AtomicU32,
        folder: &Dir,
        name: &str,
        wait: Wait,
    ) -> Result<(WordGuard<'a>, Taken)> {
        let dead = |owner: Owner| self.member.is_dead(owner);
        let waits = self.member.lock_waits();
        word::lock(word, self.me, waits.patience(wait), &dead).map_err(|held| {
            let what = format!("the {name} word of {}, held by {}", folder.path().display(), held.owner);
            waits.given_up(what, held.waited)
        })
    }

    /// The active segment of the folder as it is listed now, opened once per inode and process.
    pub fn open_active(&self, control: &ControlPage, folder: &Dir, config: &LogConfig) -> Result<Arc<ActiveSegment>> {
        let base_offset = newest_segment(folder)?;
        let identity = folder.stat(&SegmentFile::Log.name(base_offset))?.map(|stat| stat.identity);
        let in_use = |held: &[Arc<ActiveSegment>]| {
            let same = held.iter().find(|open| open.base_offset() == base_offset && Some(open.identity()) == identity);
            same.map(Arc::clone)
        };
        if let Some(open) = in_use(&self.held()) {
            return Ok(open);
        }
        let segment = Arc::new(ActiveSegment::open(folder, base_offset, config)?);
        // Who syncs now may be told of an error that this descriptor, opened behind it, will not hear of.
        segment.set_opened_beside(durable::standing(control, self.me));
        // An append and a growth may both have opened it: one is enough, and a process has no descriptors to spare.
        let mut held = self.held();
        if let Some(open) = in_use(&held) {
            return Ok(open);
        }
        held.push(Arc::clone(&segment));
        Ok(segment)
    }

    /// Keeps a segment open until all of it is durable.
    pub fn hold(&self, segment: &Arc<ActiveSegment>) {
        self.held().push(Arc::clone(segment));
    }

    /// The segments open for writing.
    pub fn held(&self) -> MutexGuard<'_, Vec<Arc<ActiveSegment>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks this partition as one that has segments open; whether it was not yet.
    pub fn begin_to_hold(&self) -> bool {
        !self.holds.swap(true, AcqRel)
    }

    /// Lets go of all segments, if nobody uses them and nothing published is above durable. They are opened again when they are needed.
    pub fn let_go(&self, control: &ControlPage) -> bool {
        let Some(mut append) = word::try_lock(control.append_word(), self.me) else { return false };
        let Some(mut grow) = self.try_grow(control) else { return false };
        if !control.is_stopped() && control.durable_end() < control.published_end() {
            return false;
        }
        *self.appender.get(&mut append) = Appender::default();
        *self.grower_of(&mut grow) = Grower::default();
        self.held().clear();
        self.holds.store(false, Release);
        true
    }

    /// Lets go of segments that end at or below `durable`: nothing of theirs can fail any more. The newest stays.
    pub fn let_go_below(&self, durable: i64) {
        let mut held = self.held();
        let ends: Vec<i64> = held.iter().skip(1).map(|next| next.base_offset()).collect();
        let gone = ends.iter().take_while(|end| **end <= durable).count();
        held.drain(..gone);
    }

    /// Takes the grow word, from the dead if need be. Who died in a growth has left nothing to be mended, since the prepared end moves last; who died in a
    /// roll held the append word too, whose taker mends.
    pub fn take_grow<'a>(&self, control: &'a ControlPage, folder: &Dir, wait: Wait) -> Result<GrowGuard<'a>> {
        let (guard, taken) = self.take(control.grow_word(), folder, "grow", wait)?;
        if taken != Taken::Free {
            control.count(Counter::GrowTakeovers);
        }
        Ok(GrowGuard { guard, taken, control })
    }

    /// Takes the grow word if it is free.
    pub fn try_grow<'a>(&self, control: &'a ControlPage) -> Option<GrowGuard<'a>> {
        Some(GrowGuard { guard: word::try_lock(control.grow_word(), self.me)?, taken: Taken::Free, control })
    }

    /// What the holder of the grow word keeps.
    pub fn grower_of<'g>(&'g self, guard: &'g mut GrowGuard<'_>) -> &'g mut Grower {
        self.grower.get(&mut guard.guard)
    }

    /// Brings the grower's segment up to the current roll generation.
    pub fn refresh_grower(
        &self,
        grower: &mut Grower,
        control: &ControlPage,
        folder: &Dir,
        config: &LogConfig,
    ) -> Result<()> {
        let generation = control.roll_generation();
        if grower.generation != Some(generation) {
            let segment = self.open_active(control, folder, config)?;
            if !grower.segment.as_ref().is_some_and(|old| Arc::ptr_eq(old, &segment)) {
                grower.reserved_end = 0;
                grower.written_back = 0;
            }
            grower.segment = Some(segment);
            grower.generation = Some(generation);
        }
        Ok(())
    }
}

/// The grow word, held.
///
/// Unwinding through it tells everybody to list the folder again: a panic may have left a roll half done, and whoever holds the append word mends it
/// only after this word is free.
#[derive(Debug)]
pub struct GrowGuard<'a> {
    guard: WordGuard<'a>,
    taken: Taken,
    control: &'a ControlPage,
}

impl GrowGuard<'_> {
    /// Lets go of it; where it was the dead's, it is theirs again.
    pub fn give_back(mut self) {
        if let Taken::FromDead(dead) = self.taken {
            self.guard.give_back(dead);
        }
    }
}

impl Drop for GrowGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.control.set_next_ready(0);
            self.control.bump_roll_generation();
        }
    }
}

/// Base offset of the newest segment in a folder.
pub fn newest_segment(folder: &Dir) -> Result<i64> {
    let bases = folder.list()?;
    let newest = bases
        .iter()
        .filter(|entry| entry.is_file)
        .filter_map(|entry| SegmentFile::Log.parse(entry.name.to_str()?))
        .max();
    newest.ok_or_else(|| Error::Corrupt {
        path: folder.path().to_path_buf(),
        position: 0,
        reason: "no segment in the partition folder".to_owned(),
    })
}
