//! Producer state: what idempotent and transactional producers last wrote, and Kafka's `.snapshot` files. (to be implemented)

use crate::error::Result;
use crate::record::BatchHeader;
use crate::sys::Dir;

/// Last batches of producers, by producer id, and open transactions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProducerState {
    _todo: (),
}

impl ProducerState {
    /// Loads the newest valid snapshot at or below `end`; its offset, and the reasons why newer ones were passed over. None: empty state at `start`.
    pub fn load(_dir: &Dir, _start: i64, _end: i64) -> Result<(Self, i64)> {
        todo!()
    }
    /// Takes a batch into account (`batch` whole for control batches). The aborted transaction that an abort marker ends, if any.
    pub fn apply(&mut self, _header: &BatchHeader, _batch: &[u8]) -> Option<super::transactions::AbortedTransaction> {
        todo!()
    }
    /// First offset of the earliest open transaction.
    #[must_use]
    pub fn first_open_transaction(&self) -> Option<i64> {
        todo!()
    }
    /// Writes `<offset>.snapshot` durably.
    pub fn write_snapshot(&self, _dir: &Dir, _offset: i64) -> Result<()> {
        todo!()
    }
    /// The snapshot's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        todo!()
    }
}
