//! A log that was closed in good order is opened from its last index entry on, and appended to as if it had never been closed.

mod recovery_support;

use ckafka::storage::names::SegmentFile;
use ckafka::storage::rebuild::indexes_of_closed;
use ckafka::storage::recovery::{Company, Shutdown};
use ckafka::storage::tail::{BatchFacts, TailState};
use recovery_support::{Scratch, batch, events, recover_as};

const LOG: &str = "00000000000000000000.log";
const INDEX: &str = "00000000000000000000.index";
const TIMES: &str = "00000000000000000000.timeindex";
const INTERVAL: u64 = 512;

/// Batches of a log whose timestamps go up and down.
fn make_batches(count: usize) -> Vec<Vec<u8>> {
    let mut offset = 0;
    let mut make = |number: usize| {
        let records = [1, 4, 2][number % 3];
        let timestamp = 1000 + (number as i64 * 37) % 101 + number as i64;
        let bytes = batch(offset, timestamp, 0, records, &vec![7; [10, 90, 333, 1][number % 4]]);
        offset += i64::from(records);
        bytes
    };
    (0..count).map(&mut make).collect()
}

/// Leaves a folder as a clean close does: indexes of a closed segment.
fn close(scratch: &Scratch) {
    let indexes = indexes_of_closed(&scratch.dir, 0, INTERVAL).unwrap();
    scratch.write(INDEX, &indexes.offset);
    scratch.write(TIMES, &indexes.time);
}

/// Appends as a writer does: bytes behind the tail, entries by the rule.
fn append(scratch: &Scratch, tail: &mut TailState, bytes: &[u8]) {
    let put = |name: &str, more: &[u8]| scratch.write(name, &[scratch.read(name), more.to_vec()].concat());
    let last = i64::from_be_bytes(bytes[..8].try_into().unwrap())
        + i64::from(i32::from_be_bytes(bytes[23..27].try_into().unwrap()));
    let max_timestamp = i64::from_be_bytes(bytes[35..43].try_into().unwrap());
    let facts = BatchFacts { last_offset: last, size: bytes.len() as u64, max_timestamp };
    let (next, entries) = tail.advance(&facts, INTERVAL);
    put(LOG, bytes);
    entries.offset.iter().for_each(|entry| put(INDEX, &entry.to_bytes()));
    entries.time.iter().for_each(|entry| put(TIMES, &entry.to_bytes()));
    *tail = next;
}

#[test]
fn a_reopened_log_has_the_indexes_of_one_that_was_never_closed() {
    let batches = make_batches(30);
    let wanted = Scratch::new("never-closed");
    wanted.write(LOG, &batches.concat());
    let wanted = indexes_of_closed(&wanted.dir, 0, INTERVAL).unwrap();
    for company in [Company::Alone, Company::Readers] {
        // Closed behind every batch, and behind every other, third...
        for every in 1..batches.len() {
            let scratch = Scratch::new("reopened");
            scratch.write(LOG, b"");
            close(&scratch);
            let mut tail = scratch.clean(INTERVAL).tail;
            for (number, bytes) in batches.iter().enumerate() {
                append(&scratch, &mut tail, bytes);
                if number % every == 0 {
                    if let Some(entry) = tail.take_time_entry() {
                        scratch.write(TIMES, &[scratch.read(TIMES), entry.to_bytes().to_vec()].concat());
                    }
                    let recovered = recover_as(&scratch.dir, INTERVAL, Shutdown::Clean, company);
                    assert!(recovered.report.is_empty(), "{:?}", recovered.report);
                    tail = recovered.tail;
                    assert_eq!(scratch.read(INDEX).len() as u64, tail.offset_entries * 8);
                    assert_eq!(scratch.read(TIMES).len() as u64, tail.time_entries * 12);
                    let scanned = Scratch::new("scanned");
                    scanned.write(LOG, &scratch.read(LOG));
                    let mut other = scanned.unclean(INTERVAL).tail;
                    (other.created_ms, other.leader_epoch) = (tail.created_ms, tail.leader_epoch);
                    assert_eq!(tail, other, "closed every {every}, behind batch {number}");
                }
            }
            if let Some(entry) = tail.take_time_entry() {
                scratch.write(TIMES, &[scratch.read(TIMES), entry.to_bytes().to_vec()].concat());
            }
            assert_eq!(scratch.read(INDEX), wanted.offset, "closed every {every}");
            assert_eq!(scratch.read(TIMES), wanted.time, "closed every {every}");
        }
    }
}

#[test]
fn nothing_but_the_tail_is_read() {
    let scratch = Scratch::new("trusted");
    let batches = make_batches(60);
    let mut log = batches.concat();
    scratch.write(LOG, &log);
    close(&scratch);
    // The first time entry's batch and the last offset entry's must be right; between them nobody looks.
    let middle = batches[..30].concat().len();
    log[middle..middle + 200].fill(0xee);
    scratch.write(LOG, &log);
    let recovered = scratch.clean(INTERVAL);
    assert!(recovered.report.is_empty(), "{:?}", recovered.report);
    assert_eq!(recovered.tail.position, log.len() as u64);
    assert_eq!(scratch.read(LOG), log);
}

#[test]
fn an_index_that_is_missing_or_wrong_is_rebuilt() {
    let scratch = Scratch::new("wrong-index");
    scratch.write(LOG, &make_batches(40).concat());
    close(&scratch);
    let (index, times) = (scratch.read(INDEX), scratch.read(TIMES));
    let right = scratch.clean(INTERVAL).tail;
    let reopened = scratch.read(TIMES);
    let flip = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 0x40;
        bytes
    };
    let wrong_indexes = [
        (None, Some(times.clone())),
        (Some(index.clone()), None),
        (Some(flip(&index, index.len() - 1)), Some(times.clone())),
        (Some(flip(&index, index.len() - 5)), Some(times.clone())),
        (Some(index[..index.len() - 3].to_vec()), Some(times.clone())),
        (Some([index.clone(), vec![0; 4096]].concat()), Some(times.clone())),
        (Some(vec![0xff; 64]), Some(times.clone())),
        (Some(Vec::new()), Some(Vec::new())),
        (Some(index.clone()), Some(Vec::new())),
        (Some(index.clone()), Some(flip(&reopened, reopened.len() - 5))),
        (Some(index.clone()), Some(vec![0xff; 36])),
        (Some(index.clone()), Some(vec![0; 36])),
    ];
    for (number, (wrong, wrong_times)) in wrong_indexes.into_iter().enumerate() {
        for (name, content) in [(INDEX, wrong), (TIMES, wrong_times)] {
            match content {
                Some(content) => scratch.write(name, &content),
                None => scratch.remove(name),
            }
        }
        let recovered = scratch.clean(INTERVAL);
        let tail = TailState { created_ms: right.created_ms, ..recovered.tail };
        assert_eq!(tail, right, "case {number}");
        assert_eq!((scratch.read(INDEX), scratch.read(TIMES)), (index.clone(), reopened.clone()), "case {number}");
    }
}

#[test]
fn a_closed_segment_s_missing_index_is_rebuilt_with_its_closing_entry() {
    let scratch = Scratch::new("closed-missing");
    let batches = make_batches(20);
    scratch.write(LOG, &batches.concat());
    close(&scratch);
    let wanted = (scratch.read(INDEX), scratch.read(TIMES));
    let next = i64::from_be_bytes(batches[19][..8].try_into().unwrap()) + 4;
    scratch.write(&SegmentFile::Log.name(next), &batch(next, 5, 0, 1, b"x"));
    for lost in [INDEX, TIMES] {
        for shutdown in [Shutdown::Clean, Shutdown::Unclean { recovery_point: next }] {
            scratch.remove(lost);
            let recovered = recover_as(&scratch.dir, INTERVAL, shutdown, Company::Alone);
            assert_eq!((scratch.read(INDEX), scratch.read(TIMES)), wanted);
            assert_eq!(recovered.tail.base_offset, next);
        }
    }
}

#[test]
fn zeroes_and_a_torn_batch_behind_a_clean_end_go() {
    let scratch = Scratch::new("clean-tail");
    let log = make_batches(20).concat();
    let torn = &batch(i64::from(47), 9, 0, 1, b"torn")[..50];
    for (tail, events) in [(&[0; 5000][..], 0), (torn, 1)] {
        scratch.write(LOG, &log);
        close(&scratch);
        scratch.write(LOG, &[&log, tail].concat());
        let recovered = scratch.clean(INTERVAL);
        assert_eq!(scratch.read(LOG), log);
        assert_eq!(recovered.report.len(), events, "{:?}", recovered.report);
        assert_eq!(recovered.tail.leader_epoch, events as i32, "what was cut may have been seen");
    }
    assert_eq!(scratch.read(&format!("{LOG}.set-aside.0")), torn, "the marker said that it was synced");
}

#[test]
fn a_log_that_is_damaged_everywhere_keeps_its_batches_and_gives_a_short_report() {
    let scratch = Scratch::new("damaged-everywhere");
    let log: Vec<u8> = (0..5000).flat_map(|offset| [batch(offset, 9, 0, 1, b"kept"), vec![7]].concat()).collect();
    scratch.write(LOG, &log);
    let recovered = scratch.clean(INTERVAL);
    assert_eq!(recovered.tail.end_offset, 5000);
    assert!(recovered.report.len() < 1100, "{}", recovered.report.len());
    let more: u64 = events(&recovered.report).iter().filter_map(|finding| finding["more"].as_u64()).sum();
    assert_eq!(more, 4999 - 1000);
}
