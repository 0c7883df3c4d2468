//! How much a Zstandard stream can unpack to, from its block headers alone.
//!
//! ```text
//! 28 b5 2f fd   magic                        5x 2a 4d 18, u32 size: a frame to skip
//! descriptor    bits 7-6 size of the content size, 5 single segment, 2 checksum, 1-0 size of the dictionary id
//! window        1 byte, unless single segment
//! dictionary id 0, 1, 2 or 4 bytes           content size: 0 (1 if single segment), 2, 4 or 8 bytes
//! blocks        24 bits: 0 last, 1-2 kind (raw, one byte repeated, compressed), 3-23 size; then their bytes
//! checksum      4 bytes, if the descriptor says so
//! ```
//!
//! Kafka's writers leave the content size out. Nothing is decoded here, and what makes no sense is left for the decoder to
//! name.

const MAGIC: u32 = 0xfd2f_b528;
const SKIPPABLE: u32 = 0x184d_2a50;
const BLOCK_SIZE_MAX: usize = 128 * 1024;

/// Bytes that the stream cannot exceed; `None` where it is not a whole one.
pub(super) fn content_size_max(compressed: &[u8]) -> Option<usize> {
    let mut rest = compressed;
    let mut size = 0_usize;
    while !rest.is_empty() {
        let magic = number(&mut rest, 4)? as u32;
        if magic & 0xffff_fff0 == SKIPPABLE {
            let skipped = number(&mut rest, 4)?;
            skip(&mut rest, skipped)?;
        } else if magic == MAGIC {
            size = size.checked_add(frame_size_max(&mut rest)?)?;
        } else {
            return None;
        }
    }
    Some(size)
}

fn frame_size_max(rest: &mut &[u8]) -> Option<usize> {
    let descriptor = number(rest, 1)?;
    let is_single_segment = descriptor & 0x20 != 0;
    let window_len = usize::from(!is_single_segment);
    let dictionary_id_len = [0, 1, 2, 4][(descriptor & 3) as usize];
    let content_size_len = match descriptor >> 6 {
        0 => usize::from(is_single_segment),
        power => 1 << power,
    };
    skip(rest, (window_len + dictionary_id_len + content_size_len) as u64)?;
    let mut size = 0_usize;
    loop {
        let block = number(rest, 3)?;
        let block_size = block >> 3;
        let (stored, content) = match block >> 1 & 3 {
            0 => (block_size, block_size as usize),
            1 => (1, block_size as usize),
            2 => (block_size, BLOCK_SIZE_MAX),
            _ => return None,
        };
        skip(rest, stored)?;
        size = size.checked_add(content)?;
        if block & 1 == 1 {
            break;
        }
    }
    skip(rest, descriptor & 4)?;
    Some(size)
}

/// The little-endian number in the next `len` bytes, at most eight.
fn number(rest: &mut &[u8], len: usize) -> Option<u64> {
    let (bytes, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn skip(rest: &mut &[u8], size: u64) -> Option<()> {
    *rest = rest.get(usize::try_from(size).ok()?..)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_SIZE_MAX, content_size_max};
    use crate::record::{Codec, Compression};

    #[test]
    fn the_bound_holds_and_is_near() {
        for size in [0, 1, 255, 256, 100_000, 131_072, 131_073, 700_000] {
            for noise in [0, 0xff] {
                let mut state = 1_u32;
                let mut next = || {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8 & noise
                };
                let records: Vec<u8> = (0..size).map(|_| next()).collect();
                let mut stored = Vec::new();
                Compression { codec: Codec::Zstd, level: None }.compress(&records, &mut stored).unwrap();
                let bound = content_size_max(&stored).unwrap();
                assert!((size..=size + BLOCK_SIZE_MAX).contains(&bound), "{size} bytes, bound {bound}");
                for cut in 1..stored.len().min(300) {
                    assert_eq!(content_size_max(&stored[..cut]), None, "cut at {cut}");
                }
                let skippable = [&[0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9][..], &stored].concat();
                assert_eq!(content_size_max(&skippable), Some(bound));
            }
        }
        assert_eq!(content_size_max(b"not a frame"), None);
    }
}
