//! Control batches: transaction markers.

use super::{BatchError, BatchHeader};

/// What a control batch says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlMarker {
    /// The producer's transaction was aborted.
    Abort {
        /// Epoch of the coordinator that wrote it.
        coordinator_epoch: i32,
    },
    /// The producer's transaction was committed.
    Commit {
        /// Epoch of the coordinator that wrote it.
        coordinator_epoch: i32,
    },
    /// Any other control record (KRaft's), by its type number.
    Other(i16),
}

/// Reads the marker of a control batch (`batch` is whole, uncompressed). A control batch emptied by compaction is `Ok(None)`.
pub fn control_marker(_header: &BatchHeader, _batch: &[u8]) -> Result<Option<ControlMarker>, BatchError> {
    todo!()
}
