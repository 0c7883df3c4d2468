//! Zero copy: serves one file to every client that connects, inside the kernel. One thread, many clients: each ready
//! client gets a piece in turn, so that a slow or a greedy one keeps nobody waiting.
//!
//! The file is opened anew for each client, as it is then; a client that connects gets it whole or is told to standard
//! error. The thread may be cancelled while it waits.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io::Error as IoError;
use std::os::fd::{AsRawFd, OwnedFd};

use super::guard::{self, entry, reason_of, shown, text};
use super::shim::{self, Flush};
use crate::error::Error;
use crate::sys::socket::{self, Discarded, Interest, Poller};
use crate::sys::transfer::{self, Stop};
use crate::sys::{File, by_path};

/// What a client gets in one turn while others wait.
const TURN_BYTES: u64 = 1 << 20;
/// The same for one that is alone: new callers still come in.
const ALONE_BYTES: u64 = 16 << 20;
/// Clients that are taken in one turn.
const ACCEPTS_MAX: usize = 64;
/// How long to wait before clients are taken again, where descriptors ran out.
const PAUSE_MS: c_int = 100;
const FOR_EVER: c_int = -1;
/// Stands for the listener among the clients' numbers.
const LISTENER: u64 = u64::MAX;

/// `void start_server(char *filepath, int port)`: serves the file for ever. Ends the program with 1 where it cannot
/// listen.
///
/// # Safety
/// `filepath` is NULL or zero-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn start_server(filepath: *mut c_char, port: c_int) {
    // SAFETY: this function's contract.
    let server = unsafe { begin(filepath, port) };
    if server.is_null() {
        shim::exit(1);
    }
    // SAFETY: made above for this loop alone, which ends it. The frame has nothing to drop.
    unsafe { shim::ckafka_shim_serve(server.cast(), (*server).poller.as_raw_fd(), turn, end) };
}

/// A server that listens; NULL after a line on standard error.
///
/// # Safety
/// As `start_server`.
#[inline(never)]
unsafe fn begin(filepath: *const c_char, port: c_int) -> *mut Server {
    entry("start_server", std::ptr::null_mut(), || {
        // SAFETY: this function's contract.
        let path = unsafe { text(filepath) }.map(CStr::to_owned);
        match Server::new(path, port) {
            Ok(server) => Box::into_raw(Box::new(server)),
            Err(failed) => {
                shim::perror(failed.call, &failed.reason);
                std::ptr::null_mut()
            }
        }
    })
}

/// # Safety
/// `server` came from `begin` and has not ended.
unsafe extern "C" fn turn(server: *mut c_void) -> c_int {
    // SAFETY: this function's contract; the loop is the only user.
    entry("start_server", PAUSE_MS, || unsafe { (*server.cast::<Server>()).take_turn() })
}

/// # Safety
/// As `turn`, and for the last time.
unsafe extern "C" fn end(server: *mut c_void) {
    // SAFETY: this function's contract.
    entry("start_server", (), || drop(unsafe { Box::from_raw(server.cast::<Server>()) }));
}

#[derive(Debug)]
struct Server {
    path: Option<CString>,
    listener: OwnedFd,
    poller: Poller,
    clients: HashMap<u64, Client>,
    /// Clients whose socket took all it was given: they go on without an event, which comes only with a change.
    eager: HashSet<u64>,
    /// Clients for whose file no descriptor was left.
    waiting: Vec<OwnedFd>,
    next_key: u64,
    accepting: Accepting,
}

/// Whether clients are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accepting {
    Yes,
    /// Not before a client has gone, or a moment is over: descriptors ran out.
    Paused,
}

#[derive(Debug)]
struct Client {
    socket: OwnedFd,
    file: File,
    position: u64,
    size: u64,
}

/// What became of a client in its turn.
enum Progress {
    /// Its socket takes no more now.
    Waits,
    /// It had its share.
    GoesOn,
    Served,
    Failed(IoError),
    /// The file has become shorter.
    Short,
}

impl Server {
    fn new(path: Option<CString>, port: c_int) -> Result<Self, socket::Failed> {
        let invalid = |_| socket::Failed { call: c"bind", reason: IoError::from_raw_os_error(libc::EINVAL) };
        let (listener, port) = socket::listen(u16::try_from(port).map_err(invalid)?)?;
        let failed = |reason| socket::Failed { call: c"epoll", reason };
        let poller = Poller::new().map_err(failed)?;
        poller.add(&listener, LISTENER, Interest::Readable).map_err(failed)?;
        shim::print(format!("Server Listening at Port {port}\n").as_bytes(), Flush::Now);
        Ok(Self {
            path,
            listener,
            poller,
            clients: HashMap::new(),
            eager: HashSet::new(),
            waiting: Vec::new(),
            next_key: 0,
            accepting: Accepting::Yes,
        })
    }

    /// Does what can be done now; how long to wait for the next event, in ms.
    fn take_turn(&mut self) -> c_int {
        if self.accepting == Accepting::Paused {
            self.accept_again();
        }
        let mut due = std::mem::take(&mut self.eager);
        let mut has_callers = false;
        for ready in self.poller.ready().unwrap_or_default() {
            if ready.key == LISTENER {
                has_callers = true;
                continue;
            }
            if ready.to_read
                && let Some(client) = self.clients.get(&ready.key)
            {
                // A client that has only stopped sending still wants the file: writing tells when it has gone.
                let _: Discarded = socket::discard(&client.socket);
            }
            due.insert(ready.key);
        }
        for key in due {
            self.serve(key);
        }
        if has_callers {
            self.accept();
        }
        match (self.eager.is_empty(), self.accepting) {
            (false, _) => 0,
            (true, Accepting::Paused) => PAUSE_MS,
            (true, Accepting::Yes) => FOR_EVER,
        }
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTS_MAX {
            match socket::accept(&self.listener) {
                Ok(Some(socket)) => {
                    self.admit(socket);
                    if self.accepting == Accepting::Paused {
                        return;
                    }
                }
                Ok(None) => return,
                Err(reason) => {
                    shim::perror(c"accept", &reason);
                    return self.pause();
                }
            }
        }
    }

    /// Callers that stay in the queue would be an event again and again.
    fn pause(&mut self) {
        if self.accepting == Accepting::Yes && self.poller.remove(&self.listener).is_ok() {
            self.accepting = Accepting::Paused;
        }
    }

    fn accept_again(&mut self) {
        for socket in std::mem::take(&mut self.waiting) {
            self.open_for(socket);
        }
        if self.waiting.is_empty() && self.poller.add(&self.listener, LISTENER, Interest::Readable).is_ok() {
            self.accepting = Accepting::Yes;
        }
    }

    fn admit(&mut self, socket: OwnedFd) {
        print(&[b"Client connected, sending the file ", shown_bytes(self.path.as_deref()), b"\n"]);
        self.open_for(socket);
    }

    /// Opens the file for a client, which waits where other clients have all descriptors.
    fn open_for(&mut self, socket: OwnedFd) {
        let opened = match self.path.as_deref() {
            Some(path) => by_path::open_to_read(guard::path(path)),
            None => return shim::perror(c"open", &IoError::from_raw_os_error(libc::EFAULT)),
        };
        let measured = opened.and_then(|file| file.len().map(|size| (file, size)));
        let (file, size) = match measured {
            Ok(measured) => measured,
            Err(error) => {
                let reason = reason_of(&error);
                if !self.clients.is_empty() && matches!(reason.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) {
                    self.waiting.push(socket);
                    return self.pause();
                }
                return shim::perror(call_of(&error), &reason);
            }
        };
        let key = self.next_key;
        self.next_key += 1;
        if let Err(reason) = self.poller.add(&socket, key, Interest::Both) {
            return shim::perror(c"epoll", &reason);
        }
        self.clients.insert(key, Client { socket, file, position: 0, size });
        self.eager.insert(key);
    }

    fn serve(&mut self, key: u64) {
        let share = if self.clients.len() == 1 { ALONE_BYTES } else { TURN_BYTES };
        let Some(client) = self.clients.get_mut(&key) else { return };
        let progress = client.send(share);
        match progress {
            Progress::Waits => return,
            Progress::GoesOn => {
                self.eager.insert(key);
                return;
            }
            Progress::Served => {
                let sent = format!("Sent {} bytes from ", client.position);
                socket::finish(&client.socket);
                print(&[sent.as_bytes(), shown_bytes(self.path.as_deref()), b" using zero-copy\n"]);
            }
            Progress::Failed(reason) => shim::perror(c"sendfile", &reason),
            Progress::Short => shim::complain(format_args!(
                "sendfile: {} ended after {} of {} bytes",
                shown(self.path.as_deref()),
                client.position,
                client.size
            )),
        }
        // Closing the socket takes it out of the poller.
        self.clients.remove(&key);
    }
}

impl Client {
    fn send(&mut self, share: u64) -> Progress {
        let wanted = (self.size - self.position).min(share);
        match transfer::send(self.socket.as_raw_fd(), &self.file, self.position, wanted) {
            Ok(sent) => {
                self.position += sent.by_kernel + sent.copied;
                match sent.stop {
                    _ if self.position >= self.size => Progress::Served,
                    Stop::WouldBlock => Progress::Waits,
                    Stop::EndOfFile => Progress::Short,
                    Stop::Done | Stop::Interrupted => Progress::GoesOn,
                }
            }
            Err(Error::WouldBlock) => Progress::Waits,
            Err(error) => Progress::Failed(reason_of(&error)),
        }
    }
}

fn print(parts: &[&[u8]]) {
    shim::print(&parts.concat(), Flush::Now);
}

fn shown_bytes(path: Option<&CStr>) -> &[u8] {
    path.map_or(b"(null)", CStr::to_bytes)
}

fn call_of(error: &Error) -> &'static CStr {
    match error {
        Error::Io { operation: "fstat", .. } => c"fstat",
        _ => c"open",
    }
}
