//! Producer state at recovery: the newest snapshot that is of use, and the batches behind it.
//!
//! A log that was closed in good order and has no snapshot at all never had a producer with an id, or comes from a time before snapshots; brokers take it so too,
//! and it is what keeps opening such a log from reading all of it.

use super::housekeeping::Listing;
use super::names::SegmentFile;
use super::producers::ProducerState;
use super::recovery::Shutdown;
use super::scan::Crc;
use super::segment_scan::Scanner;
use super::survey::segment_of;
use super::tail::TailState;
use super::transactions::AbortedTransaction;
use crate::error::Result;
use crate::json::Json;
use crate::sys::{Dir, clock};

/// Gives the scanner the state as of segment number `from`, which it is to walk next.
pub(super) fn load_below(scanner: &mut Scanner<'_>, bases: &[i64], from: usize) -> Result<()> {
    let (Some(&first), Some(&base)) = (bases.first(), bases.get(from)) else { return Ok(()) };
    let snapshots = Listing::read(scanner.dir)?.offsets(SegmentFile::Snapshot);
    let loaded = ProducerState::load(scanner.dir, &snapshots, base, i64::MAX)?;
    let start = loaded.offset.unwrap_or(first);
    let below = bases.get(..from).unwrap_or_default();
    scanner.producers = replay(scanner.dir, scanner.index_interval_bytes, below, loaded.state, start)?;
    scanner.producers_from = start.max(base);
    Ok(())
}

/// The aborted transactions of segments, by their numbers in rising order. One walk from the first of them to the last; checksums are not looked at.
///
/// Where neither a snapshot nor an aborted transaction is left, none is looked for before the first of the segments: a log without producers is not read
/// whole for the sake of one index.
pub(super) fn aborted_in(
    dir: &Dir,
    index_interval_bytes: u64,
    bases: &[i64],
    wanted: &[usize],
) -> Result<Vec<(i64, Vec<AbortedTransaction>)>> {
    let (Some(&first), Some(&last)) = (wanted.first(), wanted.last()) else { return Ok(Vec::new()) };
    let mut scanner = Scanner::new(dir, index_interval_bytes, Crc::Skip, i64::MAX);
    let listing = Listing::read(dir)?;
    if [SegmentFile::Snapshot, SegmentFile::TxnIndex].iter().any(|kind| !listing.offsets(*kind).is_empty()) {
        load_below(&mut scanner, bases, first)?;
    }
    let mut found = Vec::new();
    for (number, &base) in bases.iter().enumerate().take(last + 1).skip(first) {
        let successor = bases.get(number + 1).copied();
        let scan = scanner.scan(TailState::empty(base, clock::now_ms(), 0), successor)?;
        if wanted.binary_search(&number).is_ok() {
            found.push((base, scan.aborted));
        }
    }
    Ok(found)
}

/// The state at the end of a log that was closed in good order.
pub(super) fn at_clean_end(dir: &Dir, index_interval_bytes: u64, bases: &[i64], end: i64) -> Result<ProducerState> {
    let snapshots = Listing::read(dir)?.offsets(SegmentFile::Snapshot);
    let loaded = ProducerState::load(dir, &snapshots, end, end)?;
    match (loaded.offset, bases.first()) {
        (Some(offset), _) if offset == end => Ok(loaded.state),
        (None, _) if snapshots.is_empty() => Ok(loaded.state),
        (offset, Some(first)) => replay(dir, index_interval_bytes, bases, loaded.state, offset.unwrap_or(*first)),
        (_, None) => Ok(loaded.state),
    }
}

/// The state behind the last of these segments, given that as of `start`. Reads headers and markers only.
fn replay(
    dir: &Dir,
    index_interval_bytes: u64,
    bases: &[i64],
    state: ProducerState,
    start: i64,
) -> Result<ProducerState> {
    let mut scanner = Scanner::new(dir, index_interval_bytes, Crc::Skip, i64::MAX);
    scanner.producers = state;
    scanner.producers_from = start;
    for (index, &base) in bases.iter().enumerate().skip(segment_of(bases, start)) {
        let successor = bases.get(index + 1).copied();
        // A snapshot at a segment's very end has nothing of it left to replay.
        if successor.is_none_or(|next| next > start) {
            scanner.scan(TailState::empty(base, clock::now_ms(), 0), successor)?;
        }
    }
    Ok(scanner.producers)
}

/// Removes snapshots that are damaged, or about offsets that are gone, and those that no segment starts at but the newest: as brokers keep them.
pub(super) fn tidy_snapshots(dir: &Dir, bases: &[i64], end: i64, report: &mut Vec<Json>) -> Result<()> {
    let mut snapshots = Listing::read(dir)?.offsets(SegmentFile::Snapshot);
    let loaded = ProducerState::load(dir, &snapshots, end, end)?;
    for (offset, reason) in &loaded.unusable {
        let name = SegmentFile::Snapshot.name(*offset);
        dir.unlink(&name)?;
        report.push(Json::object(&[("event", &"removed"), ("file", &name), ("reason", &reason)]));
    }
    snapshots.retain(|offset| loaded.unusable.iter().all(|(unusable, _)| unusable != offset));
    let newest = snapshots.last().copied();
    for offset in snapshots {
        if Some(offset) != newest && bases.binary_search(&offset).is_err() {
            dir.unlink(&SegmentFile::Snapshot.name(offset))?;
        }
    }
    Ok(())
}

/// Leaves a snapshot that says what was found. After a scan it stands at the end, so that the next recovery need not go back further; where the log was closed in
/// good order the newest one does, if it says the same.
pub(super) fn leave_snapshot(dir: &Dir, producers: &ProducerState, end: i64, shutdown: Shutdown) -> Result<()> {
    let snapshots = Listing::read(dir)?.offsets(SegmentFile::Snapshot);
    let loaded = ProducerState::load(dir, &snapshots, end, end)?;
    if loaded.state == *producers && (loaded.offset == Some(end) || shutdown == Shutdown::Clean) {
        return Ok(());
    }
    producers.write_snapshot(dir, end)
}
