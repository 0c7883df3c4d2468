//! A flipped bit anywhere in a batch is noticed, or lies in one of the fields that the log itself gives.
//!
//! Outside the checksum are base offset, length, leader epoch, magic and the checksum: a wrong length or magic is a
//! structural error or a failing checksum; base offset and leader epoch are not the batch's own to vouch for.

use crate::support::{decode, decode_unchecked, encode, worked_records};
use ckafka::record::{BatchHeader, Codec};

#[test]
fn every_flipped_bit_is_an_error_or_outside_the_checksum() {
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_available()) {
        let batch = encode(&worked_records(0), codec, None);
        let (header, records) = decode(&batch).unwrap();
        for bit in 0..batch.len() * 8 {
            let mut damaged = batch.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let byte = bit / 8;
            match decode(&damaged) {
                Err(_) => assert!(!(0..8).contains(&byte) && !(12..16).contains(&byte), "{codec:?} byte {byte}"),
                Ok((found, kept)) => {
                    let expected = if byte < 8 {
                        BatchHeader { base_offset: found.base_offset, ..header }
                    } else {
                        assert!((12..16).contains(&byte), "{codec:?}: flip in byte {byte} unnoticed");
                        BatchHeader { partition_leader_epoch: found.partition_leader_epoch, ..header }
                    };
                    assert_eq!(found, expected);
                    assert_eq!(kept.len(), records.len());
                }
            }
        }
    }
}

/// Whoever turns the checksum off gets an error or other records, not a panic.
#[test]
fn without_the_checksum_nothing_panics() {
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_available()) {
        let batch = encode(&crate::support::Rng::new(3).records(8), codec, None);
        for bit in 0..batch.len().min(1500) * 8 {
            let mut damaged = batch.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let _ = decode_unchecked(&damaged);
        }
    }
}
