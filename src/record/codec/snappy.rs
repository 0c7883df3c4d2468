//! Snappy in both framings: Java's (xerial) and one raw block, as librdkafka writes it.
//!
//! ```text
//! xerial:  82 53 4e 41 50 50 59 00   i32 version 1   i32 compatible version 1
//!          then, until the end:      i32 size, raw block of that size (32 KiB before compression)
//! raw:     varint size before compression, elements
//! ```
//!
//! A raw block cannot begin like a xerial stream: its first element would be a copy, of nothing. Written is xerial.

use super::super::BatchError;
use super::{Codec, failed, reserve};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const VERSION: i32 = 1;
const STREAM_HEADER_SIZE: usize = 16;
/// Java's block size.
const BLOCK_SIZE: usize = 32 * 1024;
/// No element makes more of its bytes: a copy of 64 takes three. A declared size above this is a lie.
const EXPANSION_MAX: usize = 22;

/// The hash tables.
#[derive(Default)]
pub(super) struct Encoder {
    state: Option<Box<snap::raw::Encoder>>,
}

impl Encoder {
    pub(super) fn compress(&mut self, records: &[u8], out: &mut Vec<u8>) -> Result<(), BatchError> {
        let state = self.state.get_or_insert_with(|| Box::new(snap::raw::Encoder::new()));
        let block_size_max = snap::raw::max_compress_len(BLOCK_SIZE);
        reserve(Codec::Snappy, out, STREAM_HEADER_SIZE + 4 + block_size_max)?;
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&VERSION.to_be_bytes());
        for block in records.chunks(BLOCK_SIZE) {
            let start = out.len() + 4;
            out.try_reserve(4 + block_size_max).map_err(|_| failed(Codec::Snappy, "no memory".to_owned()))?;
            out.resize(start + block_size_max, 0);
            let size =
                state.compress(block, &mut out[start..]).map_err(|error| failed(Codec::Snappy, error.to_string()))?;
            out[start - 4..start].copy_from_slice(&(size as u32).to_be_bytes());
            out.truncate(start + size);
        }
        Ok(())
    }
}

/// Decompresses either framing.
pub(super) fn decompress(compressed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
    if !compressed.starts_with(&MAGIC) {
        return block(compressed, limit, out);
    }
    let mut rest = compressed;
    while !rest.is_empty() {
        // Streams written one after the other repeat the header, which no block size can be: it is negative.
        if rest.starts_with(&MAGIC) {
            rest = stream_header(rest)?;
            continue;
        }
        let Some((size, behind)) = rest.split_first_chunk::<4>() else {
            return Err(failed(Codec::Snappy, format!("{} bytes where a block's size belongs", rest.len())));
        };
        let size = i32::from_be_bytes(*size);
        let Some((bytes, behind)) = usize::try_from(size).ok().and_then(|size| behind.split_at_checked(size)) else {
            return Err(failed(Codec::Snappy, format!("block of {size} bytes with {} left", behind.len())));
        };
        block(bytes, limit, out)?;
        rest = behind;
    }
    Ok(())
}

/// Checks the xerial header; what follows it.
fn stream_header(bytes: &[u8]) -> Result<&[u8], BatchError> {
    let Some((header, rest)) = bytes.split_first_chunk::<STREAM_HEADER_SIZE>() else {
        return Err(failed(Codec::Snappy, format!("stream header of {} bytes", bytes.len())));
    };
    let [.., c0, c1, c2, c3] = *header;
    let compatible = i32::from_be_bytes([c0, c1, c2, c3]);
    if compatible != VERSION {
        return Err(failed(Codec::Snappy, format!("framing asks for a reader of version {compatible}, expected 1")));
    }
    Ok(rest)
}

/// Decompresses one raw block behind what is in `out`.
fn block(compressed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
    if compressed.is_empty() {
        return Err(failed(Codec::Snappy, "empty block".to_owned()));
    }
    let size = snap::raw::decompress_len(compressed).map_err(|error| failed(Codec::Snappy, error.to_string()))?;
    if size > limit.saturating_sub(out.len()) {
        return Err(BatchError::OutputLimit { limit });
    }
    if size > compressed.len().saturating_mul(EXPANSION_MAX) {
        return Err(failed(Codec::Snappy, format!("{} bytes claim to hold {size}", compressed.len())));
    }
    let start = out.len();
    if size > out.capacity() - start {
        // Doubling, as blocks are many; never past the limit.
        let additional = size.max(start).min(limit - start);
        reserve(Codec::Snappy, out, additional)?;
    }
    out.resize(start + size, 0);
    snap::raw::Decoder::new()
        .decompress(compressed, &mut out[start..])
        .map_err(|error| failed(Codec::Snappy, error.to_string()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Encoder, MAGIC, decompress};
    use crate::record::BatchError;

    fn xerial(records: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Encoder::default().compress(records, &mut out).unwrap();
        out
    }

    #[test]
    fn both_framings_are_read() {
        let records: Vec<u8> = (0..100_000_u32).map(|n| (n / 9) as u8).collect();
        let mut out = Vec::new();
        let framed = xerial(&records);
        assert_eq!(&framed[..16], &[0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
        decompress(&framed, records.len(), &mut out).unwrap();
        assert_eq!(out, records);
        out.clear();
        let raw = snap::raw::Encoder::new().compress_vec(&records).unwrap();
        decompress(&raw, records.len(), &mut out).unwrap();
        assert_eq!(out, records);
    }

    #[test]
    fn streams_written_one_after_the_other_are_one() {
        let mut out = Vec::new();
        decompress(&[xerial(b"abc"), xerial(b""), xerial(b"def")].concat(), 6, &mut out).unwrap();
        assert_eq!(out, b"abcdef");
    }

    #[test]
    fn sizes_are_checked_before_they_are_believed() {
        let mut out = Vec::new();
        let claims = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
        assert_eq!(decompress(&claims, 1 << 20, &mut out), Err(BatchError::OutputLimit { limit: 1 << 20 }));
        assert!(matches!(decompress(&claims, usize::MAX, &mut out), Err(BatchError::Compression { .. })));
        assert_eq!(out.capacity(), 0);
        let mut framed = xerial(b"abc");
        for size in [-1, i32::MIN, i32::MAX, 0, 4] {
            framed[16..20].copy_from_slice(&i32::to_be_bytes(size));
            assert!(decompress(&framed, 100, &mut Vec::new()).is_err(), "block size {size}");
        }
        let mut newer = xerial(b"abc");
        newer[15] = 2;
        assert!(decompress(&newer, 100, &mut Vec::new()).is_err());
        assert!(decompress(&MAGIC, 100, &mut Vec::new()).is_err());
        assert!(decompress(b"", 100, &mut Vec::new()).is_err());
    }
}
