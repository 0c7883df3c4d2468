//! Views of batches that arrived from elsewhere, a socket for example: nothing is known of them but the bytes.

use std::path::PathBuf;
use std::sync::Arc;

use super::segment_bytes::copied;
use super::unpack::{check_crc, refused, unpack};
use super::view::{Memory, Parts, View};
use crate::error::{Error, Result};
use crate::record::{BatchError, BatchHeader, Codec, Decompressor, scan_entry};

/// What can be said about the next bytes.
enum Next {
    /// A whole batch whose checksum holds.
    Batch(BatchHeader),
    /// Not all of it has arrived.
    Incomplete,
}

/// Implements [`View::decode`].
pub(super) fn decode(bytes: &[u8], max_output: usize) -> Result<(Arc<View>, usize)> {
    let mut start = 0;
    let mut first_offset = 0;
    // Batches without records of their own lead to nothing that a view could show.
    loop {
        match next(bytes, start)? {
            Next::Batch(header) if header.attributes.is_control() || header.record_count == 0 => {
                start += header.size();
                first_offset = header.next_offset();
            }
            Next::Batch(header) => {
                return match header.attributes.codec().map_err(refused)? {
                    Codec::None => decode_run(bytes, start, &header, max_output),
                    codec => decode_compressed(bytes, start, &header, codec, max_output),
                };
            }
            Next::Incomplete => {
                let memory = Memory::Owned { bytes: Vec::new(), segment: None };
                return Ok((View::new(parts(memory, start, first_offset, first_offset, 0)), start));
            }
        }
    }
}

fn decode_run(bytes: &[u8], start: usize, first: &BatchHeader, max_output: usize) -> Result<(Arc<View>, usize)> {
    if first.size() > max_output {
        return Err(refused(BatchError::OutputLimit { limit: max_output }));
    }
    let mut end = start + first.size();
    let mut next_offset = first.next_offset();
    let mut record_count = usize::try_from(first.record_count).unwrap_or(0);
    // What is wrong behind good batches is told by the next call, which begins with it.
    while let Ok(Next::Batch(header)) = next(bytes, end) {
        let is_plain = header.attributes.codec() == Ok(Codec::None);
        if !is_plain || header.base_offset < next_offset || end + header.size() - start > max_output {
            break;
        }
        end += header.size();
        next_offset = header.next_offset();
        record_count = record_count.saturating_add(usize::try_from(header.record_count).unwrap_or(0));
    }
    let run = bytes.get(start..end).unwrap_or_default();
    let memory = Memory::Owned { bytes: copied(run)?, segment: None };
    Ok((View::new(parts(memory, start, first.base_offset, next_offset, record_count)), end))
}

fn decode_compressed(
    bytes: &[u8],
    start: usize,
    header: &BatchHeader,
    codec: Codec,
    max_output: usize,
) -> Result<(Arc<View>, usize)> {
    let end = start + header.size();
    let batch = bytes.get(start..end).unwrap_or_default();
    let records = unpack(&mut Decompressor::default(), codec, header, batch, max_output).map_err(refused)?;
    let memory = Memory::Owned { bytes: copied(batch)?, segment: None };
    let count = usize::try_from(header.record_count).unwrap_or(0);
    let mut parts = parts(memory, start, header.base_offset, header.next_offset(), count);
    parts.decompressed = Some(records);
    Ok((View::new(parts), end))
}

fn parts(memory: Memory, start: usize, first_offset: i64, next_offset: i64, record_count: usize) -> Parts {
    Parts {
        memory,
        position: start as u64,
        decompressed: None,
        first_offset,
        next_offset,
        record_count,
        hidden: Vec::new(),
    }
}

/// Looks at the batch at `start`.
fn next(bytes: &[u8], start: usize) -> Result<Next> {
    let rest = bytes.get(start..).unwrap_or_default();
    let header = match BatchHeader::parse(rest) {
        Ok(header) => header,
        Err(BatchError::Truncated { .. }) => return Ok(Next::Incomplete),
        Err(BatchError::OldMagic { magic }) => {
            let path = PathBuf::from("batches given by the caller");
            let offset = scan_entry(rest).map_or(-1, |entry| entry.base_offset);
            return Err(Error::UnsupportedMagic { path, position: start as u64, offset, magic });
        }
        Err(error) => return Err(refused(error)),
    };
    let Some(batch) = rest.get(..header.size()) else { return Ok(Next::Incomplete) };
    check_crc(&header, batch).map_err(refused)?;
    if header.last_offset() == i64::MAX {
        // The base offset lies outside the checksum; offsets beyond the last there is would wrap.
        let reason = format!("base offset {} leaves no room for {} more", header.base_offset, header.last_offset_delta);
        return Err(refused(BatchError::Malformed { position: 0, reason }));
    }
    Ok(Next::Batch(header))
}
