//! Brings a partition folder into the state that a writer may append to, or finds out what a reader may read of it as it lies.
//!
//! The steps of PROTOCOL, *Recovery*, in order; how each works is in the modules named:
//! leftovers (`housekeeping`), the end of the log (`clean_tail` where it was closed in good order, else `survey` over `segment_scan` from the recovery point),
//! the cut (`set_aside`), indexes (`rebuild`), producers (`producer_recovery`), leader epochs (here).
//!
//! Invariants: below the recovery point nothing is cut; nothing that holds a whole batch is thrown away; every step may be repeated, so a crash at any point
//! needs no other care than another recovery; a folder with entries of magic 0 or 1 is not changed at all.

use std::ops::{ControlFlow, Range};

use super::clean_tail::{self, CleanTail};
use super::config::LogConfig;
use super::housekeeping::{Listing, tidy};
use super::leader_epoch::LeaderEpochs;
use super::names::{LEADER_EPOCH_CHECKPOINT, SegmentFile};
use super::producer_recovery;
use super::producers::ProducerState;
use super::rebuild::{self, Change};
use super::scan::Crc;
use super::segment_scan::{Scanner, SegmentEnd, SegmentScan};
use super::set_aside::{Keep, end_log, retire, trim};
use super::survey::{self, Fate};
use super::tail::TailState;
use super::transactions::{self, AbortedTransaction};
use crate::error::{Error, Result};
use crate::json::Json;
use crate::sys::{Dir, clock};

pub use super::survey::{Inspected, inspect};

/// What is known about the folder before it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// The directory had the clean marker when the session began: the end is found behind the last index entry, nothing is scanned whole.
    Clean,
    /// It had not: scan every segment from the one that holds `recovery_point`.
    Unclean {
        /// From the checkpoint; 0 where it has no line.
        recovery_point: i64,
    },
}

/// Whether other descriptors may have the segments mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// Nobody else: a file may be cut in place.
    Alone,
    /// Somebody may read: a cut file is a new one, swapped in by rename.
    Readers,
}

/// A partition ready for a writer.
#[derive(Debug)]
pub struct Recovered {
    /// Active segment and end. Log and index files on disk are exactly as long as it says.
    pub tail: TailState,
    /// max(checkpoint, first segment's base).
    pub log_start: i64,
    /// Producers carried through.
    pub producers: ProducerState,
    /// Set where the log may only be read: magic 0 or 1 (the offset and position of the first), or `__cluster_metadata`.
    pub read_only: Option<String>,
    /// What was cut, set aside or rebuilt: JSON values for the recovery report, empty where all was well.
    pub report: Vec<Json>,
}

/// Recovers a partition folder (PROTOCOL, *Recovery*). `log_start_checkpoint` from the checkpoint, 0 where it has no line. Under the append word. May be repeated after a crash or error at any point.
pub fn recover(
    dir: &Dir,
    topic: &str,
    config: &LogConfig,
    shutdown: Shutdown,
    company: Company,
    log_start_checkpoint: i64,
) -> Result<Recovered> {
    if topic == "__cluster_metadata" {
        let reason = "__cluster_metadata is written by its controller alone".to_owned();
        return look_only(dir, config, shutdown, log_start_checkpoint, reason);
    }
    if let Some(reason) = survey::first_old_entry(dir, &Listing::read(dir)?.offsets(SegmentFile::Log))? {
        return look_only(dir, config, shutdown, log_start_checkpoint, reason);
    }
    let report = tidy(dir)?;
    let bases = Listing::read(dir)?.offsets(SegmentFile::Log);
    let kept_below = match shutdown {
        Shutdown::Clean => i64::MAX,
        Shutdown::Unclean { recovery_point } => recovery_point,
    };
    let mut recovery = Recovery { dir, config, company, bases, report, loss: Loss::None, kept_below };
    let crc = if shutdown == Shutdown::Clean { Crc::Skip } else { Crc::Check };
    let mut scanner = Scanner::new(dir, config.index_interval_bytes, crc, kept_below);
    let mut tail = match shutdown {
        _ if recovery.bases.is_empty() => recovery.create_empty(log_start_checkpoint)?,
        Shutdown::Clean => recovery.find_clean_end(&mut scanner)?,
        Shutdown::Unclean { recovery_point } => match recovery.scan(&mut scanner, recovery_point)? {
            Scan::Ends(tail) => tail,
            Scan::Old(reason) => return look_only(dir, config, shutdown, log_start_checkpoint, reason),
        },
    };
    let mut known_by = shutdown;
    if tail.end_offset < log_start_checkpoint {
        tail = recovery.start_over(log_start_checkpoint, tail.end_offset)?;
        // No snapshot of before counts: a transaction that was open then would never end.
        scanner.producers = ProducerState::default();
        known_by = Shutdown::Unclean { recovery_point: tail.end_offset };
    }
    recovery.report.extend(scanner.take_damage());
    let producers = recovery.finish_producers(scanner.producers, known_by, tail.end_offset)?;
    let log_start = recovery.bases.first().map_or(tail.base_offset, |base| *base).max(log_start_checkpoint);
    tail.leader_epoch = recovery.finish_epochs(shutdown, &scanner.epochs, log_start, &tail)?;
    Ok(Recovered { tail, log_start, producers, read_only: None, report: recovery.report })
}

/// Describes a log that may only be read.
fn look_only(
    dir: &Dir,
    config: &LogConfig,
    shutdown: Shutdown,
    log_start_checkpoint: i64,
    reason: String,
) -> Result<Recovered> {
    let found = survey::survey(dir, config, shutdown, log_start_checkpoint)?;
    Ok(Recovered {
        tail: found.tail,
        log_start: found.inspected.log_start,
        producers: found.producers,
        read_only: Some(reason),
        report: found.inspected.report,
    })
}

/// Whether anything may have been dropped that somebody had seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// No.
    None,
    /// It may: the next records belong to a new leader epoch.
    Possible,
    /// It was.
    Certain,
}

enum Scan {
    Ends(TailState),
    Old(String),
}

struct Recovery<'a> {
    dir: &'a Dir,
    config: &'a LogConfig,
    company: Company,
    /// Base offsets of the segments, in order.
    bases: Vec<i64>,
    report: Vec<Json>,
    loss: Loss,
    /// What lies below this offset was synced once.
    kept_below: i64,
}

impl Recovery<'_> {
    /// Scans from the segment that holds the recovery point, mends each segment, ends the log at the first damage.
    fn scan(&mut self, scanner: &mut Scanner<'_>, recovery_point: i64) -> Result<Scan> {
        self.loss = Loss::Possible;
        let bases = self.bases.clone();
        let from = survey::segment_of(&bases, recovery_point);
        self.complete_aborted(&self.lacking_aborted(0..from)?)?;
        self.complete_indexes(bases.get(..from).unwrap_or_default())?;
        producer_recovery::load_below(scanner, &bases, from)?;
        let dir = self.dir;
        let mut active = None;
        let mut old = None;
        survey::walk(scanner, &bases, from, &mut |index, scan, fate| {
            if let Some((entry, position)) = &scan.old {
                old = Some(survey::old_entry(scan.tail.base_offset, entry, *position));
                return Ok(ControlFlow::Break(()));
            }
            let later = bases.get(index + 1..).unwrap_or_default();
            let base_offset = scan.tail.base_offset;
            match (&scan.end, fate) {
                (SegmentEnd::Whole, _) => {}
                (SegmentEnd::Zeroes, Fate::Continues | Fate::Ends) => trim(dir, base_offset, scan.tail.position)?,
                (SegmentEnd::Bad(reason), Fate::Continues) => {
                    let keep = Keep::WholeBatches;
                    let done = end_log(dir, base_offset, scan.tail.position, &[], self.company, keep, reason)?;
                    self.report.extend(done);
                }
                (SegmentEnd::Zeroes, Fate::Breaks) => {
                    let reason = "zeroes, though segments follow";
                    self.end_here(scan, later, reason)?;
                }
                (SegmentEnd::Bad(reason), Fate::Ends | Fate::Breaks) => self.end_here(scan, later, reason)?,
            }
            if fate == Fate::Continues {
                rebuild::close(scan);
            } else {
                active = Some(scan.tail);
            }
            self.write_indexes(scan)?;
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some(reason) = old {
            return Ok(Scan::Old(reason));
        }
        match active {
            Some(tail) => Ok(Scan::Ends(tail)),
            None => self.create_empty(recovery_point).map(Scan::Ends),
        }
    }

    fn end_here(&mut self, scan: &SegmentScan, later: &[i64], reason: &str) -> Result<()> {
        let TailState { base_offset, position, end_offset, .. } = scan.tail;
        let keep = if end_offset < self.kept_below { Keep::Everything } else { Keep::WholeBatches };
        let done = end_log(self.dir, base_offset, position, later, self.company, keep, reason)?;
        self.report.extend(done.into_iter().map(|event| event.with("end_offset", &end_offset)));
        self.bases.retain(|base| !later.contains(base));
        self.loss = Loss::Certain;
        Ok(())
    }

    /// Makes both indexes and the aborted transactions of a scanned segment right.
    fn write_indexes(&mut self, scan: &SegmentScan) -> Result<()> {
        let base_offset = scan.tail.base_offset;
        self.write(SegmentFile::Index, base_offset, &scan.offset_index, &[])?;
        let surplus = rebuild::closing_entry(&scan.tail);
        self.write(SegmentFile::TimeIndex, base_offset, &scan.time_index, &surplus)?;
        self.write_aborted(base_offset, &scan.aborted)
    }

    fn write_aborted(&mut self, base_offset: i64, aborted: &[AbortedTransaction]) -> Result<()> {
        let name = SegmentFile::TxnIndex.name(base_offset);
        if !aborted.is_empty() {
            self.write(SegmentFile::TxnIndex, base_offset, &transactions::encode(aborted), &[])?;
        } else if self.dir.unlink(&name)? {
            self.report.push(Json::object(&[
                ("event", &"removed"),
                ("file", &name),
                ("reason", &"no transaction was aborted in it"),
            ]));
        }
        Ok(())
    }

    fn write(&mut self, kind: SegmentFile, base_offset: i64, content: &[u8], surplus: &[u8]) -> Result<()> {
        if rebuild::write(self.dir, kind, base_offset, content, surplus, self.company)? == Change::Rebuilt {
            self.report.push(Json::object(&[
                ("event", &"rebuilt"),
                ("file", &kind.name(base_offset)),
                ("bytes", &content.len()),
            ]));
        }
        Ok(())
    }

    /// Rebuilds both indexes of closed segments that lack one. What is there is left alone: an index is a hint.
    fn complete_indexes(&mut self, closed: &[i64]) -> Result<()> {
        let listing = Listing::read(self.dir)?;
        let lacks = |base: &&i64| {
            [SegmentFile::Index, SegmentFile::TimeIndex].iter().any(|kind| !listing.has(&kind.name(**base)))
        };
        for &base in closed.iter().filter(lacks) {
            let indexes = rebuild::indexes_of_closed(self.dir, base, self.config.index_interval_bytes)?;
            self.write(SegmentFile::Index, base, &indexes.offset, &[])?;
            self.write(SegmentFile::TimeIndex, base, &indexes.time, &[])?;
        }
        Ok(())
    }

    /// Those of the segments with these numbers whose aborted transactions are to be rebuilt, as brokers do: where they cannot be read, and where there
    /// are none and the offset index is missing too, since who removed one removed all. Without them a reader would show what was aborted.
    fn lacking_aborted(&self, numbers: Range<usize>) -> Result<Vec<usize>> {
        let listing = Listing::read(self.dir)?;
        let mut lacking = Vec::new();
        for number in numbers {
            let Some(&base) = self.bases.get(number) else { break };
            let is_lacking = match listing.has(&SegmentFile::TxnIndex.name(base)) {
                false => !listing.has(&SegmentFile::Index.name(base)),
                true => match transactions::read(self.dir, base) {
                    Ok(_) => false,
                    Err(Error::Corrupt { .. }) => true,
                    Err(error) => return Err(error),
                },
            };
            if is_lacking {
                lacking.push(number);
            }
        }
        Ok(lacking)
    }

    /// Rebuilds the aborted transactions of these segments. Before their indexes, which tell a recovery that is repeated what is missing.
    fn complete_aborted(&mut self, wanted: &[usize]) -> Result<()> {
        let interval = self.config.index_interval_bytes;
        for (base, aborted) in producer_recovery::aborted_in(self.dir, interval, &self.bases, wanted)? {
            self.write_aborted(base, &aborted)?;
        }
        Ok(())
    }

    /// Finds the end of a log that was closed in good order.
    fn find_clean_end(&mut self, scanner: &mut Scanner<'_>) -> Result<TailState> {
        let bases = self.bases.clone();
        let Some((&last, closed)) = bases.split_last() else { return self.create_empty(0) };
        self.complete_aborted(&self.lacking_aborted(0..closed.len())?)?;
        self.complete_indexes(closed)?;
        let mut lacking = self.lacking_aborted(closed.len()..bases.len())?;
        scanner.producers_from = i64::MAX;
        let CleanTail { scan, kept } = clean_tail::find(scanner, last)?;
        match &scan.end {
            SegmentEnd::Whole => {}
            SegmentEnd::Zeroes => trim(self.dir, last, scan.tail.position)?,
            SegmentEnd::Bad(reason) => self.end_here(&scan, &[], reason)?,
        }
        if let Some(finding) = clean_tail::shortened(self.dir, &scan.tail)? {
            self.report.push(finding);
            self.loss = Loss::Certain;
        }
        match kept {
            None => {
                self.write(SegmentFile::Index, last, &scan.offset_index, &[])?;
                self.write(SegmentFile::TimeIndex, last, &scan.time_index, &rebuild::closing_entry(&scan.tail))?;
            }
            Some((offsets, times)) => {
                let parts = [
                    (SegmentFile::Index, offsets * 8, &scan.offset_index),
                    (SegmentFile::TimeIndex, times * 12, &scan.time_index),
                ];
                for (kind, kept, added) in parts {
                    rebuild::splice(self.dir, kind, last, kept, added, self.company)?;
                }
            }
        }
        if self.loss == Loss::Certain && self.dir.stat(&SegmentFile::TxnIndex.name(last))?.is_some() {
            // The offsets of what was cut are given anew: a transaction that was aborted there must not hide what comes.
            lacking = vec![closed.len()];
        }
        self.complete_aborted(&lacking)?;
        Ok(scan.tail)
    }

    /// A log without a record, from `base_offset` on.
    fn create_empty(&mut self, base_offset: i64) -> Result<TailState> {
        // The log last: an index without its log is a leftover, a log without its index costs a rebuild.
        for kind in [SegmentFile::Index, SegmentFile::TimeIndex, SegmentFile::Log] {
            self.dir.create_file(&kind.name(base_offset))?;
        }
        self.dir.sync()?;
        self.bases = vec![base_offset];
        Ok(TailState::empty(base_offset, clock::now_ms(), 0))
    }

    /// The checkpoint says that the log starts above its end: all that is there was deleted once. It is set aside all the same, since a checkpoint can be wrong.
    fn start_over(&mut self, log_start: i64, end_offset: i64) -> Result<TailState> {
        let reason = format!("the log ends at {end_offset}, below its start {log_start}");
        for &base in self.bases.iter().rev() {
            self.report.push(retire(self.dir, base, &reason)?);
        }
        self.loss = Loss::Certain;
        self.create_empty(log_start)
    }

    fn finish_producers(&mut self, scanned: ProducerState, shutdown: Shutdown, end: i64) -> Result<ProducerState> {
        let producers = match shutdown {
            Shutdown::Clean => {
                let interval = self.config.index_interval_bytes;
                producer_recovery::at_clean_end(self.dir, interval, &self.bases, end)?
            }
            Shutdown::Unclean { .. } => scanned,
        };
        producer_recovery::tidy_snapshots(self.dir, &self.bases, end, &mut self.report)?;
        producer_recovery::leave_snapshot(self.dir, &producers, end, shutdown)?;
        Ok(producers)
    }

    /// Which epoch the next records belong to. Where something may have been dropped it is one that nobody has seen, and is on disk before a record can carry it.
    fn finish_epochs(
        &mut self,
        shutdown: Shutdown,
        scanned: &[(i32, i64)],
        log_start: i64,
        tail: &TailState,
    ) -> Result<i32> {
        let mut epochs = match LeaderEpochs::read(self.dir) {
            Ok(epochs) => epochs,
            Err(Error::Corrupt { reason, .. }) => {
                self.report.push(Json::object(&[
                    ("event", &"rebuilt"),
                    ("file", &LEADER_EPOCH_CHECKPOINT),
                    ("reason", &reason),
                ]));
                LeaderEpochs::default()
            }
            Err(error) => return Err(error),
        };
        let before = epochs.clone();
        for &(epoch, offset) in scanned {
            match epochs.newest() {
                _ if epoch < 0 => {}
                // A log that was closed in good order was walked from somewhere in its middle: the epoch began before.
                None if shutdown == Shutdown::Clean => epochs.assign(epoch, log_start),
                Some(newest) if newest >= epoch => {}
                _ => epochs.assign(epoch, offset),
            }
        }
        let epoch = match (self.loss, epochs.newest()) {
            (Loss::None, newest) => newest.unwrap_or(0),
            (Loss::Possible, None) => 0,
            (Loss::Certain, None) => 1,
            (_, Some(newest)) => newest.saturating_add(1),
        };
        let start = if epochs.entries.is_empty() && epoch == 0 { log_start } else { tail.end_offset };
        // An entry at the very end is a leader's that has written nothing yet; only those above it are about records that are gone.
        epochs.truncate(tail.end_offset.saturating_add(1));
        if epochs.newest() != Some(epoch) {
            epochs.assign(epoch, start);
        }
        if epochs != before {
            epochs.write(self.dir)?;
        }
        Ok(epoch)
    }
}
