//! Builds and runs the programs of hostile callers, plain and under the C compiler's sanitizers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::driver::{self, Scratch};

/// The library itself is not instrumented: its memory is watched as far as it comes from the C library's allocator.
pub const SANITIZERS: [&str; 3] =
    ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];

/// Compiles a C program against the library of this test run.
pub fn build(source: &Path, name: &str, flags: &[&str], scratch: &Scratch) -> PathBuf {
    let library = driver::library();
    for link in ["libckafka.so", "libckafka.so.0"] {
        let link = scratch.0.join(link);
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(&library, &link).expect("a link");
    }
    let program = scratch.0.join(if flags.is_empty() { name.to_owned() } else { format!("{name}-sanitized") });
    let mut command = Command::new(driver::compiler());
    command.args(["-std=c11", "-D_GNU_SOURCE", "-g", "-O1", "-pthread", "-Wall", "-Wextra", "-Werror"]).args(flags);
    command.args(["-Wno-unused-function", "-Wno-unused-parameter"]);
    command.arg("-I").arg(driver::root().join("include")).arg("-I").arg(driver::root().join("tests/c/hostile"));
    command.arg(source).arg("-o").arg(&program).arg("-L").arg(&scratch.0);
    command.arg(format!("-Wl,-rpath,{}", scratch.0.display())).args(["-lckafka", "-ldl"]);
    let output = command.output().expect("a C compiler: set CC, or install one");
    assert!(output.status.success(), "{name} does not compile:\n{}", String::from_utf8_lossy(&output.stderr));
    program
}

/// Runs a program in an empty folder, which is its first argument; fails with what it said unless it ends well.
pub fn passes(program: &Path, arguments: &[&str], scratch: &Scratch) -> String {
    let folder = scratch.0.join("run");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut command = Command::new(program);
    command.arg(&folder).args(arguments).stdin(Stdio::null()).env_remove("CKAFKA_INJECT_PANIC");
    command
        .env("ASAN_OPTIONS", "detect_leaks=1:allocator_may_return_null=1")
        .env("UBSAN_OPTIONS", "print_stacktrace=1");
    let output = command.output().expect("the program starts");
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {}\n{said}\n{complaints}", program.display(), output.status);
    said.into_owned()
}
