//! Batches that arrived from a socket decode as they come: part by part, and the bad ones are refused.

#[path = "read/made.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod made;

use ckafka::Error;
use ckafka::record::{BatchError, Codec};
use ckafka::storage::view::View;
use made::{Told, batch};

fn told(view: &View) -> Vec<Told> {
    let rows = view.rows().expect("rows");
    let value = |at: u64, len: i32| view.base()[at as usize..at as usize + len as usize].to_vec();
    rows.iter().map(|row| (row.offset, value(row.value_position, row.value_len))).collect()
}

#[test]
fn runs_end_before_a_compressed_batch_which_comes_alone() {
    let made = [
        batch(0, 3, Codec::None),
        batch(3, 2, Codec::None),
        batch(5, 4, Codec::Zstd),
        batch(9, 1, Codec::Gzip),
        batch(10, 2, Codec::None),
    ];
    let bytes: Vec<u8> = made.iter().flat_map(|made| made.bytes.clone()).collect();
    let mut at = 0;
    for run in [&made[..2], &made[2..3], &made[3..4], &made[4..]] {
        let (view, consumed) = View::decode(&bytes[at..], 1 << 20).expect("decode");
        assert_eq!(told(&view), run.iter().flat_map(|made| made.records.clone()).collect::<Vec<_>>());
        assert_eq!(consumed, run.iter().map(|made| made.bytes.len()).sum::<usize>());
        assert_eq!(view.raw(), &bytes[at..at + consumed]);
        at += consumed;
    }
    assert_eq!(at, bytes.len());
}

#[test]
fn every_cut_gives_the_whole_batches_before_it() {
    for codec in [Codec::None, Codec::Snappy] {
        let made = [batch(7, 3, codec), batch(10, 1, codec)];
        let bytes = [&made[0].bytes[..], &made[1].bytes[..]].concat();
        for cut in 0..bytes.len() {
            let (view, consumed) = View::decode(&bytes[..cut], 1 << 20).expect("decode");
            let first = made[0].bytes.len();
            assert_eq!(consumed, if cut < first { 0 } else { first }, "cut at {cut}");
            assert_eq!(told(&view), if cut < first { Vec::new() } else { made[0].records.clone() });
        }
    }
}

#[test]
fn offsets_beyond_the_last_are_refused() {
    let made = batch(7, 3, Codec::None);
    for base in [i64::MAX, i64::MAX - 1, i64::MAX - 2] {
        let bytes = [&base.to_be_bytes()[..], &made.bytes[8..]].concat();
        assert!(matches!(View::decode(&bytes, 1 << 20), Err(Error::InvalidBatch(_))), "{base}");
    }
}

#[test]
fn a_flipped_bit_is_refused() {
    for codec in [Codec::None, Codec::Lz4] {
        let made = batch(7, 3, codec);
        for at in 0..made.bytes.len() {
            for bit in 0..8 {
                let mut bytes = made.bytes.clone();
                bytes[at] ^= 1 << bit;
                match View::decode(&bytes, 1 << 20) {
                    // A client cannot know the offset, and a longer batch may still be on its way.
                    Ok((_, 0)) => assert!((8..12).contains(&at)),
                    Ok(_) => assert!(at < 8 || (12..16).contains(&at), "byte {at} bit {bit}"),
                    Err(Error::InvalidBatch(_)) => assert!(at >= 8),
                    Err(Error::UnsupportedMagic { position: 0, .. }) => assert_eq!(at, 16),
                    Err(error) => panic!("byte {at} bit {bit}: {error}"),
                }
            }
        }
    }
}

#[test]
fn output_is_bounded() {
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let made = batch(0, 50, codec);
        match View::decode(&made.bytes, 100) {
            Err(Error::InvalidBatch(BatchError::OutputLimit { limit: 100 })) => {}
            other => panic!("{codec:?}: {other:?}"),
        }
    }
    // A run ends before the limit.
    let made = [batch(0, 1, Codec::None), batch(1, 1, Codec::None)];
    let bytes = [&made[0].bytes[..], &made[1].bytes[..]].concat();
    assert_eq!(View::decode(&bytes, bytes.len() - 1).expect("decode").1, made[0].bytes.len());
    assert_eq!(View::decode(&bytes, bytes.len()).expect("decode").1, bytes.len());
}
