//! Kafka's own tools, called from tests. Not a test itself: a module of those that need the oracle.
//!
//! Without Maven and a JVM there is no oracle: a test then says so, past the capture of its output, and ends; where
//! `CI=true` it fails instead, so that nothing is left out in silence.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a tool said.
#[derive(Debug)]
pub struct Verdict {
    /// Exit status: 0 nothing found, 1 findings.
    pub status: i32,
    /// Standard output and standard error.
    pub said: String,
}

/// The tools, known to run on this machine.
#[derive(Debug)]
pub struct Oracle {
    scripts: PathBuf,
}

fn runs(program: &str, argument: &str) -> bool {
    let status = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

impl Oracle {
    /// The oracle, or `None` where it may be left out.
    pub fn find(test: &str) -> Option<Self> {
        if runs("mvn", "-version") && runs("java", "-version") {
            return Some(Self { scripts: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle") });
        }
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "{test} needs Maven and a JVM, and CI=true forbids skipping"
        );
        let notice =
            format!("\nSKIPPED: {test} needs Maven and a JVM: apt-get install -y maven default-jre-headless\n");
        std::io::stderr().write_all(notice.as_bytes()).expect("standard error takes a line");
        None
    }

    /// Kafka's dump tool over logs and indexes; `options` as `dump-log.sh` takes them.
    pub fn dump(&self, options: &[&str], files: &[PathBuf]) -> Verdict {
        let output = Command::new(self.scripts.join("dump-log/dump-log.sh")).args(options).args(files).output();
        verdict(output.expect("dump-log.sh starts"))
    }

    /// A real broker takes the partition directory over and serves it; `options` as `adopt.sh` takes them.
    pub fn adopt(&self, options: &[&str], partition: &Path) -> Verdict {
        let output = Command::new(self.scripts.join("adopt.sh")).args(options).arg(partition).output();
        verdict(output.expect("adopt.sh starts"))
    }
}

fn verdict(output: Output) -> Verdict {
    let said = [output.stdout, output.stderr].concat();
    Verdict { status: output.status.code().unwrap_or(-1), said: String::from_utf8_lossy(&said).into_owned() }
}

/// The files of a partition that the dump tool reads, in order.
pub fn files_of(partition: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(partition).expect("partition directory is readable");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("entry is readable").path()).collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|kind| ["log", "index", "timeindex", "txnindex", "snapshot"].iter().any(|k| *k == kind))
    });
    files.sort();
    files
}
