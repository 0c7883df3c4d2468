//! A real broker and this library never have one directory at once: whoever comes second is refused at once, in both orders, and a killed one leaves nothing in the way.

#![cfg(feature = "break-rules")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[path = "oracle/oracle.rs"]
#[expect(dead_code, reason = "shared by many tests, each of which uses a part")]
mod oracle;
#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod protocol;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use common::logs::{self, TOPIC};
use common::scratch::{self, Scratch};
use oracle::Oracle;
use protocol::puppet::Puppet;
use protocol::{play, truth};

/// No refusal takes longer, however busy the machine is: a lock of one of us is waited for three times as long.
const AT_ONCE: Duration = Duration::from_secs(10);

#[test]
#[ignore = "a process of the test below"]
fn puppet() {
    play::live();
}

/// A broker as `broker.sh` runs it.
struct Broker {
    script: Child,
    stdin: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
    process: String,
}

impl Broker {
    /// Starts one on a directory; what it said where it did not take it.
    fn start(directory: &Path) -> Result<Self, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/broker.sh");
        let mut command = Command::new(script);
        let mut script =
            command.arg(directory).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("broker.sh starts");
        let lines = BufReader::new(script.stdout.take().expect("piped"));
        let mut broker = Self { stdin: script.stdin.take(), script, lines, process: String::new() };
        let said = broker.said_until("started");
        match said.lines().last().and_then(|line| line.strip_prefix("started ")) {
            Some(process) => {
                broker.process = process.to_owned();
                Ok(broker)
            }
            None => Err(said),
        }
    }

    /// What it says up to a line that begins with `word`, or to its end.
    fn said_until(&mut self, word: &str) -> String {
        let mut said = String::new();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).expect("a line of broker.sh") == 0 {
                return said;
            }
            said.push_str(&line);
            if line.starts_with(word) {
                return said;
            }
        }
    }

    fn kill(mut self) {
        let status = Command::new("kill").args(["-KILL", &self.process]).status().expect("kill runs");
        assert!(status.success());
        let said = self.said_until("ended");
        assert!(said.contains("ended 137"), "{said}");
    }

    fn stop(mut self) {
        drop(self.stdin.take());
        self.said_until("ended");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.script.wait();
    }
}

fn opened(place: &Scratch, how: &str) -> Puppet {
    let mut puppet = Puppet::start(place.path(), &[]);
    puppet.must(how);
    puppet.must(&format!("log {TOPIC} 0"));
    puppet
}

/// A broker that comes second says that it could not lock, and has changed nothing of ours.
fn broker_is_refused(place: &Scratch, beside: &str) {
    let before = scratch::names(place.path());
    match Broker::start(place.path()) {
        Err(said) => assert!(said.contains("acquire lock"), "{beside}: {said}"),
        Ok(_) => panic!("a broker took the directory beside {beside}"),
    }
    let mut after = scratch::names(place.path());
    // What the tool leaves that gives a directory its id.
    after.retain(|name| before.contains(name) || !["meta.properties", "bootstrap.checkpoint"].contains(&name.as_str()));
    assert_eq!(after, before, "{beside}");
}

/// We are refused at once, whatever for.
fn we_are_refused(place: &Scratch) {
    for how in ["open", "read_only"] {
        let mut late = Puppet::start(place.path(), &[]);
        let begun = Instant::now();
        let refused = late.ask(how).expect_err("a broker has it");
        let took = begun.elapsed();
        assert!(refused.starts_with("Locked:") && refused.contains("broker"), "{how}: {refused}");
        assert!(took < AT_ONCE, "{how}: refused after {took:?}");
    }
}

#[test]
#[ignore = "starts real brokers: make check-broker"]
fn broker_and_library_exclude_each_other() {
    if Oracle::find("broker_and_library_exclude_each_other").is_none() {
        return;
    }
    let place = Scratch::new("kafka-beside");
    logs::close(logs::create(place.path(), &[]));

    let mut writer = opened(&place, "open");
    writer.must("append 10 100");
    broker_is_refused(&place, "a writer");
    writer.must("append 10 100");
    let reader = opened(&place, "read_only");
    writer.must("close");
    broker_is_refused(&place, "a reader");
    drop(reader);
    truth::check(place.path(), &[(writer.id(), 20)]).unwrap_or_else(|what| panic!("{what}"));

    // The kernel lets go of what a killed process held.
    let mut killed = opened(&place, "open");
    killed.must("append 5 100");
    killed.kill();
    let broker = Broker::start(place.path()).unwrap_or_else(|said| panic!("behind a killed writer: {said}"));
    we_are_refused(&place);
    broker.kill();
    let mut next = Puppet::start(place.path(), &[]);
    let begun = Instant::now();
    next.must("open");
    assert!(begun.elapsed() < AT_ONCE, "behind a killed broker: {:?}", begun.elapsed());
    next.must("create more 1");
    next.must("log more 0");
    next.must("append 3 100");
    broker_is_refused(&place, "a writer behind a killed broker");
    next.must("close");

    // And behind one that stopped in order.
    let broker = Broker::start(place.path()).unwrap_or_else(|said| panic!("behind a closed writer: {said}"));
    we_are_refused(&place);
    broker.stop();
    opened_again(&place);
}

fn opened_again(place: &Scratch) {
    let mut last = Puppet::start(place.path(), &[]);
    last.must("open");
    last.must("close");
}
