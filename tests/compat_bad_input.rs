//! What no caller should pass and no disk should hold: the old function's way of failing, never a crash, never an earlier
//! record lost.
#![cfg(feature = "compat")]

#[expect(dead_code, reason = "shared by the tests of the C-Kafka interface; each uses a part")]
mod compat;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use compat::records::{assert_whole, messages, record};
use driver::Scratch;

#[test]
fn every_function_takes_null_and_absurd_numbers() {
    let scratch = Scratch::new("compat-nothing");
    let program = compat::build("nothing", &scratch);
    let output = compat::run(&program, &scratch.0, &[]);
    assert!(output.status.success(), "{}\n{}", output.status, compat::said(&output));
    let source = fs::read_to_string(compat::source("nothing")).expect("the program");
    for name in driver::compat_functions() {
        let is_tried = source.contains(&format!("{name}(")) || name == "start_server" || name.starts_with("ckafka_");
        assert!(is_tried, "{name} is not tried");
    }
    assert_eq!(messages(&scratch.0), ["message"]);
    let complaints = compat::complaints(&output);
    for line in [
        "append_message_to_log: no partition",
        "append_message_to_log: no message",
        "add_topic: no broker",
        "add_topic: no name",
        "produce_message: no message",
        "produce_message: topic 'name' has 100 partitions",
        "pool_alloc: no pool",
        "Compression failed with error: -2",
        "Failed to open log file: (null)",
        "open: Bad address",
        "send: Bad address",
    ] {
        assert!(complaints.lines().any(|found| found == line), "no {line:?} in\n{complaints}");
    }
}

#[test]
fn signals_gone_peers_and_a_want_of_descriptors_lose_nothing() {
    let scratch = Scratch::new("compat-peers");
    let program = compat::build("peers", &scratch);
    let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
    let port = listener.local_addr().expect("its address").port();
    let server = std::thread::spawn(move || {
        let mut sizes = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).expect("its message");
            assert!(bytes.iter().all(|byte| *byte == b'm'));
            sizes.push(bytes.len());
        }
        sizes
    });
    let output = compat::run(&program, &scratch.0, &[&port.to_string()]);
    let complaints = compat::complaints(&output);
    assert!(output.status.success(), "{}\n{complaints}", output.status);
    assert_eq!(server.join().expect("the server"), [(8 << 20) - 1; 2]);
    let expected = ["send: Broken pipe", "Socket creation error: Too many open files", "append_message_to_log: open"];
    let lines: Vec<&str> = complaints.lines().collect();
    for (line, start) in lines.iter().zip(expected) {
        assert!(line.starts_with(start), "{complaints}");
    }
    assert_eq!(lines[4..], ["open: Too many open files"], "{complaints}");
    assert_eq!(assert_whole(&scratch.0), ["small"]);
    let kept = fs::read(scratch.0.join("elsewhere/order1/00000000000000000000.log")).expect("the log");
    assert_eq!(compat::records::records(&kept).len(), 2);
}

#[test]
fn a_length_of_four_gibibytes_reads_nothing_and_allocates_nothing() {
    let scratch = Scratch::new("compat-length");
    let program = compat::build("read", &scratch);
    let mut log = record("first");
    log.extend([0xff; 4]);
    log.extend(b"no stream");
    fs::write(scratch.0.join("log"), log).expect("a log");
    let script = "ulimit -v 600000 && exec \"$0\" log";
    let output = Command::new("sh").args(["-c", script]).arg(&program).current_dir(&scratch.0).output().expect("runs");
    assert_eq!(
        compat::complaints(&output),
        "Error: Expected 4294967295 bytes for message 2 payload, but only read 9. File is truncated.\n"
    );
    assert!(compat::said(&output).ends_with("\nfirst\nFinished reading. Total messages found: 1.\n"));
    // And where the file is that long, sparse: the records behind it are found.
    let mut file = fs::File::options().append(true).open(scratch.0.join("log")).expect("the log");
    let start = record("first").len() as u64 + 4;
    file.set_len(start + u64::from(u32::MAX)).and_then(|()| file.write_all(&record("last"))).expect("a sparse log");
    let output = compat::run(&program, &scratch.0, &["log"]);
    assert!(compat::complaints(&output).starts_with("Error: message 2 has 4294967295 bytes; at most "));
    assert!(compat::said(&output).ends_with("\nfirst\nlast\nFinished reading. Total messages found: 2.\n"));
}

#[test]
fn a_deflate_bomb_is_bounded_and_told() {
    let scratch = Scratch::new("compat-bomb");
    let program = compat::build("read", &scratch);
    let mut log = record("first");
    // More zeroes than the limit, in less than a thousandth.
    let mut encoder =
        flate2::read::ZlibEncoder::new(std::io::repeat(0).take(300 << 20), flate2::Compression::default());
    let mut bomb = Vec::new();
    encoder.read_to_end(&mut bomb).expect("memory takes it");
    log.extend((bomb.len() as u32).to_le_bytes());
    log.extend(&bomb);
    log.extend(record("last"));
    fs::write(scratch.0.join("log"), log).expect("a log");
    let output = compat::run(&program, &scratch.0, &["log"]);
    let expected = format!(
        "Decompression failed with error: -5\nError: a message expands to more than {} bytes.\n\
         Error: Failed to decompress message 2.\n",
        256 << 20
    );
    assert_eq!(compat::complaints(&output), expected);
    assert!(compat::said(&output).ends_with("\nfirst\nlast\nFinished reading. Total messages found: 2.\n"));
}

#[test]
fn logs_that_are_none_are_told() {
    let scratch = Scratch::new("compat-no-log");
    let program = compat::build("read", &scratch);
    fs::create_dir(scratch.0.join("folder")).expect("a folder");
    let output = compat::run(&program, &scratch.0, &["folder"]);
    assert_eq!(compat::complaints(&output), "Failed to open log file: folder\nopen: Is a directory\n");
    fs::write(scratch.0.join("zeroes"), [0; 12]).expect("a file");
    let output = compat::run(&program, &scratch.0, &["zeroes"]);
    assert!(compat::said(&output).ends_with("Total messages found: 0.\n"));
}

/// On a file system of a quarter of a megabyte, of the test's own.
#[test]
fn a_full_disk_takes_only_what_does_not_fit() {
    let scratch = Scratch::new("compat-full-disk");
    let program = compat::build("append", &scratch);
    let mut state = 1_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        char::from(33 + (state >> 16) as u8 % 90)
    };
    let big: String = (0..20_000).map(|_| next()).collect();
    let text: Vec<String> = (0..40).map(|number| format!("{number} {big}")).collect();
    fs::write(scratch.0.join("messages"), text.join("\n") + "\n").expect("messages");
    fs::write(scratch.0.join("next"), "next\n").expect("a message");
    let script = "mkdir disk && mount -t tmpfs -o size=256k none disk || exit 77\n\
                  cd disk && \"$0\" ../messages; rm -f ballast; \"$0\" ../next; cp -r temp ../kept && cd .. && umount disk";
    let run = |flags: &str| {
        let mut command = Command::new("unshare");
        command.args([flags, "sh", "-c", script]).arg(&program).current_dir(&scratch.0).stdin(Stdio::null());
        command.output().ok().filter(|output| output.status.success())
    };
    let Some(output) = run("-m").or_else(|| run("-Urm")) else {
        println!("skipped: this user may not mount");
        return;
    };
    let complaints = compat::complaints(&output);
    assert!(complaints.lines().count() > 5, "{complaints}");
    assert!(complaints.lines().all(|line| line.contains("No space left on device")), "{complaints}");
    let said = compat::said(&output);
    let stored: usize = said.lines().next().and_then(|line| line.parse().ok()).expect("log_offset");
    assert!(fs::rename(scratch.0.join("kept"), scratch.0.join("temp")).is_ok());
    let mut found = assert_whole(&scratch.0);
    if said.lines().nth(1) == Some("1") {
        assert_eq!(found.pop().as_deref(), Some("next"), "there was room for a small one");
    }
    assert_eq!(found, text[..stored]);
    assert!((5..40).contains(&stored), "{stored}");
}
