//! Takeover: what the taker of the append word does when its owner died inside, or a panic unwound through it.
//!
//! The page holds the tail twice. The published end selects the copy that is true; the other one says how far the dead may have written. The starred steps of
//! PROTOCOL, *Takeover*, in their order: grow, roll generation, folder, prepared end, state, indexes, zeroes, wake.

use super::config::LogConfig;
use super::control::{ControlPage, Counter};
use super::tail::TailState;
use super::writer::{Appender, Writer};
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
    let result = mend(writer, appender, control, folder, config);
    if let Err(error) = &result {
        let _ = writer.failure.set(format!("takeover: {error}"));
        control.fail(libc::EIO);
    }
    control.wake_everybody();
    result
}

fn mend(
    writer: &Writer,
    appender: &mut Appender,
    control: &ControlPage,
    folder: &Dir,
    config: &LogConfig,
) -> Result<()> {
    let guard = writer.take_grow(control, folder, config)?;
    // Before the folder is listed: readers of the old list would walk off the old file.
    let generation = control.bump_roll_generation();
    let segment = writer.open_active(folder, config)?;
    let published = control.published_end();
    let (copy, state) = control.current_tail(published).ok_or_else(|| Error::Corrupt {
        path: control.file().path().to_path_buf(),
        position: 0,
        reason: format!("no copy of the tail state names the published end {published}"),
    })?;
    // A roll changes base and position but not the end offset: then the older segment is finished and the active one empty.
    let state = if state.base_offset == segment.base_offset() {
        state
    } else {
        TailState::empty(segment.base_offset(), clock::now_ms(), state.leader_epoch)
    };
    let intended = control.load_tail(1 - copy);
    segment.cut_indexes(state.offset_entries, state.time_entries)?;
    let len = segment.log_file().len()?;
    if intended.base_offset == segment.base_offset() && intended.position > state.position {
        segment.log_file().zero(state.position..intended.position.min(len).max(state.position))?;
    }
    control.set_next_ready(0);
    control.set_prepared(segment.base_offset(), len.min(config.segment_bytes.max(state.position)));
    appender.segment = Some(segment);
    appender.generation = Some(generation);
    drop(guard);
    Ok(())
}
