//! A reader that waits wakes when a record comes, when it is told to, and not otherwise.

#[path = "read/live.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod live;

use std::os::fd::{BorrowedFd, RawFd};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ckafka::Error;
use ckafka::storage::config::ReadMode;
use ckafka::storage::reader::Start;
use live::{Live, POLL, append, assert_tells, drain};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

const LONG: Option<Duration> = Some(Duration::from_secs(20));

#[test]
fn each_record_wakes_the_sleeper() {
    let live = Live::create("wakes", &[]);
    let mut reader = live.reader(Start::Latest, ReadMode::Map);
    let log = live.log.clone();
    let (asked, asks) = mpsc::channel::<()>();
    let writer = thread::spawn(move || {
        for () in asks {
            // Long enough for the reader to sleep, most of the times.
            thread::sleep(Duration::from_micros(300));
            append(&log, 1);
        }
    });
    let mut slow = 0;
    for offset in 0..500 {
        asked.send(()).expect("the writer lives");
        let begun = Instant::now();
        let view = reader.fetch(1, LONG).expect("fetch");
        assert_eq!(assert_tells(&view), (offset, offset + 1));
        // A lost wake-up is made good by the time slice, and would show here.
        slow += u32::from(begun.elapsed() > Duration::from_millis(45));
    }
    drop(asked);
    writer.join().expect("writer");
    assert!(slow < 25, "{slow} of 500 wakes came late");
}

#[test]
fn a_racing_writer_loses_no_record() {
    let live = Live::create("races", &[("segment.bytes", "100000")]);
    let mut readers: Vec<_> =
        [ReadMode::Map, ReadMode::Copy].map(|mode| live.reader(Start::Earliest, mode)).into_iter().collect();
    let log = live.log.clone();
    let writer = thread::spawn(move || {
        for _ in 0..20_000 {
            append(&log, 1);
        }
    });
    for reader in &mut readers {
        while reader.position() < 20_000 {
            let expected = reader.position();
            let view = reader.fetch(100_000, LONG).expect("fetch");
            assert_eq!(assert_tells(&view), (expected, reader.position()));
        }
    }
    writer.join().expect("writer");
}

#[test]
fn a_wakeup_cancels_the_fetch_or_the_next_one() {
    let live = Live::create("wakeup", &[]);
    let mut reader = live.reader(Start::Latest, ReadMode::Map);
    let wakeup = reader.wakeup_handle();
    let other = thread::spawn({
        let wakeup = wakeup.clone();
        move || {
            thread::sleep(Duration::from_millis(50));
            wakeup.wake();
        }
    });
    let begun = Instant::now();
    assert!(matches!(reader.fetch(1, None), Err(Error::Interrupted { .. })));
    assert!(begun.elapsed() < Duration::from_secs(20));
    other.join().expect("other");
    wakeup.wake();
    assert!(matches!(reader.fetch(1, None), Err(Error::Interrupted { .. })));
    live.append(1);
    assert!(reader.fetch(1, None).is_ok(), "one wakeup cancels one fetch");
}

#[expect(unsafe_code, reason = "the descriptor is lent as a number, as to a C program")]
fn is_readable(fd: RawFd, timeout_ms: u16) -> bool {
    // SAFETY: the reader owns the descriptor, and lives longer than this call.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::from(timeout_ms)).expect("poll") > 0
}

#[test]
fn the_descriptor_is_readable_until_the_end_is_met() {
    let live = Live::create("poll", &[]);
    live.append(1);
    let mut reader = live.reader(Start::Earliest, ReadMode::Map);
    let fd = reader.poll_fd().expect("poll_fd");
    assert!(is_readable(fd, 1000), "there is a record");
    assert_eq!(drain(&mut reader, 1), 1);
    assert!(!is_readable(fd, 30), "there is none");
    for _ in 0..200 {
        live.append(2);
        assert!(is_readable(fd, 1000), "records came");
        reader.fetch(1, POLL).expect("fetch");
        live.append(2);
        assert!(is_readable(fd, 0), "not all was fetched");
        assert!(is_readable(fd, 0), "not all was fetched");
        drain(&mut reader, 1000);
        assert!(!is_readable(fd, 0), "there is none");
    }
    reader.wakeup_handle().wake();
    assert!(is_readable(fd, 1000), "a wakeup shows");
    assert!(matches!(reader.fetch(1, None), Err(Error::Interrupted { .. })));
    assert_eq!(drain(&mut reader, 1), 0);
}
