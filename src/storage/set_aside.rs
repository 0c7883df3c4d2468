//! Ends a log at a place, and keeps what lay whole behind it.
//!
//! `<base>.log.set-aside.<n>` holds the bytes of a segment from the cut on, or a whole segment that was behind the cut. The order is what makes a crash at any
//! point harmless: the copy is on disk before anything goes, later segments go before the cut (else the next recovery would see a log with a gap and believe
//! it), the newest first. A repeated recovery finds the copy that it made before and makes no second one.

use super::names::SegmentFile;
use super::recovery::Company;
use super::scan::{Next, is_whole_batch, next_whole_batch};
use super::window::{WINDOW, Window};
use crate::error::Result;
use crate::json::Json;
use crate::sys::{Access, Dir, File};

const COPY: &str = "ckafka.set-aside.tmp";
const CUT: &str = "ckafka.cut.tmp";

/// Which bytes behind a cut are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// All, if a whole batch is among them; what a crash tore is nobody's.
    WholeBatches,
    /// All: they were synced once.
    Everything,
}

/// Ends the log in segment `base_offset` at `position`: sets aside what is whole behind it, retires the segments in `later`, cuts. What was done, for the report.
pub(super) fn end_log(
    dir: &Dir,
    base_offset: i64,
    position: u64,
    later: &[i64],
    company: Company,
    keep: Keep,
    reason: &str,
) -> Result<Vec<Json>> {
    let kept = preserve(dir, base_offset, position, keep)?;
    let mut report = Vec::new();
    for &later in later.iter().rev() {
        report.push(retire(dir, later, "it lies behind the cut")?);
    }
    if !later.is_empty() {
        dir.sync()?;
    }
    let bytes = cut(dir, base_offset, position, company)?;
    report.push(Json::object(&[
        ("event", &"cut"),
        ("file", &SegmentFile::Log.name(base_offset)),
        ("position", &position),
        ("bytes", &bytes),
        ("reason", &reason),
        ("set_aside", &kept),
    ]));
    Ok(report)
}

/// Copies what lies from `position` on, if it is to be kept. The name of the copy.
fn preserve(dir: &Dir, base_offset: i64, position: u64, keep: Keep) -> Result<Option<String>> {
    let file = dir.open_file(&SegmentFile::Log.name(base_offset), Access::Read)?;
    let mut window = Window::new(&file)?;
    let is_kept = keep == Keep::Everything
        || is_whole_batch(&mut window, position)?.is_some()
        || next_whole_batch(&mut window, base_offset, position)? != Next::Nothing;
    if !is_kept {
        return Ok(None);
    }
    let name = match free_name(dir, base_offset, &mut window, position)? {
        Name::Holds(name) => return Ok(Some(name)),
        Name::Free(name) => name,
    };
    let len = window.len();
    copy(dir, &mut window, position, len, COPY)?;
    dir.rename(COPY, &name)?;
    dir.sync()?;
    Ok(Some(name))
}

enum Name {
    /// A file of this name has the same bytes already.
    Holds(String),
    /// No file has this name.
    Free(String),
}

fn free_name(dir: &Dir, base_offset: i64, window: &mut Window<'_>, position: u64) -> Result<Name> {
    let mut number = 0_u64;
    loop {
        let name = format!("{}.set-aside.{number}", SegmentFile::Log.name(base_offset));
        let Some(file) = dir.open_file_if_there(&name, Access::Read)? else { return Ok(Name::Free(name)) };
        if is_same(window, position, &mut Window::new(&file)?)? {
            return Ok(Name::Holds(name));
        }
        number += 1;
    }
}

fn is_same(window: &mut Window<'_>, from: u64, other: &mut Window<'_>) -> Result<bool> {
    if window.len().saturating_sub(from) != other.len() {
        return Ok(false);
    }
    let mut position = 0;
    while position < other.len() {
        let found = other.bytes(position, WINDOW)?;
        let expected = window.bytes(from + position, WINDOW)?;
        let size = found.len().min(expected.len());
        if size == 0 || found.get(..size) != expected.get(..size) {
            return Ok(false);
        }
        position += size as u64;
    }
    Ok(true)
}

/// Copies bytes into a new file and syncs it.
fn copy(dir: &Dir, window: &mut Window<'_>, from: u64, to: u64, name: &str) -> Result<File> {
    let copy = dir.create_file(name)?;
    let mut position = from;
    while position < to {
        let left = usize::try_from(to - position).unwrap_or(usize::MAX);
        let part = window.bytes(position, left.min(WINDOW))?;
        let part = part.get(..left).unwrap_or(part);
        if part.is_empty() {
            break;
        }
        copy.write_at(part, position - from)?;
        position += part.len() as u64;
    }
    copy.sync_all()?;
    Ok(copy)
}

/// Takes a whole segment out of the log: set aside if it has bytes other than zeroes, else removed.
pub(super) fn retire(dir: &Dir, base_offset: i64, reason: &str) -> Result<Json> {
    let name = SegmentFile::Log.name(base_offset);
    let file = dir.open_file(&name, Access::Read)?;
    let mut window = Window::new(&file)?;
    let mut kept = None;
    if window.is_zero_from(0)? {
        dir.unlink(&name)?;
    } else {
        // The copy is the file itself: it must be on disk before its name changes.
        file.sync_all()?;
        let aside = match free_name(dir, base_offset, &mut window, 0)? {
            Name::Free(aside) | Name::Holds(aside) => aside,
        };
        dir.rename(&name, &aside)?;
        kept = Some(aside);
    }
    for kind in [SegmentFile::Index, SegmentFile::TimeIndex, SegmentFile::TxnIndex] {
        dir.unlink(&kind.name(base_offset))?;
    }
    Ok(Json::object(&[
        ("event", &"dropped"),
        ("file", &name),
        ("bytes", &window.len()),
        ("reason", &reason),
        ("set_aside", &kept),
    ]))
}

/// Shortens a log file durably; how many bytes went.
///
/// Where somebody may have the file mapped it is replaced by a shorter copy: bytes that a reader holds are never taken from under it.
fn cut(dir: &Dir, base_offset: i64, len: u64, company: Company) -> Result<u64> {
    let name = SegmentFile::Log.name(base_offset);
    let file = dir.open_file(&name, Access::ReadWrite)?;
    let cut_bytes = file.len()?.saturating_sub(len);
    match company {
        Company::Alone => {
            file.set_len(len)?;
            file.sync_all()?;
        }
        Company::Readers => {
            copy(dir, &mut Window::new(&file)?, 0, len, CUT)?;
            dir.rename(CUT, &name)?;
            dir.sync()?;
        }
    }
    Ok(cut_bytes)
}

/// Cuts zeroes off the end of a log file. In place always: nobody was ever told of a record in them.
pub(super) fn trim(dir: &Dir, base_offset: i64, len: u64) -> Result<()> {
    let file = dir.open_file(&SegmentFile::Log.name(base_offset), Access::ReadWrite)?;
    file.set_len(len)?;
    file.sync_all()
}
