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

/// Alone; with the header of the C-Kafka interface before it, behind it, and alone.
#[test]
fn headers_compile_in_every_dialect() {
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
            for source in ["header.c", "compat/header_after.c", "compat/header_before.c", "compat/header_alone.c"] {
                let mut command = Command::new(compiler);
                command.args(["-x", language, &format!("-std={standard}"), "-c", "-o"]);
                command.arg(scratch.0.join("header.o")).arg("-I").arg(driver::root().join("include"));
                // C++ has no such warning, and says so.
                command.args(driver::WARNINGS.iter().filter(|flag| language == "c" || **flag != "-Wstrict-prototypes"));
                let output =
                    command.arg(driver::root().join("tests/c").join(source)).output().expect("the compiler runs");
                let complaints = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{compiler} -std={standard} {source}:\n{complaints}");
                compiled += 1;
            }
        }
    }
    assert!(compiled >= 20, "no C compiler took part");
}

/// Programs with the old headers may have ckafka.h, too.
#[test]
fn the_new_header_has_none_of_the_old_names() {
    let header = fs::read_to_string(driver::root().join("include/ckafka.h")).expect("the header");
    let types =
        ["Partition", "Topic", "Broker", "ConsumerArgs", "LogLevel", "MemoryPool", "MAX_PARTITIONS", "MAX_MESSAGES"];
    let old: Vec<String> = driver::compat_functions().into_iter().chain(types.map(str::to_owned)).collect();
    let code: Vec<&str> = header.lines().filter(|line| !line.trim_start().starts_with(['*', '/'])).collect();
    for word in code.join("\n").split(|c: char| !c.is_alphanumeric() && c != '_') {
        assert!(!old.iter().any(|name| name == word), "include/ckafka.h says {word}");
    }
}

#[test]
fn header_and_library_have_the_same_functions() {
    let declared: BTreeSet<String> = driver::functions().into_iter().map(|(name, _)| name).collect();
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(driver::library()).output().expect("nm runs");
    let listed = String::from_utf8_lossy(&output.stdout);
    let compat: BTreeSet<String> = driver::compat_functions().into_iter().collect();
    let names = listed.lines().filter_map(|line| line.split_whitespace().last());
    let exported: BTreeSet<String> =
        names.filter(|name| name.starts_with("ckafka_") || compat.contains(*name)).map(str::to_owned).collect();
    assert_eq!(declared.union(&compat).cloned().collect::<BTreeSet<_>>(), exported);
}
