//! The roll: when a segment is full, and how the next one takes its place.
//!
//! Order (PROTOCOL, *Roll*): under the append word take grow, have the next segment ready, clear its flag, final time entry, lower the prepared end, trim the
//! old files, rename the indexes and then the log, bump the roll generation, release grow; only then is anything published into it.

use std::sync::Arc;

use super::active::ActiveSegment;
use super::config::LogConfig;
use super::control::{ControlPage, Counter};
use super::grow::prepare_next;
use super::index::{offset_entries_max, time_entries_max};
use super::names::{NEXT, SegmentFile};
use super::session::Wait;
use super::tail::{NewEntries, TailState};
use super::writer::{Appender, Writer};
use crate::broken::{self, Point, Rule};
use crate::error::Result;
use crate::sys::{Dir, clock};

/// Why a segment was rolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollReason {
    /// The batch does not fit into `segment.bytes`.
    Bytes,
    /// `segment.ms` is over, by record timestamps.
    Time,
    /// An index is full.
    Index,
    /// Offsets would not fit into 31 bits relative to the base.
    OffsetSpan,
}

/// Kafka's rule (`UnifiedLog.maybeRoll`, `LogSegment.shouldRoll`): whether a batch of `size` bytes up to `last_offset` needs a new segment. Never for a segment without a batch.
#[inline]
#[must_use]
pub fn roll_reason(
    tail: &TailState,
    config: &LogConfig,
    size: u64,
    last_offset: i64,
    max_timestamp: i64,
) -> Option<RollReason> {
    if tail.position == 0 {
        return None;
    }
    if tail.position + size > config.segment_bytes {
        return Some(RollReason::Bytes);
    }
    if last_offset - tail.base_offset > i64::from(i32::MAX) {
        return Some(RollReason::OffsetSpan);
    }
    if tail.offset_entries >= offset_entries_max(config.segment_index_bytes)
        || tail.time_entries >= time_entries_max(config.segment_index_bytes)
    {
        return Some(RollReason::Index);
    }
    time_is_over(tail, config, max_timestamp).then_some(RollReason::Time)
}

#[inline]
fn time_is_over(tail: &TailState, config: &LogConfig, max_timestamp: i64) -> bool {
    if max_timestamp >= 0 && tail.first_timestamp >= 0 {
        max_timestamp.saturating_sub(tail.first_timestamp) > config.segment_ms
    } else {
        clock::now_ms().saturating_sub(tail.created_ms) > config.segment_ms
    }
}

/// Rolls: `tail` becomes the state of the new, empty segment.
///
/// On `Err` nothing changed; behind the first step that cannot be taken back the error comes as `RollStep::Broken`, the caller latches the failure, and a
/// takeover finds its way from the folder.
pub fn roll(
    writer: &Writer,
    appender: &mut Appender,
    control: &ControlPage,
    folder: &Dir,
    config: &LogConfig,
    tail: &mut TailState,
) -> Result<RollStep> {
    let Some(old) = appender.segment.clone() else { return Ok(RollStep::Untouched) };
    let mut guard = writer.take_grow(control, folder, config, Wait::MayBreak)?;
    broken::pass(Point::RollTaken);
    let base_offset = tail.end_offset;
    old.ensure_entries(tail.offset_entries, tail.time_entries)?;
    let next = Arc::new(open_next(control, folder, config, base_offset)?);
    let len = next.log_file().len()?;
    if let Err(error) = swap_in(&old, control, folder, tail, base_offset) {
        return Ok(RollStep::Broken(error));
    }
    writer.hold(&next);
    control.set_prepared(base_offset, len);
    broken::pass(Point::RollPrepared);
    let generation = control.bump_roll_generation();
    broken::pass(Point::RollBumped);
    control.count(Counter::Rolls);
    let grower = writer.grower_of(&mut guard);
    grower.segment = Some(Arc::clone(&next));
    grower.generation = Some(generation);
    grower.reserved_end = len;
    grower.written_back = 0;
    appender.segment = Some(next);
    appender.generation = Some(generation);
    *tail = TailState::empty(base_offset, clock::now_ms(), tail.leader_epoch);
    drop(guard);
    broken::pass(Point::RollDone);
    Ok(RollStep::Rolled)
}

/// How far a roll came.
#[derive(Debug)]
pub enum RollStep {
    /// Nothing was to be done.
    Untouched,
    /// The new segment is active.
    Rolled,
    /// It failed after the old segment was touched: the log is to be latched FAILED.
    Broken(crate::error::Error),
}

/// The prepared files, opened before anything is touched; made first where they are not ready, or not there any more.
fn open_next(control: &ControlPage, folder: &Dir, config: &LogConfig, base_offset: i64) -> Result<ActiveSegment> {
    if control.next_ready()
        && let Ok(next) = ActiveSegment::open_next(folder, base_offset, config)
    {
        return Ok(next);
    }
    prepare_next(control, folder, config)?;
    ActiveSegment::open_next(folder, base_offset, config)
}

fn swap_in(old: &ActiveSegment, control: &ControlPage, folder: &Dir, tail: &TailState, base_offset: i64) -> Result<()> {
    control.set_next_ready(0);
    let mut last = *tail;
    let time_entries = last.time_entries;
    let entries = NewEntries { offset: None, time: last.take_time_entry() };
    old.put_entries(last.offset_entries, time_entries, &entries)?;
    broken::pass(Point::RollFlagCleared);
    control.set_prepared(old.base_offset(), tail.position);
    broken::pass(Point::RollLowered);
    if !broken::is(Rule::RollTrims) {
        old.trim(tail.position, last.offset_entries, last.time_entries)?;
    }
    broken::pass(Point::RollTrimmed);
    let steps = [
        (SegmentFile::TimeIndex, Point::RollTimeIndexNamed),
        (SegmentFile::Index, Point::RollIndexesNamed),
        (SegmentFile::Log, Point::RollNamed),
    ];
    // The log last: its name is what makes a segment.
    for (prepared, (kind, point)) in NEXT.iter().rev().zip(steps) {
        folder.rename(prepared, &kind.name(base_offset))?;
        broken::pass(point);
    }
    Ok(())
}
