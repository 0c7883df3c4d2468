//! Builds C programs against the public header and the shared library that this test run built, and runs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs, process};

/// Warnings that the header and the programs have to pass.
pub const WARNINGS: [&str; 7] =
    ["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wstrict-prototypes", "-Wconversion", "-Wno-unused-function"];

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The C compiler: `CC`, or `cc`.
pub fn compiler() -> String {
    env::var("CC").unwrap_or_else(|_| "cc".to_owned())
}

/// An empty folder of this test, removed when the value is dropped after a success.
pub struct Scratch(pub PathBuf);

impl Scratch {
    /// Makes it.
    pub fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("ckafka-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// The shared library beside the running test: cargo builds it in the same step.
pub fn library() -> PathBuf {
    let test = env::current_exe().expect("the test's own path");
    let deps = test.parent().expect("its folder");
    let library = deps.join("libckafka.so");
    assert!(library.exists(), "{} is missing: cargo builds it with every integration test", library.display());
    library
}

/// Compiles `tests/c/<name>.c` against `library` into `scratch`; the program's path.
pub fn build(name: &str, library: &Path, scratch: &Scratch) -> PathBuf {
    for link in ["libckafka.so", "libckafka.so.0"] {
        let link = scratch.0.join(link);
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(library, &link).expect("a link");
    }
    let program = scratch.0.join(name);
    let output = Command::new(compiler())
        .args(["-std=c11", "-D_GNU_SOURCE", "-g", "-O1", "-pthread"])
        .args(WARNINGS)
        .arg("-I")
        .arg(root().join("include"))
        .arg(root().join(format!("tests/c/{name}.c")))
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(&scratch.0)
        .arg(format!("-Wl,-rpath,{}", scratch.0.display()))
        .arg("-lckafka")
        .output()
        .expect("a C compiler: set CC, or install one");
    assert!(output.status.success(), "{name}.c does not compile:\n{}", String::from_utf8_lossy(&output.stderr));
    program
}

/// Runs a program and gives what it said.
pub fn run(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).env_remove("CKAFKA_INJECT_PANIC");
    command.envs(environment.iter().copied());
    command.output().expect("the program starts")
}

/// Builds and runs a program that gets a folder for its data; fails with what it said unless it ends well.
pub fn passes(name: &str) -> String {
    let scratch = Scratch::new(name);
    let program = build(name, &library(), &scratch);
    let data = scratch.0.join("data");
    let output = run(&program, &[&data.to_string_lossy()], &[]);
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {}\n{said}\n{complaints}", output.status);
    said.into_owned()
}

/// The functions that the header declares, with the text of their parameters.
pub fn functions() -> Vec<(String, String)> {
    let header = fs::read_to_string(root().join("include/ckafka.h")).expect("the header");
    let code = without_comments(&header);
    let mut functions = Vec::new();
    for statement in code.split(';') {
        let Some((before, parameters)) = statement.split_once('(') else { continue };
        let name = before.rsplit([' ', '*', '\n']).next().unwrap_or_default();
        if name.starts_with("ckafka_") && !before.contains('#') {
            functions.push((name.to_owned(), parameters.trim_end_matches(')').to_owned()));
        }
    }
    assert!(functions.len() > 50, "the header declares {} functions", functions.len());
    functions
}

/// The functions that the header of the C-Kafka interface declares.
pub fn compat_functions() -> Vec<String> {
    let header = fs::read_to_string(root().join("include/ckafka_compat.h")).expect("the header");
    let code = without_comments(&header);
    let name = |statement: &str| {
        let (before, _) = statement.split_once('(')?;
        let name = before.rsplit([' ', '*', '\n']).next()?;
        (!before.contains("typedef") && !name.is_empty()).then(|| name.to_owned())
    };
    code.split(';').filter_map(name).collect()
}

fn without_comments(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        code.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    code.push_str(rest);
    let lines: Vec<&str> = code.lines().filter(|line| !line.starts_with('#') && !line.starts_with("extern")).collect();
    lines.join("\n")
}
