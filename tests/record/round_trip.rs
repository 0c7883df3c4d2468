//! What is encoded comes back, for every codec and level, beside a plain model.

use crate::support::{Rng, add_all, decode};
use ckafka::record::{BatchBuilder, Codec, Compression, Decompressor, TimestampType, stamp};

fn levels(codec: Codec) -> Vec<Option<i32>> {
    let levels: &[i32] = match codec {
        Codec::None | Codec::Snappy => &[],
        Codec::Gzip => &[-1, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        Codec::Lz4 => &[1, 2, 9, 16, 17],
        Codec::Zstd => &[-131_072, -1000, -5, -1, 0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 15, 19, 22],
    };
    levels.iter().copied().map(Some).chain([None]).collect()
}

#[test]
fn random_batches_return_for_every_codec_and_level() {
    let mut builder = BatchBuilder::default();
    let mut seed = 0;
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_available()) {
        for level in levels(codec) {
            for count in [1, 2, 7, 50, 130] {
                seed += 1;
                let mut records = Rng::new(seed).records(count);
                builder.reset(Compression { codec, level }, TimestampType::CreateTime);
                add_all(&mut builder, &records);
                let batch = builder.finish(0).unwrap();
                stamp(batch, 1_000_000, 3);
                let (header, found) = decode(batch).unwrap();
                for record in &mut records {
                    record.offset += 1_000_000;
                }
                assert_eq!(found, records, "{codec:?} level {level:?} seed {seed}");
                assert_eq!(header.size(), batch.len());
                assert_eq!(header.base_timestamp, records[0].timestamp);
                assert_eq!(Some(header.max_timestamp), records.iter().map(|record| record.timestamp).max());
                assert_eq!(header.attributes.codec(), Ok(codec));
                assert_eq!((header.record_count as usize, header.last_offset_delta as usize), (count, count - 1));
            }
        }
    }
}

#[test]
fn a_large_batch_of_many_blocks_returns() {
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_available()) {
        let records = Rng::new(99).records(3000);
        let batch = crate::support::encode(&records, codec, None);
        assert_eq!(decode(&batch).unwrap().1, records, "{codec:?}");
    }
}

#[test]
fn streams_at_the_edges_of_blocks_return() {
    let mut decompressor = Decompressor::default();
    let mut compressor = ckafka::record::Compressor::default();
    let block = 64 * 1024;
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_available()) {
        for size in [1, 2, 32_767, 32_768, 32_769, block - 1, block, block + 1, 3 * block, 3 * block + 1] {
            let mut rng = Rng::new(size as u64);
            let records: Vec<u8> = (0..size).map(|at| if at % 5 < 2 { rng.next() as u8 } else { 7 }).collect();
            let mut stored = Vec::new();
            compressor.compress(Compression { codec, level: None }, &records, &mut stored).unwrap();
            let mut out = Vec::new();
            decompressor.decompress(codec, &stored, size, &mut out).unwrap();
            assert!(out == records, "{codec:?} {size} bytes");
            assert!(decompressor.decompress(codec, &stored, size - 1, &mut out).is_err(), "{codec:?} {size} bytes");
        }
    }
}
