//! A reader sees exactly what is published, as soon as it is, by map and by copy, across rolls.

#[path = "read/live.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod live;

use std::time::{Duration, Instant};

use ckafka::Error;
use ckafka::storage::config::ReadMode;
use ckafka::storage::reader::Start;
use live::{Live, POLL, assert_tells, drain, timestamp_at};

const MODES: [ReadMode; 2] = [ReadMode::Map, ReadMode::Copy];

const SMALL: [(&str, &str); 2] = [("segment.bytes", "4096"), ("index.interval.bytes", "300")];

#[test]
fn every_record_once_across_rolls() {
    for mode in MODES {
        let live = Live::create("rolls", &SMALL);
        let mut behind = live.reader(Start::Earliest, mode);
        let mut small = live.reader(Start::Earliest, mode);
        for round in 0..300 {
            live.append(1 + round % 9);
            if round % 3 == 0 {
                drain(&mut behind, usize::MAX);
                assert_eq!(behind.position(), live.log.published_end());
            }
        }
        drain(&mut behind, usize::MAX);
        assert_eq!(drain(&mut small, 1), live.log.published_end());
        let segments = std::fs::read_dir(live.folder.join("t-0")).expect("folder");
        let logs =
            segments.filter(|entry| entry.as_ref().expect("entry").path().extension().is_some_and(|e| e == "log"));
        assert!(logs.count() > 10, "the log did not roll");
    }
}

#[test]
fn a_seek_to_each_offset_and_time() {
    for mode in MODES {
        let live = Live::create("seeks", &SMALL);
        for round in 0..150 {
            live.append(1 + round % 7);
        }
        let end = live.log.published_end();
        let mut reader = live.reader(Start::Earliest, mode);
        for offset in (0..end).chain((0..end).rev()) {
            reader.seek(offset).expect("seek");
            let view = reader.fetch(1, POLL).expect("fetch");
            assert_eq!(assert_tells(&view).0, offset);
        }
        let mut times: Vec<i64> =
            (0..end).flat_map(|offset| [timestamp_at(offset), timestamp_at(offset) + 1]).collect();
        times.extend([0, i64::MAX]);
        for time in times {
            let wanted = (0..end).find(|offset| timestamp_at(*offset) >= time);
            let found = reader.seek_time(time).expect("seek");
            assert_eq!(found, wanted.map(|offset| (offset, timestamp_at(offset))), "at {time}");
            assert_eq!(reader.position(), wanted.unwrap_or(end));
        }
    }
}

#[test]
fn runs_are_as_long_as_the_limit_allows() {
    let live = Live::create("limit", &[]);
    for _ in 0..50 {
        live.append(3);
    }
    let whole = live.reader(Start::Earliest, ReadMode::Map).fetch(usize::MAX, POLL).expect("fetch");
    assert_eq!(whole.next_offset(), 150);
    let one = whole.raw().len() / 50;
    for mode in MODES {
        let mut reader = live.reader(Start::Earliest, mode);
        for limit in [0, 1, one, 3 * one, 1000, 5000] {
            reader.seek(0).expect("seek");
            let view = reader.fetch(limit, POLL).expect("fetch");
            assert!(view.raw().len() <= limit || view.next_offset() == 3, "limit {limit}: {} bytes", view.raw().len());
            assert_eq!(view.raw(), &whole.raw()[..view.raw().len()]);
            // The next batch would not have fitted: none is as large as two of them.
            assert!(view.raw().len() + 2 * one > limit, "limit {limit}: {} bytes", view.raw().len());
        }
        // In the middle of a batch: the batch is whole, the rows begin at the offset.
        reader.seek(7).expect("seek");
        let view = reader.fetch(0, POLL).expect("fetch");
        assert_eq!(assert_tells(&view), (7, 9));
    }
}

#[test]
fn a_view_outlives_reader_log_and_files() {
    let live = Live::create("outlives", &[]);
    live.append(100);
    let view = live.reader(Start::Earliest, ReadMode::Map).fetch(usize::MAX, POLL).expect("fetch");
    drop(live);
    assert_eq!(assert_tells(&view), (0, 100));
}

#[test]
fn starts() {
    let live = Live::create("starts", &[]);
    live.append(10);
    assert_eq!(live.reader(Start::Latest, ReadMode::Map).position(), 10);
    assert_eq!(live.reader(Start::At(4), ReadMode::Map).position(), 4);
    let durable = live.reader(Start::DurableEnd, ReadMode::Map).position();
    assert_eq!(durable, live.log.durable_end());
    live.log.sync().expect("sync");
    assert_eq!(live.reader(Start::DurableEnd, ReadMode::Map).position(), 10);
}

#[test]
fn the_end_times_out() {
    let live = Live::create("end", &[]);
    live.append(1);
    let mut reader = live.reader(Start::Latest, ReadMode::Map);
    // The least of some: a machine may be busy at times.
    let polls = (0..20).map(|_| {
        let begun = Instant::now();
        assert!(matches!(reader.fetch(1, POLL), Err(Error::TimedOut { .. })));
        begun.elapsed()
    });
    assert!(polls.min().is_some_and(|least| least < Duration::from_millis(20)));
    let begun = Instant::now();
    assert!(matches!(reader.fetch(1, Some(Duration::from_millis(120))), Err(Error::TimedOut { .. })));
    assert!((120..10_000).contains(&begun.elapsed().as_millis()));
}
