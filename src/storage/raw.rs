//! The checks on a ready batch that a caller brings: what a broker checks on a producer's (`LogValidator`), before it gets an offset.

use crate::error::{Error, Result};
use crate::record::{BatchError, BatchHeader, Codec, RecordIter, TimestampType, check_crc, crc32c, decompress};
use crate::sys::clock;

/// Decompressed records of one batch are never larger: what readers take too.
pub const DECOMPRESSED_MAX: usize = 1 << 30;
const LOG_APPEND_TIME_BIT: i16 = 0x08;

/// A copy of `batch`, known to be one whole batch that a client may append, with the log's timestamp type.
pub fn checked_copy(batch: &[u8], timestamp_type: TimestampType) -> Result<Vec<u8>> {
    let header = BatchHeader::parse(batch).map_err(Error::InvalidBatch)?;
    if header.size() != batch.len() {
        let error = BatchError::Truncated { needed: header.size() as u64, found: batch.len() as u64 };
        return Err(if header.size() > batch.len() {
            Error::InvalidBatch(error)
        } else {
            refused("more than one batch in one call")
        });
    }
    check_crc(batch).map_err(Error::InvalidBatch)?;
    check_rules(&header)?;
    check_records(&header, batch)?;
    let mut owned = Vec::new();
    owned
        .try_reserve_exact(batch.len())
        .map_err(|_| Error::OutOfMemory { what: "a copy of the batch", bytes: batch.len() })?;
    owned.extend_from_slice(batch);
    if timestamp_type == TimestampType::LogAppendTime {
        set_append_time(&mut owned, header);
    }
    Ok(owned)
}

fn refused(reason: &str) -> Error {
    Error::InvalidRecord { reason: reason.to_owned() }
}

fn check_rules(header: &BatchHeader) -> Result<()> {
    if header.attributes.is_control() {
        return Err(refused("a control batch; clients do not append those"));
    }
    if header.producer_id >= 0 || header.attributes.is_transactional() {
        return Err(refused(
            "a batch with a producer id or transaction; this directory has no coordinator to check it",
        ));
    }
    if header.record_count <= 0 || header.last_offset_delta != header.record_count - 1 {
        let (count, delta) = (header.record_count, header.last_offset_delta);
        return Err(Error::InvalidRecord { reason: format!("record count {count} with last offset delta {delta}") });
    }
    if header.attributes.timestamp_type() == TimestampType::LogAppendTime {
        return Err(Error::InvalidTimestamp { index: 0, found: header.max_timestamp });
    }
    Ok(())
}

fn check_records(header: &BatchHeader, batch: &[u8]) -> Result<()> {
    let codec = header.attributes.codec().map_err(Error::InvalidBatch)?;
    let mut decompressed = Vec::new();
    let stored = batch.get(BatchHeader::SIZE..).unwrap_or_default();
    let records = if codec == Codec::None {
        stored
    } else {
        decompress(codec, stored, DECOMPRESSED_MAX, &mut decompressed).map_err(Error::InvalidBatch)?;
        &decompressed
    };
    let mut largest = -1;
    for (index, record) in RecordIter::new(header, records).enumerate() {
        let record = record.map_err(Error::InvalidBatch)?;
        let expected = header.base_offset.wrapping_add(index as i64);
        if record.offset != expected {
            return Err(Error::InvalidRecord {
                reason: format!("record {index} has offset {}, expected {expected}", record.offset),
            });
        }
        largest = largest.max(record.timestamp);
    }
    if largest != header.max_timestamp {
        let found = header.max_timestamp;
        return Err(Error::InvalidRecord {
            reason: format!("max timestamp {found}, but the largest of the records is {largest}"),
        });
    }
    Ok(())
}

fn set_append_time(batch: &mut [u8], mut header: BatchHeader) {
    header.attributes.0 |= LOG_APPEND_TIME_BIT;
    header.max_timestamp = clock::now_ms();
    if let Some(bytes) = batch.first_chunk_mut::<{ BatchHeader::SIZE }>() {
        header.write(bytes);
    }
    header.crc = crc32c(batch.get(21..).unwrap_or_default());
    if let Some(bytes) = batch.first_chunk_mut::<{ BatchHeader::SIZE }>() {
        header.write(bytes);
    }
}
