//! Kafka's offset checkpoints at the top of a data directory. (to be implemented)

use crate::error::Result;
use crate::sys::Dir;

/// One line: topic, partition, offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointEntry {
    /// Topic.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// First offset not known to be synced.
pub const RECOVERY_POINT: &str = "recovery-point-offset-checkpoint";
/// Log start offsets above the first segment's base.
pub const LOG_START: &str = "log-start-offset-checkpoint";

/// Reads a checkpoint. Missing or 0 bytes: no entries. An unreadable one (version, malformed line, count) counts as empty, with the reason for the report.
pub fn read(_dir: &Dir, _name: &str) -> Result<(Vec<CheckpointEntry>, Option<String>)> {
    todo!()
}

/// Replaces a checkpoint durably, other partitions' lines kept: each of `changes` sets (`Some`) or drops (`None`) a line. Only under the gate.
pub fn update(_dir: &Dir, _name: &str, _changes: &[(String, i32, Option<i64>)]) -> Result<()> {
    todo!()
}
