//! Appends to the old log: every message fits, whatever the pool; files are found again where they are; processes and
//! threads append side by side; what was told to be on disk survives the death of the process.
#![cfg(feature = "compat")]

#[expect(dead_code, reason = "shared by the tests of the C-Kafka interface; each uses a part")]
mod compat;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use compat::records::{assert_whole, lines, messages};
use compat::{INDEX, LOG, Process, TIMES};
use driver::Scratch;

/// Text that does not get shorter by much.
fn noise(size: usize, mut seed: u32) -> String {
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        char::from(33 + (seed % 93) as u8)
    };
    (0..size).map(|_| next()).collect()
}

/// The original compressed into a block of the pool, whatever its size.
#[test]
fn messages_longer_than_a_block_of_the_pool_are_stored() {
    let scratch = Scratch::new("compat-long");
    let program = compat::build("append", &scratch);
    let expected: Vec<String> = [0, 1, 20, 60, 64, 65, 500, 3_000, 100_000, 3 << 20]
        .into_iter()
        .flat_map(|size| [noise(size, 7), "z".repeat(size)])
        .collect();
    fs::write(scratch.0.join("messages"), expected.join("\n") + "\n").expect("messages");
    for (block_size, block_count) in [("64", "1"), ("1", "1"), ("100000", "2"), ("4194304", "1")] {
        let _ = fs::remove_dir_all(scratch.0.join("temp"));
        compat::passes(&program, &scratch.0, &["messages", block_size, block_count]);
        assert_eq!(assert_whole(&scratch.0), expected, "blocks of {block_size}");
    }
}

/// The original took a block for each message and never gave it back.
#[test]
fn no_message_is_lost_to_a_pool_without_blocks() {
    let scratch = Scratch::new("compat-exhausted");
    let program = compat::build("append", &scratch);
    let expected: Vec<String> = (0..300).map(|number| format!("message {number}")).collect();
    fs::write(scratch.0.join("messages"), expected.join("\n") + "\n").expect("messages");
    assert_eq!(compat::passes(&program, &scratch.0, &["messages", "64", "1"]), "300\n");
    assert_eq!(assert_whole(&scratch.0), expected);
    // A pool that has none to begin with says so, each time that it is asked.
    let output = compat::run(&program, &scratch.0, &["messages", "64", "0"]);
    assert_eq!(compat::complaints(&output), "Memory pool is out of memory!\n".repeat(300));
    assert_eq!(assert_whole(&scratch.0), [&expected[..], &expected].concat());
}

#[test]
fn files_and_folders_have_the_modes_of_the_original() {
    let scratch = Scratch::new("compat-modes");
    let program = compat::build("append", &scratch);
    fs::write(scratch.0.join("messages"), "one\n").expect("messages");
    let script = "umask 022 && exec \"$0\" messages";
    let status = std::process::Command::new("sh").args(["-c", script]).arg(&program).current_dir(&scratch.0).output();
    assert!(status.expect("sh runs").status.success());
    let mode = |name: &str| fs::metadata(scratch.0.join(name)).expect("is there").permissions().mode() & 0o7777;
    assert_eq!(["temp", "temp/order1", LOG, INDEX, TIMES].map(mode), [0o755, 0o755, 0o644, 0o644, 0o644]);
}

#[test]
fn files_are_found_again_where_they_are() {
    let scratch = Scratch::new("compat-moving");
    let program = compat::build("moving", &scratch);
    for name in ["a", "b"] {
        fs::create_dir(scratch.0.join(name)).expect("a folder");
    }
    compat::passes(&program, &scratch.0, &[]);
    assert_eq!(assert_whole(&scratch.0.join("b")), ["b-first"]);
    let kept = fs::read(scratch.0.join("a/kept/order1/00000000000000000000.log")).expect("the log that was moved away");
    let kept: Vec<String> = compat::records::records(&kept).into_iter().map(|(_, message)| message).collect();
    assert_eq!(kept, ["a-first", "a-second"]);
    let mut rest = assert_whole(&scratch.0.join("a"));
    assert_eq!(
        (rest.remove(0), rest.remove(0), rest.pop().expect("one")),
        ("a-fourth".into(), "a-fifth".into(), "a-last".into())
    );
    rest.sort();
    assert_eq!(rest, ["a-child", "a-parent"]);
}

#[test]
fn threads_with_partitions_of_their_own_count_for_themselves() {
    let scratch = Scratch::new("compat-threads");
    let program = compat::build("append", &scratch);
    let said = compat::passes(&program, &scratch.0, &["repeat", "m", "50", "8", "4"]);
    assert_eq!(said, "100\n".repeat(4));
    let found = assert_whole(&scratch.0);
    let expected: BTreeSet<String> = (0..8).flat_map(|t| (0..50).map(move |i| format!("m-{t}-{i}"))).collect();
    assert_eq!((found.len(), found.into_iter().collect::<BTreeSet<_>>()), (400, expected));
    let mut numbers: Vec<u64> = lines(&scratch.0.join(INDEX)).into_iter().map(|(number, _)| number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..400).map(|number| number / 4).collect::<Vec<_>>());
}

#[test]
fn processes_append_side_by_side() {
    let scratch = Scratch::new("compat-processes");
    let program = compat::build("append", &scratch);
    let mut running: Vec<Process> = ["p", "q", "r"]
        .into_iter()
        .map(|name| {
            let mut command = compat::command(&program, &scratch.0, &["repeat", name, "60", "2", "1"]);
            Process(command.stdout(Stdio::null()).spawn().expect("starts"))
        })
        .collect();
    for process in &mut running {
        assert!(process.0.wait().expect("ends").success());
    }
    let found = assert_whole(&scratch.0);
    for name in ["p", "q", "r"] {
        for thread in 0..2 {
            let prefix = format!("{name}-{thread}-");
            let of_one: Vec<&String> = found.iter().filter(|message| message.starts_with(&prefix)).collect();
            let expected: Vec<String> = (0..60).map(|number| format!("{prefix}{number}")).collect();
            assert_eq!(of_one, expected.iter().collect::<Vec<_>>(), "in the order in which they were appended");
        }
    }
    assert_eq!(found.len(), 360);
}

#[test]
fn what_was_told_to_be_on_disk_survives_the_process() {
    let scratch = Scratch::new("compat-killed");
    let program = compat::build("acks", &scratch);
    let mut expected = Vec::new();
    for round in 0..12 {
        let mut running = Vec::new();
        for name in ["x", "y"] {
            let mut command = compat::command(&program, &scratch.0, &[&format!("{name}{round}")]);
            let mut process = Process(command.stdout(Stdio::piped()).spawn().expect("starts"));
            let said = BufReader::new(process.0.stdout.take().expect("piped"));
            running.push((process, said, String::new()));
        }
        // Both are at it, however long it took them to start; then they are killed at some moment.
        for (_, lines, said) in &mut running {
            (0..5).for_each(|_| assert!(lines.read_line(said).expect("an acknowledgement") > 0, "{said}"));
        }
        std::thread::sleep(Duration::from_millis(7 * round));
        for (mut process, mut lines, mut said) in running {
            process.0.kill().expect("is killed");
            lines.read_to_string(&mut said).expect("its acknowledgements");
            expected.extend(said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned));
            process.0.wait().expect("has ended");
        }
    }
    // One more append mends what the last ones left.
    let last = compat::build("append", &scratch);
    fs::write(scratch.0.join("messages"), "last\n").expect("messages");
    compat::passes(&last, &scratch.0, &["messages"]);
    let found: BTreeSet<String> = messages(&scratch.0).into_iter().collect();
    assert!(expected.len() > 100, "{} acknowledged", expected.len());
    let lost: Vec<&String> = expected.iter().filter(|message| !found.contains(*message)).collect();
    assert!(lost.is_empty() && found.contains("last"), "lost: {lost:?}");
    assert_whole(&scratch.0);
}
