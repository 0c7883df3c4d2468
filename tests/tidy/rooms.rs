//! Who may use whom, and which outside names belong to one room alone.
//!
//! Arrows are read off `crate::` paths, `use` groups and chains of `super` that climb to the root. `lib.rs` is the
//! map of all rooms and is not held to arrows.

use crate::source::{Source, is_word, word_positions};

/// What each room is for: the second half of many a message.
const PURPOSES: [(&str, &str); 10] = [
    ("record", "pure bytes of batches"),
    ("sys", "every system call and mapping"),
    ("storage", "the engine of one partition"),
    ("broker", "a data directory with its topics"),
    ("server", "the wire protocol"),
    ("ffi", "the new C API"),
    ("compat", "the old C API"),
    ("error", "the error type"),
    ("json", "text of reports and statistics"),
    ("broken", "what tests leave out"),
];

/// The rooms that a room may use, besides itself.
fn allowed(room: &str) -> &'static [&'static str] {
    match room {
        "record" | "sys" => &["error"],
        "broken" => &["sys"],
        "storage" => &["record", "sys", "error", "json", "broken"],
        "broker" => &["storage", "record", "sys", "error", "json", "broken"],
        "server" | "cluster" | "ffi" => &["broker", "storage", "record", "sys", "error"],
        // Its import is given a handle of the new API.
        "compat" => &["ffi", "broker", "storage", "record", "sys", "error", "json"],
        _ => &[],
    }
}

/// Names of other crates and of the standard library that only some rooms may say: name, rooms, what it is.
const OUTSIDE: [(&str, &[&str], &str); 21] = [
    ("nix::", &["sys"], "a system call"),
    ("memmap2::", &["sys"], "a mapping"),
    ("core_affinity::", &["sys"], "a system call"),
    ("std::fs", &["sys"], "file access"),
    ("fs::File", &["sys"], "file access"),
    ("Instant::now", &["sys", "storage", "broker", "server", "cluster"], "a clock"),
    ("SystemTime::now", &["sys"], "the clock of the day"),
    ("std::net", &["server", "cluster"], "a socket"),
    ("UnixStream", &["server", "cluster"], "a socket"),
    ("TcpStream", &["server", "cluster"], "a socket"),
    ("c_char", &["sys", "ffi", "compat"], "a C type"),
    ("c_int", &["sys", "ffi", "compat"], "a C type"),
    ("c_void", &["sys", "ffi", "compat"], "a C type"),
    ("CStr", &["sys", "ffi", "compat"], "a C type"),
    ("CString", &["sys", "ffi", "compat"], "a C type"),
    ("no_mangle", &["ffi", "compat"], "an exported C symbol"),
    ("export_name", &["ffi", "compat"], "an exported C symbol"),
    ("topic", &["record", "storage", "broker", "server", "cluster", "ffi", "compat", "error"], "a noun of Kafka's"),
    ("partition", &["record", "storage", "broker", "server", "cluster", "ffi", "compat", "error"], "a noun of Kafka's"),
    ("ckafka::", &[], "the library by its own name; say crate::"),
    ("libc::abort", &[], "an end of the host program"),
];

/// Files that may start a thread: only because the host asked for it.
pub const THREAD_FILES: [&str; 1] = ["src/broker/io_threads.rs"];

fn purpose(room: &str) -> String {
    match PURPOSES.iter().find(|(name, _)| *name == room) {
        Some((name, purpose)) => format!("{name} ({purpose})"),
        None => room.to_owned(),
    }
}

fn purposes(rooms: &[&str]) -> String {
    match rooms {
        [] => "no room of the library".to_owned(),
        [.., _] if rooms.len() > 3 => "any room but this one".to_owned(),
        _ => rooms.iter().map(|room| purpose(room)).collect::<Vec<_>>().join(" or "),
    }
}

/// Reports what the file uses and may not.
pub fn check(source: &Source, report: &mut dyn FnMut(usize, String)) {
    let Some(room) = source.room() else { return };
    for (number, line) in source.lines.iter().enumerate() {
        if room != "lib" {
            for target in targets(source, number) {
                check_arrow(source, room, &target, number, report);
            }
        }
        if !line.is_test {
            check_outside(room, number, &line.code, report);
            check_system_calls(room, number, &line.code, report);
            check_threads(&source.path, number, &line.code, report);
        }
    }
}

fn check_arrow(source: &Source, room: &str, target: &str, number: usize, report: &mut dyn FnMut(usize, String)) {
    let (name, item) = target.split_once("::").unwrap_or((target, ""));
    let name = if matches!(name, "Error" | "Result") { "error" } else { name };
    if name == room || allowed(room).contains(&name) {
        return;
    }
    // Checksums are a matter of pure bytes, and the instructions for them one of the processor.
    if room == "record" && name == "sys" && item == "crc32c" {
        return;
    }
    // The error type carries what record found wrong with a batch: the one arrow out of the leaf.
    if room == "error" && name == "record" && item == "BatchError" {
        return;
    }
    let known = PURPOSES.iter().any(|(known, _)| *known == name) || name == "cluster";
    let message = if known {
        format!(
            "arrow from {room} to {name}: {} uses only [{}]; the line belongs in {name} or in a room above it",
            source.room().unwrap_or_default(),
            allowed(room).join(", "),
        )
    } else {
        format!("crate::{name} is no room; name the room it lives in")
    };
    report(number + 1, message);
}

fn check_outside(room: &str, number: usize, code: &str, report: &mut dyn FnMut(usize, String)) {
    for (name, rooms, what) in OUTSIDE {
        if !rooms.contains(&room) && !word_positions(code, name).is_empty() {
            let place = purposes(rooms);
            report(number + 1, format!("`{name}` in {room} is {what}; the line belongs in {place}"));
        }
    }
}

/// Constants and types of libc are values like others; a call is a system call.
fn check_system_calls(room: &str, number: usize, code: &str, report: &mut dyn FnMut(usize, String)) {
    if room == "sys" {
        return;
    }
    for at in word_positions(code, "libc::") {
        let name: String = code[at + 6..].chars().take_while(|c| is_word(*c)).collect();
        if code[at + 6 + name.len()..].trim_start().starts_with('(') && name.starts_with(|c: char| c.is_lowercase()) {
            report(number + 1, format!("`libc::{name}(` in {room}; the line belongs in {}", purpose("sys")));
        }
    }
}

fn check_threads(path: &str, number: usize, code: &str, report: &mut dyn FnMut(usize, String)) {
    let starts = ["thread::spawn", "thread::Builder", "thread::scope"];
    if !THREAD_FILES.contains(&path) && starts.iter().any(|start| !word_positions(code, start).is_empty()) {
        let place = THREAD_FILES.join(", ");
        report(
            number + 1,
            format!("a thread is started here; the line belongs in {place}, where the host asked for it"),
        );
    }
}

/// What the line names from the root of the crate: `room` or `room::item`.
fn targets(source: &Source, number: usize) -> Vec<String> {
    let line = &source.lines[number];
    let mut targets = Vec::new();
    for at in word_positions(&line.code, "crate::") {
        targets.extend(paths_after(&source.code_from(number, at + 7)));
    }
    let depth = file_depth(&source.path) + line.module_depth;
    for at in word_positions(&line.code, "super::") {
        if line.code[..at].ends_with("::") {
            continue;
        }
        let rest = source.code_from(number, at);
        let tail = rest.trim_start_matches("super::");
        if (rest.len() - tail.len()) / "super::".len() >= depth {
            targets.extend(paths_after(tail).into_iter().filter(|path| path != "*"));
        }
    }
    targets
}

/// How many modules deep the code of a file is: `src/lib.rs` 0, `src/record/mod.rs` 1, `src/record/batch.rs` 2.
fn file_depth(path: &str) -> usize {
    let inner = path.strip_prefix("src/").unwrap_or(path);
    if inner == "lib.rs" {
        return 0;
    }
    inner.trim_end_matches(".rs").trim_end_matches("/mod").split('/').count()
}

/// The first two names of each path in `a::b`, or in the group `{a::b, c}`.
fn paths_after(code: &str) -> Vec<String> {
    let code = code.trim_start();
    let Some(group) = code.strip_prefix('{') else { return vec![first_two(code)] };
    let mut paths = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for (at, symbol) in group.char_indices() {
        match symbol {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                paths.push(first_two(&group[start..at]));
                start = at + 1;
                if symbol == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    paths.retain(|path| !path.is_empty());
    paths
}

fn first_two(path: &str) -> String {
    let path: String = path.chars().filter(|c| !c.is_whitespace()).take_while(|c| is_word(*c) || *c == ':').collect();
    path.split("::").filter(|name| !name.is_empty()).take(2).collect::<Vec<_>>().join("::")
}
