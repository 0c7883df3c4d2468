//! Descriptors that belong to the host program, known by their numbers, and its errno. What number it passes is its affair:
//! a wrong one is answered by EBADF.

use std::ffi::c_void;
use std::io;
use std::os::fd::RawFd;

use libc::c_int;
use nix::errno::Errno;

use super::errno::retry;

/// Reads until `count` bytes are there or the file ends: how many.
///
/// # Safety
/// `buffer` is writable for `count` bytes.
pub unsafe fn read_fully(descriptor: RawFd, buffer: *mut c_void, count: usize) -> io::Result<usize> {
    let mut done = 0;
    while done < count {
        // SAFETY: this function's contract; fewer bytes are done than there is room for.
        let read = retry(|| Errno::result(unsafe { libc::read(descriptor, buffer.byte_add(done), count - done) }));
        match read? {
            0 => break,
            some => done += some.unsigned_abs(),
        }
    }
    Ok(done)
}

/// Sends all bytes through a socket; waits where it is not blocking. A peer that has gone is an error and no signal.
pub fn send_all(socket: RawFd, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        // SAFETY: the bytes are readable for their length; a wrong descriptor is EBADF.
        match Errno::result(unsafe { libc::send(socket, rest.as_ptr().cast(), rest.len(), libc::MSG_NOSIGNAL) }) {
            Ok(sent) => done += sent.unsigned_abs(),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => wait_until_writable(socket)?,
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Waits until a descriptor takes bytes, or has failed.
pub(super) fn wait_until_writable(descriptor: RawFd) -> io::Result<()> {
    let mut entry = libc::pollfd { fd: descriptor, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one valid entry, without a time limit.
    retry(|| Errno::result(unsafe { libc::poll(&raw mut entry, 1, -1) }))?;
    Ok(())
}

/// close. An error is not looked at: the number is free again after it.
pub fn close(descriptor: RawFd) {
    if descriptor >= 0 {
        // SAFETY: the host gives the number up; a wrong one is EBADF.
        unsafe { libc::close(descriptor) };
    }
}

/// Sets errno, for functions that report through it.
pub fn set_errno(number: c_int) {
    Errno::set_raw(number);
}

/// The number of an error; EIO where it has none.
#[must_use]
pub fn number_of(error: &io::Error) -> c_int {
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// pthread_self of the calling thread, as a number.
#[must_use]
pub fn thread_id() -> u64 {
    // SAFETY: has no condition.
    unsafe { libc::pthread_self() }
}

/// Has `handler` called when the process ends by exit or by returning from main; whether that is so.
pub fn at_exit(handler: extern "C" fn()) -> bool {
    // SAFETY: the handler is a function of this library, which stays loaded.
    unsafe { libc::atexit(handler) == 0 }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_stream_is_read_until_it_ends_however_it_comes() {
        let (mut writer, reader) = UnixStream::pair().unwrap();
        let thread = std::thread::spawn(move || {
            for piece in [&b"ab"[..], b"c", b"defg"] {
                writer.write_all(piece).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        let mut buffer = [0_u8; 10];
        // SAFETY: both buffers have that room.
        unsafe {
            assert_eq!(read_fully(reader.as_raw_fd(), buffer.as_mut_ptr().cast(), 5).unwrap(), 5);
            assert_eq!(&buffer[..5], b"abcde");
            assert_eq!(read_fully(reader.as_raw_fd(), buffer.as_mut_ptr().cast(), 10).unwrap(), 2);
            assert_eq!(read_fully(-1, buffer.as_mut_ptr().cast(), 1).unwrap_err().raw_os_error(), Some(libc::EBADF));
        }
        thread.join().unwrap();
    }

    #[test]
    fn more_than_a_socket_holds_is_sent_whole_and_a_peer_that_left_is_an_error() {
        let (writer, mut reader) = UnixStream::pair().unwrap();
        writer.set_nonblocking(true).unwrap();
        let bytes = vec![7; 3 << 20];
        std::thread::scope(|scope| {
            let received = scope.spawn(|| {
                let mut received = vec![0; 3 << 20];
                std::io::Read::read_exact(&mut reader, &mut received).unwrap();
                received
            });
            send_all(writer.as_raw_fd(), &bytes).unwrap();
            assert!(received.join().unwrap() == bytes);
        });
        drop(reader);
        assert_eq!(send_all(writer.as_raw_fd(), &bytes).unwrap_err().raw_os_error(), Some(libc::EPIPE));
        assert_eq!(send_all(-1, b"x").unwrap_err().raw_os_error(), Some(libc::EBADF));
    }
}
