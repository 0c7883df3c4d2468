//! A small batch that claims or holds far more than the caller's limit is refused without the memory for it.
//!
//! Two kinds for each codec: streams that truly unpack to 64 MiB, and headers that lie about a size.

#![cfg(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]

use ckafka::record::{BatchError, Codec, Compression, decompress};

const CODECS: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
const LIMIT: usize = 100_000;

fn refused(codec: Codec, stored: &[u8], limit: usize) {
    let mut out = Vec::new();
    assert_eq!(decompress(codec, stored, limit, &mut out), Err(BatchError::OutputLimit { limit }), "{codec:?}");
    assert!(out.capacity() <= limit + 1, "{codec:?} took {} bytes for a limit of {limit}", out.capacity());
}

#[test]
fn what_truly_unpacks_to_more_stops_at_the_limit() {
    let zeroes = vec![0; 64 << 20];
    for codec in CODECS {
        let mut bomb = Vec::new();
        Compression { codec, level: None }.compress(&zeroes, &mut bomb).unwrap();
        assert!(bomb.len() < zeroes.len() / 20, "{codec:?}");
        for limit in [0, 1, LIMIT, 32 * 1024, 64 * 1024, 1 << 20, zeroes.len() - 1] {
            refused(codec, &bomb, limit);
        }
        let mut out = Vec::new();
        decompress(codec, &bomb, zeroes.len(), &mut out).unwrap();
        assert!(out == zeroes, "{codec:?} at exactly the limit");
    }
    let raw = snap::raw::Encoder::new().compress_vec(&zeroes).unwrap();
    refused(Codec::Snappy, &raw, LIMIT);
}

/// The same without a content size in front, as Kafka's writers make it.
#[test]
fn zstd_without_a_content_size_stops_at_the_limit() {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    // 511 blocks of 128 KiB, each one byte repeated, then the last: 64 MiB in 2 KiB.
    let block = |last: u32| (128 * 1024_u32) << 3 | 1 << 1 | last;
    for index in 0..512 {
        frame.extend_from_slice(&block(u32::from(index == 511)).to_le_bytes()[..3]);
        frame.push(b'x');
    }
    refused(Codec::Zstd, &frame, LIMIT);
    let mut out = Vec::new();
    decompress(Codec::Zstd, &frame, 64 << 20, &mut out).unwrap();
    assert_eq!(out.len(), 64 << 20);
    assert!(out.iter().all(|byte| *byte == b'x'));
}

/// 1 KiB that says it holds 1 TiB, or as much as its format can say.
#[test]
fn what_claims_a_tebibyte_is_refused_before_anything_is_allocated() {
    let mut zstd = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
    zstd.extend_from_slice(&(1_u64 << 40).to_le_bytes());
    let mut snappy = vec![0xff, 0xff, 0xff, 0xff, 0x0f];
    let mut lz4 = vec![0x04, 0x22, 0x4d, 0x18, 0x68, 0x40];
    lz4.extend_from_slice(&(1_u64 << 40).to_le_bytes());
    lz4.push((twox(&lz4[4..]) >> 8) as u8);
    for (codec, claim) in [(Codec::Zstd, &mut zstd), (Codec::Snappy, &mut snappy), (Codec::Lz4, &mut lz4)] {
        claim.resize(1024, 0);
        for limit in [LIMIT, 1 << 30] {
            let mut out = Vec::new();
            assert_eq!(decompress(codec, claim, limit, &mut out), Err(BatchError::OutputLimit { limit }), "{codec:?}");
            assert_eq!(out.capacity(), 0, "{codec:?}");
        }
    }
    // Within the limit a lie is still found out, and costs no more than the input could hold.
    let mut out = Vec::new();
    assert!(matches!(decompress(Codec::Snappy, &snappy, usize::MAX, &mut out), Err(BatchError::Compression { .. })));
    assert_eq!(out.capacity(), 0);
    // Gzip has its size behind the content, and nobody asks it.
    let mut gzip = Vec::new();
    Compression { codec: Codec::Gzip, level: None }.compress(&[0; 1000], &mut gzip).unwrap();
    let at = gzip.len() - 4;
    gzip[at..].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(decompress(Codec::Gzip, &gzip, 1 << 30, &mut out), Err(BatchError::Compression { .. })));
    assert!(out.capacity() < 1 << 20);
}

/// xxHash of fewer than sixteen bytes, written down once more so that the frame above is not made by what reads it.
fn twox(bytes: &[u8]) -> u32 {
    assert!(bytes.len() < 16);
    let mut hash = 0x1656_67b1_u32.wrapping_add(bytes.len() as u32);
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        hash = hash.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(0xc2b2_ae3d));
        hash = hash.rotate_left(17).wrapping_mul(0x27d4_eb2f);
    }
    for byte in tail {
        hash = hash.wrapping_add(u32::from(*byte).wrapping_mul(0x1656_67b1));
        hash = hash.rotate_left(11).wrapping_mul(0x9e37_79b1);
    }
    hash = (hash ^ hash >> 15).wrapping_mul(0x85eb_ca77);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae3d);
    hash ^ hash >> 16
}
