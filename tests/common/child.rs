//! Parts of a test that run in processes of their own, and with mounts of their own.
//!
//! A part is an ignored test of the same file, run by the one that it belongs to: the executable starts itself with the part's name. What it works on is told by the
//! environment; run by hand, without it, a part does nothing.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

const FOLDER: &str = "CKAFKA_TEST_FOLDER";

/// The folder that a part was told to work on; `None` where nobody told it.
pub fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// The command that runs a part on a folder.
pub fn part(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("own path"));
    command.args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"]).env(FOLDER, folder);
    command
}

/// A part under way, whose lines are read as it says them.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    /// Starts a part.
    pub fn start(name: &str, folder: &Path) -> Self {
        Self::spawn(part(name, folder))
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("part starts");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, lines }
    }

    /// The number in the next line that begins with `word`; `None` where the part has ended. A line that is not whole is not one.
    pub fn next_number(&mut self, word: &str) -> Option<i64> {
        loop {
            let mut line = String::new();
            let size = self.lines.read_line(&mut line).expect("a line of the part");
            if size == 0 || !line.ends_with('\n') {
                return None;
            }
            if let Some((_, number)) = line.trim().split_once(word) {
                return Some(number.trim().parse().unwrap_or_else(|_| panic!("a number after {word}: {line:?}")));
            }
        }
    }

    /// Tells a part that waits to go on.
    pub fn tell(&mut self) {
        let input = self.child.stdin.as_mut().expect("piped");
        input.write_all(b"\n").and_then(|()| input.flush()).expect("the part listens");
    }

    /// Kills it as the kernel does: nothing of it runs any more. Numbers that it had said before can still be read.
    pub fn kill(&mut self) {
        self.child.kill().expect("part is killed");
        self.child.wait().expect("part has ended");
    }

    /// Closes its input, which tells it to end, and waits; fails where it failed.
    #[track_caller]
    pub fn finish(mut self) {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        while self.lines.read_line(&mut rest).expect("a line of the part") > 0 {}
        let status = self.child.wait().expect("part has ended");
        assert!(status.success(), "{status}: {rest}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says a number to who started this part.
pub fn say(word: &str, number: i64) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{word} {number}\n").as_bytes()).and_then(|()| out.flush()).expect("somebody listens");
}

/// Sleeps until whoever started this part tells it to go on; `false` where it is told to end.
pub fn wait_to_be_told() -> bool {
    std::io::stdin().lock().read_line(&mut String::new()).is_ok_and(|size| size > 0)
}

/// Runs a part on a folder with mounts of its own, made by `setup` (a shell command that finds the folder in `$D`) before it starts, and gone with it.
/// `None` where this user or kernel does not let it mount.
pub fn in_own_mounts(setup: &str, name: &str, folder: &Path) -> Option<Output> {
    // Real root may mount devices; a user's own root may mount what it made.
    [&["-m"][..], &["-Urm"]].iter().find_map(|flags| {
        let part = part(name, folder);
        let script = format!("({setup}) >/dev/null 2>&1 || exit 77; exec \"$@\"");
        let mut command = Command::new("unshare");
        command.args(*flags).args(["sh", "-c", &script, "sh"]).arg(part.get_program()).args(part.get_args());
        command.env(FOLDER, folder).env("D", folder);
        let output = command.stdin(Stdio::null()).output().ok()?;
        // 77: the mounts failed; 1 without a word of the part: unshare itself did.
        let began = String::from_utf8_lossy(&output.stdout).contains("running 1 test");
        began.then_some(output)
    })
}

/// Fails with all that a part said, unless it ended well.
#[track_caller]
pub fn assert_well(output: &Output) {
    let said = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&said));
}
