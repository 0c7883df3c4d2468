//! Damage below the recovery point never changes what a reader gives: it stops with the place, or reads on behind it where told to.
//!
//! Every bit of a log of two segments is flipped once.

#[path = "read/made.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod made;

use ckafka::Error;
use ckafka::record::{BatchBuilder, Codec, Compression, TimestampType, stamp};
use ckafka::storage::config::OnCorrupt;
use made::{Folder, Told, read};

/// Bytes of a batch that nothing guards: the leader epoch.
const UNGUARDED: std::ops::Range<usize> = 12..16;

const COUNTS: [&[i64]; 2] = [&[3, 1, 5, 2], &[1, 4, 2]];

/// Where each batch begins in its segment, and which records are not of it.
fn batches(folder: &Folder, segment: usize) -> Vec<(usize, Vec<Told>)> {
    let mut position = 0;
    let mut batches = Vec::new();
    for made in &folder.segments[segment] {
        let others = folder.records().into_iter().filter(|told| !made.records.contains(told)).collect();
        batches.push((position, others));
        position += made.bytes.len();
    }
    batches
}

/// Flips each bit; calls `check` with the place of the damaged batch, the byte in it, and what is not of it.
fn each_flip(name: &str, check: impl Fn(&Folder, &(usize, Vec<Told>), usize)) {
    let folder = Folder::create(name, &COUNTS, Codec::Lz4);
    for segment in 0..COUNTS.len() {
        let whole = folder.segment_bytes(segment);
        let batches = batches(&folder, segment);
        for at in 0..whole.len() {
            let damaged = batches.iter().rfind(|(position, _)| *position <= at).expect("a batch");
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                folder.write_segment(segment, &bytes);
                check(&folder, damaged, at - damaged.0);
            }
        }
        folder.write_segment(segment, &whole);
    }
}

#[test]
fn a_flipped_bit_stops_the_reader_at_its_place() {
    each_flip("stop", |folder, (start, _), byte| {
        let records = folder.records();
        let mut reader = folder.reader(OnCorrupt::Stop);
        let (told, error) = read(&mut reader);
        assert_eq!(told, records[..told.len()], "byte {byte} of the batch at {start}");
        match error {
            None => assert!(UNGUARDED.contains(&byte), "byte {byte} of the batch at {start} was not missed"),
            Some(Error::Corrupt { position, .. }) => {
                assert_eq!(position, *start as u64, "byte {byte}");
                assert_eq!(reader.position(), told.len() as i64, "the position is where the damage begins");
                assert!(matches!(read(&mut reader), (more, Some(Error::Corrupt { .. })) if more.is_empty()));
            }
            Some(error) => panic!("byte {byte} of the batch at {start}: {error}"),
        }
    });
}

#[test]
fn a_flipped_bit_costs_its_batch_where_the_reader_skips() {
    each_flip("skip", |folder, (start, others), byte| {
        let (told, error) = read(&mut folder.reader(OnCorrupt::Skip));
        assert!(error.is_none(), "byte {byte} of the batch at {start}: {error:?}");
        let wanted = if UNGUARDED.contains(&byte) { folder.records() } else { others.clone() };
        assert_eq!(told, wanted, "byte {byte} of the batch at {start}");
    });
}

/// A segment of headers that each claim all the rest of it: to try each would take many minutes.
#[test]
fn a_segment_of_lengths_that_lie_is_skipped_in_time() {
    const COUNT: usize = 200_000;
    const HEADER: usize = 61;
    let folder = Folder::create("lies", &COUNTS, Codec::None);
    let mut bytes = vec![9; HEADER];
    for left in (1..COUNT).rev() {
        let mut head = folder.segments[0][1].bytes[..HEADER].to_vec();
        head[8..12].copy_from_slice(&((left * HEADER - 12) as i32).to_be_bytes());
        bytes.extend_from_slice(&head);
    }
    folder.write_segment(0, &bytes);
    let (told, error) = read(&mut folder.reader(OnCorrupt::Skip));
    assert!(error.is_none(), "{error:?}");
    assert_eq!(told, folder.segments[1].iter().flat_map(|made| made.records.clone()).collect::<Vec<_>>());
}

#[test]
fn a_seek_never_lands_on_a_wrong_record() {
    each_flip("seek", |folder, (start, others), byte| {
        if !(0..30).contains(&byte) {
            // What a walk looks at lies before: the rest is the checksum's, as above.
            return;
        }
        let records = folder.records();
        let mut reader = folder.reader(OnCorrupt::Stop);
        let mut skipping = folder.reader(OnCorrupt::Skip);
        for offset in 0..folder.end {
            reader.seek(offset).expect("seek");
            match reader.fetch(0, Some(std::time::Duration::ZERO)) {
                Ok(view) => assert_eq!(view.rows().expect("rows")[0].offset, offset),
                Err(Error::Corrupt { position, .. }) => {
                    assert_eq!((reader.position(), position), (offset, *start as u64), "byte {byte}");
                }
                Err(error) => panic!("{offset}, byte {byte} of the batch at {start}: {error}"),
            }
            skipping.seek(offset).expect("seek");
            let told = read(&mut skipping).0;
            let all = if UNGUARDED.contains(&byte) { &records } else { others };
            let wanted: Vec<Told> = all.iter().filter(|told| told.0 >= offset).cloned().collect();
            assert_eq!(told, wanted, "from {offset}, byte {byte} of the batch at {start}");
        }
    });
}

#[test]
fn a_cut_or_zeroed_segment_is_named() {
    let folder = Folder::create("cut", &COUNTS, Codec::None);
    let whole = folder.segment_bytes(0);
    let records = folder.records();
    for cut in 0..whole.len() {
        let zeroed = [&whole[..cut], &vec![0; whole.len() - cut]].concat();
        for bytes in [&whole[..cut], &zeroed] {
            folder.write_segment(0, bytes);
            let is_boundary = batches(&folder, 0).iter().any(|(position, _)| *position == cut);
            if bytes.len() == cut && is_boundary || bytes == whole {
                // A closed segment that ends early is a gap, as compaction leaves it; and the last byte is a zero anyway.
                continue;
            }
            let (told, error) = read(&mut folder.reader(OnCorrupt::Stop));
            assert_eq!(told, records[..told.len()]);
            match error {
                Some(Error::Corrupt { .. }) => {}
                // Zeroes from before the magic on look like magic 0.
                Some(Error::UnsupportedMagic { position, .. }) => {
                    assert!((12..=16).contains(&(cut as u64 - position)), "cut at {cut}");
                }
                other => panic!("cut at {cut}: {other:?}, {} records", told.len()),
            }
        }
    }
}

#[test]
fn a_length_that_swallows_whole_batches_is_noticed() {
    // All batches have the same size, so that a wrong length ends where some other batch ends.
    let folder = Folder::create("swallow", &[&[1; 6], &[1; 2]], Codec::None);
    let size = folder.segments[0][0].bytes.len();
    let whole = folder.segment_bytes(0);
    let same: Vec<u8> = (0..6).flat_map(|at| resized(&folder.segments[0][at].bytes, size + 40)).collect();
    assert!(same.len() > whole.len());
    folder.write_segment(0, &same);
    assert_eq!(read(&mut folder.reader(OnCorrupt::Stop)).0.len(), 8);
    for damaged in 0..6 {
        for count in 2..=6 - damaged {
            let mut bytes = same.clone();
            let at = damaged * (size + 40) + 8;
            let length = (count * (size + 40) - 12) as u32;
            bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
            folder.write_segment(0, &bytes);
            for offset in 0..8 {
                let mut reader = folder.reader(OnCorrupt::Stop);
                reader.seek(offset).expect("seek");
                let found = match reader.fetch(0, Some(std::time::Duration::ZERO)) {
                    Ok(view) => view.rows().expect("rows")[0].offset,
                    Err(Error::Corrupt { position, .. }) => {
                        assert_eq!(position as usize, at - 8);
                        offset
                    }
                    Err(error) => panic!("{error}"),
                };
                assert_eq!(found, offset, "batch {damaged} swallows {count}");
                let mut skipping = folder.reader(OnCorrupt::Skip);
                skipping.seek(offset).expect("seek");
                let offsets: Vec<i64> = read(&mut skipping).0.iter().map(|told| told.0).collect();
                let wanted: Vec<i64> = (offset..8).filter(|offset| *offset != damaged as i64).collect();
                assert_eq!(offsets, wanted, "from {offset}, batch {damaged} swallows {count}");
            }
        }
    }
}

/// The same batch with a value that makes it as large as wanted.
fn resized(batch: &[u8], size: usize) -> Vec<u8> {
    let base = i64::from_be_bytes(*batch.first_chunk().expect("a header"));
    let mut builder = BatchBuilder::new(Compression::default(), TimestampType::CreateTime);
    let mut value = Vec::new();
    loop {
        builder.reset(Compression::default(), TimestampType::CreateTime);
        builder.add(1_000_000 + base, None, Some(&value), &[]).expect("record");
        if builder.size() >= size {
            break;
        }
        value.push(b'v');
    }
    let bytes = builder.finish(0).expect("batch");
    stamp(bytes, base, 3);
    assert_eq!(bytes.len(), size);
    bytes.to_vec()
}
