//! The indexes that we rebuild from a broker's logs equal the broker's, byte for byte.
//!
//! Every `.index` and `.timeindex` that a stopped broker left, of every format and with every setting of the golden set: 380 files. Compared twice: by the walk
//! over entry headers that any format allows, and, where the log is one that a writer may take, by the recovery itself, which then must find nothing to mend.

mod recovery_support;

use std::fs;

use ckafka::storage::names::SegmentFile;
use ckafka::storage::rebuild::indexes_of_closed;
use recovery_support::{Scratch, children, events, interval, name_of, partitions};

#[test]
fn rebuilt_indexes_equal_the_brokers() {
    let mut compared = 0;
    let mut deleted = 0;
    for partition in partitions(&["log-dir", "after"]) {
        for log in children(&partition) {
            let name = name_of(&log);
            let (plain, suffix) =
                name.strip_suffix(".deleted").map_or((name.as_str(), ""), |plain| (plain, ".deleted"));
            let Some(base) = SegmentFile::Log.parse(plain) else { continue };
            let scratch = Scratch::new("golden-index");
            fs::copy(&log, scratch.path.join(plain)).unwrap();
            let rebuilt = indexes_of_closed(&scratch.dir, base, interval(&name_of(&partition))).unwrap();
            for (kind, ours) in [(SegmentFile::Index, rebuilt.offset), (SegmentFile::TimeIndex, rebuilt.time)] {
                let file = partition.join(format!("{}{suffix}", kind.name(base)));
                let theirs = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
                assert_eq!(ours, theirs, "{}", file.display());
                compared += 1;
                deleted += usize::from(!suffix.is_empty());
            }
        }
    }
    assert_eq!((compared, deleted), (380, 2));
}

#[test]
fn a_recovery_finds_nothing_to_mend_in_them() {
    for partition in partitions(&["log-dir", "after"]) {
        let scratch = Scratch::copy_of(&partition);
        let before = scratch.files();
        let recovered = scratch.unclean(interval(&name_of(&partition)));
        let rebuilt: Vec<_> =
            events(&recovered.report).into_iter().filter(|event| event["event"] != "removed").collect();
        assert!(rebuilt.is_empty(), "{}: {rebuilt:?}", partition.display());
        for (name, content) in before {
            if name.ends_with(".txnindex") && partition.ends_with("comp-txn-0") {
                // Compaction took the aborted records, and a rebuild (ours or a broker's) finds nothing to name any more.
                continue;
            }
            let is_last = name.contains(&format!("{:020}", recovered.tail.base_offset));
            if name.ends_with(".log") || (name.ends_with("index") && !is_last) {
                assert_eq!(scratch.read(&name), content, "{} {name}", partition.display());
            } else if name.ends_with("index") && recovered.read_only.is_none() {
                // The entry that the close added is taken back until the next close.
                assert!(content.starts_with(&scratch.read(&name)), "{} {name}", partition.display());
            }
        }
    }
}
