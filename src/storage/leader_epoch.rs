//! Kafka's `leader-epoch-checkpoint` of a partition: which leader epoch began at which offset.
//!
//! ```text
//! 0         version
//! 2         how many lines follow
//! 0 0       epoch, first offset
//! 3 300
//! ```
//! Both columns strictly increase. The last entry may point at the log's end, where nothing has been written yet.

use super::checkpoint::{self, number};
use super::names::LEADER_EPOCH_CHECKPOINT;
use crate::error::{Error, Result};
use crate::sys::Dir;

const TEMPORARY: &str = "ckafka.epoch.tmp";

/// Epochs and the offsets they start at, both strictly increasing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeaderEpochs {
    /// (epoch, start offset).
    pub entries: Vec<(i32, i64)>,
}

impl LeaderEpochs {
    /// Reads the checkpoint; missing or empty: no entries; malformed: `Corrupt`.
    pub fn read(dir: &Dir) -> Result<Self> {
        let content = dir.read_small(LEADER_EPOCH_CHECKPOINT, checkpoint::SIZE_MAX)?.unwrap_or_default();
        Self::parse(&content).map_err(|reason| Error::Corrupt {
            path: dir.path().join(LEADER_EPOCH_CHECKPOINT),
            position: 0,
            reason,
        })
    }

    fn parse(content: &[u8]) -> std::result::Result<Self, String> {
        let entries = checkpoint::parse_lines(content, |line| {
            let mut words = line.split_whitespace();
            let epoch = number(words.next()?).filter(|epoch| *epoch >= 0)?;
            let offset = number(words.next()?).filter(|offset| *offset >= 0)?;
            words.next().is_none().then_some((epoch, offset))
        })?;
        for pair in entries.windows(2) {
            if let [before, after] = pair
                && (before.0 >= after.0 || before.1 >= after.1)
            {
                return Err(format!("epoch {} at {} follows epoch {} at {}", after.0, after.1, before.0, before.1));
            }
        }
        Ok(Self { entries })
    }

    /// The newest epoch, if there is one.
    #[must_use]
    pub fn newest(&self) -> Option<i32> {
        self.entries.last().map(|(epoch, _)| *epoch)
    }

    /// Adds an epoch that starts at `offset`; entries that start at or above it, or have a greater epoch, fall. The newest epoch given again changes nothing.
    pub fn assign(&mut self, epoch: i32, offset: i64) {
        if self.entries.last().is_some_and(|(newest, start)| *newest == epoch && *start <= offset) {
            return;
        }
        // Both columns rise, so what stays is a first part; the entries that fall are looked at, no others.
        while self.entries.last().is_some_and(|(known, start)| *known >= epoch || *start >= offset) {
            self.entries.pop();
        }
        self.entries.push((epoch, offset));
    }

    /// Drops entries that start at or above `end`.
    pub fn truncate(&mut self, end: i64) {
        self.entries.retain(|(_, start)| *start < end);
    }

    /// Replaces the checkpoint durably.
    pub fn write(&self, dir: &Dir) -> Result<()> {
        let text = checkpoint::lines(self.entries.iter().map(|(epoch, offset)| format!("{epoch} {offset}")));
        dir.replace(LEADER_EPOCH_CHECKPOINT, TEMPORARY, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::testing::Folder;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        LeaderEpochs { entries: entries.to_vec() }
    }

    #[test]
    fn files_round_trip_and_malformed_ones_are_refused() {
        let folder = Folder::new("epochs");
        assert_eq!(LeaderEpochs::read(&folder.dir).unwrap(), epochs(&[]));
        epochs(&[(0, 0), (6, 130)]).write(&folder.dir).unwrap();
        assert_eq!(folder.read(LEADER_EPOCH_CHECKPOINT), b"0\n2\n0 0\n6 130\n");
        assert_eq!(LeaderEpochs::read(&folder.dir).unwrap(), epochs(&[(0, 0), (6, 130)]));
        for malformed in ["0\n2\n0 0\n0 5\n", "0\n2\n0 5\n1 5\n", "0\n1\n-1 0\n", "0\n1\n0\n", "2\n0\n"] {
            folder.write(LEADER_EPOCH_CHECKPOINT, malformed.as_bytes());
            assert!(matches!(LeaderEpochs::read(&folder.dir), Err(Error::Corrupt { .. })), "{malformed:?}");
        }
    }

    #[test]
    fn a_log_whose_every_batch_has_a_new_epoch_takes_no_time() {
        let mut all = LeaderEpochs::default();
        for number in 0..1_000_000 {
            all.assign(number, i64::from(number));
        }
        assert_eq!(all.entries.len(), 1_000_000);
    }

    #[test]
    fn assignment_keeps_both_columns_increasing() {
        let mut all = epochs(&[(0, 0), (2, 10), (5, 20)]);
        all.assign(5, 30);
        assert_eq!(all, epochs(&[(0, 0), (2, 10), (5, 20)]), "the newest epoch goes on");
        all.assign(6, 20);
        assert_eq!(all, epochs(&[(0, 0), (2, 10), (6, 20)]), "an epoch without a record falls");
        all.assign(2, 15);
        assert_eq!(all, epochs(&[(0, 0), (2, 15)]));
        all.truncate(15);
        assert_eq!(all, epochs(&[(0, 0)]));
        assert_eq!(all.newest(), Some(0));
    }
}
