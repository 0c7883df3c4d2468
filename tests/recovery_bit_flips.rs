//! A flipped bit anywhere in a log never costs a batch before it, and is never served as data.
//!
//! Base offset, length, epoch and magic lie outside the CRC: their bits are caught by what stands around them. A flipped leader epoch is the one that nothing
//! denies; records are the same with it.

mod recovery_support;

use ckafka::storage::config::LogConfig;
use ckafka::storage::recovery::{Company, Shutdown, inspect};
use recovery_support::{Scratch, batch, recover_as};

const LOG: &str = "00000000000000000000.log";
const UNCLEAN: Shutdown = Shutdown::Unclean { recovery_point: 0 };

/// A log of about `size` bytes, and where each batch starts and ends: position and offset.
fn log(size: usize) -> (Vec<u8>, Vec<(usize, i64)>) {
    let mut bytes = Vec::new();
    let mut starts = vec![(0, 0)];
    let mut offset = 0;
    while bytes.len() < size {
        let number = starts.len();
        let count = [1, 3, 2][number % 3];
        let value = vec![number as u8; [5, 300, 0, 1200, 40][number % 5]];
        bytes.extend(batch(offset, 1000 + number as i64, 0, count, &value));
        offset += i64::from(count);
        starts.push((bytes.len(), offset));
    }
    (bytes, starts)
}

/// The batch that a byte is in, and whether the byte is one of its leader epoch.
fn place(starts: &[(usize, i64)], byte: usize) -> (usize, bool) {
    let number = starts.partition_point(|(start, _)| *start <= byte) - 1;
    (number, (12..16).contains(&(byte - starts[number].0)))
}

/// What a log ends with after a flip: the batch before, or its end where the bit is an epoch's.
fn wanted(starts: &[(usize, i64)], byte: usize) -> (usize, i64) {
    match place(starts, byte) {
        (_, true) => *starts.last().unwrap(),
        (number, false) => starts[number],
    }
}

#[test]
fn readers_see_the_prefix_before_any_flipped_bit() {
    let (bytes, starts) = log(64 << 10);
    let scratch = Scratch::new("flips");
    let config = LogConfig::default();
    scratch.write(LOG, &bytes);
    let file = scratch.dir.open_file(LOG, ckafka::sys::Access::ReadWrite).unwrap();
    for bit in 0..bytes.len() * 8 {
        let byte = bit / 8;
        file.write_at(&[bytes[byte] ^ (1 << (bit % 8))], byte as u64).unwrap();
        let found = inspect(&scratch.dir, &config, UNCLEAN, 0).unwrap();
        file.write_at(&[bytes[byte]], byte as u64).unwrap();
        let (position, end_offset) = wanted(&starts, byte);
        assert_eq!((found.end_offset, &found.segments[..]), (end_offset, &[(0, position as u64)][..]), "bit {bit}");
    }
}

#[test]
fn recovery_keeps_that_prefix_and_sets_whole_batches_aside() {
    let (bytes, starts) = log(4 << 10);
    let last = starts[starts.len() - 2].0;
    let headers = (0..bytes.len() * 8).filter(|bit| bit / 8 - starts[place(&starts, bit / 8).0].0 < 61);
    let sampled = (0..bytes.len() * 8).step_by(197);
    for bit in headers.chain(sampled) {
        let byte = bit / 8;
        let mut flipped = bytes.clone();
        flipped[byte] ^= 1 << (bit % 8);
        let scratch = Scratch::new("flip");
        scratch.write(LOG, &flipped);
        let recovered = scratch.unclean(512);
        let (position, end_offset) = wanted(&starts, byte);
        assert_eq!(recovered.tail.end_offset, end_offset, "bit {bit}");
        assert_eq!(scratch.read(LOG), flipped[..position], "bit {bit}");
        assert!(recovered.read_only.is_none());
        let aside = format!("{LOG}.set-aside.0");
        // Behind the last batch nothing is left; a last batch that is whole but for its offset is kept too.
        assert!(scratch.has(&aside) || byte >= last || position == bytes.len(), "bit {bit}");
        if scratch.has(&aside) {
            assert_eq!(scratch.read(&aside), flipped[position..], "bit {bit}");
        }
    }
}

#[test]
fn below_the_recovery_point_nothing_is_cut() {
    let (bytes, starts) = log(8 << 10);
    let (_, end) = *starts.last().unwrap();
    let config = LogConfig::default();
    let scratch = Scratch::new("flip-below");
    let last = starts[starts.len() - 2].0;
    // Of the last batch the records: behind a damaged header there is nothing that could tell where the log goes on.
    for bit in (0..last * 8).step_by(5).chain((last + 61) * 8..bytes.len() * 8) {
        let byte = bit / 8;
        let mut flipped = bytes.clone();
        flipped[byte] ^= 1 << (bit % 8);
        scratch.write(LOG, &flipped);
        let found = inspect(&scratch.dir, &config, Shutdown::Unclean { recovery_point: end }, 0).unwrap();
        assert_eq!(
            (found.end_offset, found.segments),
            (end, vec![(0, bytes.len() as u64)]),
            "bit {bit} {:?} {:?}",
            starts,
            found.report
        );
        let is_epoch = place(&starts, byte).1;
        assert_eq!(found.report.len(), usize::from(!is_epoch), "bit {bit}: {:?}", found.report);
    }
}

#[test]
fn what_was_synced_is_set_aside_even_where_nothing_in_it_is_whole() {
    let (bytes, starts) = log(2 << 10);
    let (_, end) = *starts.last().unwrap();
    let (last, last_offset) = starts[starts.len() - 2];
    let scratch = Scratch::new("flip-last");
    let mut flipped = bytes.clone();
    flipped[last + 9] ^= 1;
    scratch.write(LOG, &flipped);
    let shutdown = Shutdown::Unclean { recovery_point: end };
    let recovered = recover_as(&scratch.dir, 4096, shutdown, Company::Alone);
    assert_eq!(recovered.tail.end_offset, last_offset);
    assert_eq!(scratch.read(&format!("{LOG}.set-aside.0")), flipped[last..]);
}
