//! Gzip (RFC 1952) by zlib.
//!
//! Written as one member. Read as one or several, one after the other, which is what Java's reader takes too.

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

use super::super::BatchError;
use super::{Codec, failed, reserve};

/// Largest window, which every reader has.
const WINDOW_BITS: u8 = 15;
const MEMBER_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A deflate state, kept while the level stays the same.
#[derive(Default)]
pub(super) struct Encoder {
    state: Option<(i32, Compress)>,
}

impl Encoder {
    pub(super) fn compress(&mut self, level: i32, records: &[u8], out: &mut Vec<u8>) -> Result<(), BatchError> {
        let state = match &mut self.state {
            Some((kept, state)) if *kept == level => {
                state.reset();
                state
            }
            slot => &mut slot.insert((level, Compress::new_gzip(level_of(level), WINDOW_BITS))).1,
        };
        // Deflate's worst case, stored blocks, is far less than an eighth on top; the loop is for what it may owe inside.
        reserve(Codec::Gzip, out, records.len() + records.len() / 8 + 64)?;
        loop {
            let consumed = usize::try_from(state.total_in()).unwrap_or(records.len()).min(records.len());
            let status = state
                .compress_vec(&records[consumed..], out, FlushCompress::Finish)
                .map_err(|error| failed(Codec::Gzip, error.to_string()))?;
            if status == Status::StreamEnd {
                return Ok(());
            }
            reserve(Codec::Gzip, out, 4096)?;
        }
    }
}

fn level_of(level: i32) -> flate2::Compression {
    u32::try_from(level).map_or_else(|_| flate2::Compression::default(), flate2::Compression::new)
}

/// An inflate state.
#[derive(Default)]
pub(super) struct Decoder {
    state: Option<Decompress>,
}

impl Decoder {
    pub(super) fn decompress(&mut self, compressed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
        let state = self.state.get_or_insert_with(|| Decompress::new_gzip(WINDOW_BITS));
        let mut rest = compressed;
        loop {
            // Keeps the gzip format: `true` stands for "with the wrapper it was made for".
            state.reset(true);
            let consumed = inflate_member(state, rest, limit, out)?;
            rest = rest.get(consumed..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
            if !rest.starts_with(&MEMBER_MAGIC) {
                return Err(failed(Codec::Gzip, format!("{} bytes behind the end of the stream", rest.len())));
            }
        }
    }
}

/// Inflates one member behind what is in `out`; the bytes it took.
fn inflate_member(
    state: &mut Decompress,
    compressed: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<usize, BatchError> {
    loop {
        let consumed = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
        let rest = compressed.get(consumed..).unwrap_or_default();
        if out.len() == out.capacity() {
            // One byte above the limit, so that a stream that ends on it can say so.
            let most = limit.saturating_add(1).saturating_sub(out.len());
            reserve(Codec::Gzip, out, out.len().max(rest.len().saturating_mul(4)).clamp(512, 1 << 26).min(most))?;
        }
        let before = out.len();
        let status = state
            .decompress_vec(rest, out, FlushDecompress::None)
            .map_err(|error| failed(Codec::Gzip, state_message(state, &error)))?;
        if out.len() > limit {
            return Err(BatchError::OutputLimit { limit });
        }
        let taken = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
        match status {
            Status::StreamEnd => return Ok(taken),
            _ if taken == consumed && out.len() == before && before < out.capacity() => {
                return Err(failed(Codec::Gzip, format!("stream ends after {taken} bytes, before its end mark")));
            }
            _ => {}
        }
    }
}

fn state_message(state: &Decompress, error: &flate2::DecompressError) -> String {
    format!("{} after {} bytes", error.message().unwrap_or("damaged stream"), state.total_in())
}

#[cfg(test)]
mod tests {
    use super::{Decoder, Encoder};
    use crate::record::BatchError;

    fn gzip(records: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Encoder::default().compress(-1, records, &mut out).unwrap();
        out
    }

    #[test]
    fn several_members_are_one_stream_and_anything_else_behind_is_an_error() {
        let mut decoder = Decoder::default();
        let mut out = Vec::new();
        let mut bytes = gzip(b"abc");
        bytes.extend(gzip(b""));
        bytes.extend(gzip(b"def"));
        decoder.decompress(&bytes, 6, &mut out).unwrap();
        assert_eq!(out, b"abcdef");
        for tail in [&b"\0"[..], b"\x1f", b"\x1f\x8b", b"garbage"] {
            let longer = [&bytes[..], tail].concat();
            out.clear();
            assert!(matches!(decoder.decompress(&longer, 100, &mut out), Err(BatchError::Compression { .. })));
        }
    }

    #[test]
    fn the_kept_state_follows_the_level() {
        let records: Vec<u8> = (0..20_000_u32).map(|n| ((n * n) >> 7) as u8).collect();
        let mut encoder = Encoder::default();
        for level in [1, 9, 9, 1] {
            let (mut kept, mut fresh) = (Vec::new(), Vec::new());
            encoder.compress(level, &records, &mut kept).unwrap();
            Encoder::default().compress(level, &records, &mut fresh).unwrap();
            assert_eq!(kept, fresh, "level {level}");
        }
    }
}
