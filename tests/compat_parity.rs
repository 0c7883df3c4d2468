//! The file server on the old `start_server` and the one on the new API give the same clients the same bytes and print
//! the same lines for each, whether it is fast, slow, hangs up or resets; and they do so for all of them at once.
#![cfg(feature = "compat")]

#[path = "common/bytes.rs"]
#[expect(dead_code, reason = "shared by many tests; each uses a part")]
mod bytes;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;
#[path = "c/examples.rs"]
#[expect(dead_code, reason = "shared by the tests of the C programs; each uses a part")]
mod examples;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ckafka::broker::{Conf, Directory, OpenMode};
use ckafka::storage::partition::Record;
use nix::sys::socket::{setsockopt, sockopt};

use examples::{Programs, Running};

/// More than the sockets of both sides hold, so that a client that leaves is noticed.
const SEGMENT_BYTES: usize = 24 << 20;
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    /// Reads all there is.
    Fast,
    /// Does so in small pieces, with pauses.
    Slow,
    /// Says that it will send nothing, and reads all.
    HalfClosed,
    /// Closes after some bytes.
    HangsUp,
    /// Ends the connection by a reset after some bytes.
    Resets,
    /// Ends it by a reset before a byte was read.
    ResetsAtOnce,
}

use Client::{Fast, HalfClosed, HangsUp, Resets, ResetsAtOnce, Slow};

const CLIENTS: [Client; 8] = [Fast, HangsUp, Fast, Resets, Slow, ResetsAtOnce, HalfClosed, Fast];

impl Client {
    /// What it got: for those that leave, what they read before.
    fn run(self, port: u16) -> Vec<u8> {
        let mut socket = connect(port);
        let mut got = Vec::new();
        match self {
            Fast => drop(socket.read_to_end(&mut got).expect("bytes")),
            HalfClosed => {
                socket.shutdown(Shutdown::Write).expect("half a close");
                socket.read_to_end(&mut got).expect("bytes");
            }
            Slow => {
                let mut piece = vec![0; 48 << 10];
                while let Some(count) = Some(socket.read(&mut piece).expect("bytes")).filter(|count| *count > 0) {
                    got.extend_from_slice(&piece[..count]);
                    thread::sleep(Duration::from_millis(1));
                }
            }
            HangsUp | Resets | ResetsAtOnce => {
                got.resize(if self == ResetsAtOnce { 0 } else { 100_000 }, 0);
                socket.read_exact(&mut got).expect("bytes");
                if self != HangsUp {
                    let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
                    setsockopt(&socket, sockopt::Linger, &linger).expect("SO_LINGER");
                }
            }
        }
        got
    }

    fn stays(self) -> bool {
        matches!(self, Fast | Slow | HalfClosed)
    }

    #[track_caller]
    fn check(self, got: &[u8], file: &[u8]) {
        let expected = if self.stays() { file } else { &file[..got.len()] };
        assert_eq!(got.len(), expected.len(), "{self:?}");
        assert!(got == expected, "{self:?}: other bytes");
    }
}

fn connect(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    socket.set_read_timeout(Some(TIMEOUT)).expect("a limit");
    socket
}

/// A server under way; its lines so far belong to clients that are done.
struct Server {
    running: Running,
    port: u16,
    said: usize,
    complained: usize,
}

impl Server {
    fn start(programs: &Programs, name: &str, file: &Path) -> Self {
        let mut command = programs.command(name);
        command.arg(file).arg("0");
        let mut running = Running::start(command);
        let port = running.number_after("Server Listening at Port ");
        Self { running, port, said: 1, complained: 0 }
    }

    /// Waits for the end of so many clients; what was said since the last call. One that left is told of on standard error, as one that has gone: whether as a
    /// broken pipe or as a reset is the kernel's choice.
    #[track_caller]
    fn lines_of(&mut self, clients: usize) -> (Vec<String>, Vec<String>) {
        let begun = Instant::now();
        loop {
            self.running.gather();
            let (said, complained) = (&self.running.said[self.said..], &self.running.complained[self.complained..]);
            let sent = said.iter().filter(|line| line.starts_with("Sent ")).count();
            let started = said.iter().filter(|line| line.starts_with("Client connected")).count();
            if sent + complained.len() >= clients && started >= clients {
                let gone = |line: &String| line.replace("Connection reset by peer", "Broken pipe");
                let lines = (said.to_vec(), complained.iter().map(gone).collect());
                (self.said, self.complained) = (self.running.said.len(), self.running.complained.len());
                return lines;
            }
            assert!(begun.elapsed() < TIMEOUT, "{clients} clients: {said:?} {complained:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A log of one segment, closed cleanly; the path of that segment.
fn write_log(programs: &Programs) -> std::path::PathBuf {
    let directory = Directory::open(&programs.path("log"), &Conf::new(), OpenMode::Create).expect("a directory");
    directory.create_topic("frames", 1, &Conf::new()).expect("a topic");
    let log = directory.open_log("frames", 0).expect("a log");
    let mut appended = 0;
    for n in 0.. {
        let value: Vec<u8> = (0..1000_u32).map(|i| (i * 7 + n * 13) as u8).collect();
        let record = Record { timestamp: -1, key: None, value: Some(&value), headers: &[] };
        log.append(std::iter::repeat_n(record, 40).map(Ok)).expect("a batch");
        appended += 40 * value.len();
        if appended > SEGMENT_BYTES {
            break;
        }
    }
    drop(log);
    directory.close().expect("a clean close");
    programs.path("log/frames-0/00000000000000000000.log")
}

#[test]
fn both_servers_give_the_same_bytes_and_print_the_same_lines() {
    let programs = Programs::build("compat-parity", &["serve", "serve_log"]);
    let segment = write_log(&programs);
    let file = fs::read(&segment).expect("the segment");
    let mut old = Server::start(&programs, "serve", &segment);
    let mut new = Server::start(&programs, "serve_log", &segment);
    new.running.number_after("Offsets at Port ");
    new.said = 2;
    assert_ne!((old.port, new.port), (0, 0));

    for client in CLIENTS {
        let mut lines = Vec::new();
        for server in [&mut old, &mut new] {
            client.check(&client.run(server.port), &file);
            lines.push(server.lines_of(1));
        }
        assert_eq!(lines[0], lines[1], "{client:?}: the old server's lines and the new one's");
        let name = segment.display();
        let connected = format!("Client connected, sending the file {name}");
        let sent = format!("Sent {} bytes from {name} using zero-copy", file.len());
        let expected = if client.stays() { vec![connected, sent] } else { vec![connected] };
        assert_eq!(lines[0].0, expected, "{client:?}");
        assert_eq!(lines[0].1.len(), usize::from(!client.stays()), "{client:?}: {:?}", lines[0].1);
    }

    // And all at once, several times over.
    let mut lines = Vec::new();
    for server in [&mut old, &mut new] {
        thread::scope(|scope| {
            for client in CLIENTS.repeat(3) {
                let (port, file) = (server.port, &file);
                scope.spawn(move || client.check(&client.run(port), file));
            }
        });
        let (mut said, mut complained) = server.lines_of(3 * CLIENTS.len());
        said.sort();
        complained.sort();
        lines.push((said, complained));
    }
    assert_eq!(lines[0], lines[1], "all at once: the old server's lines and the new one's");
}

#[test]
fn the_new_server_starts_where_a_client_asks() {
    let programs = Programs::build("compat-offsets", &["serve_log"]);
    let segment = write_log(&programs);
    let file = fs::read(&segment).expect("the segment");
    let batches = bytes::batches(&file);
    let end = batches.last().expect("batches").last_offset + 1;
    let mut server = Server::start(&programs, "serve_log", &segment);
    let port = server.running.number_after("Offsets at Port ");
    server.said = 2;
    let ask = |request: &str| -> Vec<u8> {
        let mut socket = connect(port);
        for piece in request.as_bytes().chunks(2) {
            // A request that is refused before its end finds nobody.
            let _ = socket.write_all(piece);
            thread::sleep(Duration::from_millis(1));
        }
        let mut got = Vec::new();
        match socket.read_to_end(&mut got) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{request:?}: {error}"),
            _ => got,
        }
    };
    for offset in [0, 1, 39, 40, 12_345, end - 1] {
        let batch = batches.iter().find(|batch| batch.last_offset >= offset).expect("a batch");
        assert!(ask(&format!("{offset}\n")) == file[batch.position as usize..], "from offset {offset}");
    }
    assert_eq!(ask(&format!("{end}\n")), b"", "the end of the log");
    server.lines_of(7);
    for request in [
        &format!("{}\n", end + 1),
        "soon\n",
        "\n",
        "1x\n",
        "99999999999999999999\n",
        "a request that is longer than an offset\n",
    ] {
        assert_eq!(ask(request), b"", "{request:?}");
    }
    server.running.kill();
    assert_eq!(server.running.complained.len(), 6, "{:?}", server.running.complained);
}
