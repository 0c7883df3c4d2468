//! What we keep of a broker's log after a crash is never less than what the broker kept, and what lies whole behind a cut is set aside.
//!
//! `before` is a folder as a killed broker left it (some damaged by hand), `after` what a broker made of it. A recovery is also begun in every state that a
//! crash of another recovery can leave, and must come to the same end.

mod recovery_support;

use std::path::{Path, PathBuf};

use ckafka::storage::recovery::{Company, Shutdown};
use recovery_support::{
    Scratch, batches, children, events, golden, interval, log_bytes, name_of, partitions, recover_as,
};

const CASES: [&str; 5] = ["unclean", "unclean-torn", "unclean-crc", "unclean-noindex", "unclean-badindex"];

fn case(name: &str, partition: &str) -> (PathBuf, PathBuf) {
    let case = golden().join("kafka-3.9.2").join(name);
    (case.join("before").join(partition), case.join("after").join(partition))
}

/// Files that a recovery may change every time it runs: each one begins a new leader epoch.
fn lasting(scratch: &Scratch) -> Vec<(String, Vec<u8>)> {
    scratch.files().into_iter().filter(|(name, _)| name != "leader-epoch-checkpoint").collect()
}

#[test]
fn nothing_is_kept_less_than_a_broker_keeps() {
    let mut compared = 0;
    for name in CASES {
        for before in children(&golden().join("kafka-3.9.2").join(name).join("before")) {
            let after = case(name, &name_of(&before)).1;
            if !before.is_dir() {
                continue;
            }
            for company in [Company::Alone, Company::Readers] {
                let scratch = Scratch::copy_of(&before);
                let shutdown = Shutdown::Unclean { recovery_point: 0 };
                let interval = interval(&name_of(&before));
                let recovered = recover_as(&scratch.dir, interval, shutdown, company);
                compare_with_after(&scratch, &after, name);
                let theirs = log_bytes(&after);
                let (_, last, _) = *batches(&theirs).last().unwrap();
                assert_eq!(recovered.tail.end_offset, last + 1, "{name} {}", before.display());
                let first = lasting(&scratch);
                let again = recover_as(&scratch.dir, interval, shutdown, company);
                assert!(again.report.is_empty(), "{name}: {:?}", again.report);
                assert_eq!(lasting(&scratch), first, "{name}: a second recovery changes something");
                assert_eq!(again.tail.end_offset, recovered.tail.end_offset);
                assert!(again.tail.leader_epoch > recovered.tail.leader_epoch);
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 16);
}

/// Logs are never shorter than the broker's; indexes equal the broker's, but for the entry that its close added to the last time index.
fn compare_with_after(scratch: &Scratch, after: &Path, case: &str) {
    let files = children(after);
    let last = files.iter().rfind(|path| path.extension().is_some_and(|e| e == "log")).unwrap();
    for file in &files {
        let name = name_of(file);
        let theirs = std::fs::read(file).unwrap();
        if name.ends_with(".log") {
            assert!(scratch.read(&name).starts_with(&theirs), "{case} {name}");
        } else if name.ends_with(".timeindex") && file.file_stem() == last.file_stem() {
            let ours = scratch.read(&name);
            assert!(theirs.starts_with(&ours) && theirs.len() - ours.len() <= 12, "{case} {name}");
        } else if name.ends_with("index") {
            assert_eq!(scratch.read(&name), theirs, "{case} {name}");
        }
    }
}

#[test]
fn whole_batches_behind_a_wrong_crc_are_set_aside() {
    let (before, _) = case("unclean-crc", "unc-one-0");
    let damaged = log_bytes(&before);
    for company in [Company::Alone, Company::Readers] {
        let scratch = Scratch::copy_of(&before);
        let recovered = recover_as(&scratch.dir, 4096, Shutdown::Unclean { recovery_point: 0 }, company);
        assert_eq!(recovered.tail.end_offset, 65);
        let log = scratch.read("00000000000000000000.log");
        let aside = scratch.read("00000000000000000000.log.set-aside.0");
        assert_eq!(log.len(), 6864);
        assert_eq!([log, aside.clone()].concat(), damaged);
        assert_eq!(batches(&aside).last().unwrap().1, 129, "the last record is still there");
        let cut = events(&recovered.report).into_iter().find(|event| event["event"] == "cut").unwrap();
        assert_eq!((cut["position"].as_u64(), cut["end_offset"].as_i64()), (Some(6864), Some(65)));
        assert_eq!(cut["set_aside"], "00000000000000000000.log.set-aside.0");
    }
    // Nothing whole lies behind a torn batch.
    let scratch = Scratch::copy_of(&case("unclean-torn", "unc-one-0").0);
    let recovered = scratch.unclean(4096);
    assert!(events(&recovered.report).into_iter().any(|event| event["event"] == "cut" && event["set_aside"].is_null()));
    assert!(!scratch.files().iter().any(|(name, _)| name.contains("set-aside")));
}

/// A log of several segments with a flipped byte in the second one: the segments behind go too, whole.
fn damaged_multi() -> Scratch {
    let scratch = Scratch::copy_of(&golden().join("kafka-3.9.2/multi-segment/log-dir/multi-0"));
    let mut log = scratch.read("00000000000000000050.log");
    let place: usize = batches(&log)[..2].iter().map(|(_, _, bytes)| bytes.len()).sum();
    log[place + 70] ^= 4;
    scratch.write("00000000000000000050.log", &log);
    scratch
}

#[test]
fn later_segments_are_set_aside_whole() {
    let scratch = damaged_multi();
    let damaged: Vec<_> = scratch.files();
    let recovered = scratch.unclean(512);
    let kept = batches(&scratch.read("00000000000000000050.log")).last().unwrap().1 + 1;
    assert_eq!(recovered.tail.end_offset, kept);
    assert_eq!(recovered.tail.base_offset, 50);
    for (name, content) in damaged.iter().filter(|(name, _)| name.ends_with(".log")) {
        let cut = if scratch.has(name) { scratch.read(name) } else { Vec::new() };
        let aside = format!("{name}.set-aside.0");
        let aside = if scratch.has(&aside) { scratch.read(&aside) } else { Vec::new() };
        assert_eq!(&[cut, aside].concat(), content, "{name}");
    }
    assert!(
        !scratch.files().iter().any(|(name, _)| name.starts_with("00000000000000000102.") && name.ends_with("index"))
    );
    assert!(scratch.unclean(512).report.is_empty());
}

#[test]
fn a_crash_of_the_recovery_at_any_step_changes_nothing_about_its_end() {
    let log = "00000000000000000050.log";
    let whole = damaged_multi();
    let before = whole.files();
    whole.unclean(512);
    let wanted = lasting(&whole);
    let later: Vec<String> = before
        .iter()
        .filter(|(name, _)| name.ends_with(".log") && name.as_str() > log)
        .map(|(name, _)| name.clone())
        .collect();
    assert!(later.len() > 2);
    let aside = |name: &str| format!("{name}.set-aside.0");
    // How many steps were done: 1 a half-made copy, 2 the copy, 3.. later segments gone, newest first, then the cut.
    for step in 0..=3 + later.len() {
        let scratch = damaged_multi();
        match step {
            0 => {}
            1 => scratch.write("ckafka.set-aside.tmp", b"half"),
            _ => scratch.write(&aside(log), &whole.read(&aside(log))),
        }
        for name in later.iter().rev().take(step.saturating_sub(2)) {
            std::fs::rename(scratch.path.join(name), scratch.path.join(aside(name))).unwrap();
        }
        if step == 3 + later.len() {
            scratch.write(log, &whole.read(log));
        }
        let recovered = scratch.unclean(512);
        assert_eq!(lasting(&scratch), wanted, "crash after step {step}");
        assert_eq!(recovered.tail.base_offset, 50);
        assert!(scratch.unclean(512).report.is_empty());
    }
}

#[test]
fn clean_folders_are_recovered_to_the_same_end_either_way() {
    for partition in partitions(&["log-dir", "after"]) {
        let name = name_of(&partition);
        let (clean, unclean) = (Scratch::copy_of(&partition), Scratch::copy_of(&partition));
        let (clean, unclean) = (clean.clean(interval(&name)), unclean.unclean(interval(&name)));
        let comparable = |mut tail: ckafka::storage::tail::TailState| {
            tail.created_ms = 0;
            tail.leader_epoch = 0;
            tail
        };
        assert_eq!(comparable(clean.tail), comparable(unclean.tail), "{}", partition.display());
        assert!(clean.report.is_empty(), "{}: {:?}", partition.display(), clean.report);
        assert_eq!(
            clean.read_only.is_some(),
            partition.to_str().unwrap().contains("old-format") && !name.starts_with("__")
        );
    }
}
