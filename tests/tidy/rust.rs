//! Rules for Rust: module docs, function length, unsafe, panics, lints, names of what C sees.

use crate::source::{Source, TEST_MODULES, is_word, word_positions};

/// The longest a function may be, signature and closing brace included.
pub const FUNCTION_LINES_MAX: usize = 70;

/// Rooms of the library whose files may say `unsafe`.
const UNSAFE_ROOMS: [&str; 3] = ["sys", "ffi", "compat"];

/// What no line of the library says outside tests: the name, and what to do in its place.
const BANNED: [(&str, &str); 12] = [
    ("println!", "the library prints nothing; an edge reports through its error, a program through c-examples"),
    ("eprintln!", "the library prints nothing; an edge reports through its error, a program through c-examples"),
    ("print!", "the library prints nothing; an edge reports through its error, a program through c-examples"),
    ("eprint!", "the library prints nothing; an edge reports through its error, a program through c-examples"),
    ("dbg!", "the library prints nothing; an edge reports through its error, a program through c-examples"),
    (".unwrap()", "a panic would reach the host; return an Error, or move the line into a test"),
    (".expect(", "a panic would reach the host; return an Error, or move the line into a test"),
    (".unwrap_err()", "a panic would reach the host; return an Error, or move the line into a test"),
    ("process::abort", "the host program lives on; return an Error, and let ffi report it"),
    ("process::exit", "the host program lives on; return an Error, and let ffi report it"),
    ("libc::exit", "the host program lives on; return an Error, and let ffi report it"),
    ("libc::_exit", "the host program lives on; return an Error, and let ffi report it"),
];

/// Reports what breaks a rule of Rust files.
pub fn check(source: &Source, report: &mut dyn FnMut(usize, String)) {
    check_module_doc(source, report);
    check_functions(source, report);
    for (number, line) in source.lines.iter().enumerate() {
        for name in ["todo!", "unimplemented!"] {
            if !word_positions(&line.code, name).is_empty() {
                report(number + 1, format!("`{name}`: write it, or leave the item out until it is written"));
            }
        }
        if source.is_library() && !line.is_test {
            check_banned(number, &line.code, report);
        }
        check_test_module(source, number, report);
        check_unsafe(source, number, report);
        check_lint_attribute(source, number, report);
        check_c_names(source, number, report);
    }
}

fn check_module_doc(source: &Source, report: &mut dyn FnMut(usize, String)) {
    let first = source.lines.iter().find(|line| !line.text.trim().is_empty());
    if !first.is_some_and(|line| line.text.starts_with("//!")) {
        report(1, "no `//!` opens the file: say what lives here, what does not, and the invariants".to_owned());
    }
}

fn check_functions(source: &Source, report: &mut dyn FnMut(usize, String)) {
    for function in source.functions() {
        let count = function.last - function.first + 1;
        if count > FUNCTION_LINES_MAX {
            let name = &function.name;
            report(
                function.first + 1,
                format!(
                    "fn {name} has {count} lines, at most {FUNCTION_LINES_MAX}: its parts belong in functions of their own"
                ),
            );
        }
        if source.is_library() && !source.lines[function.first].is_test {
            check_switch(&function.name, &function.signature, function.first, report);
        }
    }
}

/// An argument of type bool reads as nothing at the place of the call.
fn check_switch(name: &str, signature: &str, first: usize, report: &mut dyn FnMut(usize, String)) {
    let arguments = signature.split("->").next().unwrap_or_default();
    let is_switch = word_positions(arguments, "bool")
        .iter()
        .any(|at| arguments[..*at].trim_end().ends_with(':') && !arguments[..*at].trim_end().ends_with("::"));
    if is_switch {
        report(first + 1, format!("fn {name} takes a bool: take an enum with documented variants"));
    }
}

/// The modules that only tests use must not reach the library.
fn check_test_module(source: &Source, number: usize, report: &mut dyn FnMut(usize, String)) {
    let line = &source.lines[number];
    for name in TEST_MODULES {
        let is_declared = line.code.trim_end().ends_with(&format!("mod {name};"));
        if source.is_library() && is_declared && !line.is_test {
            report(number + 1, format!("mod {name} is for tests alone: put #[cfg(test)] above it"));
        }
    }
}

fn check_banned(number: usize, code: &str, report: &mut dyn FnMut(usize, String)) {
    for (name, instead) in BANNED {
        if !word_positions(code, name).is_empty() {
            report(number + 1, format!("`{name}`: {instead}"));
        }
    }
}

fn check_unsafe(source: &Source, number: usize, report: &mut dyn FnMut(usize, String)) {
    let line = &source.lines[number];
    for at in word_positions(&line.code, "unsafe") {
        let room = source.room().unwrap_or_default();
        if source.is_library() && !UNSAFE_ROOMS.contains(&room) {
            report(number + 1, format!("unsafe in {room}; the line belongs in sys, behind a safe type"));
        }
        let rest = line.code[at + 6..].trim_start();
        let is_claim = rest.starts_with('{') || rest.is_empty() || rest.starts_with("impl");
        if is_claim && !has_safety_comment(source, number) {
            report(number + 1, "no `// SAFETY:` above: name the fact that makes it sound".to_owned());
        }
    }
}

/// Whether a comment on the statement that the line is part of, or right above it, states the argument.
fn has_safety_comment(source: &Source, number: usize) -> bool {
    if source.lines[number].comment.contains("SAFETY:") {
        return true;
    }
    for line in source.lines[..number].iter().rev() {
        if line.comment.contains("SAFETY:") {
            return true;
        }
        let code = line.code.trim();
        let is_comment = code.is_empty() && !line.comment.is_empty();
        let is_same_statement = !code.is_empty() && !code.ends_with([';', '{', '}']);
        if !is_comment && !is_same_statement && !code.starts_with("#[") {
            return false;
        }
    }
    false
}

fn check_lint_attribute(source: &Source, number: usize, report: &mut dyn FnMut(usize, String)) {
    let code = source.lines[number].code.trim_start();
    let is_inner = code.starts_with("#![");
    let body = code.trim_start_matches(['#', '!', '[']);
    let is_cfg = body.starts_with("cfg_attr") && (body.contains("allow(") || body.contains("expect("));
    let is_lint = code.starts_with('#') && (body.starts_with("allow(") || body.starts_with("expect(") || is_cfg);
    if !is_lint {
        return;
    }
    let attribute: String =
        source.lines[number..].iter().scan(false, |done, line| until_bracket(done, &line.code)).collect();
    if is_inner && (source.is_library() || body.starts_with("allow(")) {
        report(
            number + 1,
            "a lint is switched off for a whole file or crate: put #[expect] on the item itself".to_owned(),
        );
    } else if !attribute.contains("reason") {
        report(number + 1, "a lint is switched off without `reason = \"...\"`".to_owned());
    }
}

/// Lines of an attribute, up to the one that holds its closing bracket.
fn until_bracket(is_done: &mut bool, code: &str) -> Option<String> {
    if *is_done {
        return None;
    }
    *is_done = code.contains(']');
    Some(code.to_owned())
}

fn check_c_names(source: &Source, number: usize, report: &mut dyn FnMut(usize, String)) {
    let line = &source.lines[number];
    if source.room() != Some("ffi") || line.is_test {
        return;
    }
    let name_after =
        |at: usize| -> String { line.code[at..].trim_start().chars().take_while(|c| is_word(*c)).collect() };
    if line.code.contains("no_mangle") {
        let exported = source.code_from(number, 0);
        let at = word_positions(&exported, "fn").first().map(|at| at + 2);
        let name: String =
            at.map(|at| exported[at..].trim_start().chars().take_while(|c| is_word(*c)).collect()).unwrap_or_default();
        if !name.starts_with("ckafka_") {
            report(number + 1, format!("C symbol `{name}`: name it ckafka_<noun>_<verb>; old names belong in compat"));
        }
    }
    for at in word_positions(&line.code, "pub const") {
        let name = name_after(at + 9);
        if !name.starts_with("CKAFKA_") && name != "fn" && name != "unsafe" {
            report(number + 1, format!("C constant `{name}`: name it CKAFKA_<GROUP>_<NAME>, or keep it pub(crate)"));
        }
    }
}
