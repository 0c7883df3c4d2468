//! Producer snapshots and aborted transactions that we replay from a broker's log equal those that the broker wrote.

mod recovery_support;

use std::fs;

use ckafka::storage::config::LogConfig;
use ckafka::storage::names::SegmentFile;
use ckafka::storage::producers::ProducerState;
use ckafka::storage::recovery::{Company, Shutdown, recover};
use ckafka::storage::transactions;
use recovery_support::{Scratch, batches, children, interval, name_of, partitions, recover_as};

#[test]
fn files_round_trip_byte_for_byte() {
    let (mut snapshots, mut aborts) = (0, 0);
    for partition in partitions(&["log-dir", "before", "after"]) {
        let scratch = Scratch::copy_of(&partition);
        for (name, content) in scratch.files() {
            if SegmentFile::Snapshot.parse(&name).is_some() {
                assert_eq!(
                    ProducerState::decode(&content).unwrap().encode(),
                    content,
                    "{} {name}",
                    partition.display()
                );
                snapshots += 1;
            } else if let Some(base) = SegmentFile::TxnIndex.parse(&name) {
                let entries = transactions::read(&scratch.dir, base).unwrap();
                assert_eq!(transactions::encode(&entries), content, "{} {name}", partition.display());
                aborts += 1;
            }
        }
    }
    assert_eq!((snapshots, aborts), (177, 18));
}

/// Compacted logs have lost batches, and delete-records segments, that their snapshots were made of; a restarted broker drops producers that are a day old.
fn is_complete(partition: &std::path::Path) -> bool {
    let path = partition.to_str().unwrap();
    !["/compacted/", "/after/", "/delete-records", "/metadata/"].iter().any(|case| path.contains(case))
}

#[test]
fn snapshots_replayed_from_the_log_equal_the_brokers() {
    let mut compared = 0;
    for partition in partitions(&["log-dir"]).into_iter().filter(|partition| is_complete(partition)) {
        for file in children(&partition) {
            let Some(offset) = SegmentFile::Snapshot.parse(&name_of(&file)) else { continue };
            // The log as it was at that offset, without any snapshot to start from.
            let scratch = Scratch::new("producers");
            for log in children(&partition) {
                if SegmentFile::Log.parse(&name_of(&log)).is_some_and(|base| base < offset) {
                    fs::copy(&log, scratch.path.join(name_of(&log))).unwrap();
                }
            }
            let recovered = scratch.unclean(interval(&name_of(&partition)));
            if recovered.read_only.is_none() {
                assert_eq!(recovered.producers.encode(), fs::read(&file).unwrap(), "{}", file.display());
                assert_eq!(scratch.read(&name_of(&file)), fs::read(&file).unwrap(), "left for the next recovery");
                compared += 1;
            }
        }
    }
    assert!(compared > 50, "{compared}");
}

#[test]
fn aborted_transactions_rebuilt_from_the_log_equal_the_brokers() {
    let mut compared = 0;
    for partition in partitions(&["log-dir", "before"]).into_iter().filter(|partition| is_complete(partition)) {
        let scratch = Scratch::copy_of(&partition);
        let wanted: Vec<_> = scratch.files().into_iter().filter(|(name, _)| name.ends_with(".txnindex")).collect();
        for (name, _) in &wanted {
            scratch.remove(name);
        }
        let recovered = scratch.unclean(interval(&name_of(&partition)));
        for (name, content) in wanted {
            assert_eq!(scratch.read(&name), content, "{} {name}", partition.display());
            compared += 1;
        }
        let is_open = partition.ends_with("txnopen-0") || partition.ends_with("unc-txn-0");
        assert_eq!(recovered.producers.first_open_transaction().is_some(), is_open, "{}", partition.display());
    }
    assert_eq!(compared, 13);
}

/// Aborted transactions of a copy of a broker's log that was closed in good order.
fn closed(partition: &std::path::Path) -> (Scratch, Vec<(String, Vec<u8>)>) {
    let scratch = Scratch::copy_of(partition);
    let wanted: Vec<_> = scratch.files().into_iter().filter(|(name, _)| name.ends_with(".txnindex")).collect();
    (scratch, wanted)
}

#[test]
fn a_clean_open_rebuilds_aborted_transactions_with_the_index_that_is_missing() {
    let mut compared = 0;
    for partition in partitions(&["log-dir"]).into_iter().filter(|partition| is_complete(partition)) {
        let (scratch, wanted) = closed(&partition);
        let derived = [SegmentFile::Index, SegmentFile::TimeIndex, SegmentFile::TxnIndex];
        for (name, _) in scratch.files() {
            if derived.iter().any(|kind| kind.parse(&name).is_some()) {
                scratch.remove(&name);
            }
        }
        scratch.clean(interval(&name_of(&partition)));
        for (name, content) in wanted {
            assert_eq!(scratch.read(&name), content, "{} {name}", partition.display());
            compared += 1;
        }
    }
    assert_eq!(compared, 12);
}

#[test]
fn unreadable_aborted_transactions_are_rebuilt() {
    let mut compared = 0;
    for partition in partitions(&["log-dir"]).into_iter().filter(|partition| is_complete(partition)) {
        let interval = interval(&name_of(&partition));
        for shutdown in [Shutdown::Clean, Shutdown::Unclean { recovery_point: i64::MAX }] {
            let (scratch, wanted) = closed(&partition);
            for (name, content) in &wanted {
                let wrong = [&content[..], b"garbage"].concat();
                scratch.write(name, if compared % 2 == 0 { &wrong } else { &content[1..] });
            }
            recover_as(&scratch.dir, interval, shutdown, Company::Alone);
            for (name, content) in wanted {
                assert_eq!(scratch.read(&name), content, "{} {name}", partition.display());
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 24);
}

#[test]
fn aborted_transactions_behind_a_cut_are_forgotten() {
    let folder = recovery_support::golden().join("kafka-3.9.2/txn/log-dir/txn-0");
    let scratch = Scratch::copy_of(&folder);
    let base = 10;
    let before = transactions::read(&scratch.dir, base).unwrap();
    let name = SegmentFile::Log.name(base);
    let log = scratch.read(&name);
    // Somebody cut the closed log right before the first marker of an abort.
    let marker = before[0].last_offset;
    let kept: usize =
        batches(&log).iter().filter(|(first, _, _)| *first < marker).map(|(_, _, bytes)| bytes.len()).sum();
    scratch.write(&name, &log[..kept]);
    let recovered = scratch.clean(interval("txn-0"));
    assert_eq!(recovered.tail.end_offset, marker);
    // The offsets are given anew: what is written there was not aborted.
    assert_eq!(transactions::read(&scratch.dir, base).unwrap(), []);
}

#[test]
fn a_log_that_starts_above_its_end_forgets_its_producers() {
    let folder = recovery_support::golden().join("kafka-3.9.2/txn/log-dir/txnopen-0");
    for shutdown in [Shutdown::Clean, Shutdown::Unclean { recovery_point: 0 }] {
        let scratch = Scratch::copy_of(&folder);
        let recovered = recover(&scratch.dir, "topic", &LogConfig::default(), shutdown, Company::Alone, 1000).unwrap();
        assert_eq!((recovered.tail.base_offset, recovered.tail.end_offset), (1000, 1000));
        // An open transaction of theirs would hide all that is written from now on, for ever.
        assert_eq!(recovered.producers, ProducerState::default(), "{shutdown:?}");
        let again =
            recover(&scratch.dir, "topic", &LogConfig::default(), Shutdown::Clean, Company::Alone, 1000).unwrap();
        assert_eq!(again.producers, ProducerState::default(), "{shutdown:?}");
    }
}
