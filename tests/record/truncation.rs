//! A batch or stream that ends early, at whatever byte, is an error that says so and never a panic.

use crate::support::{Rng, decode, encode, worked_records};
use ckafka::record::{BatchError, Codec, check_crc, decompress, scan_entry};

#[test]
fn a_batch_cut_anywhere_is_truncated() {
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_available()) {
        let batch = encode(&worked_records(0), codec, None);
        for cut in 0..batch.len() {
            match check_crc(&batch[..cut]) {
                Err(BatchError::Truncated { needed, found }) => {
                    assert_eq!(found, cut as u64);
                    assert_eq!(needed, if cut < 61 { 61 } else { batch.len() as u64 });
                }
                other => panic!("{codec:?} cut at {cut}: {other:?}"),
            }
            assert!(decode(&batch[..cut]).is_err());
            assert_eq!(scan_entry(&batch[..cut]).is_ok(), cut >= 61);
        }
        check_crc(&[&batch[..], b"what follows is not its affair"].concat()).unwrap();
    }
}

#[test]
fn a_stream_cut_or_extended_anywhere_is_an_error() {
    let records = encode(&Rng::new(11).records(20), Codec::None, None)[61..].to_vec();
    for codec in Codec::ALL.into_iter().filter(|codec| *codec != Codec::None && codec.is_available()) {
        let stored = encode(&Rng::new(11).records(20), codec, None)[61..].to_vec();
        let mut out = Vec::new();
        decompress(codec, &stored, records.len(), &mut out).unwrap();
        assert_eq!(out, records);
        for cut in 0..stored.len() {
            let result = decompress(codec, &stored[..cut], 1 << 20, &mut out);
            // A xerial stream has no end mark: cut between blocks it is shorter and whole.
            let is_whole = codec == Codec::Snappy && result.is_ok();
            assert!(
                is_whole || matches!(result, Err(BatchError::Compression { .. })),
                "{codec:?} cut at {cut}: {result:?}"
            );
            assert!(!is_whole || out.len() % (32 * 1024) == 0, "{codec:?} cut at {cut}");
        }
        for tail in [&b"\0"[..], &b"\xff\xff\xff\xff\xff"[..], &stored[..3]] {
            let longer = [&stored[..], tail].concat();
            assert!(decompress(codec, &longer, 1 << 20, &mut out).is_err(), "{codec:?} with {tail:02x?} behind");
        }
    }
}
