//! Programs of c-examples/compat, built by their own Makefile against the library that this test run built.
//! Started programs end with the value that holds them.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::driver::{self, Scratch};

/// How long a line may take that a program has to print.
const LINE_TIMEOUT: Duration = Duration::from_secs(30);

/// Built programs, in a folder of this test.
pub struct Programs {
    pub scratch: Scratch,
}

impl Programs {
    /// Builds these, warnings being errors.
    pub fn build(test: &str, names: &[&str]) -> Self {
        let scratch = Scratch::new(test);
        let library = scratch.0.join("lib");
        std::fs::create_dir(&library).expect("a folder");
        for link in ["libckafka.so", "libckafka.so.0"] {
            symlink(driver::library(), library.join(link)).expect("a link");
        }
        let programs = scratch.0.join("programs");
        let mut command = Command::new("make");
        command.arg("-C").arg(driver::root().join("c-examples")).arg("--no-print-directory");
        command.args(names.iter().map(|name| format!("{}/compat/{name}", programs.display())));
        command.arg(format!("BUILDDIR={}", programs.display()));
        command.arg(format!("CKAFKA_LIBDIR={}", library.display())).env("CC", driver::compiler());
        for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "CFLAGS"] {
            command.env_remove(name);
        }
        let output = command.output().expect("make starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { scratch }
    }

    /// A command that runs one of them in the folder of the test.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.scratch.0.join("programs/compat").join(name));
        command.current_dir(&self.scratch.0).stdin(Stdio::null()).env_remove("CKAFKA_COMPAT_DIR").env("TZ", "UTC");
        command
    }

    /// Runs one to its end.
    pub fn run(&self, name: &str, arguments: &[&str]) -> Output {
        self.command(name).args(arguments).output().expect("the program starts")
    }

    /// A path below the folder of the test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.0.join(name)
    }
}

/// What a program said on standard output.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a program said on standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A program under way, whose lines are read as it prints them.
pub struct Running {
    pub child: Child,
    lines: [Receiver<String>; 2],
    pub said: Vec<String>,
    pub complained: Vec<String>,
}

impl Running {
    /// Starts it.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let lines = [read_lines(child.stdout.take().expect("piped")), read_lines(child.stderr.take().expect("piped"))];
        Self { child, lines, said: Vec::new(), complained: Vec::new() }
    }

    /// Waits until one of its lines fits; the first that does.
    #[track_caller]
    pub fn wait_for(&mut self, fits: impl Fn(&str) -> bool) -> String {
        let mut seen = 0;
        loop {
            if let Some(line) = self.said[seen..].iter().find(|line| fits(line)) {
                return line.clone();
            }
            seen = self.said.len();
            match self.lines[0].recv_timeout(LINE_TIMEOUT) {
                Ok(line) => self.said.push(line),
                Err(error) => {
                    self.gather();
                    panic!("no such line ({error}): {:?} {:?}", self.said, self.complained)
                }
            }
        }
    }

    /// The number that ends the first line with these words.
    #[track_caller]
    pub fn number_after(&mut self, words: &str) -> u16 {
        let line = self.wait_for(|line| line.starts_with(words));
        line[words.len()..].trim().parse().unwrap_or_else(|_| panic!("a port: {line}"))
    }

    /// Takes what it has printed by now.
    pub fn gather(&mut self) {
        self.said.extend(self.lines[0].try_iter());
        self.complained.extend(self.lines[1].try_iter());
    }

    /// Kills it and takes all its lines.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Both ends of the pipes are closed now, so these end.
        self.said.extend(self.lines[0].iter());
        self.complained.extend(self.lines[1].iter());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(pipe: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}
