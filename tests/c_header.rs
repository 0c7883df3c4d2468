//! The checked-in header is what the sources say, compiles in every dialect a user may have, and lists every export.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

#[test]
fn checked_in_header_is_current() {
    let made = fs::read_to_string(env!("CKAFKA_GENERATED_HEADER")).expect("the build made a header");
    let kept = fs::read_to_string(driver::root().join("include/ckafka.h")).expect("include/ckafka.h");
    assert!(made == kept, "include/ckafka.h is stale: run `CKAFKA_WRITE_HEADER=1 cargo build` and look at the change");
}

#[test]
fn header_compiles_in_every_dialect() {
    let scratch = driver::Scratch::new("header");
    let mut compiled = 0;
    let dialects: [(&str, &str, &[&str]); 4] = [
        ("gcc", "c", &["c89", "c99", "c11", "c17", "c2x"]),
        ("clang", "c", &["c89", "c99", "c11", "c17", "c2x"]),
        ("g++", "c++", &["c++98", "c++11", "c++14", "c++17", "c++20"]),
        ("clang++", "c++", &["c++98", "c++11", "c++14", "c++17", "c++20"]),
    ];
    for (compiler, language, standards) in dialects {
        if Command::new(compiler).arg("--version").output().is_err() {
            println!("skipped: {compiler} is not here");
            continue;
        }
        for standard in standards {
            let mut command = Command::new(compiler);
            command.args(["-x", language, &format!("-std={standard}"), "-c", "-o"]);
            command.arg(scratch.0.join("header.o")).arg("-I").arg(driver::root().join("include"));
            // C++ has no such warning, and says so.
            command.args(driver::WARNINGS.iter().filter(|flag| language == "c" || **flag != "-Wstrict-prototypes"));
            let output = command.arg(driver::root().join("tests/c/header.c")).output().expect("the compiler runs");
            let complaints = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{compiler} -std={standard}:\n{complaints}");
            compiled += 1;
        }
    }
    assert!(compiled >= 5, "no C compiler took part");
}

#[test]
fn header_and_library_have_the_same_functions() {
    let declared: BTreeSet<String> = driver::functions().into_iter().map(|(name, _)| name).collect();
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(driver::library()).output().expect("nm runs");
    let listed = String::from_utf8_lossy(&output.stdout);
    let exported: BTreeSet<String> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .filter(|name| name.starts_with("ckafka_"))
        .map(str::to_owned)
        .collect();
    assert_eq!(declared, exported);
}
