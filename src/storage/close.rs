//! What follows a roll and what ends a session: recovery points, producer snapshots, trimming.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::checkpoint;
use super::control::ControlPage;
use super::durable::bases;
use super::names::{NEXT, SegmentFile};
use super::partition::{PartitionLog, WriterSide};
use super::session::Wait;
use super::slots::Beginning;
use super::survey::segment_of;
use super::tail::{NewEntries, TailState};
use super::writer::Writer;
use crate::error::{Error, Result};
use crate::sys::{Access, Dir, clock};

/// Recovery points are written no more often than this by rolls.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(5);
/// Segments with bytes that are not durable are kept open, since only their descriptor tells of a failed write; so many, then they are synced.
const UNSYNCED_MAX: usize = 8;

/// After a roll, with no word held: the new segment's producer snapshot, and the recovery point if the gate is free. Both are derived: an
/// error costs a longer recovery, not the append.
pub(super) fn after_roll(log: &PartitionLog, side: &WriterSide) {
    if let Some((base_offset, _, _)) = side.control.active_extent() {
        let _ = put_snapshot(log.folder(), base_offset, &side.snapshot);
    }
    bound_unsynced(log, side);
    let mut checkpointed = side.checkpointed.lock().unwrap_or_else(PoisonError::into_inner);
    if checkpointed.is_none_or(|at| at.elapsed() >= CHECKPOINT_INTERVAL) {
        *checkpointed = Some(Instant::now());
        if let Ok(Some(_gate)) = side.writer.member.try_gate() {
            let _ = write_recovery_point(log, side);
        }
    }
}

/// Syncs, or asks the flush thread to, where too many segments wait for it. A failure is latched and told to the next append.
fn bound_unsynced(log: &PartitionLog, side: &WriterSide) {
    side.writer.let_go_below(side.control.durable_end());
    let unsynced = side.writer.held().len();
    match side.writer.flusher.get() {
        Some(flusher) if (UNSYNCED_MAX..2 * UNSYNCED_MAX).contains(&unsynced) && flusher.request() => {}
        _ if unsynced >= UNSYNCED_MAX => {
            let _ = log.sync();
        }
        _ => {}
    }
}

/// Writes a snapshot without a sync: a torn one fails its CRC and is passed over.
fn put_snapshot(folder: &Dir, offset: i64, content: &[u8]) -> Result<()> {
    let file = folder.create_file(&SegmentFile::Snapshot.name(offset))?;
    file.write_at(content, 0)
}

/// Writes this partition's recovery point: its durable end. Below it indexes are trusted, so those of whole segments below are synced first. Under the gate.
pub(super) fn write_recovery_point(log: &PartitionLog, side: &WriterSide) -> Result<()> {
    let durable = side.control.durable_end();
    let before = side.control.recovery_point();
    if durable <= before || side.control.failed() != 0 {
        return Ok(());
    }
    for base in bases_from(log.folder(), before)?.into_iter().filter(|base| *base < durable) {
        sync_indexes(log.folder(), base)?;
    }
    // The names of what lies below, too.
    log.folder().sync()?;
    checkpoint::update(
        side.writer.member.root(),
        checkpoint::RECOVERY_POINT,
        &[(log.topic().to_owned(), log.partition(), Some(durable))],
    )?;
    side.control.set_recovery_point(durable);
    Ok(())
}

#[cold]
fn no_state(side: &WriterSide, end: i64) -> Error {
    let reason = format!("the control page has no state for the published end {end} and the newest segment");
    Error::Corrupt { path: side.control.path().to_path_buf(), position: 0, reason }
}

/// The segments that have anything at or above an offset; the one that holds it has had entries since it was the recovery point.
fn bases_from(folder: &Dir, offset: i64) -> Result<Vec<i64>> {
    let mut bases = bases(folder)?;
    bases.drain(..segment_of(&bases, offset));
    Ok(bases)
}

fn sync_indexes(folder: &Dir, base: i64) -> Result<()> {
    for kind in [SegmentFile::Index, SegmentFile::TimeIndex, SegmentFile::TxnIndex] {
        if let Some(file) = folder.open_file_if_there(&kind.name(base), Access::ReadWrite)? {
            file.sync_data()?;
        }
    }
    Ok(())
}

impl PartitionLog {
    /// Makes everything durable and writes the recovery point. Takes the gate.
    pub fn checkpoint(&self) -> Result<()> {
        self.sync()?;
        let side = self.writer_side()?;
        let _gate = side.writer.member.gate(Wait::Whole)?;
        write_recovery_point(self, side)
    }

    /// Ends this partition's part of a session: final time entry, trim, snapshot, everything synced. Only for the last writer, under the gate. The end offset, which
    /// becomes its recovery point.
    pub fn close_clean(&self) -> Result<i64> {
        self.sync()?;
        let side = self.writer_side()?;
        let was_clean = side.writer.member.seat()?.0.beginning() == Beginning::Clean;
        if was_clean && side.control.is_as_recovered() {
            return Ok(side.control.published_end());
        }
        let (control, writer) = (&side.control, &side.writer);
        let trim = |_: &mut _| self.trim_active(side, control, writer);
        let end = writer.in_append(control, self.folder(), self.config(), Wait::Whole, trim)?;
        self.finish_close(side, end)?;
        // One after the other: a directory may have more partitions than the process may have descriptors.
        writer.let_go(control);
        Ok(end)
    }

    /// Cuts the active segment's files to what they hold, and syncs them.
    fn trim_active(&self, side: &WriterSide, control: &ControlPage, writer: &Writer) -> Result<i64> {
        if control.is_stopped() {
            return Err(self.stopped());
        }
        let end = control.published_end();
        let segment = writer.open_active(control, self.folder(), self.config())?;
        segment.learn_capacities()?;
        let (_, state) = control.current_tail(end).ok_or_else(|| no_state(side, end))?;
        let tail = match segment.base_offset() {
            base if base == state.base_offset => state,
            // Rolled, and nothing published into the new segment.
            base if base == end => TailState::empty(end, clock::now_ms(), state.leader_epoch),
            _ => return Err(no_state(side, end)),
        };
        let grow = writer.take_grow(control, self.folder(), Wait::Whole)?;
        control.set_next_ready(0);
        let mut last = tail;
        let entries = NewEntries { offset: None, time: last.take_time_entry() };
        segment.ensure_entries(tail.offset_entries, tail.time_entries)?;
        control.set_prepared(segment.base_offset(), tail.position);
        segment.put_entries(tail.offset_entries, tail.time_entries, &entries)?;
        segment.trim(last.position, last.offset_entries, last.time_entries)?;
        if let Err(error) = segment.sync_log().and_then(|()| segment.sync_indexes()) {
            return Err(writer.fail(control, error));
        }
        drop(grow);
        Ok(end)
    }

    fn finish_close(&self, side: &WriterSide, end: i64) -> Result<i64> {
        for name in NEXT {
            self.folder().unlink(name)?;
        }
        self.drop_stale_snapshots(end)?;
        put_snapshot(self.folder(), end, &side.snapshot)?;
        let mut closed = bases_from(self.folder(), side.control.recovery_point())?;
        // The active one is synced.
        closed.pop();
        for base in closed {
            sync_indexes(self.folder(), base)?;
        }
        self.folder().sync()?;
        Ok(end)
    }

    /// Kafka keeps the snapshots that stand at a segment's base, and the latest.
    fn drop_stale_snapshots(&self, end: i64) -> Result<()> {
        let bases = bases(self.folder())?;
        for entry in self.folder().list()? {
            let Some(name) = entry.name.to_str() else { continue };
            if SegmentFile::Snapshot.parse(name).is_some_and(|offset| offset != end && !bases.contains(&offset)) {
                self.folder().unlink(name)?;
            }
        }
        Ok(())
    }

    /// What is left behind must not be taken for whole: a log that failed keeps its recovery point and gets no marker.
    pub fn has_failed(&self) -> Result<bool> {
        Ok(self.writer_side()?.control.failed() != 0)
    }

    /// Base offset of the first segment.
    pub fn first_base(&self) -> Result<i64> {
        Ok(bases(self.folder())?.first().copied().unwrap_or(0))
    }
}
