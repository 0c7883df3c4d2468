//! Zstandard, one frame or several.
//!
//! A batch is decoded in one piece, not as a stream: the window that a frame asks for is then the output itself, and a
//! frame that asks for 128 MiB of it costs nothing. Kafka's own writers leave the content size out, so the room is taken
//! from the blocks (`zstd_bound`); where those would allow much more than such input usually holds, first from a guess.

use zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd_safe::{CCtx, CParameter, DCtx};

use super::super::BatchError;
use super::zstd_bound::content_size_max;
use super::{Codec, failed, reserve};

/// Records seldom compress better.
const RATIO_USUAL: usize = 16;

/// A compression context.
#[derive(Default)]
pub(super) struct Encoder {
    context: Option<CCtx<'static>>,
}

impl Encoder {
    pub(super) fn compress(&mut self, level: i32, records: &[u8], out: &mut Vec<u8>) -> Result<(), BatchError> {
        let context = match &mut self.context {
            Some(context) => context,
            slot => slot.insert(CCtx::try_create().ok_or_else(no_memory)?),
        };
        context.set_parameter(CParameter::CompressionLevel(level)).map_err(complaint)?;
        let start = out.len();
        let size_max = zstd_safe::compress_bound(records.len());
        reserve(Codec::Zstd, out, size_max)?;
        out.resize(start + size_max, 0);
        let size = context.compress2(&mut out[start..], records).map_err(complaint)?;
        out.truncate(start + size);
        Ok(())
    }
}

/// A decompression context.
#[derive(Default)]
pub(super) struct Decoder {
    context: Option<DCtx<'static>>,
}

impl Decoder {
    pub(super) fn decompress(&mut self, compressed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
        match zstd_safe::get_frame_content_size(compressed) {
            Ok(declared) if declared.is_some_and(|size| size > limit as u64) => {
                return Err(BatchError::OutputLimit { limit });
            }
            Ok(_) => {}
            Err(_) => return Err(failed(Codec::Zstd, "does not begin with a frame".to_owned())),
        }
        let Some(most) = content_size_max(compressed) else {
            return Err(failed(Codec::Zstd, "frames are cut short, or other bytes lie behind them".to_owned()));
        };
        let guess = compressed.len().saturating_mul(RATIO_USUAL);
        let context = match &mut self.context {
            Some(context) => context,
            slot => slot.insert(DCtx::try_create().ok_or_else(no_memory)?),
        };
        for room in [guess.min(most).min(limit), most.min(limit)] {
            reserve(Codec::Zstd, out, room)?;
            out.resize(room, 0);
            match context.decompress(&mut out[..], compressed) {
                Ok(size) => {
                    out.truncate(size);
                    return Ok(());
                }
                Err(code) if is_too_small(code) => out.clear(),
                Err(code) => return Err(complaint(code)),
            }
        }
        if most > limit {
            return Err(BatchError::OutputLimit { limit });
        }
        Err(failed(Codec::Zstd, format!("blocks hold more than their {most} bytes")))
    }
}

/// Whether the output did not fit; the library gives error numbers as negative sizes.
fn is_too_small(code: usize) -> bool {
    code.wrapping_neg() == ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as usize
}

fn complaint(code: usize) -> BatchError {
    failed(Codec::Zstd, zstd_safe::get_error_name(code).to_owned())
}

fn no_memory() -> BatchError {
    failed(Codec::Zstd, "no memory for its context".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Decoder, Encoder};
    use crate::record::BatchError;

    fn zstd(records: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Encoder::default().compress(3, records, &mut out).unwrap();
        out
    }

    #[test]
    fn several_frames_are_one_stream_and_anything_else_behind_is_an_error() {
        let mut decoder = Decoder::default();
        let mut out = Vec::new();
        let bytes = [zstd(b"abc"), zstd(b""), zstd(&[7; 100_000])].concat();
        decoder.decompress(&bytes, 100_003, &mut out).unwrap();
        assert_eq!(out, [&b"abc"[..], &[7; 100_000]].concat());
        out.clear();
        assert_eq!(decoder.decompress(&bytes, 100_002, &mut out), Err(BatchError::OutputLimit { limit: 100_002 }));
        for tail in [&b"\0"[..], b"\x28\xb5\x2f\xfd", b"garbage"] {
            out.clear();
            let longer = [&bytes[..], tail].concat();
            assert!(matches!(decoder.decompress(&longer, 1 << 20, &mut out), Err(BatchError::Compression { .. })));
        }
    }

    /// A frame without content size whose window is 128 MiB, holding three bytes.
    #[test]
    fn a_large_window_costs_nothing() {
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x19, 0, 0, b'a', b'b', b'c'];
        let mut out = Vec::new();
        Decoder::default().decompress(&frame, 1 << 20, &mut out).unwrap();
        assert_eq!(out, b"abc");
        assert!(out.capacity() <= 512);
    }
}
