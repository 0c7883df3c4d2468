//! Durability: the one function that syncs, and group commit on top of it.
//!
//! One sync at a time per process and partition; it announces itself in the page before `fdatasync` and withdraws after the result was latched; `durable`
//! moves only after the latch was read again. A failed sync is final. The kernel reports an error once per descriptor, so bytes are doubtful, and written again
//! before they are synced, where somebody else may have had the report and never said so: an announcement whose owner is dead, or one that stood when this
//! process opened its descriptor and still stands; and after a recovery in the same boot (PROTOCOL, *Durable*).
//!
//! What fails before the kernel was asked to write anything (no descriptor, no memory) is the caller's error and latches nothing.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use super::active::ActiveSegment;
use super::control::{ControlPage, Counter, FirstSync};
use super::names::SegmentFile;
use super::partition::PartitionLog;
use super::writer::{SyncState, Writer};
use crate::broken::{self, Point, Rule};
use crate::error::{Error, Result};
use crate::sys::futex::Wake;
use crate::sys::word::{self, Owner, WordGuard};
use crate::sys::{Access, Dir, File};

/// A wait is never longer at once: who dies wakes nobody.
const SLICE: Duration = Duration::from_millis(50);
const REWRITE_BYTES: usize = 1 << 20;

/// What the kernel knows of the pages that are to be synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pages {
    /// Dirty ones are known for dirty.
    Known,
    /// Some may have failed to be written and be held for clean: they are written again first.
    Doubtful,
}

/// Waits until the record at `offset` is durable. Whoever finds nobody syncing syncs for all.
pub(super) fn wait(
    log: &PartitionLog,
    writer: &Writer,
    control: &ControlPage,
    offset: i64,
    timeout: Option<Duration>,
) -> Result<()> {
    let begun = Instant::now();
    loop {
        if control.durable_end() > offset {
            return Ok(());
        }
        if control.is_stopped() {
            return Err(log.stopped());
        }
        let published = control.published_end() > offset;
        if published && let Some(word) = word::try_lock(control.sync_word(), writer.me) {
            lead(log, writer, control, offset, Some(word))?;
            continue;
        }
        let left = timeout.map(|timeout| timeout.saturating_sub(begun.elapsed()));
        if left == Some(Duration::ZERO) {
            let what = format!("offset {offset} of {} to be durable", log.path().display());
            return Err(Error::TimedOut { what: what.into(), waited_ms: begun.elapsed().as_millis() as u64 });
        }
        let slice = if broken::is(Rule::SlicedWaits) { Duration::MAX } else { SLICE };
        let slept = sleep(control, offset, left.map_or(slice, |left| left.min(slice)));
        match slept {
            Wake::Interrupted => return Err(Error::Interrupted { what: "a record to be durable".into() }),
            Wake::TimedOut if left.is_none_or(|left| left > SLICE) => {
                writer.member.check_fork()?;
                if published {
                    // The word only saves double work: a dead owner loses it, and behind one that is stopped one goes on without it.
                    let dead = |owner: Owner| writer.member.is_dead(owner);
                    let word = word::lock(control.sync_word(), writer.me, Duration::ZERO, &dead);
                    lead(log, writer, control, offset, word.ok().map(|(word, _)| word))?;
                }
            }
            _ => {}
        }
    }
}

/// Syncs for everybody who waits, frees the word, and wakes them.
fn lead(
    log: &PartitionLog,
    writer: &Writer,
    control: &ControlPage,
    offset: i64,
    word: Option<WordGuard<'_>>,
) -> Result<()> {
    let synced = if control.durable_end() > offset { Ok(()) } else { sync(log, writer, control) };
    drop(word);
    control.wake_durable();
    synced
}

fn sleep(control: &ControlPage, offset: i64, slice: Duration) -> Wake {
    let published = control.published_end() > offset;
    let armed = control.arm_durable();
    let syncer_is_gone = published && control.sync_word().load(SeqCst) == 0;
    if control.durable_end() > offset || control.is_stopped() || syncer_is_gone {
        return Wake::Woken;
    }
    if !published {
        // Not appended yet: the end's own sleepers are woken by appends, so this wait looks again soon.
        return armed.sleep(slice.min(Duration::from_millis(5)));
    }
    armed.sleep(slice)
}

/// One segment of a sync, opened before anything is announced.
struct Step {
    base_offset: i64,
    /// Where durable is, once the segment is synced.
    end_offset: i64,
    /// Published bytes at that offset; `None` where the page did not say.
    published: Option<u64>,
    source: Source,
    /// Announcements that stood when the descriptor was opened.
    beside: Vec<Owner>,
}

enum Source {
    /// Open since before this process stored into it.
    Held(Arc<ActiveSegment>),
    /// This process stored nothing into it that is not durable.
    Opened(File),
}

impl Source {
    fn file(&self) -> &File {
        match self {
            Self::Held(segment) => segment.log_file(),
            Self::Opened(file) => file,
        }
    }
}

/// Makes everything durable that is published when it begins, oldest segment first, moving `durable` after each.
pub(super) fn sync(log: &PartitionLog, writer: &Writer, control: &ControlPage) -> Result<()> {
    let mut state = writer.sync.lock().unwrap_or_else(PoisonError::into_inner);
    if control.is_stopped() {
        return Err(log.stopped());
    }
    if control.durable_end() >= control.published_end() {
        return Ok(());
    }
    let steps = plan(log, writer, control, &mut state)?;
    // Who had this slot before may have died with an announcement.
    let mut dead = Vec::new();
    if !broken::is(Rule::Announcement) {
        dead.extend(control.announce(writer.me).filter(|before| *before != writer.me));
    }
    broken::pass(Point::SyncAnnounced);
    dead.extend(standing(control, writer.me).into_iter().filter(|owner| writer.member.is_dead(*owner)));
    let result = name_durably(log, &mut state).and_then(|()| carry_out(log, control, &steps, &dead));
    match &result {
        Ok(()) => {
            for owner in dead {
                let _ = control.announcement(owner.slot()).compare_exchange(owner.bits(), 0, SeqCst, SeqCst);
            }
            control.rewritten();
            writer.let_go_below(control.durable_end());
        }
        Err(error) => {
            let _ = writer.failure.set(error.to_string());
            control.fail(errno_of(error));
        }
    }
    if !broken::is(Rule::Announcement) {
        control.withdraw(writer.me);
    }
    result
}

fn errno_of(error: &Error) -> i32 {
    match error {
        Error::Io { source, .. } | Error::DiskFull { source, .. } => source.raw_os_error().unwrap_or(libc::EIO),
        _ => libc::EIO,
    }
}

/// Announcements of others, dead or alive.
pub(super) fn standing(control: &ControlPage, me: Owner) -> Vec<Owner> {
    let owners = (0..=u8::MAX).filter_map(|slot| Owner::from_word(control.announcement(slot).load(SeqCst)));
    owners.filter(|owner| *owner != me).collect()
}

/// Which segments are to be synced, and through which descriptors. Nothing is latched where one cannot be had.
fn plan(log: &PartitionLog, writer: &Writer, control: &ControlPage, state: &mut SyncState) -> Result<Vec<Step>> {
    // A segment that holds bytes below this end was announced by its generation before.
    let extent = control.active_extent();
    let end = extent.map_or_else(|| control.published_end(), |(_, _, end)| end);
    let generation = control.roll_generation();
    if state.listed != Some(generation) {
        state.listed = None;
        state.bases = bases(log.folder())?;
        state.listed = Some(generation);
    }
    let durable = control.durable_end();
    let first = state.bases.partition_point(|base| *base <= durable).saturating_sub(1);
    let mut steps = Vec::new();
    for (index, &base_offset) in state.bases.iter().enumerate().skip(first).take_while(|(_, base)| **base < end) {
        let held = writer.held().iter().find(|held| held.base_offset() == base_offset).cloned();
        let (source, beside) = match held {
            Some(segment) => {
                let beside = segment.opened_beside();
                (Source::Held(segment), beside)
            }
            None => {
                let file = log.folder().open_file(&SegmentFile::Log.name(base_offset), Access::ReadWrite)?;
                (Source::Opened(file), standing(control, writer.me))
            }
        };
        let published = match extent {
            Some((active, position, _)) if active == base_offset => Some(position),
            Some(_) => Some(source.file().len()?),
            None => None,
        };
        let end_offset = state.bases.get(index + 1).copied().unwrap_or(i64::MAX).min(end);
        steps.push(Step { base_offset, end_offset, published, source, beside });
    }
    Ok(steps)
}

/// The names are durable before anything under them is said to be.
fn name_durably(log: &PartitionLog, state: &mut SyncState) -> Result<()> {
    if state.named != state.listed && !broken::is(Rule::DirectorySync) {
        log.folder().sync()?;
        state.named = state.listed;
    }
    Ok(())
}

fn carry_out(log: &PartitionLog, control: &ControlPage, steps: &[Step], dead: &[Owner]) -> Result<()> {
    let doubtful = control.first_sync() == FirstSync::Rewrite || !dead.is_empty();
    for step in steps {
        let still = |owner: &Owner| control.announcement(owner.slot()).load(SeqCst) == owner.bits();
        let beside = step.beside.iter().any(still);
        let pages = if doubtful || beside { Pages::Doubtful } else { Pages::Known };
        sync_segment(control, step, pages)?;
        broken::pass(Point::SyncReturned);
        if control.failed() != 0 && !broken::is(Rule::LatchIsReadAgain) {
            return Err(log.stopped());
        }
        if let Source::Held(segment) = &step.source {
            segment.forget_beside(&step.beside);
        }
        if !broken::is(Rule::DurableMovesBySegment) {
            move_durable(control, step);
        }
        broken::pass(Point::SyncMoved);
    }
    if broken::is(Rule::DurableMovesBySegment) {
        steps.iter().for_each(|step| move_durable(control, step));
    }
    Ok(())
}

fn move_durable(control: &ControlPage, step: &Step) {
    if let Some(position) = step.published {
        control.set_durable_place(step.base_offset, position);
    }
    control.advance_durable(step.end_offset);
}

fn sync_segment(control: &ControlPage, step: &Step, pages: Pages) -> Result<()> {
    let file = step.source.file();
    if pages == Pages::Doubtful && !broken::is(Rule::RewriteBeforeSync) {
        let from = control.durable_place(step.base_offset).unwrap_or(0);
        let to = match step.published {
            Some(position) => position,
            None => published_bytes(control, step.base_offset, file)?,
        };
        rewrite_in_place(file, from, to)?;
        control.count(Counter::Rewrites);
    }
    if broken::struck(Point::SyncFails) {
        return Err(Error::io("fdatasync", file.path(), std::io::Error::from_raw_os_error(libc::EIO)));
    }
    file.sync_data()
}

pub(super) fn bases(folder: &Dir) -> Result<Vec<i64>> {
    let mut bases: Vec<i64> =
        folder.list()?.iter().filter_map(|entry| SegmentFile::Log.parse(entry.name.to_str()?)).collect();
    bases.sort_unstable();
    Ok(bases)
}

/// How many bytes of a segment are published.
fn published_bytes(control: &ControlPage, base: i64, file: &File) -> Result<u64> {
    let len = file.len()?;
    Ok(match control.active_extent() {
        Some((active, position, _)) if active == base => position.min(len),
        _ => len,
    })
}

/// Writes the same bytes again, so that the kernel knows them for dirty. A published byte never changes, so readers see nothing.
fn rewrite_in_place(file: &File, from: u64, to: u64) -> Result<()> {
    let mut buffer = vec![0; REWRITE_BYTES.min(to.saturating_sub(from) as usize)];
    let mut position = from;
    while position < to {
        let wanted = buffer.len().min((to - position) as usize);
        let read = file.read_at(&mut buffer[..wanted], position)?;
        if read == 0 {
            break;
        }
        file.write_at(&buffer[..read], position)?;
        position += read as u64;
    }
    Ok(())
}
