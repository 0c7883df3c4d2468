//! The oracle tells good from bad: Kafka's dump tool finds nothing in what brokers wrote, and finds what we plant.
//!
//! Everything that we show by this tool elsewhere rests on its being able to fail.

#[path = "oracle/oracle.rs"]
mod oracle;

use std::fs;
use std::path::{Path, PathBuf};

use oracle::{Oracle, files_of};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/kafka");

const PLAIN: [&str; 12] = [
    "kafka-3.9.2/none/log-dir/none-java-0",
    "kafka-3.9.2/none/log-dir/none-librdkafka-0",
    "kafka-3.9.2/gzip/log-dir/gzip-java-0",
    "kafka-3.9.2/snappy/log-dir/snappy-java-0",
    "kafka-3.9.2/snappy/log-dir/snappy-librdkafka-0",
    "kafka-3.9.2/lz4/log-dir/lz4-java-0",
    "kafka-3.9.2/zstd/log-dir/zstd-librdkafka-0",
    "kafka-3.9.2/multi-segment/log-dir/multi-0",
    "kafka-3.9.2/multi-segment/log-dir/idxfull-0",
    "kafka-3.9.2/log-append-time/log-dir/lat-zstd-0",
    "kafka-3.9.2/unclean-torn/after/unc-0",
    "kafka-4.3.0/none/log-dir/none-java-0",
];

const WITH_GAPS: [&str; 3] =
    ["kafka-3.9.2/txn/log-dir/txnseg-0", "kafka-3.9.2/compacted/log-dir/comp-txn-0", "kafka-4.3.0/txn/log-dir/txn-0"];

fn files(partitions: &[&str]) -> Vec<PathBuf> {
    partitions.iter().flat_map(|partition| files_of(&Path::new(GOLDEN).join(partition))).collect()
}

#[test]
fn brokers_logs_are_clean() {
    let Some(oracle) = Oracle::find("brokers_logs_are_clean") else { return };
    for (options, partitions) in [(vec!["-q"], &PLAIN[..]), (vec!["-q", "--gaps"], &WITH_GAPS[..])] {
        let files = files(partitions);
        assert!(files.len() >= 3 * partitions.len(), "too few files in {partitions:?}");
        let verdict = oracle.dump(&options, &files);
        assert_eq!(verdict.status, 0, "{}", verdict.said);
    }
}

/// Makes `folder` a copy of the golden partition with several segments.
fn copy_partition(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("scratch folder");
    for file in files_of(&Path::new(GOLDEN).join("kafka-3.9.2/multi-segment/log-dir/multi-0")) {
        fs::copy(&file, folder.join(file.file_name().expect("a name"))).expect("golden file is copied");
    }
}

/// A copy of a golden partition, changed by `damage`, given to the oracle.
#[track_caller]
fn assert_found(oracle: &Oracle, name: &str, damage: impl Fn(&Path), wanted: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("oracle-golden-{name}"));
    copy_partition(&folder);
    assert_eq!(oracle.dump(&["-q"], &files_of(&folder)).status, 0, "{name}: the copy is clean before");
    damage(&folder);
    let verdict = oracle.dump(&["-q"], &files_of(&folder));
    assert!(verdict.status == 1 && verdict.said.contains(wanted), "{name}: wanted `{wanted}`, got {verdict:?}");
    fs::remove_dir_all(&folder).expect("scratch folder is removed");
}

fn change(path: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("file is readable");
    change(&mut bytes);
    fs::write(path, bytes).expect("file is writable");
}

const SEGMENT: &str = "00000000000000000000";

#[test]
fn planted_damage_is_found() {
    let Some(oracle) = Oracle::find("planted_damage_is_found") else { return };
    let file = |folder: &Path, kind: &str| folder.join(format!("{SEGMENT}.{kind}"));
    let flip = |bytes: &mut Vec<u8>| bytes[100] ^= 1;
    assert_found(&oracle, "bit", |folder| change(&file(folder, "log"), flip), "isvalid: false");
    // With an index beside it that points past the end the tool dies before it counts the bytes that are left over.
    let tear = |folder: &Path| {
        change(&file(folder, "log"), |bytes| bytes.truncate(bytes.len() - 1));
        for kind in ["index", "timeindex"] {
            fs::remove_file(file(folder, kind)).expect("file is removed");
        }
    };
    assert_found(&oracle, "tail", tear, "invalid bytes at the end");
    // Bytes 0 to 3 of an entry are the relative offset, in a time entry bytes 0 to 7 are the time.
    let shift = |bytes: &mut Vec<u8>| bytes[3] += 1;
    assert_found(&oracle, "index", |folder| change(&file(folder, "index"), shift), "Index offset");
    let later = |bytes: &mut Vec<u8>| bytes[7] ^= 1;
    assert_found(&oracle, "timeindex", |folder| change(&file(folder, "timeindex"), later), "Index timestamp");
}

#[test]
#[ignore = "two brokers take half a minute; make test-all runs it"]
fn broker_takes_a_good_log_over_and_cuts_a_bad_one() {
    let Some(oracle) = Oracle::find("broker_takes_a_good_log_over_and_cuts_a_bad_one") else { return };
    let case = Path::new(GOLDEN).join("kafka-3.9.2/multi-segment");
    let expected = case.join("expected/multi-0.jsonl");
    let options =
        ["-x", "-m", "recover", "-c", "index.interval.bytes=512", "-e", expected.to_str().expect("path is text")];
    let good = oracle.adopt(&options, &case.join("log-dir/multi-0"));
    assert_eq!(good.status, 0, "{}", good.said);

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracle-golden-adopt/multi-0");
    copy_partition(&folder);
    change(&folder.join(format!("{SEGMENT}.log")), |bytes| bytes[100] ^= 1);
    let bad = oracle.adopt(&options, &folder);
    assert!(bad.status == 1 && bad.said.contains("is not what was put there"), "{bad:?}");
}
