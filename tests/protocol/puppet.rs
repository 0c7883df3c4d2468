//! Processes that do as they are told: the test executable started anew, with a line for each thing to do and a line for how it went.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use ckafka::broken::{Action, Point, Rule};

use crate::common::child;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(40);

/// A process on strings.
#[derive(Debug)]
pub struct Puppet {
    child: Child,
    stdin: Option<ChildStdin>,
    replies: Receiver<String>,
    /// Replies that have been taken and not been asked for.
    ahead: VecDeque<String>,
}

impl Puppet {
    /// Starts one on a folder, without some rules.
    pub fn start(folder: &Path, without: &[Rule]) -> Self {
        Self::spawn(child::part("puppet", folder), without)
    }

    /// Starts one by a command made by `child::part`, to which a test has added what it needs.
    pub fn spawn(mut command: Command, without: &[Rule]) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("puppet starts");
        let replies = replies_of(child.stdout.take().expect("piped"));
        let mut puppet = Self { stdin: child.stdin.take(), child, replies, ahead: VecDeque::new() };
        for rule in without {
            puppet.must(&format!("leave_out {}", *rule as u8));
        }
        puppet
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to do something, without waiting.
    pub fn tell(&mut self, what: &str) {
        if let Some(stdin) = &mut self.stdin {
            // A puppet that was killed meanwhile says so by having no reply.
            let _ = stdin.write_all(format!("{what}\n").as_bytes());
        }
    }

    /// How the oldest unanswered thing went: `Ok` with its result, `Err` with the error's text; `None` where the process has ended.
    pub fn reply(&mut self) -> Option<Result<String, String>> {
        self.reply_within(PATIENCE).expect("an answer in time")
    }

    /// The same; `Err` where there is none in time.
    pub fn reply_within(&mut self, patience: Duration) -> Result<Option<Result<String, String>>, RecvTimeoutError> {
        match self.ahead.pop_front().map_or_else(|| self.replies.recv_timeout(patience), Ok) {
            Ok(line) => Ok(Some(match line.split_once(' ') {
                Some(("ok", result)) => Ok(result.to_owned()),
                _ => Err(line),
            })),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Tells it something and waits for how it went; its end is an error too.
    pub fn ask(&mut self, what: &str) -> Result<String, String> {
        self.tell(what);
        self.reply().unwrap_or_else(|| Err(format!("{what}: the process ended")))
    }

    /// Tells it something that must go well; the result.
    #[track_caller]
    pub fn must(&mut self, what: &str) -> String {
        self.ask(what).unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// A number that it is asked for.
    #[track_caller]
    pub fn number(&mut self, what: &str) -> i64 {
        let text = self.must(what);
        text.parse().unwrap_or_else(|_| panic!("{what}: {text:?} is no number"))
    }

    /// Arms a place for its next passing.
    #[track_caller]
    pub fn arm(&mut self, point: Point, action: Action) {
        self.arm_for(point, action, 1);
    }

    /// Arms a place for one of its passings.
    #[track_caller]
    pub fn arm_for(&mut self, point: Point, action: Action, pass: u16) {
        self.must(&format!("arm {} {} {pass}", point as u8, action as u8));
    }

    /// Tells it something at which it is to be killed by the place that is armed.
    #[track_caller]
    pub fn dies_at(&mut self, what: &str) {
        self.tell(what);
        if let Some(reply) = self.reply() {
            panic!("{what}: {reply:?}, though it was to die");
        }
        self.child.wait().expect("it has ended");
    }

    /// Tells it something at which it stops.
    #[track_caller]
    pub fn stops_at(&mut self, what: &str) {
        self.tell(what);
        let begun = Instant::now();
        while self.state() != 'T' {
            assert!(begun.elapsed() < PATIENCE, "{what}: it does not stop, state {}", self.state());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until it sleeps in what it was told to do, or has answered. Where the kernel does not say in which call a thread is, for a while.
    #[track_caller]
    pub fn falls_asleep(&mut self) {
        if fs::read_to_string(format!("/proc/{}/syscall", self.id())).is_err() {
            return std::thread::sleep(Duration::from_millis(500));
        }
        let begun = Instant::now();
        while !self.is_asleep() {
            assert!(begun.elapsed() < PATIENCE, "it does not fall asleep");
            match self.replies.recv_timeout(Duration::from_millis(1)) {
                Ok(reply) => return self.ahead.push_back(reply),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Whether all its threads are in a futex: one that waits to be told something reads.
    fn is_asleep(&self) -> bool {
        let call = format!("{} ", libc::SYS_futex);
        let is_in_it = |thread: &Path| fs::read_to_string(thread.join("syscall")).is_ok_and(|at| at.starts_with(&call));
        fs::read_dir(format!("/proc/{}/task", self.id()))
            .is_ok_and(|mut threads| threads.all(|thread| thread.is_ok_and(|thread| is_in_it(&thread.path()))))
    }

    /// Waits until it has a file open.
    #[track_caller]
    pub fn opens(&self, path: &Path) {
        let path = path.canonicalize().expect("a file");
        let begun = Instant::now();
        let is_it = |entry: std::io::Result<fs::DirEntry>| {
            entry.and_then(|entry| fs::read_link(entry.path())).is_ok_and(|open| open == path)
        };
        while !fs::read_dir(format!("/proc/{}/fd", self.id())).is_ok_and(|mut open| open.any(is_it)) {
            assert!(begun.elapsed() < PATIENCE, "it does not open {}", path.display());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn state(&self) -> char {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap_or_default();
        stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('?')
    }

    /// Lets a stopped one go on.
    pub fn go_on(&self) {
        self.signal("CONT");
    }

    /// Stops it wherever it is.
    pub fn stop(&self) {
        self.signal("STOP");
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Kills it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The lines that are replies, read as they come; a puppet may print others.
fn replies_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, replies) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(reply) = line.strip_prefix("> ")
                && sender.send(reply.to_owned()).is_err()
            {
                return;
            }
        }
    });
    replies
}
