//! Each rule of recovery by itself, on logs made for it: tails of zeroes, gaps, steps back, log start, epochs, a broker's leftovers, formats that are only read.

mod recovery_support;

use ckafka::storage::config::LogConfig;
use ckafka::storage::names::SegmentFile;
use ckafka::storage::recovery::{Company, Shutdown, inspect, recover};
use recovery_support::{Scratch, batch, events, golden, name_of, partitions, recover_as};

const UNCLEAN: Shutdown = Shutdown::Unclean { recovery_point: 0 };

fn log_name(base: i64) -> String {
    SegmentFile::Log.name(base)
}

/// Single-record batches at these offsets.
fn log(offsets: impl IntoIterator<Item = i64>) -> Vec<u8> {
    offsets.into_iter().flat_map(|offset| batch(offset, 1000 + offset, 0, 1, b"value")).collect()
}

fn aside(scratch: &Scratch) -> Vec<String> {
    scratch.files().into_iter().map(|(name, _)| name).filter(|name| name.contains("set-aside")).collect()
}

#[test]
fn an_untrimmed_segment_is_trimmed_and_nothing_behind_it_is_lost() {
    let scratch = Scratch::new("untrimmed");
    scratch.write(&log_name(0), &[log(0..5), vec![0; 70_000]].concat());
    scratch.write(&log_name(5), &[log(5..9), vec![0; 300_000]].concat());
    let found = inspect(&scratch.dir, &LogConfig::default(), UNCLEAN, 0).unwrap();
    assert_eq!(found.segments, [(0, log(0..5).len() as u64), (5, log(5..9).len() as u64)]);
    assert!(found.report.is_empty());
    let recovered = scratch.unclean(4096);
    assert_eq!((recovered.tail.end_offset, recovered.tail.base_offset), (9, 5));
    assert_eq!((scratch.read(&log_name(0)), scratch.read(&log_name(5))), (log(0..5), log(5..9)));
    assert!(aside(&scratch).is_empty());
    let cuts = events(&recovered.report).into_iter().filter(|event| event["event"] != "rebuilt").count();
    assert_eq!(cuts, 0, "{:?}", recovered.report);
}

#[test]
fn zeroes_where_records_should_be_end_the_log() {
    let scratch = Scratch::new("hole");
    scratch.write(&log_name(0), &[log(0..5), vec![0; 4096]].concat());
    scratch.write(&log_name(7), &log(7..9));
    let found = inspect(&scratch.dir, &LogConfig::default(), UNCLEAN, 0).unwrap();
    assert_eq!((found.end_offset, found.segments.len(), found.report.len()), (5, 1, 1));
    let recovered = scratch.unclean(4096);
    assert_eq!(recovered.tail.end_offset, 5);
    assert_eq!(aside(&scratch), [format!("{}.set-aside.0", log_name(7))]);
    assert_eq!(scratch.read(&aside(&scratch)[0]), log(7..9));
    assert!(!scratch.has(&log_name(7)));
}

#[test]
fn gaps_that_compaction_leaves_are_kept() {
    let scratch = Scratch::new("gaps");
    scratch.write(&log_name(0), &log([0, 3, 4, 9]));
    scratch.write(&log_name(20), b"");
    scratch.write(&log_name(30), &log([31, 32, 40]));
    let recovered = scratch.unclean(4096);
    assert_eq!(recovered.tail.end_offset, 41);
    assert!(aside(&scratch).is_empty());
    assert_eq!(inspect(&scratch.dir, &LogConfig::default(), UNCLEAN, 0).unwrap().end_offset, 41);
}

#[test]
fn a_step_back_and_an_offset_beyond_31_bits_end_the_log() {
    for offsets in [[0, 1, 1, 2], [0, 1, 0, 1], [0, 1, 1 << 33, (1 << 33) + 1]] {
        let scratch = Scratch::new("back");
        scratch.write(&log_name(0), &log(offsets));
        assert_eq!(scratch.unclean(4096).tail.end_offset, 2, "{offsets:?}");
        assert_eq!(aside(&scratch).len(), 1, "{offsets:?}");
    }
}

#[test]
fn below_the_recovery_point_nothing_is_read() {
    let scratch = Scratch::new("below");
    let mut damaged = log(0..5);
    damaged[100] ^= 1;
    scratch.write(&log_name(0), &damaged);
    scratch.write(&SegmentFile::Index.name(0), b"");
    scratch.write(&SegmentFile::TimeIndex.name(0), b"");
    scratch.write(&log_name(5), &log(5..9));
    let shutdown = Shutdown::Unclean { recovery_point: 7 };
    let recovered = recover_as(&scratch.dir, 4096, shutdown, Company::Alone);
    assert_eq!(recovered.tail.end_offset, 9);
    assert_eq!(scratch.read(&log_name(0)), damaged);
    assert_eq!(inspect(&scratch.dir, &LogConfig::default(), shutdown, 0).unwrap().segments.len(), 2);
}

#[test]
fn an_empty_folder_becomes_a_log() {
    for (start, shutdown) in [(0, UNCLEAN), (42, UNCLEAN), (42, Shutdown::Clean)] {
        let scratch = Scratch::new("empty");
        let config = LogConfig::default();
        assert_eq!(inspect(&scratch.dir, &config, shutdown, start).unwrap().end_offset, start);
        assert!(scratch.files().is_empty());
        for _ in 0..2 {
            let recovered = recover(&scratch.dir, "t", &config, UNCLEAN, Company::Alone, start).unwrap();
            assert_eq!((recovered.tail.end_offset, recovered.tail.position, recovered.log_start), (start, 0, start));
            assert!(recovered.report.is_empty());
        }
        assert!(scratch.has(&log_name(start)) && scratch.has(&SegmentFile::TimeIndex.name(start)));
    }
    let scratch = Scratch::new("fresh");
    assert_eq!(scratch.unclean(4096).tail.leader_epoch, 0);
    assert_eq!(scratch.read("leader-epoch-checkpoint"), b"0\n1\n0 0\n");
}

#[test]
fn a_log_that_ends_below_its_start_begins_anew_and_is_set_aside() {
    let scratch = Scratch::new("below-start");
    scratch.write(&log_name(0), &log(0..5));
    scratch.write(&log_name(5), &log(5..9));
    let config = LogConfig::default();
    assert_eq!(inspect(&scratch.dir, &config, UNCLEAN, 100).unwrap().segments, []);
    let recovered = recover(&scratch.dir, "t", &config, UNCLEAN, Company::Alone, 100).unwrap();
    assert_eq!((recovered.tail.end_offset, recovered.log_start), (100, 100));
    assert_eq!(aside(&scratch).len(), 2);
    let again = recover(&scratch.dir, "t", &config, UNCLEAN, Company::Alone, 100).unwrap();
    assert_eq!((again.tail.end_offset, again.report.len()), (100, 0));
    // At its very end it goes on.
    let scratch = Scratch::new("at-start");
    scratch.write(&log_name(0), &log(0..5));
    let recovered = recover(&scratch.dir, "t", &config, UNCLEAN, Company::Alone, 5).unwrap();
    assert_eq!((recovered.tail.position > 0, recovered.log_start), (true, 5));
}

#[test]
fn every_unclean_recovery_begins_a_new_epoch_and_a_clean_one_goes_on() {
    let scratch = Scratch::new("epochs");
    let epoch = |offset, epoch| batch(offset, 1000, epoch, 1, b"value");
    scratch.write(&log_name(0), &[epoch(0, 2), epoch(1, 2), epoch(2, 5)].concat());
    assert_eq!(scratch.unclean(4096).tail.leader_epoch, 6);
    assert_eq!(scratch.read("leader-epoch-checkpoint"), b"0\n3\n2 0\n5 2\n6 3\n");
    assert_eq!(scratch.clean(4096).tail.leader_epoch, 6);
    assert_eq!(scratch.unclean(4096).tail.leader_epoch, 7, "epoch 6 may have been seen");
    assert_eq!(scratch.read("leader-epoch-checkpoint"), b"0\n3\n2 0\n5 2\n7 3\n");
    for malformed in [&b"garbage"[..], b""] {
        scratch.write("leader-epoch-checkpoint", malformed);
        assert_eq!(scratch.clean(4096).tail.leader_epoch, 5, "from the last batch");
        assert_eq!(scratch.read("leader-epoch-checkpoint").last(), Some(&b'\n'));
    }
    scratch.write("leader-epoch-checkpoint", b"0\n2\n5 0\n9 50\n");
    assert_eq!(scratch.clean(4096).tail.leader_epoch, 9, "about records that are gone, but it was given out");
    assert_eq!(scratch.read("leader-epoch-checkpoint"), b"0\n2\n5 0\n9 3\n");
}

#[test]
fn leftovers_of_compaction_are_finished_or_dropped() {
    let swap = |base: i64| format!("{}.swap", log_name(base));
    // 0 and 10 were compacted into 0; 10's index is gone already.
    let scratch = Scratch::new("swap");
    scratch.write(&log_name(0), &log(0..10));
    scratch.write(&SegmentFile::Index.name(0), b"old");
    scratch.write(&log_name(10), &log(10..20));
    scratch.write(&log_name(20), &log(20..25));
    scratch.write(&swap(0), &log([3, 9, 15, 19]));
    scratch.write("00000000000000000000.timeindex.swap", b"");
    for leftover in ["00000000000000000033.index", "00000000000000000040.log.deleted", "ckafka.next", "ckafka.x.tmp"] {
        scratch.write(leftover, b"x");
    }
    scratch.write("00000000000000000000.log.set-aside.0", b"kept");
    let recovered = scratch.unclean(4096);
    assert_eq!(recovered.tail.end_offset, 25);
    assert_eq!(scratch.read(&log_name(0)), log([3, 9, 15, 19]));
    let names: Vec<String> = scratch.files().into_iter().map(|(name, _)| name).collect();
    assert!(!names.iter().any(|name| name.ends_with("swap") || name.starts_with("ckafka.")), "{names:?}");
    assert!(!scratch.has(&log_name(10)) && !scratch.has("00000000000000000033.index"));
    assert_eq!(scratch.read("00000000000000000000.log.set-aside.0"), b"kept");
    // A split that is not finished leaves its source.
    scratch.write(&swap(3), &log([3]));
    scratch.write("00000000000000000002.log.cleaned", &log([2]));
    assert_eq!(scratch.unclean(4096).tail.end_offset, 25);
    assert!(!scratch.has(&swap(3)) && !scratch.has(&log_name(3)));
    // A damaged output takes nobody's place.
    scratch.write(&swap(20), &log([20, 24])[..90]);
    let recovered = scratch.unclean(4096);
    assert_eq!(recovered.report.len(), 1);
    assert_eq!(scratch.read(&log_name(20)), log(20..25));
}

#[test]
fn old_formats_and_the_metadata_log_are_not_changed() {
    for partition in partitions(&["log-dir"]) {
        let path = partition.to_str().unwrap();
        let is_old = path.contains("old-format") && !name_of(&partition).starts_with("__");
        let is_metadata = path.contains("__cluster_metadata");
        if !is_old && !is_metadata {
            continue;
        }
        let scratch = Scratch::copy_of(&partition);
        scratch.write("00000000000000000099.index", b"a leftover");
        let before = scratch.files();
        let topic = if is_metadata { "__cluster_metadata" } else { "t" };
        for shutdown in [UNCLEAN, Shutdown::Clean] {
            let recovered = recover(&scratch.dir, topic, &LogConfig::default(), shutdown, Company::Alone, 0).unwrap();
            let reason = recovered.read_only.unwrap();
            assert!(is_metadata || reason.contains("magic"), "{reason}");
            let ends = [("4.3.0/metadata", 39), ("3.9.2/metadata", 28), ("mixed", 180), ("old-format", 60)];
            let end = ends.iter().find(|(part, _)| path.contains(part)).unwrap().1;
            assert_eq!(recovered.tail.end_offset, end, "{path}");
            assert_eq!(scratch.files(), before, "{path}");
        }
    }
    // Looking on changes nothing either, whatever there is to mend.
    for partition in partitions(&["log-dir", "before"]) {
        let scratch = Scratch::copy_of(&partition);
        let before = scratch.files();
        for shutdown in [UNCLEAN, Shutdown::Clean] {
            inspect(&scratch.dir, &LogConfig::default(), shutdown, 0).unwrap();
        }
        assert_eq!(scratch.files(), before);
    }
}

#[test]
fn a_header_with_zeroes_for_the_rest_is_no_old_format() {
    // A power cut can leave the first bytes of a batch, with zeroes for its magic.
    let scratch = Scratch::new("torn-header");
    let next = batch(3, 1000, 0, 1, &[1; 200]);
    scratch.write(&log_name(0), &[log(0..3), next[..12].to_vec(), vec![0; 4096]].concat());
    let recovered = scratch.unclean(4096);
    assert_eq!((recovered.read_only, recovered.tail.end_offset), (None, 3));
}

#[test]
fn stray_snapshots_go_and_useful_ones_stay() {
    let scratch = Scratch::copy_of(&golden().join("kafka-3.9.2/multi-segment/log-dir/multi-0"));
    let valid = scratch.read("00000000000000000300.snapshot");
    scratch.write("00000000000000000120.snapshot", &valid);
    scratch.write("00000000000000000400.snapshot", &valid);
    scratch.write("00000000000000000300.snapshot", &valid[..30]);
    let recovered = scratch.unclean(512);
    assert_eq!(events(&recovered.report).into_iter().filter(|event| event["event"] == "removed").count(), 2);
    assert!(!scratch.has("00000000000000000120.snapshot") && !scratch.has("00000000000000000400.snapshot"));
    assert_eq!(scratch.read("00000000000000000300.snapshot"), valid, "made anew from the log");
    assert!(scratch.has("00000000000000000251.snapshot"));
}
