//! The ten programs that a C programmer starts from build without a warning, do what they say, and stay short; the
//! README lists each of them.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;
#[expect(dead_code, reason = "shared by the tests of packaging; each uses a part")]
mod packaging;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

const LINES_MAX: usize = 120;

fn sources() -> Vec<PathBuf> {
    let folder = fs::read_dir(driver::root().join("c-examples/ten")).expect("the programs");
    let mut sources: Vec<PathBuf> = folder.map(|entry| entry.expect("an entry").path()).collect();
    sources.sort();
    assert_eq!(sources.len(), 10, "{sources:?}");
    sources
}

#[test]
fn each_program_does_what_it_says() {
    let scratch = driver::Scratch::new("install-examples");
    let library = packaging::relinked(&scratch);
    let mut command = Command::new("make");
    command.arg("-C").arg(driver::root().join("c-examples")).args(["--no-print-directory", "run-ten"]);
    command.arg(format!("BUILDDIR={}", scratch.0.join("programs").display()));
    command.arg(format!("CKAFKA_LIBDIR={}", library.display())).env("CC", driver::compiler());
    for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "CFLAGS"] {
        command.env_remove(name);
    }
    let said = packaging::succeeds(&mut command);
    for source in sources() {
        let name = source.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(said.lines().any(|line| line.starts_with(&format!("{name}: "))), "{name} did not run:\n{said}");
    }
}

#[test]
fn each_program_is_short_and_in_the_table() {
    let readme = fs::read_to_string(driver::root().join("README.md")).expect("the README");
    for source in sources() {
        let count = fs::read_to_string(&source).expect("a program").lines().count();
        assert!(count < LINES_MAX, "{} has {count} lines", source.display());
        let name = source.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(readme.contains(&format!("(c-examples/ten/{name})")), "{name} is not in the README's table");
    }
}
