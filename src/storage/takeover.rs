//! Takeover: what the taker of the append word does when its owner died inside, or a panic unwound through it.
//!
//! The page holds the tail twice. The published end selects the copy that is true; the other one says how far the dead may have written. The steps are those of
//! PROTOCOL, *A takeover*, in their order: grow, roll generation, folder, state, indexes, zeroes, prepared end, wake.

use std::sync::Arc;

use super::active::ActiveSegment;
use super::config::LogConfig;
use super::control::{ControlPage, Counter};
use super::names::SegmentFile;
use super::session::Wait;
use super::tail::TailState;
use super::writer::{Appender, GrowGuard, Writer};
use crate::broken::{self, Point, Rule};
use crate::error::{Error, Result};
use crate::sys::{Dir, clock};

/// What became of a takeover.
#[derive(Debug)]
pub enum Takeover {
    /// Page, active segment and indexes agree.
    Mended,
    /// It failed before it touched any of them: for want of patience with whoever grows, or of descriptors. The next one may have more.
    Untouched(Error),
    /// It failed behind that, and latched FAILED.
    Broken(Error),
}

/// Makes the page, the active segment and its indexes agree again. Under the append word.
#[cold]
pub fn take_over(
    writer: &Writer,
    appender: &mut Appender,
    control: &ControlPage,
    folder: &Dir,
    config: &LogConfig,
    wait: Wait,
) -> Takeover {
    control.count(Counter::Takeovers);
    let taken_over = match begin(writer, control, folder, config, wait) {
        Err(error) => Takeover::Untouched(error),
        Ok(begun) => match mend(appender, control, config, begun) {
            Ok(()) => Takeover::Mended,
            Err(error) => Takeover::Broken(writer.fail(control, error)),
        },
    };
    if !broken::is(Rule::TakerWakes) {
        control.wake_everybody();
    }
    taken_over
}

/// What a taker has before it touches anything.
struct Begun<'a> {
    _grow: Option<GrowGuard<'a>>,
    /// As it was when the folder was listed.
    generation: u64,
    segment: Arc<ActiveSegment>,
}

fn begin<'a>(
    writer: &Writer,
    control: &'a ControlPage,
    folder: &Dir,
    config: &LogConfig,
    wait: Wait,
) -> Result<Begun<'a>> {
    let grow = if broken::is(Rule::TakerTakesGrow) { None } else { Some(writer.take_grow(control, folder, wait)?) };
    broken::pass(Point::TakerTookGrow);
    match find(writer, control, folder, config) {
        Ok((generation, segment)) => Ok(Begun { _grow: grow, generation, segment }),
        Err(error) => {
            if let Some(grow) = grow {
                grow.give_back();
            }
            Err(error)
        }
    }
}

/// The newest segment, with the generation that it is of.
fn find(writer: &Writer, control: &ControlPage, folder: &Dir, config: &LogConfig) -> Result<(u64, Arc<ActiveSegment>)> {
    // Before the folder is listed: readers of the old list would walk off the old file.
    let generation = match broken::is(Rule::TakerBumpsGeneration) {
        true => control.roll_generation(),
        false => control.bump_roll_generation(),
    };
    broken::pass(Point::TakerBumped);
    let segment = writer.open_active(control, folder, config)?;
    remove_unborn_indexes(folder, segment.base_offset())?;
    Ok((generation, segment))
}

fn mend(appender: &mut Appender, control: &ControlPage, config: &LogConfig, begun: Begun<'_>) -> Result<()> {
    let segment = &begun.segment;
    let base_offset = segment.base_offset();
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
    appender.generation = Some(begun.generation);
    appender.segment = Some(begun.segment);
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
