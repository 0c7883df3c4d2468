//! File names inside a partition folder, ours and Kafka's.

/// The control page.
pub const CONTROL: &str = "ckafka.control";
/// The topic's non-default configuration.
pub const PROPERTIES: &str = "ckafka.properties";
/// The prepared segment and its indexes.
pub const NEXT: [&str; 3] = ["ckafka.next", "ckafka.next-index", "ckafka.next-timeindex"];
/// Kafka's leader epoch checkpoint.
pub const LEADER_EPOCH_CHECKPOINT: &str = "leader-epoch-checkpoint";
/// Kafka's topic id.
pub const PARTITION_METADATA: &str = "partition.metadata";

/// The files of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentFile {
    /// Record batches.
    Log,
    /// Offset index.
    Index,
    /// Time index.
    TimeIndex,
    /// Aborted transactions.
    TxnIndex,
    /// Producer snapshot (its number is the offset that it covers, exclusive).
    Snapshot,
}

impl SegmentFile {
    /// What follows the offset.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Log => ".log",
            Self::Index => ".index",
            Self::TimeIndex => ".timeindex",
            Self::TxnIndex => ".txnindex",
            Self::Snapshot => ".snapshot",
        }
    }

    /// The file's name for a base offset: 20 digits.
    #[must_use]
    pub fn name(self, base_offset: i64) -> String {
        format!("{base_offset:020}{}", self.suffix())
    }

    /// The base offset in a name of this kind. No offset has more than 20 digits, so a longer name is no segment's.
    #[must_use]
    pub fn parse(self, name: &str) -> Option<i64> {
        let digits = name.strip_suffix(self.suffix())?;
        if digits.len() != 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_strangers_are_refused() {
        assert_eq!(SegmentFile::Log.name(0), "00000000000000000000.log");
        assert_eq!(SegmentFile::Log.parse("00000000000000000308.log"), Some(308));
        assert_eq!(SegmentFile::Index.parse("00000000000000000308.log"), None);
        for stranger in [
            "1.log",
            "00000000000000000000.log.deleted",
            "+0000000000000000001.log",
            "99999999999999999999.log",
            "000000000000000000308.log",
        ] {
            assert_eq!(SegmentFile::Log.parse(stranger), None, "{stranger}");
        }
    }
}
