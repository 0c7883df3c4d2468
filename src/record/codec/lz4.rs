//! LZ4 frames.
//!
//! ```text
//! 04 22 4d 18   magic
//! FLG           bits 7-6 version 01, 5 independent blocks, 4 block checksums, 3 content size, 2 content checksum,
//!               1 zero, 0 dictionary id
//! BD            bits 6-4 largest block: 4 64 KiB, 5 256 KiB, 6 1 MiB, 7 4 MiB; all others zero
//! u64           content size, if FLG says so
//! HC            second byte of the xxHash of FLG up to here
//! blocks        u32 size (top bit: stored as it is), bytes, u32 xxHash if FLG says so; size 0 ends them
//! u32           xxHash of the content, if FLG says so
//! ```
//!
//! Little-endian, unlike all else in a batch. Written is what Kafka's Java client writes, FLG 0x60 and BD 0x40, which is
//! also all that it reads: independent blocks of 64 KiB and no checksums, since the batch has a CRC. Read are all frames
//! without a dictionary. Exactly one frame makes a batch.

use lz4_flex::block::{CompressTable, DecompressError};

use super::super::BatchError;
use super::xxh32::xxh32;
use super::{Codec, failed, reserve};

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// Magic, FLG, BD and HC as Kafka writes them.
const FRAME_HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const BLOCK_SIZE: usize = 64 * 1024;
const STORED: u32 = 1 << 31;
/// How far back a linked block may refer.
const WINDOW_SIZE: usize = 64 * 1024;
/// No byte of a block makes more of itself: a match length grows by at most 255 a byte.
const EXPANSION_MAX: usize = 255;

/// The hash table. The encoder has one level.
#[derive(Default)]
pub(super) struct Encoder {
    table: Option<CompressTable>,
}

impl Encoder {
    pub(super) fn compress(&mut self, records: &[u8], out: &mut Vec<u8>) -> Result<(), BatchError> {
        let table = self.table.get_or_insert_with(CompressTable::large);
        let block_size_max = lz4_flex::block::get_maximum_output_size(BLOCK_SIZE);
        out.extend_from_slice(&FRAME_HEADER);
        for block in records.chunks(BLOCK_SIZE) {
            let start = out.len() + 4;
            out.try_reserve(8 + block_size_max).map_err(|_| failed(Codec::Lz4, "no memory".to_owned()))?;
            out.resize(start + block_size_max, 0);
            let size = lz4_flex::block::compress_into_with_table(block, &mut out[start..], table)
                .map_err(|error| failed(Codec::Lz4, error.to_string()))?;
            let size_field = if size < block.len() {
                out.truncate(start + size);
                size as u32
            } else {
                out.truncate(start);
                out.extend_from_slice(block);
                block.len() as u32 | STORED
            };
            out[start - 4..start].copy_from_slice(&size_field.to_le_bytes());
        }
        out.extend_from_slice(&[0; 4]);
        Ok(())
    }
}

/// What a frame header says.
struct Frame {
    block_size_max: usize,
    content_size: Option<u64>,
    links: Links,
    block_sums: Sums,
    content_sum: Sums,
}

/// Whether blocks refer to those before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    Independent,
    Linked,
}

/// Whether a checksum follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sums {
    Absent,
    Present,
}

impl Sums {
    fn of(flags: u8, bit: u8) -> Self {
        if flags & bit == 0 { Self::Absent } else { Self::Present }
    }
}

/// Decompresses one frame and refuses anything behind it.
pub(super) fn decompress(compressed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
    let mut rest = compressed;
    let frame = frame_header(&mut rest)?;
    if frame.content_size.is_some_and(|size| size > limit as u64) {
        return Err(BatchError::OutputLimit { limit });
    }
    loop {
        let size_field = take_u32(&mut rest, "block size")?;
        if size_field == 0 {
            break;
        }
        let size = (size_field & !STORED) as usize;
        if size > frame.block_size_max {
            return Err(failed(Codec::Lz4, format!("block of {size} bytes, largest {}", frame.block_size_max)));
        }
        let block = take(&mut rest, size, "block")?;
        if frame.block_sums == Sums::Present {
            check_sum(block, take_u32(&mut rest, "block checksum")?, "block")?;
        }
        if size_field & STORED == 0 {
            compressed_block(&frame, block, limit, out)?;
        } else {
            reserve_within(limit, block.len(), out)?;
            out.extend_from_slice(block);
        }
    }
    if frame.content_sum == Sums::Present {
        check_sum(out, take_u32(&mut rest, "content checksum")?, "content")?;
    }
    if let Some(size) = frame.content_size.filter(|size| *size != out.len() as u64) {
        return Err(failed(Codec::Lz4, format!("content of {} bytes, its frame says {size}", out.len())));
    }
    if !rest.is_empty() {
        return Err(failed(Codec::Lz4, format!("{} bytes behind the end of the frame", rest.len())));
    }
    Ok(())
}

fn frame_header(rest: &mut &[u8]) -> Result<Frame, BatchError> {
    let magic = take(rest, MAGIC.len(), "frame magic")?;
    if magic != MAGIC {
        return Err(failed(Codec::Lz4, format!("frame magic {magic:02x?}, expected {MAGIC:02x?}")));
    }
    let summed = *rest;
    let [flags, descriptor] = *take(rest, 2, "frame descriptor")? else {
        return Err(failed(Codec::Lz4, "no frame descriptor".to_owned()));
    };
    if flags & 0xc2 != 0x40 || descriptor & 0x8f != 0 || descriptor < 0x40 {
        return Err(failed(Codec::Lz4, format!("frame descriptor {flags:#04x} {descriptor:#04x} is not one")));
    }
    if flags & 0x01 != 0 {
        return Err(failed(Codec::Lz4, "frame needs a dictionary".to_owned()));
    }
    let content_size = match Sums::of(flags, 0x08) {
        Sums::Absent => None,
        Sums::Present => {
            let (low, high) = (take_u32(rest, "content size")?, take_u32(rest, "content size")?);
            Some(u64::from(low) | u64::from(high) << 32)
        }
    };
    let expected = (xxh32(&summed[..summed.len() - rest.len()]) >> 8) as u8;
    let found = take(rest, 1, "header checksum")?;
    if found != [expected] {
        return Err(failed(Codec::Lz4, format!("header checksum {found:02x?}, expected {expected:02x}")));
    }
    Ok(Frame {
        block_size_max: 1 << (8 + 2 * (descriptor >> 4)),
        content_size,
        links: if flags & 0x20 == 0 { Links::Linked } else { Links::Independent },
        block_sums: Sums::of(flags, 0x10),
        content_sum: Sums::of(flags, 0x04),
    })
}

/// Decompresses one block behind what is in `out`.
fn compressed_block(frame: &Frame, block: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
    let start = out.len();
    let most = frame.block_size_max.min(block.len().saturating_mul(EXPANSION_MAX));
    let room = most.min(limit - start);
    reserve_within(limit, room, out)?;
    out.resize(start + room, 0);
    let (before, space) = out.split_at_mut(start);
    let size = match frame.links {
        Links::Independent => lz4_flex::block::decompress_into(block, space),
        Links::Linked => {
            let window = &before[before.len().saturating_sub(WINDOW_SIZE)..];
            lz4_flex::block::decompress_into_with_dict(block, space, window)
        }
    };
    match size {
        Ok(size) => {
            out.truncate(start + size);
            Ok(())
        }
        Err(DecompressError::OutputTooSmall { .. }) if room < most => Err(BatchError::OutputLimit { limit }),
        Err(error) => Err(failed(Codec::Lz4, error.to_string())),
    }
}

/// Room for `additional` bytes behind what is in `out`, doubling, as blocks are many, but never past the limit.
fn reserve_within(limit: usize, additional: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
    let most = limit.saturating_sub(out.len());
    if additional > most {
        return Err(BatchError::OutputLimit { limit });
    }
    if additional > out.capacity() - out.len() {
        let additional = additional.max(out.len()).min(most);
        reserve(Codec::Lz4, out, additional)?;
    }
    Ok(())
}

fn check_sum(bytes: &[u8], expected: u32, what: &str) -> Result<(), BatchError> {
    let found = xxh32(bytes);
    if found == expected {
        return Ok(());
    }
    Err(failed(Codec::Lz4, format!("{what} checksum {found:#010x}, expected {expected:#010x}")))
}

fn take<'a>(rest: &mut &'a [u8], size: usize, what: &str) -> Result<&'a [u8], BatchError> {
    let Some((bytes, behind)) = rest.split_at_checked(size) else {
        return Err(failed(Codec::Lz4, format!("{what} of {size} bytes with {} left", rest.len())));
    };
    *rest = behind;
    Ok(bytes)
}

fn take_u32(rest: &mut &[u8], what: &str) -> Result<u32, BatchError> {
    let bytes = take(rest, 4, what)?;
    Ok(bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)))
}
