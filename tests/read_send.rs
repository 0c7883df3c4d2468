//! What a sender sends is the log byte for byte, however little the descriptor takes at a time, and whole batches where it is limited.

#[path = "read/live.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod live;

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use ckafka::Error;
use ckafka::record::BatchHeader;
use ckafka::storage::names::SegmentFile;
use ckafka::storage::reader::Start;
use ckafka::storage::sender::{SendStop, Sender};
use ckafka::storage::view::View;
use nix::sys::socket::{setsockopt, sockopt};

use live::{Live, append, assert_tells};

const SMALL: [(&str, &str); 1] = [("segment.bytes", "5000")];

/// The log's bytes as they lie, and where batches begin in them with their base offsets.
fn whole(live: &Live) -> (Vec<u8>, Vec<(u64, i64)>) {
    let folder = live.folder.join("t-0");
    let names = std::fs::read_dir(&folder).expect("folder").map(|entry| entry.expect("entry").file_name());
    let mut bases: Vec<i64> = names.filter_map(|name| SegmentFile::Log.parse(name.to_str()?)).collect();
    bases.sort_unstable();
    let (mut bytes, mut batches) = (Vec::new(), Vec::new());
    for base in bases {
        let segment = std::fs::read(folder.join(SegmentFile::Log.name(base))).expect("read");
        let mut position = 0;
        // The active segment has zeroes behind its batches.
        while let Ok(header) = BatchHeader::parse(&segment[position..]) {
            batches.push((bytes.len() as u64, header.base_offset));
            bytes.extend_from_slice(&segment[position..position + header.size()]);
            position += header.size();
        }
    }
    (bytes, batches)
}

fn sender(live: &Live, start: Start) -> Sender {
    Sender::open(Arc::clone(&live.log), start).expect("sender")
}

/// Base offset of the batch that byte `at` belongs to, and how far into it that is.
fn place(batches: &[(u64, i64)], at: u64, len: u64, end: i64) -> (i64, u64) {
    if at == len {
        return (end, 0);
    }
    let (start, base) = batches.iter().rfind(|(start, _)| *start <= at).expect("a batch");
    (*base, at - start)
}

fn scratch_file(live: &Live) -> File {
    let path = live.folder.join("out");
    File::options().read(true).write(true).create(true).truncate(true).open(path).expect("file")
}

fn contents(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().expect("rewind");
    file.read_to_end(&mut bytes).expect("read");
    bytes
}

fn filled(name: &str) -> Live {
    filled_with(name, &SMALL)
}

fn filled_with(name: &str, settings: &[(&str, &str)]) -> Live {
    let live = Live::create(name, settings);
    for round in 0..120 {
        live.append(1 + round % 6);
    }
    live
}

#[test]
fn a_file_gets_the_log_in_one_call() {
    let live = filled("file");
    let (bytes, _) = whole(&live);
    let mut file = scratch_file(&live);
    let mut sender = sender(&live, Start::Earliest);
    let outcome = sender.send(file.as_raw_fd(), u64::MAX).expect("send");
    assert_eq!((outcome.sent, outcome.stop), (bytes.len() as u64, SendStop::Done));
    assert_eq!(contents(&mut file), bytes);
    assert_eq!(sender.position(), (live.log.published_end(), 0));
    let counters = live.log.send_counters();
    assert_eq!(counters.by_kernel.load(Relaxed) + counters.copied.load(Relaxed), bytes.len() as u64);
    let more = live.append(2);
    assert_eq!(sender.position(), (more, 0));
    assert!(sender.send(file.as_raw_fd(), u64::MAX).expect("send").sent > 61);
    assert_eq!(sender.send(file.as_raw_fd(), u64::MAX).expect("send").sent, 0);
    assert_eq!(contents(&mut file), whole(&live).0);
}

#[test]
fn a_limit_cuts_between_batches() {
    cuts_between_batches(&filled("limit"));
}

/// A boundary near the limit is looked up in the offset index.
#[test]
fn so_it_does_with_an_entry_for_each_batch_and_with_wrong_ones() {
    let live = filled_with("limit-index", &[("segment.bytes", "5000"), ("index.interval.bytes", "1")]);
    let folder = live.folder.join("t-0");
    let names = std::fs::read_dir(&folder).expect("folder").map(|entry| entry.expect("entry").file_name());
    let indexes: Vec<_> = names
        .map(|name| folder.join(name))
        .filter(|path| path.extension().is_some_and(|kind| kind == "index"))
        .collect();
    assert!(indexes.len() > 3, "it rolled");
    cuts_between_batches(&live);
    for path in indexes {
        let mut index = std::fs::read(&path).expect("read");
        assert!(index.iter().any(|byte| *byte != 0), "{}: it has entries", path.display());
        for (number, entry) in index.chunks_exact_mut(8).enumerate() {
            match number % 3 {
                0 => entry[7] ^= 1,
                1 => entry[4..].fill(0xff),
                _ => entry.rotate_left(4),
            }
        }
        // In place: it may be mapped.
        File::options().write(true).open(&path).and_then(|mut file| file.write_all(&index)).expect("written");
    }
    cuts_between_batches(&live);
}

fn cuts_between_batches(live: &Live) {
    let (bytes, batches) = whole(live);
    let ends: Vec<u64> = batches.iter().map(|(start, _)| *start).skip(1).chain([bytes.len() as u64]).collect();
    for limit in [0, 1, 200, 777, 4000, 20_000] {
        let mut file = scratch_file(live);
        let mut sender = sender(live, Start::Earliest);
        let mut at = 0;
        while at < bytes.len() as u64 {
            let sent = sender.send(file.as_raw_fd(), limit).expect("send").sent;
            let wanted = ends.iter().rfind(|end| **end <= at + limit && **end > at);
            let least = ends.iter().find(|end| **end > at).expect("an end");
            assert_eq!(at + sent, *wanted.unwrap_or(least), "limit {limit} at {at}");
            at += sent;
            assert_eq!(sender.position(), place(&batches, at, bytes.len() as u64, live.log.published_end()));
        }
        assert_eq!(contents(&mut file), bytes);
    }
}

#[test]
fn it_starts_at_the_batch_that_holds_the_offset() {
    let live = filled("start");
    let (bytes, batches) = whole(&live);
    for offset in 0..live.log.published_end() {
        let mut file = scratch_file(&live);
        let mut sender = sender(&live, Start::At(offset));
        let (start, base) = *batches.iter().rfind(|(_, base)| *base <= offset).expect("a batch");
        assert_eq!(sender.position(), (base, 0));
        sender.send(file.as_raw_fd(), u64::MAX).expect("send");
        assert_eq!(contents(&mut file), bytes[start as usize..]);
    }
}

/// Makes a socket that takes a few kilobytes and then says so.
fn make_slow(socket: &UnixStream) {
    socket.set_nonblocking(true).expect("non-blocking");
    setsockopt(socket, sockopt::SndBuf, &4096).expect("buffer");
}

/// Sends all to a socket that is read in small pieces; each pause is checked.
fn send_slowly(live: &Live, limit: u64, take: usize) -> u32 {
    let (bytes, batches) = whole(live);
    let end = live.log.published_end();
    let (mut near, far) = UnixStream::pair().expect("sockets");
    make_slow(&far);
    let mut sender = sender(live, Start::Earliest);
    let (mut at, mut received) = (0, Vec::new());
    let mut pauses = 0;
    while received.len() < bytes.len() {
        let outcome = sender.send(far.as_raw_fd(), limit).expect("send");
        at += outcome.sent;
        assert_eq!(sender.position(), place(&batches, at, bytes.len() as u64, end), "after {at} bytes");
        pauses += u32::from(outcome.stop == SendStop::WouldBlock);
        let mut piece = vec![0; take];
        near.set_nonblocking(true).expect("non-blocking");
        if let Ok(count) = near.read(&mut piece) {
            received.extend_from_slice(&piece[..count]);
        }
    }
    assert_eq!(received, bytes);
    pauses
}

#[test]
fn a_slow_socket_gets_every_byte_once() {
    let live = Live::create("slow", &[("segment.bytes", "30000")]);
    for round in 0..200 {
        live.append(1 + round % 60);
    }
    assert!(send_slowly(&live, u64::MAX, 700) > 3, "the socket took everything at once");
    send_slowly(&live, 3000, 700);
    send_slowly(&live, 1, 5000);
}

#[test]
fn a_begun_batch_is_finished_after_its_segment_was_unlinked() {
    let live = Live::create("unlinked", &[("segment.bytes", "400000")]);
    live.append(3000);
    let (bytes, _) = whole(&live);
    let (mut near, far) = UnixStream::pair().expect("sockets");
    make_slow(&far);
    let mut sender = sender(&live, Start::Earliest);
    let mut received = Vec::new();
    let first = sender.send(far.as_raw_fd(), 1).expect("send");
    assert_eq!(first.stop, SendStop::WouldBlock, "the batch is larger than a socket's buffer");
    std::fs::remove_file(live.folder.join("t-0").join(SegmentFile::Log.name(0))).expect("unlink");
    near.set_nonblocking(true).expect("non-blocking");
    while received.len() < bytes.len() {
        let mut piece = [0; 65536];
        if let Ok(count) = near.read(&mut piece) {
            received.extend_from_slice(&piece[..count]);
        }
        let _ = sender.send(far.as_raw_fd(), 1).expect("send");
    }
    assert_eq!(received, bytes);
}

fn decode_all(bytes: &[u8]) -> i64 {
    let (mut rest, mut next) = (bytes, 0);
    while !rest.is_empty() {
        let (view, consumed) = View::decode(rest, 1 << 20).expect("decode");
        assert_eq!(assert_tells(&view), (next, view.next_offset()));
        assert_eq!(view.raw(), &rest[..consumed]);
        next = view.next_offset();
        rest = &rest[consumed..];
    }
    next
}

#[test]
fn a_pipe_gets_what_a_client_decodes() {
    let live = filled("pipe");
    let (mut reading, writing) = std::io::pipe().expect("pipe");
    let mut sender = sender(&live, Start::Earliest);
    let client = thread::spawn(move || {
        let mut bytes = Vec::new();
        reading.read_to_end(&mut bytes).expect("read");
        decode_all(&bytes)
    });
    send_to_end(&mut sender, writing.as_raw_fd());
    drop(writing);
    assert_eq!(client.join().expect("client"), live.log.published_end());
}

fn send_to_end(sender: &mut Sender, out: RawFd) {
    while sender.send(out, 1000).expect("send").sent > 0 {}
}

#[test]
fn a_sender_keeps_up_with_a_writer_across_rolls() {
    let live = Live::create("follows", &SMALL);
    let log = live.log.clone();
    let writer = thread::spawn(move || {
        for round in 0..3000 {
            append(&log, 1 + round % 4);
        }
    });
    let mut file = scratch_file(&live);
    let mut sender = sender(&live, Start::Earliest);
    let mut calls = 0;
    while !writer.is_finished() || sender.position().0 < live.log.published_end() {
        calls += 1;
        sender.send(file.as_raw_fd(), if calls % 2 == 0 { 700 } else { u64::MAX }).expect("send");
    }
    writer.join().expect("writer");
    let sent = contents(&mut file);
    assert_eq!(sent, whole(&live).0);
    assert_eq!(decode_all(&sent), live.log.published_end());
}

#[test]
fn a_closed_peer_is_named() {
    let live = filled("closed");
    let (near, far) = UnixStream::pair().expect("sockets");
    drop(near);
    let mut sender = sender(&live, Start::Earliest);
    assert!(matches!(sender.send(far.as_raw_fd(), u64::MAX), Err(Error::PeerClosed { .. })));
    assert_eq!(sender.position(), (0, 0));
}
