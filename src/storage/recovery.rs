//! Brings a partition folder into the state that a writer may append to, or finds out what a reader may read of it as it lies. (to be implemented)

use super::config::LogConfig;
use super::producers::ProducerState;
use super::tail::TailState;
use crate::error::Result;
use crate::sys::Dir;

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
    pub report: Vec<serde_json::Value>,
}

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
    pub report: Vec<serde_json::Value>,
}

/// Recovers a partition folder (PROTOCOL, *Recovery*). `log_start_checkpoint` from the checkpoint, 0 where it has no line. Under the append word. May be repeated after a crash or error at any point.
pub fn recover(
    _dir: &Dir,
    _topic: &str,
    _config: &LogConfig,
    _shutdown: Shutdown,
    _company: Company,
    _log_start_checkpoint: i64,
) -> Result<Recovered> {
    todo!()
}

/// Looks at a folder without changing it.
pub fn inspect(_dir: &Dir, _config: &LogConfig, _shutdown: Shutdown, _log_start_checkpoint: i64) -> Result<Inspected> {
    todo!()
}
