//! LZ4 frames of other writers are read: linked blocks, every block size, checksums, content size.
//!
//! The frames are made by `lz4_flex`'s own frame encoder, and ours are read by its decoder.

#![cfg(feature = "lz4")]

use std::io::{Read, Write};

use ckafka::record::{BatchError, Codec, Compression, decompress};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

fn records(size: usize) -> Vec<u8> {
    let mut rng = crate::support::Rng::new(5);
    (0..size).map(|at| if at % 7 < 3 { rng.next() as u8 } else { (at / 100) as u8 }).collect()
}

fn frame(info: FrameInfo, records: &[u8]) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(records).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_kind_of_frame_is_read() {
    let records = records(700_000);
    let sizes = [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB, BlockSize::Max4MB];
    for size in sizes {
        for mode in [BlockMode::Independent, BlockMode::Linked] {
            for sums in [false, true] {
                let info = FrameInfo::new()
                    .block_size(size)
                    .block_mode(mode)
                    .block_checksums(sums)
                    .content_checksum(sums)
                    .content_size(sums.then_some(records.len() as u64));
                let bytes = frame(info, &records);
                let mut out = Vec::new();
                decompress(Codec::Lz4, &bytes, records.len(), &mut out).unwrap();
                assert!(out == records);
                let limit = records.len() - 1;
                assert_eq!(decompress(Codec::Lz4, &bytes, limit, &mut out), Err(BatchError::OutputLimit { limit }));
                if sums {
                    for at in [4, 8, 14, 40, bytes.len() - 20, bytes.len() - 1] {
                        let mut damaged = bytes.clone();
                        damaged[at] ^= 0x10;
                        assert!(decompress(Codec::Lz4, &damaged, 1 << 24, &mut out).is_err(), "byte {at}");
                    }
                }
            }
        }
    }
}

#[test]
fn our_frames_have_kafkas_descriptor_and_are_read_by_others() {
    for size in [0, 1, 100, 65_536, 65_537, 400_000] {
        let records = records(size);
        let mut bytes = Vec::new();
        Compression { codec: Codec::Lz4, level: None }.compress(&records, &mut bytes).unwrap();
        assert_eq!(bytes[..7], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
        assert_eq!(bytes[bytes.len() - 4..], [0; 4]);
        let mut out = Vec::new();
        FrameDecoder::new(&bytes[..]).read_to_end(&mut out).unwrap();
        assert!(out == records);
    }
}

/// Kafka's first clients computed the header checksum over the magic too; only magic 0 batches hold such frames.
#[test]
fn a_wrong_header_checksum_is_refused() {
    let mut bytes = Vec::new();
    Compression { codec: Codec::Lz4, level: None }.compress(b"abc", &mut bytes).unwrap();
    bytes[6] = 0x1a;
    assert!(matches!(decompress(Codec::Lz4, &bytes, 9, &mut Vec::new()), Err(BatchError::Compression { .. })));
}
