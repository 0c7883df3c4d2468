//! A panic inside the library does not reach the host: the call answers `CKAFKA_ERR__PANIC`, its handle is poisoned and
//! can be closed, everything else goes on. Run with `--features inject-panic`.
#![cfg(feature = "inject-panic")]

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Functions that hand out a constant, or memory of the C library, and have nothing that could panic.
const WITHOUT_PANIC: [&str; 5] =
    ["ckafka_version_str", "ckafka_abi_version", "ckafka_strerror", "ckafka_errmsg", "ckafka_free"];

/// The library with the feature. Builds with and without it share a file name, so the one that is there may be the
/// other; then it is built apart.
fn library() -> PathBuf {
    let library = driver::library();
    let bytes = fs::read(&library).expect("the library");
    if bytes.windows(19).any(|window| window == b"CKAFKA_INJECT_PANIC") {
        return library;
    }
    let apart = driver::root().join("target/inject-panic");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status = Command::new(cargo)
        .args(["build", "--lib", "--features", "inject-panic", "--target-dir"])
        .arg(&apart)
        .current_dir(driver::root())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "the library builds with inject-panic");
    apart.join("debug/libckafka.so")
}

#[test]
fn the_host_survives_a_panic_in_every_function() {
    let scratch = driver::Scratch::new("panic");
    let program = driver::build("panic", &library(), &scratch);
    let output = driver::run(&program, &[&scratch.0.join("data").to_string_lossy()], &[]);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{complaints}", output.status);
}

#[test]
fn every_function_of_the_header_is_tried() {
    let program = fs::read_to_string(driver::root().join("tests/c/panic.c")).expect("the program");
    for (name, _) in driver::functions() {
        let tried = ["PANICS(", "inject(\"", "DIRECTORY(", "LOG(", "READER(", "SENDER("]
            .iter()
            .any(|way| program.contains(&format!("{way}{name}")));
        assert!(tried || WITHOUT_PANIC.contains(&name.as_str()), "{name} is not made to panic in panic.c");
    }
}
