//! C programs written against the C-Kafka interface, compiled, run in a folder of their own, and looked at.

pub mod records;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::driver::{self, Scratch};

/// Where the append log writes, under the working directory.
pub const LOG: &str = "temp/order1/00000000000000000000.log";
/// Its index.
pub const INDEX: &str = "temp/order1/00000000000000000000.index";
/// Its time index.
pub const TIMES: &str = "temp/order1/00000000000000000000.timeindex";

/// Compiles `tests/c/compat/<name>.c` against the library that this test run built.
pub fn build(name: &str, scratch: &Scratch) -> PathBuf {
    link(&[&source(name)], name, scratch, &driver::library())
}

/// A file of `tests/c/compat`.
pub fn source(name: &str) -> PathBuf {
    driver::root().join(format!("tests/c/compat/{name}.c"))
}

/// Compiles sources against a shared library or an archive; the program's path.
pub fn link(sources: &[&Path], name: &str, scratch: &Scratch, library: &Path) -> PathBuf {
    let program = scratch.0.join(name);
    let mut command = Command::new(driver::compiler());
    command.args(["-std=gnu11", "-D_GNU_SOURCE", "-g", "-O1", "-pthread"]).args(driver::WARNINGS);
    command.arg("-I").arg(driver::root().join("include")).arg("-I").arg(driver::root().join("tests/c/compat"));
    command.args(sources).arg("-o").arg(&program);
    if library.extension().is_some_and(|extension| extension == "a") {
        command.arg(library).args(["-lutil", "-lrt", "-lm", "-ldl"]);
    } else {
        let folder = scratch.0.join("lib");
        fs::create_dir_all(&folder).expect("a folder");
        for name in ["libckafka.so", "libckafka.so.0"] {
            let link = folder.join(name);
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(library, &link).expect("a link");
        }
        command.arg("-L").arg(&folder).arg(format!("-Wl,-rpath,{}", folder.display())).arg("-lckafka");
    }
    let output = command.output().expect("a C compiler: set CC, or install one");
    assert!(output.status.success(), "{name} does not compile:\n{}", String::from_utf8_lossy(&output.stderr));
    program
}

/// A program with its arguments, to be run in the folder of the test.
pub fn command(program: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).env_remove("CKAFKA_COMPAT_DIR");
    command
}

/// Runs a program to its end.
pub fn run(program: &Path, folder: &Path, arguments: &[&str]) -> Output {
    command(program, folder, arguments).output().expect("the program starts")
}

/// What a program printed, which has to end well and say nothing on standard error.
#[track_caller]
pub fn passes(program: &Path, folder: &Path, arguments: &[&str]) -> String {
    let output = run(program, folder, arguments);
    let (said, complaints) = (said(&output), complaints(&output));
    assert!(output.status.success() && complaints.is_empty(), "{}\n{said}\n{complaints}", output.status);
    said
}

/// Its standard output.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Its standard error.
pub fn complaints(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A golden file of the original.
pub fn golden(name: &str) -> Vec<u8> {
    let path = driver::root().join("tests/golden/c-kafka").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Waits for something to be so, at most ten seconds.
#[track_caller]
pub fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < limit, "not within ten seconds: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process that is ended with the value.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A line of `log_message`, without its time.
pub fn line(color: &str, level: &str, text: &str) -> String {
    format!("\x1b[{color}m[TIME] [{level}]: {text}\x1b[0m\n")
}

/// The same text with every time `[YYYY-MM-DD HH:MM:SS]` as `[TIME]`.
pub fn without_times(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, after) = rest.split_at(at + 1);
        result.push_str(before);
        let shape = b"dddd-dd-dd dd:dd:dd]";
        let is_time = after.len() >= shape.len()
            && after
                .bytes()
                .zip(shape)
                .all(|(byte, kind)| if *kind == b'd' { byte.is_ascii_digit() } else { byte == *kind });
        rest = if is_time {
            result.push_str("TIME]");
            &after[shape.len()..]
        } else {
            after
        };
    }
    result.push_str(rest);
    result
}
