//! Kafka's `leader-epoch-checkpoint` of a partition. (to be implemented)

use crate::error::Result;
use crate::sys::Dir;

/// Epochs and the offsets they start at, both strictly increasing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeaderEpochs {
    /// (epoch, start offset).
    pub entries: Vec<(i32, i64)>,
}

impl LeaderEpochs {
    /// Reads the checkpoint; missing or empty: no entries; malformed: `Corrupt`.
    pub fn read(_dir: &Dir) -> Result<Self> {
        todo!()
    }
    /// The newest epoch, if there is one.
    #[must_use]
    pub fn newest(&self) -> Option<i32> {
        todo!()
    }
    /// Adds an epoch that starts at `offset`; entries that start at or above it fall.
    pub fn assign(&mut self, _epoch: i32, _offset: i64) {
        todo!()
    }
    /// Drops entries that start at or above `end`.
    pub fn truncate(&mut self, _end: i64) {
        todo!()
    }
    /// Replaces the checkpoint durably.
    pub fn write(&self, _dir: &Dir) -> Result<()> {
        todo!()
    }
}
