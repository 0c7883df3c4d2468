//! The worked examples of the v2 format come out byte for byte, and read back as what went in.
//!
//! The bytes were made by an independent encoder and read by another project's reader.

use crate::support::{Record, add_all, decode, worked_records};
use ckafka::record::{
    BatchBuilder, BatchHeader, Codec, Compression, ControlMarker, TimestampType, TransactionEnd, check_crc,
    control_marker, marker_batch, stamp, stamp_append_time,
};

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

const ONE: &str = "00 00 00 00 00 00 00 00 00 00 00 3d 00 00 00 00 02 e6 41 a4 4b 00 00 00 00 00 00 00 00 01 8b cf
    e5 68 00 00 00 01 8b cf e5 68 00 ff ff ff ff ff ff ff ff ff ff ff ff ff ff 00 00 00 01 16 00 00
    00 01 0a 68 65 6c 6c 6f 00";

const THREE: &str = "00 00 00 00 00 00 00 64 00 00 00 54 00 00 00 00 02 3b 2f be 35 00 00 00 00 00 02 00 00 01 8b cf
    e5 68 00 00 00 01 8b cf e5 68 0a ff ff ff ff ff ff ff ff ff ff ff ff ff ff 00 00 00 03 14 00 00
    00 04 6b 31 04 76 31 00 1c 00 0a 02 04 6b 32 04 76 32 02 02 68 02 78 10 00 14 04 04 6b 33 01 00";

const COMMIT: &str = "00 00 00 00 00 00 00 67 00 00 00 42 00 00 00 00 02 cd 76 4a a5 00 30 00 00 00 00 00 00 01 8b cf
    e5 68 14 00 00 01 8b cf e5 68 14 00 00 00 00 00 00 0f a0 00 02 ff ff ff ff 00 00 00 01 20 00 00
    00 08 00 00 00 01 0c 00 00 00 00 00 03 00";

#[cfg(feature = "gzip")]
const THREE_GZIP: &str = "00 00 00 00 00 00 00 64 00 00 00 68 00 00 00 00 02 c1 5d 8a 57 00 01 00 00 00 02 00 00 01
    8b cf e5 68 00 00 00 01 8b cf e5 68 0a ff ff ff ff ff ff ff ff ff ff ff ff ff ff 00 00 00 03 1f 8b 08
    00 00 00 00 00 00 00 13 61 60 60 60 c9 36 64 29 33 64 90 61 e0 62 62 c9 36 62 29 33 62 62 ca 60
    aa 10 60 10 61 61 c9 36 66 64 00 00 5f 04 cd 3e 23 00 00 00";

fn three(base_offset: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::default(), TimestampType::CreateTime);
    add_all(&mut builder, &worked_records(0));
    let batch = builder.finish(0).unwrap();
    stamp(batch, base_offset, 0);
    batch.to_vec()
}

#[test]
fn one_record_with_a_null_key() {
    let mut builder = BatchBuilder::new(Compression::default(), TimestampType::CreateTime);
    builder.add(1_700_000_000_000, None, Some(b"hello"), &[]).unwrap();
    let batch = builder.finish(0).unwrap();
    stamp(batch, 0, 0);
    assert_eq!(batch, bytes(ONE));
    let hello =
        Record { offset: 0, timestamp: 1_700_000_000_000, key: None, value: Some(b"hello".to_vec()), headers: vec![] };
    assert_eq!(decode(batch).unwrap().1, [hello]);
}

#[test]
fn three_records_with_a_header_and_a_tombstone() {
    assert_eq!(three(100), bytes(THREE));
    assert_eq!(decode(&bytes(THREE)).unwrap().1, worked_records(100));
}

#[test]
fn a_new_offset_and_epoch_keep_the_checksum() {
    let mut batch = bytes(THREE);
    stamp(&mut batch, 2000, 7);
    check_crc(&batch).unwrap();
    let (header, records) = decode(&batch).unwrap();
    assert_eq!((header.crc, header.base_offset, header.partition_leader_epoch), (0x3b2f_be35, 2000, 7));
    assert_eq!(header.next_offset(), 2003);
    assert_eq!(records, worked_records(2000));
}

#[test]
fn append_time_changes_attributes_maximum_and_checksum() {
    let time = 1_700_000_123_456;
    let mut stamped = bytes(THREE);
    stamp_append_time(&mut stamped, time);
    let (header, records) = decode(&stamped).unwrap();
    assert_eq!((header.attributes.0, header.crc, header.max_timestamp), (8, 0x8f00_e821, time));
    assert!(records.iter().all(|record| record.timestamp == time));

    let mut builder = BatchBuilder::new(Compression::default(), TimestampType::LogAppendTime);
    add_all(&mut builder, &worked_records(0));
    let built = builder.finish(time).unwrap();
    stamp(built, 100, 0);
    assert_eq!(built, stamped);
}

#[cfg(feature = "gzip")]
#[test]
fn three_records_in_gzip() {
    // Which bits deflate chooses is its own affair: what they hold is not.
    let (header, records) = decode(&bytes(THREE_GZIP)).unwrap();
    assert_eq!((header.attributes.0, header.record_count, header.size()), (1, 3, 116));
    assert_eq!(records, worked_records(100));

    let mut area = Vec::new();
    let ours = crate::support::encode(&worked_records(0), Codec::Gzip, None);
    ckafka::record::decompress(Codec::Gzip, &ours[61..], 35, &mut area).unwrap();
    assert_eq!(area, bytes(THREE)[61..]);
    assert_eq!(ours[21..61], bytes(THREE_GZIP)[21..61], "header fields under the checksum");
}

#[test]
fn a_commit_marker() {
    let mut batch = marker_batch(TransactionEnd::Commit, 3, 4000, 2, 1_700_000_000_020);
    stamp(&mut batch, 103, 0);
    assert_eq!(batch.to_vec(), bytes(COMMIT));
    let header = BatchHeader::parse(&batch).unwrap();
    assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (4000, 2, -1));
    assert!(header.attributes.is_control() && header.attributes.is_transactional());
    assert_eq!(header.attributes.codec(), Ok(Codec::None));
    assert_eq!(control_marker(&header, &batch), Ok(Some(ControlMarker::Commit { coordinator_epoch: 3 })));
}
