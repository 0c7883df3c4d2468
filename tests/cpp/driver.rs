//! Builds C++ programs against the public headers and the shared library that this test run built.

use std::env;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::driver::{self, Scratch};

/// Warnings that the header and every program have to pass.
pub const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wconversion"];

/// The standards that the header is written for.
pub const STANDARDS: [&str; 3] = ["-std=c++17", "-std=c++20", "-std=c++2b"];

/// The sanitizers, fatal.
pub const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// The C++ compilers that are here; where CI=true, both of them have to be.
pub fn compilers() -> Vec<&'static str> {
    let mut found = Vec::new();
    for compiler in ["g++", "clang++"] {
        if Command::new(compiler).arg("--version").output().is_ok() {
            found.push(compiler);
        } else {
            assert!(env::var("CI").is_err(), "{compiler} is missing");
            println!("skipped: {compiler} is not here");
        }
    }
    assert!(!found.is_empty(), "no C++ compiler is here: apt-get install -y g++");
    found
}

/// A folder that holds the library under the names that the linker and the loader ask for.
pub fn library_folder(scratch: &Scratch) -> PathBuf {
    let folder = scratch.0.join("library");
    std::fs::create_dir_all(&folder).expect("a folder");
    for name in ["libckafka.so", "libckafka.so.0"] {
        symlink(driver::library(), folder.join(name)).expect("a link");
    }
    folder
}

/// Compiles one source to a program; what the compiler says has to be nothing.
pub fn build(compiler: &str, flags: &[&str], source: &Path, library: &Path, program: &Path) {
    let mut command = Command::new(compiler);
    command.args(flags).args(WARNINGS).args(["-g", "-O1", "-pthread", "-I"]).arg(driver::root().join("include"));
    command.arg(source).arg("-o").arg(program).arg("-L").arg(library);
    command.arg(format!("-Wl,-rpath,{}", library.display())).arg("-lckafka");
    let output = command.output().expect("the compiler runs");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{command:?}:\n{complaints}");
}

/// Whether a compiler brings the sanitizers' own libraries along; some packages leave them out.
pub fn has_sanitizers(compiler: &str, scratch: &Scratch) -> bool {
    let source = scratch.0.join("empty.cpp");
    std::fs::write(&source, "int main() { return 0; }\n").expect("a source");
    let mut command = Command::new(compiler);
    let output = command.args(SANITIZERS).arg(&source).arg("-o").arg(scratch.0.join("empty")).output();
    output.is_ok_and(|output| output.status.success())
}
