//! A program that brings modules of its own links without duplicate symbols, against the shared library and the archive,
//! and the library's other functions use the program's.
#![cfg(feature = "compat")]

#[expect(dead_code, reason = "shared by the tests of the C-Kafka interface; each uses a part")]
mod compat;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;
#[expect(dead_code, reason = "shared by the tests of packaging; each uses a part")]
mod packaging;

use std::fs;
use std::path::{Path, PathBuf};

use driver::Scratch;

/// The modules that a program brings, and what it then says in the course of main.c, however often.
const COMBINATIONS: [(&[&str], &[&str]); 9] = [
    (&["logger"], &["MINE[1] Broker created.", "MINE[2] Message 'first' sent to topic 'orders', partition 0."]),
    (&["mempool"], &["MINE pool_alloc", "MINE pool_free", "MINE pool is whole"]),
    (&["compressor"], &["MINE compress_message", "MINE decompress_message"]),
    (&["broker"], &["MINE add_topic", "MINE get_topic"]),
    (&["core"], &["MINE bound to core 0"]),
    (&["consumer"], &["MINE consume_messages: first"]),
    (&["append_log"], &["MINE append_message_to_log"]),
    (&["broker", "producer", "consumer"], &["MINE add_topic", "MINE produce_message", "MINE consume_messages: first"]),
    (
        &["logger", "mempool", "compressor", "broker", "producer", "consumer", "append_log"],
        &["MINE[1] MINE create_broker", "MINE pool is whole", "MINE compress_message", "MINE produce_message"],
    ),
];

fn source(module: &str) -> PathBuf {
    driver::root().join(format!("tests/c/compat/replace/{module}.c"))
}

fn try_all(library: &Path, scratch: &Scratch, way: &str) {
    for (modules, expected) in COMBINATIONS {
        let name = format!("{way}-{}", modules.join("-"));
        let mut sources = vec![source("main")];
        sources.extend(modules.iter().map(|module| source(module)));
        let sources: Vec<&Path> = sources.iter().map(PathBuf::as_path).collect();
        let program = compat::link(&sources, &name, scratch, library);
        let folder = scratch.0.join(format!("{name}.run"));
        fs::create_dir(&folder).expect("a folder");
        let said = compat::passes(&program, &folder, &[]);
        for line in expected {
            assert!(said.lines().any(|found| found == *line || found.contains(line)), "{name}: no {line:?} in\n{said}");
        }
        assert!(said.lines().any(|line| line == "first"), "{name}: the reader finds the message\n{said}");
        assert!(said.contains("Total messages found: 2.") && said.ends_with("end\n"), "{name}:\n{said}");
        assert!(said.contains("bound to core 0"), "{name}:\n{said}");
        // What the program did not bring is the library's.
        for (module, line) in [("logger", "MINE["), ("mempool", "MINE pool"), ("compressor", "MINE compress")] {
            assert!(modules.contains(&module) || !said.contains(line), "{name}:\n{said}");
        }
    }
}

#[test]
fn each_combination_works_with_the_installed_libraries() {
    let scratch = Scratch::new("compat-replace");
    let build = packaging::relinked(&scratch);
    try_all(&build.join("libckafka.so"), &scratch, "shared");
    try_all(&build.join("libckafka.a"), &scratch, "static");
}

/// Cargo's own library has the same symbols, without versions.
#[test]
fn each_combination_works_with_the_library_that_cargo_builds() {
    let scratch = Scratch::new("compat-replace-cargo");
    try_all(&driver::library(), &scratch, "cargo");
}
