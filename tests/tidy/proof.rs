//! Each rule is shown a snippet that breaks it and one that does not: a rule that sees nothing is worth nothing.

use crate::check;

/// Findings in a file of that name that opens as it should.
fn findings(path: &str, body: &str) -> Vec<String> {
    let text = format!("//! What lives here.\n{body}");
    check(path, &text).into_iter().map(|finding| finding.to_string()).collect()
}

#[track_caller]
fn assert_finds(path: &str, body: &str, wanted: &str) {
    let found = findings(path, body);
    assert!(found.len() == 1 && found[0].contains(wanted), "in {path}, wanted one `{wanted}`, got {found:#?}\n{body}");
}

#[track_caller]
fn assert_clean(path: &str, body: &str) {
    let found = findings(path, body);
    assert!(found.is_empty(), "in {path}, wanted nothing, got {found:#?}\n{body}");
}

#[test]
fn arrows_that_point_back_are_found() {
    assert_finds(
        "src/record/batch.rs",
        "use crate::storage::Log;\n",
        "src/record/batch.rs:2: arrow from record to storage",
    );
    assert_finds("src/sys/file.rs", "use crate::record::crc32c;\n", "arrow from sys to record");
    assert_finds("src/storage/log.rs", "fn f() { crate::broker::g() }\n", "arrow from storage to broker");
    assert_finds(
        "src/broker/topic.rs",
        "use crate::{\n    error::Error,\n    ffi::{a, b},\n};\n",
        "arrow from broker to ffi",
    );
    assert_finds("src/ffi/log.rs", "use crate::compat::x;\n", "arrow from ffi to compat");
    assert_finds("src/record/batch.rs", "use super::super::sys::File;\n", "arrow from record to sys");
    assert_finds("src/record/mod.rs", "use super::storage::Log;\n", "arrow from record to storage");
    assert_finds(
        "src/record/mod.rs",
        "mod tests {\n    use super::super::storage::Log;\n}\n",
        "arrow from record to storage",
    );
    assert_finds("src/error.rs", "use crate::record::Codec;\n", "arrow from error to record");
    assert_finds("src/record/batch.rs", "use crate::Helper;\n", "crate::Helper is no room");
}

#[test]
fn arrows_that_point_down_are_fine() {
    assert_clean("src/ffi/log.rs", "use crate::broker::Directory;\nuse crate::{Error, Result, storage::Log};\n");
    assert_clean("src/storage/log.rs", "use crate::record::{BatchHeader, check_crc};\nuse crate::sys::File;\n");
    assert_clean("src/storage/log.rs", "use super::segment::Segment;\nmod tests {\n    use super::*;\n}\n");
    assert_clean(
        "src/record/batch.rs",
        "use super::error::BatchError;\n// Not crate::storage::Log.\nconst A: &str = \"crate::sys\";\n",
    );
    assert_clean("src/error.rs", "use crate::record::BatchError;\n");
    assert_clean("src/record/crc.rs", "crate::sys::crc32c::update(state, part)\n");
    assert_clean("src/lib.rs", "pub mod ffi;\npub use error::Error;\n");
}

#[test]
fn outside_names_have_their_room() {
    assert_finds("src/storage/log.rs", "use std::fs;\n", "belongs in sys (every system call and mapping)");
    assert_finds("src/broker/a.rs", "use nix::unistd;\n", "belongs in sys");
    assert_finds(
        "src/storage/a.rs",
        "use std::ffi::CString;\n",
        "belongs in sys (every system call and mapping) or ffi",
    );
    assert_finds("src/storage/a.rs", "use std::net::TcpListener;\n", "a socket");
    assert_finds("src/ffi/a.rs", "fn f() -> i32 { libc::getpid() }\n", "`libc::getpid(` in ffi");
    assert_finds("src/sys/a.rs", "struct A { topic: u32 }\n", "a noun of Kafka's");
    assert_finds("src/sys/a.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn ckafka_a() {}\n", "an exported C symbol");
    assert_finds("src/storage/a.rs", "fn f() { std::thread::spawn(g); }\n", "a thread is started here");
    assert_clean("src/broker/io_threads.rs", "fn f() { std::thread::spawn(g); }\n");
    assert_clean("src/storage/a.rs", "fn f(e: i32) -> bool { e == libc::EAGAIN }\n");
    assert_clean("src/storage/a.rs", "#[cfg(test)]\nmod tests {\n    fn f() { std::fs::write(a, b); }\n}\n");
}

#[test]
fn unsafe_has_its_rooms_and_its_argument() {
    assert_finds(
        "src/storage/a.rs",
        "// SAFETY: a fact.\nfn f() { unsafe { g() } }\n",
        "unsafe in storage; the line belongs in sys",
    );
    assert_finds("src/sys/a.rs", "fn f() {\n    unsafe { g() }\n}\n", "src/sys/a.rs:3: no `// SAFETY:`");
    assert_finds(
        "src/sys/a.rs",
        "// SAFETY: of another item.\nfn e() {}\nfn f() {\n    unsafe { g() }\n}\n",
        "no `// SAFETY:`",
    );
    assert_finds("src/sys/a.rs", "struct A;\nunsafe impl Send for A {}\n", "no `// SAFETY:`");
    assert_clean(
        "src/sys/a.rs",
        "fn f() {\n    // SAFETY: a fact,\n    // on two lines.\n    let a =\n        unsafe { g() };\n}\n",
    );
    assert_clean("src/lib.rs", "#[expect(unsafe_code, reason = \"the boundary\")]\npub mod ffi;\n");
}

#[test]
fn panics_and_prints_are_found() {
    for (code, wanted) in [
        ("a.unwrap()", "`.unwrap()`: a panic would reach the host"),
        ("a.expect(\"b\")", "`.expect(`: a panic would reach the host"),
        ("println!(\"a\")", "the library prints nothing"),
        ("eprintln!(\"a\")", "the library prints nothing"),
        ("std::process::abort()", "the host program lives on"),
    ] {
        assert_finds("src/storage/a.rs", &format!("fn f() {{\n    {code};\n}}\n"), wanted);
        assert_clean("src/storage/a.rs", &format!("#[cfg(test)]\nmod tests {{\n    fn f() {{ {code}; }}\n}}\n"));
        assert_clean("src/storage/a.rs", &format!("/* {code} */\nconst A: &str = r#\"{code}\"#;\n"));
    }
    assert_finds("src/storage/a.rs", "#[cfg(test)]\nmod tests {}\nfn f() { a.unwrap(); }\n", "src/storage/a.rs:4");
    assert_finds("src/storage/a.rs", "#[cfg(test)]\nuse b::c;\nfn f() { a.unwrap(); }\n", "src/storage/a.rs:4");
    assert_clean("src/sys/testing.rs", "fn f() { a.unwrap(); }\n");
    assert_finds("src/sys/mod.rs", "mod testing;\n", "for tests alone");
    assert_clean("src/sys/mod.rs", "#[cfg(test)]\nmod testing;\n");
    let unwritten = ["to", "do!()"].concat();
    assert_finds("tests/a.rs", &format!("fn f() {{ {unwritten} }}\n"), "write it");
}

#[test]
fn lints_are_switched_off_by_the_item_and_with_a_reason() {
    assert_finds("src/storage/a.rs", "#[allow(dead_code)]\nfn f() {}\n", "without `reason");
    assert_finds("src/storage/a.rs", "#[expect(dead_code)]\nfn f() {}\n", "without `reason");
    assert_finds("src/storage/a.rs", "#![expect(dead_code, reason = \"a\")]\n", "whole file or crate");
    assert_finds("tests/a.rs", "#![allow(dead_code)]\n", "whole file or crate");
    assert_clean("tests/a.rs", "#![expect(unsafe_code, reason = \"calls the C API\")]\n");
    assert_clean("src/storage/a.rs", "#[expect(\n    dead_code,\n    reason = \"a\"\n)]\nfn f() {}\n");
}

#[test]
fn names_and_arguments_follow_their_rules() {
    assert_finds("src/ffi/a.rs", "#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn open() {}\n", "C symbol `open`");
    assert_finds("src/ffi/a.rs", "pub const LIMIT: i32 = 1;\n", "C constant `LIMIT`");
    assert_finds("src/storage/a.rs", "fn open(\n    path: &Path,\n    create: bool,\n) {\n}\n", "fn open takes a bool");
    assert_clean(
        "src/ffi/a.rs",
        "#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn ckafka_open() {}\npub const CKAFKA_A: i32 = 1;\n",
    );
    assert_clean("src/storage/a.rs", "fn is_open(path: &Path) -> bool {\n    let a: bool = true;\n    a\n}\n");
}

#[test]
fn sizes_and_openings_are_held() {
    let long = format!("fn f() {{\n{}}}\n", "    g();\n".repeat(69));
    assert_finds("src/storage/a.rs", &long, "fn f has 71 lines");
    assert_clean("src/storage/a.rs", &long.replacen("    g();\n", "", 1));
    assert_finds("src/storage/a.rs", &"fn f() {}\n".repeat(450), "a.rs has 451 lines");
    let c = format!("/* What it does. */\nint main(void)\n{{\n{}}}\n", "    g();\n".repeat(70));
    assert!(check("c-examples/a.c", &c)[0].message.contains("a function of 72 lines"));
    let python = format!("\"\"\"What it does.\"\"\"\ndef f():\n{}\nx = 1\n", "    g()\n".repeat(70));
    assert!(check("tests/python/a.py", &python)[0].message.contains("a function of 71 lines"));
    assert!(check("src/storage/a.rs", "use a::b;\n")[0].message.contains("opens the file"));
    assert!(check("c-examples/a.c", "#include <a.h>\n")[0].message.contains("a block comment must open"));
    assert!(check("tests/python/a.py", "import os\n")[0].message.contains("a docstring must open"));
}

#[test]
fn promises_and_machines_are_found_in_any_file() {
    let promise = ["// TO", "DO: later"].concat();
    assert_finds("src/storage/a.rs", &format!("{promise}\n"), "do it, or say");
    let path = ["/ro", "ot/data"].concat();
    assert_finds("src/storage/a.rs", &format!("const A: &str = \"{path}\";\n"), "a path of one machine");
    let number = ["see is", "sue 12"].concat();
    assert!(check("docs/A.md", &number)[0].message.contains("history belongs in commits"));
    assert_clean("src/storage/a.rs", "const A: &str = \"the rest of it is an issue of taste\";\n");
}

#[test]
fn lifetimes_and_characters_do_not_derail_the_scanner() {
    assert_clean(
        "src/storage/a.rs",
        "fn f<'a>(x: &'a str) -> char {\n    let b = '\"';\n    let c = '\\'';\n    let d = b'{';\n    b\n}\n",
    );
    assert_finds("src/storage/a.rs", "const A: char = '\"';\nfn f() { a.unwrap(); }\n", "a.rs:3");
    assert_finds("src/storage/a.rs", "const A: &str = \"a \\\" b\n c\";\nfn f() { a.unwrap(); }\n", "a.rs:4");
}
