//! Takeover: what the taker of the append word does when its owner died inside, or a panic unwound through it.
//!
//! The page holds the tail twice. The published end selects the copy that is true; the other one says how far the dead may have written. The starred steps of
//! PROTOCOL, *Takeover*, in their order: grow, roll generation, folder, prepared end, state, indexes, zeroes, wake.

use super::config::LogConfig;
use super::control::{ControlPage, Counter};
use super::names::SegmentFile;
use super::session::Wait;
use super::tail::TailState;
use super::writer::{Appender, Writer};
use crate::broken::{self, Point, Rule};
use crate::error::{Error, Result};
use crate::sys::{Dir, clock};

/// Makes the page, the active segment and its indexes agree again. Under the append word; an error latches FAILED.
#[cold]
pub fn take_over(
    writer: &Writer,
    appender: &mut Appender,
    control: &ControlPage,
    folder: &Dir,
    config: &LogConfig,
) -> Result<()> {
    control.count(Counter::Takeovers);
    if !control.is_recovered() {
        // The dead was recovering: nothing was published in this session yet, and recovery begins again with the log. Only grow may be left held.
        drop(writer.take(control.grow_word(), folder, "grow", Wait::Whole)?);
        return Ok(());
    }
    let result = mend(writer, appender, control, folder, config);
    if let Err(error) = &result {
        let _ = writer.failure.set(format!("takeover: {error}"));
        control.fail(libc::EIO);
    }
    if !broken::is(Rule::TakerWakes) {
        control.wake_everybody();
    }
    result
}

fn mend(
    writer: &Writer,
    appender: &mut Appender,
    control: &ControlPage,
    folder: &Dir,
    config: &LogConfig,
) -> Result<()> {
    let grow = match broken::is(Rule::TakerTakesGrow) {
        true => None,
        false => Some(writer.take_grow(control, folder, config, Wait::Whole)?),
    };
    broken::pass(Point::TakerTookGrow);
    // Before the folder is listed: readers of the old list would walk off the old file.
    let generation = match broken::is(Rule::TakerBumpsGeneration) {
        true => control.roll_generation(),
        false => control.bump_roll_generation(),
    };
    broken::pass(Point::TakerBumped);
    let segment = writer.open_active(control, folder, config)?;
    let base_offset = segment.base_offset();
    remove_unborn_indexes(folder, base_offset)?;
    let (copy, state) = true_state(control, base_offset)?;
    let intended = control.load_tail(1 - copy);
    if !broken::is(Rule::TakerCutsIndexes) {
        segment.cut_indexes(state.offset_entries, state.time_entries)?;
    }
    broken::pass(Point::TakerCut);
    let len = segment.log_file().len()?;
    if intended.base_offset == base_offset && intended.position > state.position && !broken::is(Rule::TakerZeroes) {
        segment.log_file().zero(state.position..intended.position.min(len).max(state.position))?;
    }
    broken::pass(Point::TakerZeroed);
    control.set_next_ready(0);
    if !broken::is(Rule::TakerSetsPrepared) {
        control.set_prepared(base_offset, len.min(config.segment_bytes.max(state.position)));
    }
    broken::pass(Point::TakerPrepared);
    appender.segment = Some(segment);
    appender.generation = Some(generation);
    drop(grow);
    Ok(())
}

/// The copy that the published end selects, by number, and the state of the active segment that follows from it.
///
/// A roll changes base and position but not the end offset: then the older segment is finished and the active one, which begins at the end, is empty.
fn true_state(control: &ControlPage, base_offset: i64) -> Result<(usize, TailState)> {
    let published = control.published_end();
    let damaged = |reason: String| Error::Corrupt { path: control.path().to_path_buf(), position: 0, reason };
    let (copy, state) = control
        .current_tail(published)
        .ok_or_else(|| damaged(format!("no copy of the tail state names the published end {published}")))?;
    if state.base_offset == base_offset || broken::is(Rule::TakerComparesBase) {
        return Ok((copy, state));
    }
    if base_offset != published {
        return Err(damaged(format!(
            "the newest segment begins at {base_offset}; expected {} or {published}, as the page says",
            state.base_offset
        )));
    }
    Ok((copy, TailState::empty(base_offset, clock::now_ms(), state.leader_epoch)))
}

/// A roll that was cut off between its renames leaves indexes of a segment that never came to be.
fn remove_unborn_indexes(folder: &Dir, active: i64) -> Result<()> {
    for entry in folder.list()? {
        let Some(name) = entry.name.to_str() else { continue };
        let base = [SegmentFile::Index, SegmentFile::TimeIndex].iter().find_map(|kind| kind.parse(name));
        if base.is_some_and(|base| base > active) {
            folder.unlink(name)?;
        }
    }
    Ok(())
}
