//! Finds out what a folder holds without changing it: for readers of a log that nobody writes, and for recovery, which acts on what is found here.
//!
//! A log goes on over a segment's end if its file ends with a batch, or if whatever follows its last batch is no part of the log because the next segment starts
//! exactly there: a segment that was grown and not trimmed. Everything else ends it.

use std::ops::ControlFlow;

use super::clean_tail;
use super::config::LogConfig;
use super::housekeeping::Listing;
use super::leader_epoch::LeaderEpochs;
use super::names::SegmentFile;
use super::producer_recovery;
use super::producers::ProducerState;
use super::recovery::Shutdown;
use super::scan::{Crc, Found, Place, look};
use super::segment_scan::{Scanner, SegmentEnd, SegmentScan};
use super::tail::TailState;
use super::window::Window;
use crate::error::Result;
use crate::json::Json;
use crate::record::EntryHeader;
use crate::sys::{Access, Dir, clock};

/// What a reader may read of a folder that nobody writes, found without changing it.
#[derive(Debug)]
pub struct Inspected {
    /// Base offset and valid bytes of each segment, in order.
    pub segments: Vec<(i64, u64)>,
    /// End offset: first bad batch, or the end of the files.
    pub end_offset: i64,
    /// max(checkpoint, first segment's base).
    pub log_start: i64,
    /// First offset of the earliest open transaction.
    pub open_transaction: Option<i64>,
    /// What is not in order, for the report.
    pub report: Vec<Json>,
}

/// How a log goes on behind a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// With the next segment.
    Continues,
    /// It was the last one.
    Ends,
    /// Not at all, though segments follow.
    Breaks,
}

/// What is done with each segment: its number, its walk, and what becomes of the log behind it.
pub(super) type Visit<'a> = dyn FnMut(usize, &mut SegmentScan, Fate) -> Result<ControlFlow<()>> + 'a;

/// What was found, with what recovery wants to know of a log that it must not change.
#[derive(Debug)]
pub(super) struct Survey {
    /// For readers.
    pub inspected: Inspected,
    /// The end.
    pub tail: TailState,
    /// Producers as of the end.
    pub producers: ProducerState,
}

/// Looks at a folder without changing it.
pub fn inspect(dir: &Dir, config: &LogConfig, shutdown: Shutdown, log_start_checkpoint: i64) -> Result<Inspected> {
    survey(dir, config, shutdown, log_start_checkpoint).map(|survey| survey.inspected)
}

/// [`inspect`], with the tail and the producers.
pub(super) fn survey(dir: &Dir, config: &LogConfig, shutdown: Shutdown, log_start_checkpoint: i64) -> Result<Survey> {
    let bases = Listing::read(dir)?.offsets(SegmentFile::Log);
    let mut found = match shutdown {
        _ if bases.is_empty() => empty(log_start_checkpoint),
        Shutdown::Clean => survey_clean(dir, config, &bases)?,
        Shutdown::Unclean { recovery_point } => survey_unclean(dir, config, &bases, recovery_point)?,
    };
    if found.tail.end_offset < log_start_checkpoint {
        let reason = format!("the log ends at {}, below its start {log_start_checkpoint}", found.tail.end_offset);
        let mut report = std::mem::take(&mut found.inspected.report);
        report.push(Json::object(&[("event", &"unreadable"), ("reason", &reason)]));
        found = empty(log_start_checkpoint);
        found.inspected.report = report;
    }
    found.inspected.log_start = bases.first().map_or(log_start_checkpoint, |base| (*base).max(log_start_checkpoint));
    found.inspected.end_offset = found.tail.end_offset;
    found.inspected.open_transaction = found.producers.first_open_transaction();
    found.tail.leader_epoch = LeaderEpochs::read(dir).ok().and_then(|epochs| epochs.newest()).unwrap_or(0);
    Ok(found)
}

fn empty(base_offset: i64) -> Survey {
    Survey {
        inspected: Inspected {
            segments: Vec::new(),
            end_offset: base_offset,
            log_start: base_offset,
            open_transaction: None,
            report: Vec::new(),
        },
        tail: TailState::empty(base_offset, clock::now_ms(), 0),
        producers: ProducerState::default(),
    }
}

fn survey_clean(dir: &Dir, config: &LogConfig, bases: &[i64]) -> Result<Survey> {
    let Some((&last, closed)) = bases.split_last() else { return Ok(empty(0)) };
    let mut found = empty(last);
    found.inspected.segments = lengths(dir, closed)?;
    let mut scanner = Scanner::new(dir, config.index_interval_bytes, Crc::Skip, i64::MAX);
    scanner.producers_from = i64::MAX;
    let scan = clean_tail::find(&mut scanner, last)?.scan;
    found.tail = scan.tail;
    found.inspected.segments.push((last, scan.tail.position));
    found.inspected.report.extend(scanner.take_damage());
    found.inspected.report.extend(describe(&scan, Fate::Ends));
    found.inspected.report.extend(clean_tail::shortened(dir, &scan.tail)?);
    found.producers = producer_recovery::at_clean_end(dir, config.index_interval_bytes, bases, scan.tail.end_offset)?;
    Ok(found)
}

fn survey_unclean(dir: &Dir, config: &LogConfig, bases: &[i64], recovery_point: i64) -> Result<Survey> {
    let from = segment_of(bases, recovery_point);
    let mut found = empty(bases.first().copied().unwrap_or(0));
    found.inspected.segments = lengths(dir, bases.get(..from).unwrap_or_default())?;
    let mut scanner = Scanner::new(dir, config.index_interval_bytes, Crc::Check, recovery_point);
    producer_recovery::load_below(&mut scanner, bases, from)?;
    walk(&mut scanner, bases, from, &mut |_, scan, fate| {
        found.tail = scan.tail;
        found.inspected.segments.push((scan.tail.base_offset, scan.tail.position));
        found.inspected.report.extend(describe(scan, fate));
        Ok(ControlFlow::Continue(()))
    })?;
    found.inspected.report.extend(scanner.take_damage());
    found.producers = scanner.producers;
    Ok(found)
}

/// What is wrong behind a segment's last batch; zeroes at a place where a writer may have stopped are not.
fn describe(scan: &SegmentScan, fate: Fate) -> Option<Json> {
    let reason = match (&scan.end, fate) {
        (SegmentEnd::Whole, _) | (SegmentEnd::Zeroes, Fate::Continues | Fate::Ends) => return None,
        (SegmentEnd::Zeroes, Fate::Breaks) => "zeroes, though segments follow",
        (SegmentEnd::Bad(reason), _) => reason,
    };
    let TailState { base_offset, position, end_offset, .. } = scan.tail;
    Some(Json::object(&[
        ("event", &"unreadable"),
        ("file", &SegmentFile::Log.name(base_offset)),
        ("position", &position),
        ("offset", &end_offset),
        ("bytes", &scan.file_len.saturating_sub(position)),
        ("reason", &reason),
    ]))
}

fn lengths(dir: &Dir, bases: &[i64]) -> Result<Vec<(i64, u64)>> {
    let length = |base: &i64| -> Result<(i64, u64)> {
        Ok((*base, dir.open_file(&SegmentFile::Log.name(*base), Access::Read)?.len()?))
    };
    bases.iter().map(length).collect()
}

/// Walks segments from number `from` on, each given to `visit`. Ends where the log does, or where `visit` breaks off.
pub(super) fn walk(scanner: &mut Scanner<'_>, bases: &[i64], from: usize, visit: &mut Visit<'_>) -> Result<()> {
    let mut end_offset = 0;
    for (index, &base) in bases.iter().enumerate().skip(from) {
        let successor = bases.get(index + 1).copied();
        let mut start = TailState::empty(base, clock::now_ms(), 0);
        start.end_offset = base.max(end_offset);
        let mut scan = scanner.scan(start, successor)?;
        end_offset = scan.tail.end_offset;
        let fate = match (&scan.end, successor) {
            (_, None) => Fate::Ends,
            (SegmentEnd::Whole, Some(_)) => Fate::Continues,
            (_, Some(next)) if next == end_offset => Fate::Continues,
            (_, Some(_)) => Fate::Breaks,
        };
        if visit(index, &mut scan, fate)?.is_break() || fate != Fate::Continues {
            return Ok(());
        }
    }
    Ok(())
}

/// Number of the segment that holds an offset: the last one that starts at or below it, else the first.
pub(super) fn segment_of(bases: &[i64], offset: i64) -> usize {
    bases.partition_point(|base| *base <= offset).saturating_sub(1)
}

/// The first entry of magic 0 or 1 among the first ones of all segments. A log is never written in an older format than before, so that is where they are.
pub(super) fn first_old_entry(dir: &Dir, bases: &[i64]) -> Result<Option<String>> {
    for &base_offset in bases {
        let file = dir.open_file(&SegmentFile::Log.name(base_offset), Access::Read)?;
        let place = Place { position: 0, base_offset, next_offset: base_offset };
        if let Found::Old(entry) = look(&mut Window::narrow(&file)?, place, Crc::Skip)? {
            return Ok(Some(old_entry(base_offset, &entry, 0)));
        }
    }
    Ok(None)
}

/// Why a log may only be read, in words.
pub(super) fn old_entry(base_offset: i64, entry: &EntryHeader, position: u64) -> String {
    let name = SegmentFile::Log.name(base_offset);
    format!("{name} holds record format magic {} at position {position}, offset {}", entry.magic, entry.base_offset)
}
