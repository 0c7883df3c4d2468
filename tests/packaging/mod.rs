//! The libraries as `make` would install them, made of the archive that this test run built: a release build is not
//! needed to see which symbols, links and files there are. `make check-release` names its own, `CKAFKA_TEST_ARCHIVE`, for
//! an optimizer may have drawn conclusions about functions that a program replaces.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::driver::{self, Scratch};

/// The archive that is named, or the one beside the running test: cargo builds it in the same step.
pub fn archive() -> PathBuf {
    if let Some(named) = env::var_os("CKAFKA_TEST_ARCHIVE") {
        return PathBuf::from(named);
    }
    let archive = driver::library().with_extension("a");
    assert!(archive.exists(), "{} is missing: cargo builds it with every integration test", archive.display());
    archive
}

/// Runs a make target on that archive, in `build`; `variables` are words like `PREFIX=/usr`.
pub fn make(target: &str, build: &Path, variables: &[String]) {
    let mut command = Command::new("make");
    command.arg("-C").arg(driver::root()).args(["--no-print-directory", target]).args(variables);
    command.arg(format!("BUILD={}", build.display())).arg(format!("ARCHIVE={}", archive().display()));
    // A make around this test run must not hand its own variables and descriptors down.
    for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "DESTDIR", "PREFIX"] {
        command.env_remove(name);
    }
    succeeds(&mut command);
}

/// Links both libraries into `scratch`; the folder they are in.
pub fn relinked(scratch: &Scratch) -> PathBuf {
    let build = scratch.0.join("build");
    make("lib", &build, &[]);
    build
}

/// Runs a command that has to end well; what it wrote.
pub fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{said}\n{complaints}", output.status);
    said.into_owned()
}

/// What a tool says about a file.
pub fn ask(tool: &str, flags: &[&str], file: impl AsRef<OsStr>) -> String {
    succeeds(Command::new(tool).env("LC_ALL", "C").args(flags).arg(file))
}

/// The symbols that are listed, each with its version node.
pub fn listed() -> Vec<(String, String)> {
    let list = fs::read_to_string(driver::root().join("packaging/exports.list")).expect("the list of symbols");
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let pair = |line: &str| line.split_once(' ').map(|(node, name)| (name.to_owned(), node.to_owned()));
    lines.map(|line| pair(line).unwrap_or_else(|| panic!("not NODE SYMBOL: {line}"))).collect()
}

/// The C compilers that are here; where CI=true, all of them have to be.
pub fn compilers() -> Vec<&'static str> {
    let mut found = Vec::new();
    for compiler in ["gcc", "clang"] {
        if Command::new(compiler).arg("--version").output().is_ok() {
            found.push(compiler);
        } else {
            assert!(env::var("CI").is_err(), "{compiler} is missing");
            println!("skipped: {compiler} is not here");
        }
    }
    assert!(!found.is_empty(), "no C compiler is here");
    found
}
