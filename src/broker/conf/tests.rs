//! What configuration takes and refuses, and what it means.

use super::table::Accepts;
use super::*;

fn with(pairs: &[(&str, &str)]) -> Conf {
    let mut conf = Conf::new();
    for (key, value) in pairs {
        conf.set(key, value).expect("accepted");
    }
    conf
}

#[test]
fn defaults_are_those_of_the_engine() {
    let conf = Conf::new();
    assert_eq!(conf.log_config().expect("log"), LogConfig::default());
    assert_eq!(conf.reader_config().expect("reader"), ReaderConfig::default());
    let directory = conf.directory_config().expect("directory");
    assert_eq!(
        (directory.filesystem_check, directory.lock_waits),
        (FilesystemCheck::Refuse, Duration::from_secs(30).into())
    );
    assert_eq!((directory.flush_cpu, directory.consumer_cpu), (None, None));
}

#[test]
fn every_default_is_a_value_that_may_be_set_and_keys_are_sorted_in_their_scope() {
    for key in KEYS {
        assert_eq!(key.accepts.spell(key.default).as_deref(), Some(key.default), "{}", key.name);
    }
    for pair in KEYS.windows(2) {
        let [a, b] = pair else { unreachable!() };
        assert!(a.scope != b.scope || a.name < b.name, "{} before {}", a.name, b.name);
    }
}

#[test]
fn ends_of_ranges_are_in_and_what_lies_beyond_is_out() {
    for key in KEYS {
        let (least, most) = match key.accepts {
            Accepts::Range(least, most) | Accepts::OneOrRange(_, least, most) => (least, most),
            Accepts::Words(_) | Accepts::WordList(_) => continue,
        };
        let mut conf = Conf::new();
        for end in [least, most] {
            conf.set(key.name, &end.to_string()).expect("an end of the range");
            assert_eq!(conf.get(key.name).expect("known"), end.to_string());
        }
        for beyond in [i128::from(least) - 1, i128::from(most) + 1] {
            let refused = conf.set(key.name, &beyond.to_string()).expect_err("beyond the range");
            let said = refused.to_string();
            assert!(said.contains(key.name) && said.contains(&beyond.to_string()), "{said}");
            assert!(said.contains(&least.to_string()), "{said}");
        }
        assert_eq!(conf.get(key.name).expect("known"), most.to_string(), "a refused value changes nothing");
    }
}

#[test]
fn words_mean_what_they_say() {
    let conf = with(&[
        ("message.timestamp.type", "LogAppendTime"),
        ("ckafka.append.mode", "pwrite"),
        ("flush.messages", "1"),
        ("flush.ms", "250"),
        ("ckafka.read.mode", "copy"),
        ("ckafka.on.corrupt", "skip"),
        ("ckafka.check.crcs", "false"),
        ("isolation.level", "read_committed"),
        ("ckafka.filesystem.check", "false"),
        ("ckafka.flush.cpu", "1"),
    ]);
    let log = conf.log_config().expect("log");
    assert_eq!((log.timestamp_type, log.append_mode), (TimestampType::LogAppendTime, AppendMode::Pwrite));
    assert_eq!((log.flush_messages, log.flush_interval), (1, Some(Duration::from_millis(250))));
    let reader = conf.reader_config().expect("reader");
    assert_eq!((reader.read_mode, reader.on_corrupt), (ReadMode::Copy, OnCorrupt::Skip));
    assert_eq!((reader.check_crcs, reader.isolation), (CheckCrcs::Never, IsolationLevel::ReadCommitted));
    let directory = conf.directory_config().expect("directory");
    assert_eq!((directory.filesystem_check, directory.flush_cpu), (FilesystemCheck::Skip, Some(1)));
}

#[test]
fn a_level_counts_for_its_own_codec_only() {
    let level = |codec: &str| {
        let conf = with(&[("compression.zstd.level", "19"), ("compression.type", codec)]);
        conf.log_config().expect("log").compression
    };
    assert_eq!(level("none"), Compression { codec: Codec::None, level: None });
    assert_eq!(level("producer"), level("uncompressed"));
    #[cfg(feature = "zstd")]
    assert_eq!(level("zstd"), Compression { codec: Codec::Zstd, level: Some(19) });
    #[cfg(feature = "gzip")]
    assert_eq!(level("gzip"), Compression { codec: Codec::Gzip, level: None });
    #[cfg(not(feature = "snappy"))]
    assert!(matches!(Conf::new().set("compression.type", "snappy"), Err(Error::UnsupportedCodec { .. })));
}

#[test]
fn strangers_are_refused_by_name() {
    let mut conf = Conf::new();
    for (key, value) in [
        ("linger.ms", "5"),
        ("segment.bytes", "1k"),
        ("segment.bytes", ""),
        ("cleanup.policy", "delete,burn"),
        ("ckafka.check.crcs", "TRUE"),
        ("compression.type", "brotli"),
        ("compression.gzip.level", "0"),
    ] {
        let refused = conf.set(key, value).expect_err(key);
        assert!(matches!(&refused, Error::ConfigRefused { .. }), "{refused}");
    }
    assert_eq!(conf, Conf::new());
    assert!(conf.get("batch.size").is_err());
}

#[test]
fn a_topic_keeps_what_was_set_for_it_in_one_spelling() {
    let base = with(&[("segment.bytes", "+4096"), ("retention.ms", "5"), ("isolation.level", "read_committed")]);
    let over = with(&[("retention.ms", "6"), ("cleanup.policy", "compact, delete")]);
    let both = base.overlaid(&over);
    let expected = [("cleanup.policy", "compact,delete"), ("retention.ms", "6"), ("segment.bytes", "4096")];
    assert_eq!(both.topic_values(), expected);
    assert_eq!(both.get("isolation.level").expect("known"), "read_committed");
    assert_eq!(both.process_values(), with(&[("isolation.level", "read_committed")]));
}

#[cfg(feature = "gzip")]
#[test]
fn a_topic_that_says_nothing_of_compression_leaves_it_to_the_opener() {
    let opener = with(&[("compression.type", "gzip"), ("compression.gzip.level", "3"), ("segment.bytes", "2048")]);
    let codec = |topic: &[(&str, &str)]| {
        let log = opener.process_values().overlaid(&with(topic)).log_config().expect("log");
        (log.compression.codec, log.segment_bytes)
    };
    let default = Conf::new().log_config().expect("log").segment_bytes;
    assert_eq!(codec(&[]), (Codec::Gzip, default));
    assert_eq!(codec(&[("compression.type", "producer")]), (Codec::Gzip, default));
    assert_eq!(codec(&[("compression.type", "uncompressed")]), (Codec::None, default));
}
