//! The append: a ready batch is stamped, copied behind the end, indexed and published, under the append word.
//!
//! The common path makes no system call and allocates nothing. Readers see the batch with the store of the published end, whole or not at all.

use std::sync::atomic::{Ordering, compiler_fence};

use super::active::ActiveSegment;
use super::config::LogConfig;
use super::control::ControlPage;
use super::grow;
use super::partition::PartitionLog;
use super::relief;
use super::roll::{RollStep, roll, roll_reason};
use super::session::Wait;
use super::tail::{BatchFacts, NewEntries, TailState};
use super::writer::{Appender, Writer};
use crate::broken::{self, Point, Rule};
use crate::error::{Error, Result};
use crate::record::{BatchHeader, stamp};

/// What an append did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appended {
    /// Offset of its first record.
    pub base_offset: i64,
    /// Offset of its last record.
    pub last_offset: i64,
    position: u64,
    /// Whether a segment was rolled on the way.
    pub rolled: Rolled,
    opened: Opened,
}

/// Whether an append opened a segment for writing. A word wide, as is `Rolled`: two bytes that were just stored one by one make a processor wait that loads
/// them as one.
#[repr(u64)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opened {
    No,
    Yes,
}

/// Whether an append rolled.
#[repr(u64)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rolled {
    No,
    Yes,
}

/// Appends one whole batch, whose header was checked by the caller.
pub(super) fn append(
    log: &PartitionLog,
    writer: &Writer,
    control: &ControlPage,
    batch: &mut [u8],
    header: &BatchHeader,
) -> Result<Appended> {
    let config = log.config();
    let size = batch.len() as u64;
    if size > config.max_message_bytes {
        return Err(Error::BatchTooLarge { size, limit: config.max_message_bytes });
    }
    if size > config.segment_bytes {
        return Err(Error::BatchExceedsSegment { size, limit: config.segment_bytes });
    }
    let section = Section { log, writer, control, config };
    let run = |appender: &mut Appender| section.run(appender, batch, header);
    let appended = writer.in_append(control, log.folder(), config, Wait::MayBreak, run);
    let appended = match appended {
        Ok(appended) => appended,
        Err(error) => {
            relief::admit(log);
            return Err(error);
        }
    };
    if appended.opened == Opened::Yes {
        relief::admit(log);
    }
    if grow::is_due(appended.position, control.prepared_end()) {
        // The record is published: a disk that is full now fails the append that needs the room.
        let _ = grow::grow_ahead(writer, control, log.folder(), config, appended.position);
    }
    Ok(appended)
}

#[inline]
fn put(segment: &ActiveSegment, tail: &TailState, batch: &[u8], entries: &NewEntries) -> Result<()> {
    segment.put_batch(tail.position, batch)?;
    broken::pass(Point::AppendCopied);
    segment.put_entries(tail.offset_entries, tail.time_entries, entries)?;
    broken::pass(Point::AppendIndexed);
    Ok(())
}

/// The locked section with everything it looks at.
struct Section<'a> {
    log: &'a PartitionLog,
    writer: &'a Writer,
    control: &'a ControlPage,
    config: &'a LogConfig,
}

impl Section<'_> {
    #[inline]
    fn run(&self, appender: &mut Appender, batch: &mut [u8], header: &BatchHeader) -> Result<Appended> {
        let Self { control, config, .. } = *self;
        broken::pass(Point::AppendTaken);
        if control.is_stopped() && !broken::is(Rule::StickyWords) {
            return Err(self.log.stopped());
        }
        let mut opened = Opened::No;
        if appender.generation != Some(control.roll_generation()) {
            self.refresh(appender)?;
            opened = Opened::Yes;
        }
        let end = control.published_end();
        let Some((mut copy, mut tail)) = control.current_tail(end) else { return Err(self.no_state(end)) };
        if appender.segment.as_ref().is_none_or(|segment| segment.base_offset() != tail.base_offset)
            && !broken::is(Rule::TakerComparesBase)
        {
            tail = self.tail_of_new_segment(appender, tail)?;
        }
        let size = batch.len() as u64;
        let last_offset = end
            .checked_add(i64::from(header.last_offset_delta))
            .filter(|last| *last < i64::MAX)
            .ok_or_else(|| Error::InvalidRecord {
                reason: format!("offset {end} + {} is beyond the largest offset", header.last_offset_delta),
            })?;
        let mut rolled = Rolled::No;
        if roll_reason(&tail, config, size, last_offset, header.max_timestamp).is_some() {
            rolled = self.roll(appender, &mut tail)?;
        }
        if tail.position + size > control.prepared_end() {
            grow::grow_to(self.writer, control, self.log.folder(), config, tail.position + size)?;
        }
        let facts = BatchFacts { last_offset, size, max_timestamp: header.max_timestamp };
        let (next, entries) = tail.advance(&facts, config.index_interval_bytes);
        let Some(segment) = &appender.segment else { return Err(self.no_state(end)) };
        segment.ensure_entries(next.offset_entries, next.time_entries)?;
        copy ^= 1;
        control.store_tail(copy, &next);
        broken::pass(Point::AppendStated);
        // A kill between any two instructions finds the intended position before a byte behind the end.
        compiler_fence(Ordering::SeqCst);
        stamp(batch, end, tail.leader_epoch);
        if let Err(error) = put(segment, &tail, batch, &entries) {
            return Err(self.undo(segment, &tail, next.position, error));
        }
        self.writer.counts.add(u64::from(header.record_count.unsigned_abs()), size);
        control.publish(next.end_offset);
        segment.prefetch_next(next.position);
        control.prefetch_idle(copy);
        broken::pass(Point::AppendWoken);
        Ok(Appended { base_offset: end, last_offset, position: next.position, rolled, opened })
    }

    /// After a change of the roll generation: the active segment by listing and inode.
    #[cold]
    fn refresh(&self, appender: &mut Appender) -> Result<()> {
        let generation = self.control.roll_generation();
        let segment = self.writer.open_active(self.control, self.log.folder(), self.config)?;
        // It may be one that was open before, and that a roll cut before it died.
        segment.learn_capacities()?;
        appender.segment = Some(segment);
        appender.generation = Some(generation);
        Ok(())
    }

    /// Another process rolled and published nothing into the new segment yet.
    #[cold]
    fn tail_of_new_segment(&self, appender: &Appender, tail: TailState) -> Result<TailState> {
        match &appender.segment {
            Some(segment) if segment.base_offset() == tail.end_offset => {
                Ok(TailState::empty(tail.end_offset, crate::sys::clock::now_ms(), tail.leader_epoch))
            }
            _ => Err(self.no_state(tail.end_offset)),
        }
    }

    #[cold]
    fn roll(&self, appender: &mut Appender, tail: &mut TailState) -> Result<Rolled> {
        match roll(self.writer, appender, self.control, self.log.folder(), self.config, tail)? {
            RollStep::Rolled => Ok(Rolled::Yes),
            RollStep::Untouched => Ok(Rolled::No),
            RollStep::Broken(error) => Err(self.latch(error)),
        }
    }

    /// A store that failed, in pwrite mode. A file system that copies on write may find no room even for bytes that were zeroed before: then what was written is
    /// zeroed again, and only this append fails.
    #[cold]
    fn undo(&self, segment: &ActiveSegment, tail: &TailState, intended: u64, error: Error) -> Error {
        if !matches!(error, Error::DiskFull { .. }) {
            return self.latch(error);
        }
        let undone = segment
            .cut_indexes(tail.offset_entries, tail.time_entries)
            .and_then(|()| segment.log_file().zero(tail.position..intended));
        match undone {
            Ok(()) => error,
            Err(error) => self.latch(error),
        }
    }

    #[cold]
    fn latch(&self, error: Error) -> Error {
        self.writer.fail(self.control, error)
    }

    #[cold]
    fn no_state(&self, end: i64) -> Error {
        Error::Corrupt {
            path: self.control.path().to_path_buf(),
            position: 0,
            reason: format!("the control page has no state for the published end {end}"),
        }
    }
}
