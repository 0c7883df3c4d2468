//! The old server sends the whole file to every client, many at once, lives on whatever a client does, and can be started
//! again at once.
#![cfg(feature = "compat")]

#[expect(dead_code, reason = "shared by the tests of the C-Kafka interface; each uses a part")]
mod compat;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use compat::Process;
use driver::Scratch;

const WAIT: Duration = Duration::from_secs(20);

struct Server {
    process: Process,
    port: u16,
    out: Receiver<String>,
    errors: Receiver<String>,
}

/// Lines of a stream as they come.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            if line.is_err() || sender.send(line.unwrap_or_default()).is_err() {
                break;
            }
        }
    });
    receiver
}

impl Server {
    fn start(scratch: &Scratch, file: &str, port: u16) -> Self {
        Self::start_by(scratch, file, port, "exec \"$0\" \"$@\"")
    }

    /// Through a shell, which sets limits first.
    fn start_by(scratch: &Scratch, file: &str, port: u16, script: &str) -> Self {
        let program = program(scratch);
        let mut command = compat::command("sh".as_ref(), &scratch.0, &["-c", script]);
        command.arg(program).args([file, &port.to_string()]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let (out, errors) = (lines(child.stdout.take().expect("piped")), lines(child.stderr.take().expect("piped")));
        let process = Process(child);
        let line = out.recv_timeout(WAIT).expect("a line");
        let found = line.strip_prefix("Server Listening at Port ").unwrap_or_else(|| panic!("{line}"));
        let port = if port == 0 { found.parse().expect("a port") } else { port };
        assert_eq!(found, port.to_string());
        Self { process, port, out, errors }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("connects");
        stream.set_read_timeout(Some(WAIT)).expect("a limit");
        stream
    }

    #[track_caller]
    fn says(&self, expected: &str) {
        assert_eq!(self.out.recv_timeout(WAIT).expect("a line"), expected);
    }

    #[track_caller]
    fn complains(&self) -> String {
        self.errors.recv_timeout(WAIT).expect("a line on standard error")
    }

    #[track_caller]
    fn serves(&self, name: &str, expected: &[u8]) {
        assert!(received(self.connect()) == expected, "{name}");
        self.says(&format!("Client connected, sending the file {name}"));
        self.says(&format!("Sent {} bytes from {name} using zero-copy", expected.len()));
    }

    fn is_alive(&mut self) -> bool {
        self.process.0.try_wait().expect("its state").is_none()
    }
}

fn program(scratch: &Scratch) -> PathBuf {
    let program = scratch.0.join("serve");
    if program.exists() { program } else { compat::build("serve", scratch) }
}

fn received(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the file");
    bytes
}

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 % 251) as u8).collect()
}

/// Closes with a reset.
fn reset(stream: TcpStream) {
    let now = libc::linger { l_onoff: 1, l_linger: 0 };
    nix::sys::socket::setsockopt(&stream, nix::sys::socket::sockopt::Linger, &now).expect("is set");
    drop(stream);
}

#[test]
fn each_client_gets_the_file_as_it_is_then() {
    let scratch = Scratch::new("compat-serve");
    fs::write(scratch.0.join("data.log"), pattern(100_000)).expect("a file");
    let server = Server::start(&scratch, "data.log", 0);
    server.serves("data.log", &pattern(100_000));
    fs::write(scratch.0.join("data.log"), "").expect("a file");
    server.serves("data.log", b"");
    fs::write(scratch.0.join("data.log"), "short").expect("a file");
    server.serves("data.log", b"short");
    // A client that talks gets the file all the same, and whole.
    let mut client = server.connect();
    client.write_all(&[b'?'; 5000]).expect("takes it");
    assert_eq!(received(client), b"short");
}

/// One call of sendfile moves at most 2 GiB, and less where the socket is full.
#[test]
fn a_file_of_more_than_two_gibibytes_arrives_whole() {
    const SIZE: u64 = 3 << 30;
    let scratch = Scratch::new("compat-serve-large");
    let mut file = File::create(scratch.0.join("large")).expect("a file");
    file.set_len(SIZE).expect("a sparse file");
    let marks: Vec<u64> = (0..SIZE).step_by(100_000_007).chain([SIZE - 8]).collect();
    for mark in &marks {
        file.seek(SeekFrom::Start(*mark)).and_then(|_| file.write_all(&mark.to_be_bytes())).expect("a mark");
    }
    let server = Server::start(&scratch, "large", 0);
    let mut client = server.connect();
    let (mut position, mut buffer, mut sum) = (0, vec![0; 1 << 20], 0_u64);
    let mut own = File::open(scratch.0.join("large")).expect("the file");
    let mut expected = vec![0; 1 << 20];
    loop {
        let read = client.read(&mut buffer).expect("bytes");
        if read == 0 {
            break;
        }
        own.read_exact(&mut expected[..read]).expect("no more than the file has");
        assert!(buffer[..read] == expected[..read], "around {position}");
        position += read as u64;
        sum += buffer[..read].iter().filter(|byte| **byte != 0).count() as u64;
    }
    assert_eq!(position, SIZE);
    let expected: u64 =
        marks.iter().map(|mark| mark.to_be_bytes().iter().filter(|byte| **byte != 0).count() as u64).sum();
    assert_eq!(sum, expected);
    server.says("Client connected, sending the file large");
    server.says(&format!("Sent {SIZE} bytes from large using zero-copy"));
}

/// A client that takes as fast as it can is not served to its end before others are let in.
#[test]
fn a_caller_does_not_wait_for_the_end_of_a_large_file() {
    let scratch = Scratch::new("compat-serve-greedy");
    let large = File::create(scratch.0.join("data")).expect("a file");
    large.set_len(1 << 40).expect("a sparse file");
    let server = Server::start(&scratch, "data", 0);
    let mut greedy = server.connect();
    // The server says that a client has come before it opens the file: only bytes tell that it has.
    greedy.read_exact(&mut [0]).expect("the first byte");
    let first = std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 20];
        // Until the server has gone: the file would take minutes.
        while matches!(greedy.read(&mut buffer), Ok(1..)) {}
    });
    server.says("Client connected, sending the file data");
    fs::rename(scratch.0.join("data"), scratch.0.join("large")).expect("is moved");
    fs::write(scratch.0.join("data"), "small").expect("a file");
    for _ in 0..3 {
        server.serves("data", b"small");
    }
    drop(server);
    first.join().expect("ends with the server");
}

#[test]
fn a_client_that_hangs_up_or_resets_is_one_line_and_no_more() {
    let scratch = Scratch::new("compat-serve-hang-up");
    fs::write(scratch.0.join("data"), pattern(32 << 20)).expect("a file");
    let mut server = Server::start(&scratch, "data", 0);
    for _ in 0..3 {
        let mut client = server.connect();
        client.read_exact(&mut [0; 1000]).expect("the first bytes");
        drop(client);
        server.says("Client connected, sending the file data");
        assert!(server.complains().starts_with("sendfile: "), "the kernel's reason");
        let mut client = server.connect();
        client.read_exact(&mut [0; 1000]).expect("the first bytes");
        reset(client);
        server.says("Client connected, sending the file data");
        assert!(server.complains().starts_with("sendfile: "), "the kernel's reason");
    }
    assert!(server.is_alive());
    server.serves("data", &pattern(32 << 20));
}

#[test]
fn a_server_starts_again_at_once_on_the_same_port() {
    let scratch = Scratch::new("compat-serve-again");
    fs::write(scratch.0.join("data"), "data").expect("a file");
    let mut port = 0;
    for _ in 0..3 {
        let server = Server::start(&scratch, "data", port);
        port = server.port;
        // The server closes first: its end of the connection stays for a minute.
        server.serves("data", b"data");
    }
    let server = Server::start(&scratch, "data", port);
    let output = compat::run(&program(&scratch), &scratch.0, &["data", &port.to_string()]);
    assert_eq!(output.status.code(), Some(1), "a port that is in use ends the program");
    assert_eq!(compat::complaints(&output), "bind: Address already in use\n");
    server.serves("data", b"data");
}

#[test]
fn sixty_four_clients_are_served_at_once_and_none_starves() {
    const SIZE: usize = 4 << 20;
    let scratch = Scratch::new("compat-serve-many");
    fs::write(scratch.0.join("data"), pattern(SIZE)).expect("a file");
    let server = Server::start(&scratch, "data", 0);
    // These take a few bytes and then nothing: they would stop a server that serves one after another.
    let mut slow: Vec<TcpStream> = (0..8).map(|_| server.connect()).collect();
    for client in &mut slow {
        client.read_exact(&mut [0; 10]).expect("the first bytes");
    }
    let clients: Vec<_> = (0..56)
        .map(|_| {
            let stream = server.connect();
            std::thread::spawn(move || received(stream) == pattern(SIZE))
        })
        .collect();
    for client in clients {
        assert!(client.join().expect("a client"), "the whole file");
    }
    for mut client in slow {
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).expect("the rest");
        assert!(rest == pattern(SIZE)[10..]);
    }
    let said: Vec<String> = (0..128).map(|_| server.out.recv_timeout(WAIT).expect("a line")).collect();
    let sent = format!("Sent {SIZE} bytes from data using zero-copy");
    assert_eq!(said.iter().filter(|line| **line == sent).count(), 64);
}

#[test]
fn a_file_that_is_missing_or_shrinks_is_told_and_the_next_client_is_served() {
    let scratch = Scratch::new("compat-serve-missing");
    let mut server = Server::start(&scratch, "data", 0);
    assert_eq!(received(server.connect()), b"");
    server.says("Client connected, sending the file data");
    assert_eq!(server.complains(), "open: No such file or directory");
    fs::create_dir(scratch.0.join("data")).expect("a folder");
    assert_eq!(received(server.connect()), b"");
    server.says("Client connected, sending the file data");
    assert_eq!(server.complains(), "open: Is a directory");
    fs::remove_dir(scratch.0.join("data")).expect("goes");

    fs::write(scratch.0.join("data"), pattern(64 << 20)).expect("a file");
    let mut client = server.connect();
    client.read_exact(&mut [0; 1000]).expect("the first bytes");
    File::options().write(true).open(scratch.0.join("data")).and_then(|file| file.set_len(20 << 20)).expect("shrinks");
    let rest = received(client);
    assert!(rest.len() <= (64 << 20) - 1000);
    server.says("Client connected, sending the file data");
    let complaint = server.complains();
    assert!(
        complaint.starts_with("sendfile: data ended after ") && complaint.ends_with(" of 67108864 bytes"),
        "{complaint}"
    );
    // One that vanishes goes on being served to whom has it.
    fs::write(scratch.0.join("data"), pattern(16 << 20)).expect("a file");
    let mut client = server.connect();
    // The first byte tells that the server has opened it; the line before does not.
    client.read_exact(&mut [0]).expect("the first byte");
    server.says("Client connected, sending the file data");
    fs::remove_file(scratch.0.join("data")).expect("goes");
    assert!(received(client) == pattern(16 << 20)[1..]);
    assert!(server.is_alive());
}

#[test]
fn a_want_of_descriptors_keeps_clients_waiting_and_loses_none() {
    let scratch = Scratch::new("compat-serve-descriptors");
    fs::write(scratch.0.join("data"), pattern(8 << 20)).expect("a file");
    for limit in [16, 17] {
        want_of_descriptors(&scratch, limit);
    }
}

/// The last descriptor is a socket's with one limit, and a file's with the other.
fn want_of_descriptors(scratch: &Scratch, limit: u32) {
    let script = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
    let mut server = Server::start_by(scratch, "data", 0, &script);
    let clients: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
    server.says("Client connected, sending the file data");
    std::thread::sleep(Duration::from_millis(200));
    let before = cpu_ticks(server.process.0.id());
    std::thread::sleep(Duration::from_millis(500));
    let used = cpu_ticks(server.process.0.id()) - before;
    assert!(used < 25, "{used} ticks of 50: waiting costs next to nothing");
    for client in clients {
        assert!(received(client) == pattern(8 << 20), "a client that waited for its turn");
    }
    assert!(server.is_alive());
    compat::soon("served again", || received(server.connect()).len() == 8 << 20);
}

fn cpu_ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("its account");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    fields[11].parse::<u64>().expect("a number") + fields[12].parse::<u64>().expect("a number")
}

#[test]
fn wrong_ports_end_the_program_and_no_path_is_told_to_each_client() {
    let scratch = Scratch::new("compat-serve-ports");
    for port in ["-1", "70000", "-2147483648"] {
        let output = compat::run(&program(&scratch), &scratch.0, &["data", port]);
        assert_eq!((output.status.code(), compat::complaints(&output)), (Some(1), "bind: Invalid argument\n".into()));
    }
    let server = Server::start(&scratch, "NULL", 0);
    assert_eq!(received(server.connect()), b"");
    server.says("Client connected, sending the file (null)");
    assert_eq!(server.complains(), "open: Bad address");
}

#[test]
fn an_idle_server_sleeps_and_its_thread_can_be_cancelled() {
    let scratch = Scratch::new("compat-serve-cancel");
    let program = program(&scratch);
    let started = Instant::now();
    let said = compat::passes(&program, &scratch.0, &["cancel", "data"]);
    assert!(said.ends_with("cancelled\n") && said.matches("Server Listening").count() == 2, "{said}");
    assert!(started.elapsed() < WAIT);
    let server = Server::start(&scratch, "data", 0);
    let before = cpu_ticks(server.process.0.id());
    std::thread::sleep(Duration::from_millis(300));
    assert!(cpu_ticks(server.process.0.id()) - before <= 1);
}
