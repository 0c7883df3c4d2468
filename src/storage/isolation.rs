//! Which batches a reader with `isolation.level=read_committed` does not see.
//!
//! A transactional batch is hidden if an aborted transaction of its producer spans it: a producer has one transaction
//! at a time, so this is what Kafka's consumer finds by following markers, without having to read from the start. The index entry of an
//! abort lies with its marker, which may be segments behind the batch.

use super::partition::PartitionLog;
use super::segments::SegmentList;
use super::transactions::{self, AbortedTransaction};
use crate::error::Result;
use crate::record::BatchHeader;

/// Aborted transactions as far as they were read.
#[derive(Debug, Default)]
pub struct Aborted {
    /// By producer and first offset.
    transactions: Vec<AbortedTransaction>,
    /// Offsets for which they are complete: `[from, to)`.
    from: i64,
    to: i64,
}

impl Aborted {
    /// Whether the batch belongs to an aborted transaction. It lies below the last stable offset `stable`, in segment `at` of the list.
    #[inline]
    pub fn hides(
        &mut self,
        log: &PartitionLog,
        list: &SegmentList,
        at: usize,
        stable: i64,
        header: &BatchHeader,
    ) -> Result<bool> {
        if !header.attributes.is_transactional() || header.attributes.is_control() {
            return Ok(false);
        }
        let offset = header.base_offset;
        if !(self.from..self.to).contains(&offset) {
            self.load(log, list, at, stable, offset)?;
        }
        let key = (header.producer_id, offset);
        let behind = self.transactions.partition_point(|aborted| (aborted.producer_id, aborted.first_offset) <= key);
        let last = behind.checked_sub(1).and_then(|at| self.transactions.get(at));
        Ok(last.is_some_and(|last| last.producer_id == header.producer_id && offset <= last.last_offset))
    }

    /// Reads from the batch's segment on, until an entry says that all that was open at the batch had ended, or to the last one:
    /// below the last stable offset nothing is open.
    #[cold]
    fn load(&mut self, log: &PartitionLog, list: &SegmentList, at: usize, stable: i64, offset: i64) -> Result<()> {
        self.transactions.clear();
        (self.from, self.to) = (offset, stable);
        for segment in (at..list.len()).filter_map(|at| list.get(at)) {
            let read = transactions::read(log.folder(), segment.base_offset())?;
            let settled = read.iter().map(|aborted| aborted.last_stable_offset).max().unwrap_or(i64::MIN);
            self.transactions.extend(read);
            if settled > offset {
                self.to = settled.min(stable);
                break;
            }
        }
        self.transactions.sort_unstable_by_key(|aborted| (aborted.producer_id, aborted.first_offset));
        Ok(())
    }
}
