//! With each allocation of the library failing in turn, the host gets an error code, or Rust's standard library ends the
//! process in its own way; the log is whole afterwards. Every eleventh allocation is tried; CKAFKA_HOSTILE_STEP=1 tries
//! all, and with `--nocapture` lists the functions whose memory the standard library asks for, and so aborts in;
//! `docs/ABI.md` has their files.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;
#[path = "c/hostile/mod.rs"]
#[expect(dead_code, reason = "shared by the tests with hostile callers; each uses a part")]
mod hostile;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The functions, by name, in which an allocation that failed ended the process.
fn aborting(complaints: &str) -> BTreeSet<String> {
    let mut chains: BTreeSet<&str> = BTreeSet::new();
    let mut callers = "";
    for line in complaints.lines() {
        if let Some(addresses) = line.strip_prefix("callers ") {
            callers = addresses;
        } else if line.starts_with("memory allocation of") {
            chains.insert(callers);
        }
    }
    let addresses: BTreeSet<&str> = chains.iter().flat_map(|chain| chain.split(' ')).collect();
    let functions = functions_at(&addresses);
    chains.iter().filter_map(|chain| chain.split(' ').find_map(|address| functions.get(address).cloned())).collect()
}

/// For each address in code of ours the function of ours that it is in, or that was inlined there.
fn functions_at(addresses: &BTreeSet<&str>) -> BTreeMap<String, String> {
    let mut command = Command::new("addr2line");
    command.args(["-a", "-C", "-f", "-i", "-e"]).arg(driver::library()).args(addresses);
    let found = command.output().expect("addr2line runs");
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    let (mut functions, mut address, mut name) = (BTreeMap::new(), String::new(), "");
    for line in found.lines() {
        if let Some(digits) = line.strip_prefix("0x") {
            address = format!("0x{}", digits.trim_start_matches('0'));
            name = "";
        } else if name.is_empty() {
            name = line;
        } else {
            // Name and place take turns.
            let is_ours = name.contains("ckafka::");
            if is_ours
                && ["src/storage", "src/broker", "src/sys", "src/ffi", "src/record"]
                    .iter()
                    .any(|room| line.contains(room))
            {
                functions.entry(address.clone()).or_insert_with(|| plain(name));
            }
            name = "";
        }
    }
    functions
}

/// The file of a function, as `room::file`.
fn file_of(function: &str) -> Option<String> {
    let (_, path) = function.split_once("ckafka::")?;
    let mut names = path.split("::");
    Some(format!("{}::{}", names.next()?, names.next()?))
}

/// The files in which an abort is documented.
fn documented() -> BTreeSet<String> {
    let page = std::fs::read_to_string(driver::root().join("docs/ABI.md")).expect("the page");
    let (_, list) = page.split_once("## When memory is out").expect("the section");
    let list = list.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the list");
    let mut files = BTreeSet::new();
    for line in list.lines() {
        let mut words = line.split_whitespace();
        let room = words.next().expect("a room");
        files.extend(words.map(|file| format!("{room}::{file}")));
    }
    files
}

/// A name without the hash at its end.
fn plain(name: &str) -> String {
    match name.rsplit_once("::h") {
        Some((front, hash)) if hash.len() == 16 => front.to_owned(),
        _ => name.to_owned(),
    }
}

#[test]
fn each_allocation_fails_in_turn() {
    let scratch = driver::Scratch::new("hostile-memory");
    let source = driver::root().join("tests/c/hostile/memory.c");
    let program = hostile::build(&source, "memory", &[], &scratch);
    let step = env::var("CKAFKA_HOSTILE_STEP").unwrap_or_else(|_| "11".to_owned());
    // In memory, where no disk slows a thousand lives down; the program stays where it may be run.
    let memory = driver::Scratch(PathBuf::from(format!("/dev/shm/ckafka-hostile-memory-{}", std::process::id())));
    let folder = if std::fs::create_dir(&memory.0).is_ok() { memory.0.clone() } else { scratch.0.join("run") };
    std::fs::create_dir_all(&folder).expect("a folder");
    let output =
        Command::new(&program).arg(&folder).arg(&step).stdin(Stdio::null()).env_remove("CKAFKA_INJECT_PANIC").output();
    let output = output.expect("the program starts");
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{said}\n{complaints}", output.status);
    let count: u64 = said.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a count");
    assert!(count > 50, "{said}");
    println!("{said}");
    let names = aborting(&complaints);
    assert!(!names.is_empty(), "no abort has a name");
    for name in &names {
        println!("the standard library asks for memory, and aborts, in {name}");
    }
    let (files, documented): (BTreeSet<String>, _) =
        (names.iter().filter_map(|name| file_of(name)).collect(), documented());
    let unknown: Vec<&String> = files.difference(&documented).collect();
    assert!(unknown.is_empty(), "docs/ABI.md does not say that memory may be missing in {unknown:?}");
    if step == "1" {
        let outdated: Vec<&String> = documented.difference(&files).collect();
        assert!(outdated.is_empty(), "docs/ABI.md says that memory may be missing in {outdated:?}");
    }
}
