//! Producer state: what idempotent and transactional producers last wrote, and Kafka's `.snapshot` files.
//!
//! ```text
//! byte  size  type  field, big-endian
//!    0     2  i16   version 1
//!    2     4  u32   CRC-32C of byte 6 to the end
//!    6     4  i32   count of entries, each of 46 bytes:
//!    0     8  i64   producer id                     10+8   2  i16  producer epoch
//!   10     4  i32   last sequence                   14     8  i64  last offset
//!   22     4  i32   last offset less first offset of the last data batch
//!   26     8  i64   timestamp                       34     4  i32  coordinator epoch
//!   38     8  i64   first offset of the open transaction, -1 none
//! ```
//! A snapshot named `<offset>` covers all offsets below. Here nothing expires: a producer is carried through for as long
//! as files name it, and who serves producers decides which are too old. Nothing here decides whether a batch is in sequence.

use std::collections::BTreeMap;

use super::names::SegmentFile;
use super::transactions::AbortedTransaction;
use crate::error::{Error, Result};
use crate::record::{BatchHeader, ControlMarker, control_marker, crc32c};
use crate::sys::Dir;

const VERSION: i16 = 1;
const HEAD_SIZE: usize = 10;
const CHECKED_FROM: usize = 6;
const ENTRY_SIZE: usize = 46;
const TEMPORARY: &str = "ckafka.snapshot.tmp";
/// Nearly three million producers.
const SIZE_MAX: usize = 128 << 20;

/// What is known of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    /// Its epoch, -1 unknown.
    pub epoch: i16,
    /// Sequence number of the last record of its last batch; -1 none in this epoch.
    pub last_sequence: i32,
    /// Offset of that record, -1 none in this epoch.
    pub last_offset: i64,
    /// That offset less the first one of the batch.
    pub offset_delta: i32,
    /// Largest timestamp of its last batch, or its last marker's.
    pub timestamp: i64,
    /// Epoch of the coordinator that wrote its last marker, -1 none.
    pub coordinator_epoch: i32,
    /// First offset of its open transaction, -1 none.
    pub transaction_first_offset: i64,
}

const UNKNOWN: Producer = Producer {
    epoch: -1,
    last_sequence: -1,
    last_offset: -1,
    offset_delta: 0,
    timestamp: -1,
    coordinator_epoch: -1,
    transaction_first_offset: -1,
};

/// Last batches of producers, by producer id, and open transactions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProducerState {
    producers: BTreeMap<i64, Producer>,
}

/// What loading found.
#[derive(Debug, Default)]
pub struct LoadedSnapshot {
    /// The state as of `offset`.
    pub state: ProducerState,
    /// What it covers, exclusive; `None` where no snapshot could be used: then the state is empty, as of the log's start.
    pub offset: Option<i64>,
    /// Snapshots that are no use, with the reason: at an offset above the end, or damaged.
    pub unusable: Vec<(i64, String)>,
}

impl ProducerState {
    /// Loads the newest valid snapshot at or below `end`. Those between `end` and `log_end` are left out of account; above `log_end` they are unusable.
    pub fn load(dir: &Dir, snapshots: &[i64], end: i64, log_end: i64) -> Result<LoadedSnapshot> {
        let mut loaded = LoadedSnapshot::default();
        let mut offsets = snapshots.to_vec();
        offsets.sort_unstable();
        for &offset in offsets.iter().rev() {
            if offset > log_end {
                loaded.unusable.push((offset, format!("it is about offsets above the end, {log_end}")));
            } else if offset <= end {
                let name = SegmentFile::Snapshot.name(offset);
                let content = match dir.read_small(&name, SIZE_MAX) {
                    Ok(content) => Self::decode(&content.unwrap_or_default()),
                    Err(Error::Corrupt { reason, .. }) => Err(reason),
                    Err(error) => return Err(error),
                };
                match content {
                    Ok(state) => return Ok(LoadedSnapshot { state, offset: Some(offset), ..loaded }),
                    Err(reason) => loaded.unusable.push((offset, reason)),
                }
            }
        }
        Ok(loaded)
    }

    /// Takes a batch into account (`batch` whole for control batches). The aborted transaction that an abort marker ends, if any.
    pub fn apply(&mut self, header: &BatchHeader, batch: &[u8]) -> Option<AbortedTransaction> {
        if header.producer_id < 0 {
            return None;
        }
        if header.attributes.is_control() {
            return self.apply_marker(header, batch);
        }
        let producer = self.of_epoch(header);
        producer.last_sequence = last_sequence(header);
        producer.last_offset = header.last_offset();
        producer.offset_delta = header.last_offset_delta;
        producer.timestamp = header.max_timestamp;
        if header.attributes.is_transactional() && producer.transaction_first_offset < 0 {
            producer.transaction_first_offset = header.base_offset;
        }
        None
    }

    /// A marker ends the producer's transaction. One that compaction has emptied says nothing, and one that cannot be read is damage that the reader meets.
    fn apply_marker(&mut self, header: &BatchHeader, batch: &[u8]) -> Option<AbortedTransaction> {
        let marker = control_marker(header, batch).ok().flatten()?;
        let (ControlMarker::Abort { coordinator_epoch } | ControlMarker::Commit { coordinator_epoch }) = marker else {
            return None;
        };
        let producer = self.of_epoch(header);
        let first_offset = producer.transaction_first_offset;
        producer.coordinator_epoch = coordinator_epoch;
        producer.timestamp = header.max_timestamp;
        producer.transaction_first_offset = -1;
        if first_offset < 0 || !matches!(marker, ControlMarker::Abort { .. }) {
            return None;
        }
        let last_offset = header.base_offset;
        Some(AbortedTransaction {
            producer_id: header.producer_id,
            first_offset,
            last_offset,
            last_stable_offset: self.first_open_transaction().unwrap_or(last_offset.saturating_add(1)),
        })
    }

    /// The batch's producer. A new epoch forgets the last batch of the old one, as brokers do, but not the open transaction: its marker may come with the next epoch.
    fn of_epoch(&mut self, header: &BatchHeader) -> &mut Producer {
        let producer = self.producers.entry(header.producer_id).or_insert(UNKNOWN);
        if producer.epoch != header.producer_epoch {
            *producer = Producer {
                epoch: header.producer_epoch,
                last_sequence: -1,
                last_offset: -1,
                offset_delta: 0,
                ..*producer
            };
        }
        producer
    }

    /// First offset of the earliest open transaction.
    #[must_use]
    pub fn first_open_transaction(&self) -> Option<i64> {
        self.producers.values().map(|producer| producer.transaction_first_offset).filter(|offset| *offset >= 0).min()
    }

    /// The producers, by id.
    #[must_use]
    pub fn producers(&self) -> &BTreeMap<i64, Producer> {
        &self.producers
    }

    /// Writes `<offset>.snapshot` durably.
    pub fn write_snapshot(&self, dir: &Dir, offset: i64) -> Result<()> {
        dir.replace(&SegmentFile::Snapshot.name(offset), TEMPORARY, &self.encode())
    }

    /// The snapshot's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_SIZE + ENTRY_SIZE * self.producers.len());
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&i32::try_from(self.producers.len()).unwrap_or(i32::MAX).to_be_bytes());
        for (id, producer) in &self.producers {
            bytes.extend_from_slice(&id.to_be_bytes());
            bytes.extend_from_slice(&producer.epoch.to_be_bytes());
            bytes.extend_from_slice(&producer.last_sequence.to_be_bytes());
            bytes.extend_from_slice(&producer.last_offset.to_be_bytes());
            bytes.extend_from_slice(&producer.offset_delta.to_be_bytes());
            bytes.extend_from_slice(&producer.timestamp.to_be_bytes());
            bytes.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
            bytes.extend_from_slice(&producer.transaction_first_offset.to_be_bytes());
        }
        let crc = crc32c(&bytes[CHECKED_FROM..]).to_be_bytes();
        bytes[2..CHECKED_FROM].copy_from_slice(&crc);
        bytes
    }

    /// The state that a snapshot's bytes hold, or what is wrong with them.
    pub fn decode(bytes: &[u8]) -> std::result::Result<Self, String> {
        let (Some(head), Some(checked)) = (bytes.first_chunk::<HEAD_SIZE>(), bytes.get(CHECKED_FROM..)) else {
            return Err(format!("{} bytes, expected at least {HEAD_SIZE}", bytes.len()));
        };
        let [v0, v1, c0, c1, c2, c3, n0, n1, n2, n3] = *head;
        let version = i16::from_be_bytes([v0, v1]);
        if version != VERSION {
            return Err(format!("version {version}, expected {VERSION}"));
        }
        let (expected, found) = (u32::from_be_bytes([c0, c1, c2, c3]), crc32c(checked));
        if expected != found {
            return Err(format!("CRC-32C {found:#010x}, expected {expected:#010x}"));
        }
        let count = i32::from_be_bytes([n0, n1, n2, n3]);
        let (entries, rest) = bytes.get(HEAD_SIZE..).unwrap_or_default().as_chunks::<ENTRY_SIZE>();
        if !rest.is_empty() || usize::try_from(count) != Ok(entries.len()) {
            return Err(format!("{} bytes for {count} producers", bytes.len()));
        }
        let mut producers = BTreeMap::new();
        // Not collected: that sorts first, by code of its own.
        for (id, producer) in entries.iter().map(decode_entry) {
            producers.insert(id, producer);
        }
        if producers.len() != entries.len() {
            return Err("a producer stands in it twice".to_owned());
        }
        Ok(Self { producers })
    }
}

fn decode_entry(entry: &[u8; ENTRY_SIZE]) -> (i64, Producer) {
    let long = |at: usize| entry.get(at..).and_then(<[u8]>::first_chunk).map_or(-1, |b| i64::from_be_bytes(*b));
    let int = |at: usize| entry.get(at..).and_then(<[u8]>::first_chunk).map_or(-1, |b| i32::from_be_bytes(*b));
    let producer = Producer {
        epoch: i16::from_be_bytes([entry[8], entry[9]]),
        last_sequence: int(10),
        last_offset: long(14),
        offset_delta: int(22),
        timestamp: long(26),
        coordinator_epoch: int(34),
        transaction_first_offset: long(38),
    };
    (long(0), producer)
}

/// Sequence numbers wrap from 2^31-1 to 0.
fn last_sequence(header: &BatchHeader) -> i32 {
    match header.base_sequence.checked_add(header.last_offset_delta) {
        _ if header.base_sequence < 0 => -1,
        Some(sequence) => sequence,
        None => header.base_sequence.wrapping_add(header.last_offset_delta) & i32::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Attributes;
    use crate::storage::testing::Folder;

    /// kafka-storage: producer 4000, epoch 2.
    const EXAMPLE: [u8; 56] = [
        0x00, 0x01, 0xfa, 0x26, 0xa9, 0xfa, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0f, 0xa0,
        0x00, 0x02, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x66, 0x00, 0x00, 0x00, 0x02,
        0x00, 0x00, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x0a, 0x00, 0x00, 0x00, 0x03, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff,
    ];

    fn data(producer_id: i64, epoch: i16, base_offset: i64, count: i32) -> BatchHeader {
        BatchHeader {
            base_offset,
            batch_length: 49,
            partition_leader_epoch: 0,
            crc: 0,
            attributes: Attributes(0x10),
            last_offset_delta: count - 1,
            base_timestamp: 5,
            max_timestamp: 9,
            producer_id,
            producer_epoch: epoch,
            base_sequence: 0,
            record_count: count,
        }
    }

    fn marker(producer_id: i64, epoch: i16, offset: i64, kind: u8) -> (BatchHeader, Vec<u8>) {
        let header = BatchHeader {
            batch_length: 66,
            attributes: Attributes(0x30),
            base_sequence: -1,
            max_timestamp: 50,
            ..data(producer_id, epoch, offset, 1)
        };
        let mut bytes = vec![0; 61];
        header.write(bytes.first_chunk_mut().unwrap());
        bytes.extend_from_slice(&[0x20, 0, 0, 0, 8, 0, 0, 0, kind, 12, 0, 0, 0, 0, 0, 3, 0]);
        (header, bytes)
    }

    #[test]
    fn the_worked_example_round_trips() {
        let state = ProducerState::decode(&EXAMPLE).unwrap();
        let producer = state.producers()[&4000];
        assert_eq!((producer.epoch, producer.last_sequence, producer.last_offset), (2, 2, 102));
        assert_eq!((producer.coordinator_epoch, producer.transaction_first_offset), (3, -1));
        assert_eq!(state.encode(), EXAMPLE);
    }

    #[test]
    fn every_flipped_bit_of_a_snapshot_is_noticed() {
        for bit in 0..EXAMPLE.len() * 8 {
            let mut bytes = EXAMPLE;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(ProducerState::decode(&bytes).is_err(), "bit {bit}");
        }
        assert!(ProducerState::decode(&EXAMPLE[..55]).is_err());
        assert!(ProducerState::decode(&[]).is_err());
    }

    #[test]
    fn an_abort_ends_the_transaction_as_of_the_first_one_still_open() {
        let mut state = ProducerState::default();
        assert_eq!(state.apply(&data(1, 0, 10, 3), &[]), None);
        assert_eq!(state.apply(&data(2, 0, 13, 2), &[]), None);
        assert_eq!(state.apply(&data(1, 0, 15, 1), &[]), None);
        assert_eq!(state.first_open_transaction(), Some(10));
        let (header, batch) = marker(1, 0, 16, 0);
        let aborted = AbortedTransaction { producer_id: 1, first_offset: 10, last_offset: 16, last_stable_offset: 13 };
        assert_eq!(state.apply(&header, &batch), Some(aborted));
        assert_eq!(state.apply(&header, &batch), None, "an empty transaction leaves no entry");
        assert_eq!(state.first_open_transaction(), Some(13));
        let (header, batch) = marker(2, 1, 17, 1);
        assert_eq!(state.apply(&header, &batch), None, "a commit is no abort");
        assert_eq!(state.first_open_transaction(), None);
        // A marker of the next epoch forgets the batch, one of the same epoch keeps it.
        assert_eq!(state.producers()[&2].last_offset, -1);
        assert_eq!(state.producers()[&1].last_offset, 15);
    }

    #[test]
    fn sequences_wrap_and_producers_without_an_id_leave_no_trace() {
        let mut state = ProducerState::default();
        state.apply(&data(-1, -1, 0, 4), &[]);
        assert_eq!(state, ProducerState::default());
        let header = BatchHeader { base_sequence: i32::MAX - 1, ..data(7, 0, 0, 4) };
        state.apply(&header, &[]);
        assert_eq!(state.producers()[&7].last_sequence, 1);
    }

    #[test]
    fn the_newest_valid_snapshot_is_loaded() {
        let folder = Folder::new("snapshots");
        folder.write("00000000000000000005.snapshot", &EXAMPLE);
        folder.write("00000000000000000009.snapshot", &EXAMPLE[..40]);
        folder.write("00000000000000000020.snapshot", &EXAMPLE);
        let loaded = ProducerState::load(&folder.dir, &[5, 9, 20], 10, 15).unwrap();
        assert_eq!((loaded.offset, loaded.state.producers().len()), (Some(5), 1));
        assert_eq!(loaded.unusable.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [20, 9]);
        let none = ProducerState::load(&folder.dir, &[20], 10, 30).unwrap();
        assert_eq!((none.offset, none.unusable.len()), (None, 0));
    }
}
