//! Each way of moving bytes to each kind of descriptor, compared byte for byte.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use super::*;
use crate::sys::testing::{Child, Scratch, in_own_process, noise};

const LEN: usize = (1 << 20) + 17;
const START: usize = 4099;

/// A file of noise, its bytes, and a folder that keeps both.
fn source() -> (Scratch, File, Vec<u8>) {
    let scratch = Scratch::new();
    let file = scratch.dir().create_file("source").unwrap();
    let bytes = noise(LEN);
    file.write_at(&bytes, 0).unwrap();
    (scratch, file, bytes)
}

fn total(sent: Sent) -> usize {
    usize::try_from(sent.by_kernel + sent.copied).unwrap()
}

fn rest() -> u64 {
    (LEN - START) as u64
}

#[test]
fn a_pipe_takes_all_by_each_way() {
    let (_scratch, file, bytes) = source();
    for way in [Way::Sendfile, Way::Splice, Way::CopyFileRange, Way::Copy] {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let received = std::thread::spawn(move || {
            let mut received = Vec::new();
            reader.read_to_end(&mut received).unwrap();
            received
        });
        let sent = send_starting_with(way, writer.as_raw_fd(), &file, START as u64, rest()).unwrap();
        drop(writer);
        assert_eq!(received.join().unwrap(), bytes[START..], "{way:?}");
        assert_eq!((total(sent), sent.stop), (LEN - START, Stop::Done), "{way:?}");
        // copy_file_range does not do pipes: it is the way that must fall back.
        assert_eq!(sent.copied == 0, matches!(way, Way::Sendfile | Way::Splice), "{way:?}");
    }
}

#[test]
fn a_regular_file_takes_all_at_its_own_offset() {
    let (scratch, file, bytes) = source();
    for way in [Way::Sendfile, Way::CopyFileRange, Way::Copy] {
        let path = scratch.path().join("target");
        let mut target = std::fs::File::create(&path).unwrap();
        target.write_all(b"head").unwrap();
        let sent = send_starting_with(way, target.as_raw_fd(), &file, START as u64, rest()).unwrap();
        target.write_all(b"tail").unwrap();
        let expected = [b"head", &bytes[START..], b"tail"].concat();
        assert_eq!(std::fs::read(&path).unwrap(), expected, "{way:?}");
        assert_eq!(sent.copied == 0, way != Way::Copy, "{way:?}");
    }
}

#[test]
fn a_file_opened_for_appending_is_appended_to() {
    let (scratch, file, bytes) = source();
    let path = scratch.path().join("target");
    std::fs::write(&path, b"head").unwrap();
    let target = std::fs::File::options().append(true).open(&path).unwrap();
    let sent = send(target.as_raw_fd(), &file, START as u64, rest()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), [b"head", &bytes[START..]].concat());
    // The kernel refuses both of its ways to such a file.
    assert_eq!((sent.by_kernel, sent.copied, sent.stop), (0, rest(), Stop::Done));
}

#[test]
fn the_null_device_takes_all_inside_the_kernel() {
    let (_scratch, file, _) = source();
    let null = std::fs::File::options().write(true).open("/dev/null").unwrap();
    let sent = send(null.as_raw_fd(), &file, 0, LEN as u64).unwrap();
    assert_eq!(sent, Sent { by_kernel: LEN as u64, copied: 0, stop: Stop::Done });
    let nothing = Sent { by_kernel: 0, copied: 0, stop: Stop::Done };
    assert_eq!(send(null.as_raw_fd(), &file, 0, 0).unwrap(), nothing);
}

#[test]
fn a_slow_reader_gets_every_byte_once() {
    let (_scratch, file, bytes) = source();
    for way in [Way::Sendfile, Way::Copy] {
        let (out, mut reader) = UnixStream::pair().unwrap();
        out.set_nonblocking(true).unwrap();
        let small: libc::c_int = 8192;
        // SAFETY: an int option from a valid place.
        unsafe {
            let value = (&raw const small).cast();
            libc::setsockopt(out.as_raw_fd(), libc::SOL_SOCKET, libc::SO_SNDBUF, value, 4);
        }
        let (mut received, mut chunk, mut stops) = (Vec::new(), [0; 5000], 0);
        while received.len() < LEN {
            let at = received.len() as u64;
            let sent = send_starting_with(way, out.as_raw_fd(), &file, at, LEN as u64 - at).unwrap();
            stops += usize::from(sent.stop == Stop::WouldBlock);
            let mut due = total(sent);
            while due > 0 {
                let room = due.min(chunk.len());
                let count = reader.read(&mut chunk[..room]).unwrap();
                received.extend_from_slice(&chunk[..count]);
                due -= count;
            }
        }
        assert!(received == bytes, "{way:?}");
        assert!(stops > 3, "{way:?}: the socket was never full");
        out.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(reader.read(&mut chunk).unwrap(), 0, "{way:?}: nothing came twice");
    }
}

#[test]
fn the_end_of_the_file_is_told_apart() {
    let (_scratch, file, _) = source();
    let null = std::fs::File::options().write(true).open("/dev/null").unwrap();
    for way in [Way::Sendfile, Way::Copy] {
        let sent = send_starting_with(way, null.as_raw_fd(), &file, START as u64, u64::MAX).unwrap();
        assert_eq!((total(sent), sent.stop), (LEN - START, Stop::EndOfFile));
        for position in [LEN as u64, 1 << 40, u64::MAX] {
            let sent = send_starting_with(way, null.as_raw_fd(), &file, position, 1).unwrap();
            assert_eq!((total(sent), sent.stop), (0, Stop::EndOfFile), "{way:?} {position}");
        }
    }
}

#[test]
fn a_peer_that_went_is_an_error_and_not_the_end_of_the_process() {
    in_own_process("sys::transfer::tests::a_peer_that_went_is_an_error_and_not_the_end_of_the_process", || {
        // SAFETY: the disposition of a C program, which ends it; the test's runtime had the signal ignored.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let (_scratch, file, _) = source();
        for way in [Way::Sendfile, Way::Splice, Way::Copy] {
            let outs: [OwnedFd; 2] = [UnixStream::pair().unwrap().0.into(), std::io::pipe().unwrap().1.into()];
            for out in outs {
                match send_starting_with(way, out.as_raw_fd(), &file, 0, LEN as u64) {
                    Err(Error::PeerClosed { source }) => assert_eq!(source.raw_os_error(), Some(libc::EPIPE)),
                    other => panic!("{way:?}: {other:?}"),
                }
            }
        }
        // The shield was for these calls alone: the host's own writes end it as before.
        let child = Child::fork(|| {
            let mut ends = [0; 2];
            // SAFETY: valid places, and descriptors of the child's own.
            unsafe {
                libc::pipe(ends.as_mut_ptr());
                libc::close(ends[0]);
                libc::write(ends[1], b"x".as_ptr().cast(), 1);
            }
            0
        });
        assert_eq!(child.wait(), -libc::SIGPIPE);
    });
}

#[test]
fn bytes_that_went_are_reported_before_the_error() {
    let (_scratch, file, bytes) = source();
    let (out, mut reader) = UnixStream::pair().unwrap();
    // Takes some and goes away while the sender is blocked.
    let peer = std::thread::spawn(move || {
        let mut taken = vec![0; 50_000];
        reader.read_exact(&mut taken).unwrap();
        taken
    });
    let sent = send(out.as_raw_fd(), &file, 0, LEN as u64).unwrap();
    assert_eq!(peer.join().unwrap(), bytes[..50_000]);
    assert!((50_000..LEN).contains(&total(sent)), "{sent:?}");
    assert_eq!(sent.stop, Stop::Interrupted);
    let at = total(sent) as u64;
    assert!(matches!(send(out.as_raw_fd(), &file, at, 10), Err(Error::PeerClosed { .. })));
}

#[test]
fn a_descriptor_that_cannot_be_written_is_named() {
    let (scratch, file, _) = source();
    let reader = std::fs::File::open(scratch.path().join("source")).unwrap();
    for out in [-1, -7, i32::MAX, reader.as_raw_fd()] {
        let text = send(out, &file, 0, 10).unwrap_err().to_string();
        assert!(text.contains(&format!("descriptor {out}")) && text.contains("Bad file descriptor"), "{text}");
    }
}

#[test]
fn a_limit_of_the_target_is_a_full_disk() {
    in_own_process("sys::transfer::tests::a_limit_of_the_target_is_a_full_disk", || {
        let (scratch, file, bytes) = source();
        let limit = libc::rlimit { rlim_cur: 100_000, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: a valid limit, and the default disposition of the signal, which ends the process.
        unsafe {
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
            libc::signal(libc::SIGXFSZ, libc::SIG_DFL);
        }
        for way in [Way::Sendfile, Way::CopyFileRange, Way::Copy] {
            let path = scratch.path().join("target");
            let target = std::fs::File::create(&path).unwrap();
            let sent = send_starting_with(way, target.as_raw_fd(), &file, 0, LEN as u64).unwrap();
            assert_eq!((total(sent), sent.stop), (100_000, Stop::Interrupted), "{way:?}");
            let error = send_starting_with(way, target.as_raw_fd(), &file, 100_000, 10).unwrap_err();
            assert!(matches!(error, Error::DiskFull { .. }), "{way:?}: {error}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes[..100_000]);
        }
    });
}

#[test]
fn a_signal_ends_a_blocked_transfer() {
    in_own_process("sys::transfer::tests::a_signal_ends_a_blocked_transfer", || {
        extern "C" fn nothing(_signal: libc::c_int) {}
        let (_scratch, file, _) = source();
        let (out, _reader) = UnixStream::pair().unwrap();
        // Fill the socket, so that the call below blocks before its first byte.
        out.set_nonblocking(true).unwrap();
        assert_eq!(send(out.as_raw_fd(), &file, 0, LEN as u64).unwrap().stop, Stop::WouldBlock);
        while (&out).write(&[0; 64]).is_ok() {}
        out.set_nonblocking(false).unwrap();
        // SAFETY: a handler that does nothing, without SA_RESTART; the thread that is signalled is the process's last to end.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
            assert_eq!(libc::sigaction(libc::SIGALRM, &raw const action, ptr::null_mut()), 0);
            let thread = libc::pthread_self();
            std::thread::spawn(move || {
                for _ in 0..4000 {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                    libc::pthread_kill(thread, libc::SIGALRM);
                }
            });
        }
        let sent = send(out.as_raw_fd(), &file, 0, LEN as u64).unwrap();
        assert_eq!((total(sent), sent.stop), (0, Stop::Interrupted));
    });
}

#[test]
fn more_than_one_call_can_move_is_moved() {
    let scratch = Scratch::new();
    let file = scratch.dir().create_file("source").unwrap();
    // A hole, which costs no disk.
    let len = CALL_BYTES_MAX + 5;
    file.set_len(len).unwrap();
    let null = std::fs::File::options().write(true).open("/dev/null").unwrap();
    let sent = send(null.as_raw_fd(), &file, 0, len).unwrap();
    assert_eq!(sent, Sent { by_kernel: len, copied: 0, stop: Stop::Done });
}
