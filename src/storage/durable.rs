//! Durability: the one function that syncs, and group commit on top of it.
//!
//! One sync at a time per process and partition; it announces itself in the page before `fdatasync` and withdraws after the result was latched; `durable`
//! moves only after the latch was read again. A failed sync is final. An announcement whose owner is dead may have eaten an error:
//! the published bytes above `durable` are then rewritten in place and synced (PROTOCOL, *Durable*).

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::control::{ControlPage, FirstSync};
use super::names::SegmentFile;
use super::partition::PartitionLog;
use super::writer::{SyncState, Writer};
use crate::error::{Error, Result};
use crate::sys::futex::{self, Wake};
use crate::sys::word::{self, Owner};
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
            let synced = if control.durable_end() > offset { Ok(()) } else { sync(log, writer, control) };
            drop(word);
            control.wake_durable();
            synced?;
            continue;
        }
        let left = timeout.map(|timeout| timeout.saturating_sub(begun.elapsed()));
        if left == Some(Duration::ZERO) {
            let what = format!("offset {offset} of {} to be durable", log.path().display());
            return Err(Error::TimedOut { what, waited_ms: begun.elapsed().as_millis() as u64 });
        }
        let slept = sleep(control, offset, left.map_or(SLICE, |left| left.min(SLICE)));
        match slept {
            Wake::Interrupted => return Err(Error::Interrupted { what: "a record to be durable" }),
            Wake::TimedOut if left.is_none_or(|left| left > SLICE) => {
                writer.member.check_fork()?;
                if published {
                    // The word only saves double work: its owner may be dead or stopped.
                    sync(log, writer, control)?;
                    control.wake_durable();
                }
            }
            _ => {}
        }
    }
}

fn sleep(control: &ControlPage, offset: i64, slice: Duration) -> Wake {
    let published = control.published_end() > offset;
    let word = control.arm_durable();
    let syncer_is_gone = published && control.sync_word().load(std::sync::atomic::Ordering::SeqCst) == 0;
    if control.durable_end() > offset || control.is_stopped() || syncer_is_gone {
        return Wake::Woken;
    }
    if !published {
        // Not appended yet: the end's own sleepers are woken by appends, so this wait looks again soon.
        return futex::wait(word, 1, Some(slice.min(Duration::from_millis(5))));
    }
    futex::wait(word, 1, Some(slice))
}

/// Makes everything durable that is published when it begins, oldest segment first, moving `durable` after each.
pub(super) fn sync(log: &PartitionLog, writer: &Writer, control: &ControlPage) -> Result<()> {
    let mut state = writer.sync.lock().unwrap_or_else(PoisonError::into_inner);
    if control.is_stopped() {
        return Err(log.stopped());
    }
    let end = control.published_end();
    if control.durable_end() >= end {
        return Ok(());
    }
    control.announce(writer.me);
    let dead = dead_announcements(writer, control);
    let result = sync_segments(
        log,
        writer,
        control,
        &mut state,
        end,
        if dead.is_empty() { Pages::Known } else { Pages::Doubtful },
    );
    if let Err(error) = &result {
        let _ = writer.failure.set(error.to_string());
        control.fail(errno_of(error));
    } else {
        for owner in dead {
            let word = control.announcement(owner.slot());
            let _ = word.compare_exchange(
                owner.bits(),
                0,
                std::sync::atomic::Ordering::SeqCst,
                std::sync::atomic::Ordering::SeqCst,
            );
        }
        control.rewritten();
        writer.let_go_below(control.durable_end());
    }
    control.withdraw(writer.me);
    result
}

fn errno_of(error: &Error) -> i32 {
    match error {
        Error::Io { source, .. } | Error::DiskFull { source, .. } => source.raw_os_error().unwrap_or(libc::EIO),
        _ => libc::EIO,
    }
}

/// Announcements of owners that died before they could latch what they were told.
fn dead_announcements(writer: &Writer, control: &ControlPage) -> Vec<Owner> {
    let owners = (0..=u8::MAX)
        .filter_map(|slot| Owner::from_word(control.announcement(slot).load(std::sync::atomic::Ordering::Acquire)));
    owners
        .filter(|owner| *owner != writer.me && (owner.slot() == writer.me.slot() || writer.member.is_dead(*owner)))
        .collect()
}

fn sync_segments(
    log: &PartitionLog,
    writer: &Writer,
    control: &ControlPage,
    state: &mut SyncState,
    end: i64,
    pages: Pages,
) -> Result<()> {
    let pages = if control.first_sync() == FirstSync::Rewrite { Pages::Doubtful } else { pages };
    // Read after `end`: a segment that holds bytes below it was announced by its generation before.
    let generation = control.roll_generation();
    if state.generation != Some(generation) {
        state.generation = None;
        state.bases = bases(log.folder())?;
        // The names are durable before anything under them is said to be.
        log.folder().sync()?;
        state.generation = Some(generation);
    }
    let durable = control.durable_end();
    let first = state.bases.partition_point(|base| *base <= durable).saturating_sub(1);
    for (index, base) in state.bases.iter().enumerate().skip(first) {
        if *base >= end {
            break;
        }
        let last = state.bases.get(index + 1).copied().unwrap_or(i64::MAX).min(end);
        sync_segment(log, writer, control, *base, pages)?;
        if control.failed() != 0 {
            return Err(log.stopped());
        }
        control.advance_durable(last);
    }
    Ok(())
}

/// Syncs one segment through the descriptor that this process stored through, if it did.
fn sync_segment(log: &PartitionLog, writer: &Writer, control: &ControlPage, base: i64, pages: Pages) -> Result<()> {
    let held = writer.held().iter().find(|held| held.base_offset() == base).cloned();
    let opened = match &held {
        Some(_) => None,
        None => Some(log.folder().open_file(&SegmentFile::Log.name(base), Access::ReadWrite)?),
    };
    let Some(file) = held.as_ref().map(|held| held.log_file()).or(opened.as_ref()) else { return Ok(()) };
    if pages == Pages::Doubtful {
        rewrite_in_place(file, published_bytes(control, base, file)?)?;
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
fn rewrite_in_place(file: &File, len: u64) -> Result<()> {
    let mut buffer = vec![0; REWRITE_BYTES.min(len as usize)];
    let mut position = 0;
    while position < len {
        let wanted = buffer.len().min((len - position) as usize);
        let read = file.read_at(&mut buffer[..wanted], position)?;
        if read == 0 {
            break;
        }
        file.write_at(&buffer[..read], position)?;
        position += read as u64;
    }
    Ok(())
}
