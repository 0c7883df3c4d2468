//! Control batches: transaction markers, read and written.
//!
//! ```text
//! key    i16 version 0   i16 type: 0 abort, 1 commit, 2 to 6 KRaft's
//! value  i16 version 0   i32 coordinatorEpoch                          (abort and commit)
//! ```
//!
//! A control batch is never compressed and holds one record, which takes an offset and is never shown to applications.
//! Versions other than 0 are read as Kafka reads them: later ones may add fields behind these, not move them.

use super::{Attributes, BatchError, BatchHeader, Codec, RecordIter, batch};

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

/// How a producer's transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionEnd {
    /// Its records do not count.
    Abort,
    /// Its records count.
    Commit,
}

/// Bytes of a batch with one abort or commit marker.
pub const MARKER_BATCH_SIZE: usize = BatchHeader::SIZE + 17;

/// Reads the marker of a control batch (`batch` is whole, uncompressed). A control batch emptied by compaction is
/// `Ok(None)`.
pub fn control_marker(header: &BatchHeader, batch: &[u8]) -> Result<Option<ControlMarker>, BatchError> {
    if !header.attributes.is_control() || header.attributes.codec()? != Codec::None {
        return Err(malformed("not an uncompressed control batch".to_owned()));
    }
    let Some(record) = RecordIter::new(header, header.record_area(batch)?).next() else {
        return Ok(None);
    };
    let record = record?;
    let Some(&[v0, v1, t0, t1]) = record.key.and_then(<[u8]>::first_chunk::<4>) else {
        return Err(malformed(format!("control record's key is {:?}, expected 4 bytes", record.key)));
    };
    if i16::from_be_bytes([v0, v1]) < 0 {
        return Err(malformed(format!("control record's key has version {}", i16::from_be_bytes([v0, v1]))));
    }
    let kind = i16::from_be_bytes([t0, t1]);
    if !(0..=1).contains(&kind) {
        return Ok(Some(ControlMarker::Other(kind)));
    }
    let Some(&[_, _, e0, e1, e2, e3]) = record.value.and_then(<[u8]>::first_chunk::<6>) else {
        return Err(malformed(format!("marker's value is {:?}, expected 6 bytes", record.value)));
    };
    let coordinator_epoch = i32::from_be_bytes([e0, e1, e2, e3]);
    Ok(Some(match kind {
        0 => ControlMarker::Abort { coordinator_epoch },
        _ => ControlMarker::Commit { coordinator_epoch },
    }))
}

/// A whole batch that ends a producer's transaction, base offset 0 and leader epoch -1, ready for `stamp`.
#[must_use]
pub fn marker_batch(
    end: TransactionEnd,
    coordinator_epoch: i32,
    producer_id: i64,
    producer_epoch: i16,
    timestamp_ms: i64,
) -> [u8; MARKER_BATCH_SIZE] {
    let mut bytes = [0; MARKER_BATCH_SIZE];
    let header = BatchHeader {
        base_offset: 0,
        batch_length: (MARKER_BATCH_SIZE - BatchHeader::PREFIX) as i32,
        partition_leader_epoch: -1,
        crc: 0,
        attributes: Attributes::marker(),
        last_offset_delta: 0,
        base_timestamp: timestamp_ms,
        max_timestamp: timestamp_ms,
        producer_id,
        producer_epoch,
        base_sequence: -1,
        record_count: 1,
    };
    if let Some(head) = bytes.first_chunk_mut() {
        header.write(head);
    }
    let kind = match end {
        TransactionEnd::Abort => 0,
        TransactionEnd::Commit => 1,
    };
    let [e0, e1, e2, e3] = coordinator_epoch.to_be_bytes();
    // Length 16, attributes, deltas 0 and 0, key of 4 bytes, value of 6, no headers; lengths in zigzag.
    let record = [0x20, 0, 0, 0, 8, 0, 0, 0, kind, 12, 0, 0, e0, e1, e2, e3, 0];
    bytes[BatchHeader::SIZE..].copy_from_slice(&record);
    batch::write_crc(&mut bytes);
    bytes
}

#[cold]
fn malformed(reason: String) -> BatchError {
    BatchError::Malformed { position: BatchHeader::SIZE as u64, reason }
}

#[cfg(test)]
mod tests {
    use super::{ControlMarker, TransactionEnd, control_marker, marker_batch};
    use crate::record::{Attributes, BatchHeader, check_crc};

    fn read(batch: &[u8]) -> Option<ControlMarker> {
        control_marker(&BatchHeader::parse(batch).unwrap(), batch).unwrap()
    }

    #[test]
    fn markers_return() {
        let abort = marker_batch(TransactionEnd::Abort, -7, 1, 2, 3);
        check_crc(&abort).unwrap();
        assert_eq!(read(&abort), Some(ControlMarker::Abort { coordinator_epoch: -7 }));
        let commit = marker_batch(TransactionEnd::Commit, 9, 1, 2, 3);
        assert_eq!(read(&commit), Some(ControlMarker::Commit { coordinator_epoch: 9 }));
    }

    #[test]
    fn other_types_empty_batches_and_damage() {
        let mut batch = marker_batch(TransactionEnd::Abort, 0, 1, 2, 3);
        batch[69] = 5;
        assert_eq!(read(&batch), Some(ControlMarker::Other(5)));
        let header = BatchHeader::parse(&batch).unwrap();
        let emptied = BatchHeader { record_count: 0, batch_length: 49, ..header };
        assert_eq!(control_marker(&emptied, &batch[..61]), Ok(None));
        let data = BatchHeader { attributes: Attributes(0), ..header };
        assert!(control_marker(&data, &batch).is_err());
        for cut in 0..batch.len() {
            assert!(control_marker(&header, &batch[..cut]).is_err());
        }
        for at in 61..batch.len() {
            for byte in 0..=255 {
                let mut damaged = batch;
                damaged[at] = byte;
                let _ = control_marker(&header, &damaged);
            }
        }
    }
}
