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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Aborted;
    use crate::record::{Attributes, BatchHeader};
    use crate::storage::config::LogConfig;
    use crate::storage::names::SegmentFile;
    use crate::storage::partition::PartitionLog;
    use crate::storage::recovery::Inspected;
    use crate::storage::testing::Folder;
    use crate::storage::transactions::{AbortedTransaction, encode};
    use crate::sys::Dir;

    fn aborted(producer_id: i64, first_offset: i64, last_offset: i64, stable: i64) -> AbortedTransaction {
        AbortedTransaction { producer_id, first_offset, last_offset, last_stable_offset: stable }
    }

    /// Segments at 0, 100 and 200; markers lie segments behind what they abort.
    fn log(folder: &Folder) -> Arc<PartitionLog> {
        let index = |base, entries: &[_]| folder.write(&SegmentFile::TxnIndex.name(base), &encode(entries));
        index(0, &[aborted(7, 10, 20, 15)]);
        index(200, &[aborted(8, 15, 210, 211), aborted(7, 150, 220, 221)]);
        let inspected = Inspected {
            segments: vec![(0, 0), (100, 0), (200, 0)],
            end_offset: 300,
            log_start: 0,
            open_transaction: None,
            report: Vec::new(),
        };
        let dir = Dir::open(folder.dir.path()).unwrap();
        PartitionLog::open_fixed(dir, "t", 0, LogConfig::default(), inspected, "nobody writes it")
    }

    fn batch(producer_id: i64, base_offset: i64, attributes: i16) -> BatchHeader {
        BatchHeader {
            base_offset,
            batch_length: 49,
            partition_leader_epoch: 0,
            crc: 0,
            attributes: Attributes(attributes),
            last_offset_delta: 0,
            base_timestamp: 0,
            max_timestamp: 0,
            producer_id,
            producer_epoch: 0,
            base_sequence: 0,
            record_count: 1,
        }
    }

    #[test]
    fn what_is_stable_does_not_end_below_the_log_s_start() {
        let folder = Folder::new("isolation");
        let inspected = Inspected {
            segments: vec![(0, 0)],
            end_offset: 100,
            log_start: 85,
            open_transaction: Some(50),
            report: Vec::new(),
        };
        let dir = Dir::open(folder.dir.path()).unwrap();
        let log = PartitionLog::open_fixed(dir, "t", 0, LogConfig::default(), inspected, "nobody writes it");
        assert_eq!(log.last_stable_offset(), 85);
    }

    #[test]
    fn a_batch_is_hidden_from_its_transactions_begin_to_its_marker() {
        let folder = Folder::new("isolation");
        let log = log(&folder);
        let list = log.segments().at(log.folder(), 0).unwrap();
        // In any order: a seek may come from anywhere.
        let cases = [
            (7, 10, true),
            (7, 9, false),
            (7, 19, true),
            (7, 21, false),
            (8, 10, false),
            (8, 15, true),
            (8, 120, true),
            (7, 120, false),
            (7, 150, true),
            (9, 150, false),
            (8, 209, true),
            (8, 212, false),
            (7, 219, true),
            (7, 250, false),
            (7, 12, true),
            (8, 200, true),
        ];
        let mut one = Aborted::default();
        for (producer, offset, hidden) in cases {
            let at = list.find(offset).unwrap();
            let mut fresh = Aborted::default();
            for aborted in [&mut one, &mut fresh] {
                let found = aborted.hides(&log, &list, at, 300, &batch(producer, offset, 0x10)).unwrap();
                assert_eq!(found, hidden, "producer {producer} at {offset}");
            }
        }
        assert!(!one.hides(&log, &list, 0, 300, &batch(7, 12, 0)).unwrap(), "not of a transaction");
        assert!(!one.hides(&log, &list, 0, 300, &batch(7, 20, 0x30)).unwrap(), "a marker is not hidden twice");
    }
}
