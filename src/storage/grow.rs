//! Growth of the active segment ahead of its end, and the preparation of the next one. Only under the grow word, only at or above the prepared end.
//!
//! Space is reserved in large steps without changing the size, so that the size never runs ahead of what was zeroed; zeroes go in pieces of
//! at most 1 MiB (`pwrite`, then populate: an error code instead of a signal). A full disk is met here, and fails one append.

use std::time::{Duration, Instant};

use super::active::INDEX_STEP;
use super::config::LogConfig;
use super::control::{ControlPage, Counter};
use super::names::NEXT;
use super::session::Wait;
use super::writer::{Grower, Writer};
use crate::broken::{self, Point};
use crate::error::{Error, Result};
use crate::sys::Dir;

const PIECE_MIN: u64 = 16 << 10;
const PIECE_MAX: u64 = 1 << 20;
const PAGE: u64 = 4096;
const RESERVE_STEP: u64 = 16 << 20;
/// How long a full disk is left alone by growth ahead of need.
const FULL_PAUSE: Duration = Duration::from_millis(100);

/// Bytes to prepare at once at `position`: small at first, so that an empty partition costs little.
#[must_use]
#[inline]
pub fn piece_at(position: u64) -> u64 {
    position.next_power_of_two().clamp(PIECE_MIN, PIECE_MAX)
}

/// Whether an end at `position` is so near the prepared end that somebody should grow.
#[must_use]
#[inline]
pub fn is_due(position: u64, prepared_end: u64) -> bool {
    position + 2 * piece_at(position) > prepared_end
}

/// Grows until `needed` bytes are prepared: an append that found no room, inside the append word.
pub fn grow_to(writer: &Writer, control: &ControlPage, folder: &Dir, config: &LogConfig, needed: u64) -> Result<()> {
    let mut guard = writer.take_grow(control, folder, config, Wait::MayBreak)?;
    let grower = writer.grower_of(&mut guard);
    writer.refresh_grower(grower, control, folder, config)?;
    while control.prepared_end() < needed {
        let from = control.prepared_end();
        match grow_piece(grower, control, config) {
            // Where no whole piece is left there may still be room for this append.
            Err(Error::DiskFull { .. }) if needed.next_multiple_of(PAGE) < from + piece_at(from) => {
                grow_by(grower, control, config, needed.next_multiple_of(PAGE))?;
            }
            grown => grown?,
        }
    }
    Ok(())
}

/// One step ahead, if nobody else is at it: an append that came near the prepared end, or the pre-touch thread, outside the append word.
/// Whether there was anything to do.
pub fn grow_ahead(
    writer: &Writer,
    control: &ControlPage,
    folder: &Dir,
    config: &LogConfig,
    position: u64,
) -> Result<bool> {
    let limit = config.segment_bytes;
    let wants_next = || control.prepared_end() >= limit && !control.next_ready() && is_due(position, limit);
    let wants_piece = control.prepared_end() < limit && is_due(position, control.prepared_end());
    if !wants_piece && !wants_next() {
        return Ok(false);
    }
    let Some(mut guard) = writer.try_grow(control) else { return Ok(false) };
    let grower = writer.grower_of(&mut guard);
    writer.refresh_grower(grower, control, folder, config)?;
    // A panic in the middle of a roll: its thread holds the append word, and is about to mend.
    if grower.segment.as_ref().is_some_and(|segment| segment.base_offset() != control.prepared_base()) {
        return Ok(false);
    }
    // A failed try costs milliseconds on a full disk, and no append needs the room yet.
    if grower.full_since.is_some_and(|since| since.elapsed() < FULL_PAUSE) {
        return Ok(false);
    }
    let grown = if control.prepared_end() < limit {
        grow_piece(grower, control, config).map(|()| write_back(grower, position))
    } else if wants_next() {
        prepare_next(control, folder, config)
    } else {
        Ok(())
    };
    grower.full_since = matches!(grown, Err(Error::DiskFull { .. })).then(Instant::now);
    grown.map(|()| true)
}

fn grow_piece(grower: &mut Grower, control: &ControlPage, config: &LogConfig) -> Result<()> {
    let from = control.prepared_end();
    grow_by(grower, control, config, from + piece_at(from))
}

/// Prepares bytes up to `to`, or to the limit of the segment.
fn grow_by(grower: &mut Grower, control: &ControlPage, config: &LogConfig, to: u64) -> Result<()> {
    let Some(segment) = &grower.segment else { return Ok(()) };
    let from = control.prepared_end();
    let to = to.min(config.segment_bytes.max(from + 1));
    let file = segment.log_file();
    broken::pass(Point::GrowBegun);
    let grown =
        reserve(&mut grower.reserved_end, file, from, to, config.segment_bytes).and_then(|()| file.zero(from..to));
    if let Err(error) = grown {
        // ext4 leaves a part-grown file behind a failed fallocate: give the blocks back.
        file.set_len(from)?;
        grower.reserved_end = 0;
        return Err(error);
    }
    segment.populate(from, to)?;
    broken::pass(Point::GrowZeroed);
    control.set_prepared(segment.base_offset(), to);
    broken::pass(Point::GrowMoved);
    control.count(Counter::Growths);
    Ok(())
}

fn reserve(reserved_end: &mut u64, file: &crate::sys::File, from: u64, to: u64, limit: u64) -> Result<()> {
    if to <= *reserved_end {
        return Ok(());
    }
    // Small logs reserve what they grow by; one that has come far reserves whole steps.
    let end = if from < PIECE_MAX { to } else { to.next_multiple_of(RESERVE_STEP).min(limit).max(to) };
    match file.reserve(from..end) {
        Ok(()) => *reserved_end = end,
        // Where no whole step is left there may still be a piece.
        Err(Error::DiskFull { .. }) if end > to => {
            file.set_len(from)?;
            file.reserve(from..to)?;
            *reserved_end = to;
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Starts write-back of what lies a few pieces behind the end, so that a later sync finds little to do.
fn write_back(grower: &mut Grower, position: u64) {
    let until = (position & !(PIECE_MAX - 1)).saturating_sub(2 * PIECE_MAX);
    if let Some(segment) = &grower.segment
        && until > grower.written_back
    {
        segment.log_file().start_writeback(grower.written_back..until);
        grower.written_back = until;
    }
}

/// Makes the files of the next segment, whole, and flags them ready.
pub fn prepare_next(control: &ControlPage, folder: &Dir, config: &LogConfig) -> Result<()> {
    control.set_next_ready(0);
    let piece = PIECE_MAX.min(config.segment_bytes);
    // The log last: its name is what makes a segment.
    for (name, len) in NEXT.iter().zip([piece, INDEX_STEP, INDEX_STEP]).rev() {
        let made = folder.create_file(name).and_then(|file| {
            file.reserve(0..len)?;
            file.zero(0..len)
        });
        if let Err(error) = made {
            // A disk that is full gets all of it back.
            NEXT.iter().try_for_each(|name| folder.unlink(name).map(drop))?;
            return Err(error);
        }
    }
    broken::pass(Point::NextMade);
    control.set_next_ready(1);
    Ok(())
}
