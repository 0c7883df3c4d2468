//! TCP sockets over IPv4, and waiting for many of them at once.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use libc::{c_int, c_void, sockaddr_in, socklen_t};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::errno::retry;
use super::host;

/// Connections that the kernel completes before they are accepted, at most.
const BACKLOG: c_int = 1024;
const ADDRESS_SIZE: socklen_t = size_of::<sockaddr_in>() as socklen_t;

/// A call that failed: its name and the kernel's reason.
#[derive(Debug)]
pub struct Failed {
    /// The call.
    pub call: &'static CStr,
    /// Why.
    pub reason: io::Error,
}

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Something to read, or to accept.
    Readable,
    /// Room to write, or something to read.
    Both,
}

/// A socket that listens on all addresses; port 0 leaves the choice to the kernel. Not blocking. The port that it has.
///
/// The address may be in use by connections of an earlier listener that are being closed.
pub fn listen(port: u16) -> Result<(OwnedFd, u16), Failed> {
    let failed = |call| move |errno: Errno| Failed { call, reason: errno.into() };
    let socket = new_socket(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC).map_err(failed(c"socket"))?;
    let number = socket.as_raw_fd();
    let on: c_int = 1;
    // SAFETY: an open socket, and an int of its size.
    let set = unsafe {
        let value = (&raw const on).cast::<c_void>();
        libc::setsockopt(number, libc::SOL_SOCKET, libc::SO_REUSEADDR, value, size_of::<c_int>() as socklen_t)
    };
    Errno::result(set).map_err(failed(c"setsockopt"))?;
    let mut address = address(libc::in_addr { s_addr: libc::INADDR_ANY.to_be() }, port);
    // SAFETY: an open socket and an address of that size.
    Errno::result(unsafe { libc::bind(number, (&raw const address).cast(), ADDRESS_SIZE) }).map_err(failed(c"bind"))?;
    // SAFETY: an open socket.
    Errno::result(unsafe { libc::listen(number, BACKLOG) }).map_err(failed(c"listen"))?;
    let mut size = ADDRESS_SIZE;
    // SAFETY: an open socket, and room for an address of that size.
    let asked = unsafe { libc::getsockname(number, (&raw mut address).cast(), &raw mut size) };
    Errno::result(asked).map_err(failed(c"getsockname"))?;
    Ok((socket, u16::from_be(address.sin_port)))
}

/// The next connection, not blocking; `None` where none waits, or it has gone before it was taken.
pub fn accept(listener: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let (no_address, no_size) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: an open socket; the peer's address is not asked for.
    match retry(|| Errno::result(unsafe { libc::accept4(listener.as_raw_fd(), no_address, no_size, flags) })) {
        // SAFETY: the kernel has just made the descriptor for us alone.
        Ok(connection) => Ok(Some(unsafe { OwnedFd::from_raw_fd(connection) })),
        Err(Errno::EAGAIN | Errno::ECONNABORTED | Errno::EPROTO) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Connects to an address in dotted form; waits for as long as it takes.
///
/// The call that failed is `socket`, `inet_pton` or `connect`.
pub fn connect(ip: &CStr, port: u16) -> Result<OwnedFd, Failed> {
    let failed = |call| move |errno: Errno| Failed { call, reason: errno.into() };
    let socket = new_socket(0).map_err(failed(c"socket"))?;
    let mut place = libc::in_addr { s_addr: 0 };
    let parsed = ip.to_str().ok().and_then(parse_address);
    place.s_addr = parsed.ok_or_else(|| failed(c"inet_pton")(Errno::EINVAL))?.to_be();
    let address = address(place, port);
    // SAFETY: an open socket and an address of that size.
    match Errno::result(unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), ADDRESS_SIZE) }) {
        Ok(_) => Ok(socket),
        // The connection goes on being made: a second connect would be EALREADY.
        Err(Errno::EINTR) => match finish_connecting(socket.as_raw_fd()) {
            Ok(()) => Ok(socket),
            Err(reason) => Err(Failed { call: c"connect", reason }),
        },
        Err(errno) => Err(failed(c"connect")(errno)),
    }
}

/// Says that nothing more is sent, and takes what has arrived out of the way: a socket that is closed with bytes unread
/// resets the connection, and the peer may lose what it was sent.
pub fn finish(socket: &OwnedFd) {
    discard(socket);
    // SAFETY: an open socket; one whose peer has gone already is an error that does not matter.
    unsafe { libc::shutdown(socket.as_raw_fd(), libc::SHUT_WR) };
}

/// What reading and throwing away found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discarded {
    /// The peer is still there.
    Waiting,
    /// The peer sends nothing more, or has gone.
    Ended,
}

/// Reads what has arrived, at most 1 MiB, and throws it away.
pub fn discard(socket: &OwnedFd) -> Discarded {
    let mut buffer = [0_u8; 16 << 10];
    for _ in 0..64 {
        // SAFETY: an open socket and a buffer of that size.
        let read =
            unsafe { libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT) };
        match Errno::result(read) {
            Ok(0) => return Discarded::Ended,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Discarded::Waiting,
            Err(_) => return Discarded::Ended,
        }
    }
    Discarded::Waiting
}

fn new_socket(flags: c_int) -> nix::Result<OwnedFd> {
    // SAFETY: socket takes numbers; the descriptor is new and ours alone.
    unsafe {
        let made = Errno::result(libc::socket(libc::AF_INET, libc::SOCK_STREAM | flags, 0))?;
        Ok(OwnedFd::from_raw_fd(made))
    }
}

fn address(place: libc::in_addr, port: u16) -> sockaddr_in {
    sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: place,
        sin_zero: [0; 8],
    }
}

/// Four numbers with dots between them, as inet_pton takes them.
fn parse_address(text: &str) -> Option<u32> {
    let mut parts = text.split('.');
    let mut address = 0;
    for _ in 0..4 {
        let part = parts.next()?;
        let is_plain = !part.is_empty() && part.len() <= 3 && part.bytes().all(|digit| digit.is_ascii_digit());
        if !is_plain || (part.len() > 1 && part.starts_with('0')) {
            return None;
        }
        address = address << 8 | u32::from(part.parse::<u8>().ok()?);
    }
    parts.next().is_none().then_some(address)
}

fn finish_connecting(socket: RawFd) -> io::Result<()> {
    host::wait_until_writable(socket)?;
    let mut reason: c_int = 0;
    let mut size = size_of::<c_int>() as socklen_t;
    let place = (&raw mut reason).cast::<c_void>();
    // SAFETY: an open socket, and room for an int.
    Errno::result(unsafe { libc::getsockopt(socket, libc::SOL_SOCKET, libc::SO_ERROR, place, &raw mut size) })?;
    if reason == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(reason)) }
}

/// Waits for many descriptors.
#[derive(Debug)]
pub struct Poller(Epoll);

/// What one descriptor is ready for.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// The name that it was added under.
    pub key: u64,
    /// It has something to read, or has ended or failed.
    pub to_read: bool,
}

impl Poller {
    /// Without descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?))
    }

    /// Its own descriptor, which polls readable when one of its descriptors is ready.
    #[must_use]
    pub fn as_raw_fd(&self) -> RawFd {
        self.0.0.as_raw_fd()
    }

    /// Waits for `descriptor` too, until that is closed; events come under `key`.
    pub fn add(&self, descriptor: &OwnedFd, key: u64, interest: Interest) -> io::Result<()> {
        Ok(self.0.add(descriptor, EpollEvent::new(flags_of(interest), key))?)
    }

    /// No longer waits for it.
    pub fn remove(&self, descriptor: &OwnedFd) -> io::Result<()> {
        Ok(self.0.delete(descriptor)?)
    }

    /// What is ready now, at most 256.
    pub fn ready(&self) -> io::Result<Vec<Ready>> {
        let mut events = [EpollEvent::empty(); 256];
        let count = retry(|| self.0.wait(&mut events, EpollTimeout::ZERO))?;
        let found = events.iter().take(count);
        let to_read = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
        Ok(found.map(|event| Ready { key: event.data(), to_read: event.events().intersects(to_read) }).collect())
    }
}

fn flags_of(interest: Interest) -> EpollFlags {
    match interest {
        Interest::Readable => EpollFlags::EPOLLIN,
        Interest::Both => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_inet_pton_does() {
        assert_eq!(parse_address("127.0.0.1"), Some(0x7f00_0001));
        assert_eq!(parse_address("255.255.255.255"), Some(u32::MAX));
        for wrong in ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.-4", " 1.2.3.4", "localhost", "1..2.3"]
        {
            assert_eq!(parse_address(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_connection_is_accepted_and_both_ends_are_noticed() {
        let (listener, port) = listen(0).unwrap();
        assert_ne!(port, 0);
        let poller = Poller::new().unwrap();
        poller.add(&listener, 7, Interest::Readable).unwrap();
        assert!(accept(&listener).unwrap().is_none() && poller.ready().unwrap().is_empty());
        let client = connect(c"127.0.0.1", port).unwrap();
        assert!(super::super::testing::soon(|| poller.ready().unwrap().iter().any(|ready| ready.key == 7)));
        let server = accept(&listener).unwrap().unwrap();
        host::send_all(client.as_raw_fd(), b"unread").unwrap();
        assert!(super::super::testing::soon(|| discard(&server) == Discarded::Waiting));
        finish(&server);
        drop(client);
        assert!(super::super::testing::soon(|| discard(&server) == Discarded::Ended));
    }

    #[test]
    fn a_failed_call_is_named() {
        assert_eq!(connect(c"nowhere", 1).unwrap_err().call, c"inet_pton");
        let (listener, port) = listen(0).unwrap();
        assert_eq!(listen(port).unwrap_err().reason.raw_os_error(), Some(libc::EADDRINUSE));
        drop(listener);
        let failed = connect(c"127.0.0.1", port).unwrap_err();
        assert_eq!((failed.call, failed.reason.raw_os_error()), (c"connect", Some(libc::ECONNREFUSED)));
    }
}
