//! Decompression of one batch for a view, bounded; and what the reading side makes of a bad batch.

use std::path::PathBuf;

use super::view::Decompressed;
use crate::error::Error;
use crate::record::{BatchError, BatchHeader, Codec, Decompressor};

/// What any batch may decompress to.
const OUTPUT_BYTES_LEAST: usize = 64 << 20;

/// How much larger than the batch its records may be, beyond that.
const OUTPUT_RATIO: usize = 32;

/// A batch holds no more.
const OUTPUT_BYTES_MAX: usize = i32::MAX as usize;

/// Bound of the decompressed records of a batch of `size` bytes: 64 MiB or 32 times its size, whichever is more.
///
/// A producer compresses what fits into its batch size, which is far below 64 MiB; a megabyte that claims more was
/// made to exhaust memory.
#[must_use]
pub fn output_limit(size: usize) -> usize {
    size.saturating_mul(OUTPUT_RATIO).clamp(OUTPUT_BYTES_LEAST, OUTPUT_BYTES_MAX)
}

/// Decompresses the records of a whole batch.
pub(super) fn unpack(
    decompressor: &mut Decompressor,
    codec: Codec,
    header: &BatchHeader,
    batch: &[u8],
    limit: usize,
) -> std::result::Result<Box<Decompressed>, BatchError> {
    let mut records = Vec::new();
    decompressor.decompress(codec, header.record_area(batch)?, limit, &mut records)?;
    Ok(Box::new(Decompressed { header: *header, records }))
}

/// The error for a batch on disk that is not as it should be. Old formats are named by who walks, who knows their offset.
#[cold]
pub(super) fn damaged(path: PathBuf, position: u64, error: &BatchError) -> Error {
    match error {
        BatchError::CodecMissing { codec } => Error::UnsupportedCodec { codec },
        other => Error::Corrupt { path, position, reason: other.to_string() },
    }
}

/// The error for a batch that somebody sent.
#[cold]
pub(super) fn refused(error: BatchError) -> Error {
    match error {
        BatchError::CodecMissing { codec } => Error::UnsupportedCodec { codec },
        other => Error::InvalidBatch(other),
    }
}

/// Whether bytes whose magic says 0 or 1 are a v2 batch whose magic byte was damaged: magic lies outside the checksum of
/// v2, which then still holds.
#[cold]
pub(super) fn is_damaged_v2(entry: &[u8]) -> bool {
    let size = entry.get(8..12).and_then(|length| length.first_chunk()).map(|length| i32::from_be_bytes(*length));
    let Some(size) = size.and_then(|length| usize::try_from(length).ok()) else { return false };
    let crc = entry.get(17..21).and_then(|crc| crc.first_chunk()).map(|crc| u32::from_be_bytes(*crc));
    let covered = entry.get(21..BatchHeader::PREFIX.saturating_add(size));
    match (crc, covered) {
        (Some(crc), Some(covered)) if covered.len() >= BatchHeader::SIZE - 21 => crate::record::crc32c(covered) == crc,
        _ => false,
    }
}

/// The leading part of `check_crc` is done by who parsed the header; this is the rest.
#[inline]
pub(super) fn check_crc(header: &BatchHeader, batch: &[u8]) -> std::result::Result<(), BatchError> {
    let Some(covered) = batch.get(21..header.size()) else {
        return Err(BatchError::Truncated { needed: header.size() as u64, found: batch.len() as u64 });
    };
    let found = crate::record::crc32c(covered);
    if found == header.crc { Ok(()) } else { Err(BatchError::Crc { expected: header.crc, found }) }
}

#[cfg(test)]
mod tests {
    use super::{is_damaged_v2, output_limit};
    use crate::record::BatchBuilder;

    #[test]
    fn a_batch_with_a_wrong_magic_is_told_from_an_old_one() {
        let mut builder = BatchBuilder::default();
        builder.add(1, None, Some(b"value"), &[]).unwrap();
        let mut batch = builder.finish(0).unwrap().to_vec();
        batch[16] = 0;
        assert!(is_damaged_v2(&batch));
        for cut in 0..batch.len() {
            assert!(!is_damaged_v2(&batch[..cut]));
        }
        batch[30] ^= 1;
        assert!(!is_damaged_v2(&batch));
    }

    #[test]
    fn output_is_bounded_by_the_batch_and_by_what_a_batch_holds() {
        assert_eq!(output_limit(0), 64 << 20);
        assert_eq!(output_limit(4 << 20), 128 << 20);
        assert_eq!(output_limit(usize::MAX), i32::MAX as usize);
    }
}
