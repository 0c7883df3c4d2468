//! The C programs that show each module of the old interface build without a warning, do what they say, and stay short;
//! the README's table lists each of them.
#![cfg(feature = "compat")]

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;
#[path = "c/examples.rs"]
mod examples;

use std::fs;
use std::time::Instant;

use examples::{Programs, Running, stderr, stdout};

const LINES_MAX: usize = 200;
const LOG: &str = "temp/order1/00000000000000000000";
const ORDERS: [&str; 3] = ["Order#1001 - product X", "Order#1002 - product Y", "Order#1003 - product Z"];

/// A line of the logger: its level and text, the time checked and taken out.
#[track_caller]
fn logged(line: &str, color: &str) -> String {
    let rest = line.strip_prefix(color).unwrap_or_else(|| panic!("{color:?} begins {line:?}"));
    let rest = rest.strip_suffix("\x1b[0m").unwrap_or_else(|| panic!("the reset code ends {line:?}"));
    let (time, text) = rest.split_at(22);
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!(shape, "[9999-99-99 99:99:99] ", "{line:?}");
    text.to_owned()
}

const BROKER: &str = "\x1b[33m";
const PRODUCER: &str = "\x1b[32m";
const CONSUMER: &str = "\x1b[34m";
const SYSTEM: &str = "\x1b[0m";

fn golden(name: &str) -> Vec<u8> {
    fs::read(driver::root().join("tests/golden/c-kafka").join(name)).expect("golden")
}

#[test]
fn append_writes_what_the_original_wrote_and_read_prints_it() {
    let programs = Programs::build("compat-append", &["append", "read"]);
    let appended = programs.run("append", &ORDERS);
    assert_eq!(stdout(&appended), "record 0 is on disk\nrecord 1 is on disk\nrecord 2 is on disk\n", "{appended:?}");
    for kind in ["log", "index"] {
        let written = fs::read(programs.path(&format!("{LOG}.{kind}"))).expect("a file");
        assert_eq!(written, golden(&format!("basic/00000000000000000000.{kind}")), "{kind}");
    }
    let read = programs.run("read", &[&format!("{LOG}.log")]);
    let expected = String::from_utf8(golden("reader/whole.stdout")).expect("text");
    assert_eq!(stdout(&read), expected.replace("whole.log", &format!("{LOG}.log")));
    assert_eq!(stderr(&read), "");
}

#[test]
fn append_writes_a_log_of_kafkas_own_where_the_environment_names_a_directory() {
    let programs = Programs::build("compat-redirected", &["append"]);
    let dump = driver::build("dump", &driver::library(), &programs.scratch);
    for round in 0..2 {
        let mut command = programs.command("append");
        let output = command.args(ORDERS).env("CKAFKA_COMPAT_DIR", "data").output().expect("it starts");
        assert!(output.status.success(), "{output:?}");
        let data = programs.path("data");
        let dumped = driver::run(&dump, &[&data.to_string_lossy(), "order1"], &[]);
        let values: Vec<String> =
            stdout(&dumped).lines().map(|line| line.splitn(4, ' ').nth(3).expect("a value").to_owned()).collect();
        assert_eq!(values, ORDERS.repeat(round + 1), "{dumped:?}");
    }
    assert!(!programs.path("temp").exists());
}

#[test]
fn the_logger_keeps_its_place_among_the_programs_own_lines() {
    let programs = Programs::build("compat-log", &["log"]);
    let output = programs.run("log", &["orders"]);
    let said = stdout(&output);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 5, "{said}");
    assert_eq!(logged(lines[0], SYSTEM), "[SYSTEM]: orders started with 1 argument");
    assert_eq!(logged(lines[1], BROKER), "[BROKER]: topic   | 99.5 %|0xff");
    assert_eq!(lines[2], "a line of the program's own, in its place");
    assert_eq!(logged(lines[3], PRODUCER), "[PRODUCER]: offset 1099511627776, ratio 0.333");
    assert_eq!(logged(lines[4], CONSUMER), "[CONSUMER]: done");
}

#[test]
fn pool_and_compressor_keep_within_their_room() {
    let programs = Programs::build("compat-pool", &["pool", "compress"]);
    let pool = programs.run("pool", &[]);
    assert_eq!(stdout(&pool), "3 blocks of 60 bytes; a freed one is given out again: yes\n");
    assert_eq!((pool.status.code(), stderr(&pool).as_str()), (Some(0), "Memory pool is out of memory!\n"));
    let compress = programs.run("compress", &[&"a".repeat(1000)]);
    assert_eq!(stdout(&compress), "1000 bytes, 17 compressed, 1000 back\n");
    assert_eq!(
        (compress.status.code(), stderr(&compress).as_str()),
        (Some(0), "Decompression failed with error: -5\n")
    );
}

#[test]
fn consumers_print_what_the_producer_sent_round_robin() {
    let programs = Programs::build("compat-consume", &["consume"]);
    let output = programs.run("consume", &["4"]);
    assert!(output.status.success(), "{output:?}");
    let said = stdout(&output);
    let of = |color: &str| -> Vec<String> {
        said.lines().filter(|line| line.starts_with(color)).map(|line| logged(line, color)).collect()
    };
    assert_eq!(of(BROKER), ["[BROKER]: Broker created.", "[BROKER]: Topic 'orders' added with 2 partitions."]);
    let mut produced = vec!["[PRODUCER]: ERROR: Topic 'refunds' not found.".to_owned()];
    produced.extend(
        (0..4).map(|n| format!("[PRODUCER]: Message 'order {n}' sent to topic 'orders', partition {}.", n % 2)),
    );
    assert_eq!(of(PRODUCER), produced);
    for partition in 0..2 {
        let thread = format!("[CONSUMER]: Thread {} ", partition + 1);
        let lines: Vec<String> = of(CONSUMER).into_iter().filter(|line| line.starts_with(&thread)).collect();
        let mut expected = vec![format!("{thread}starting to consume from topic 'orders', partition {partition}.")];
        let messages = [partition, partition + 2];
        expected.extend(messages.map(|n| format!("{thread}read message: '[order {n}]' from partition {partition}.")));
        assert_eq!(lines, expected);
    }
}

#[test]
fn the_three_roles_run_bound_and_end_when_they_are_cancelled() {
    let programs = Programs::build("compat-threads", &["threads"]);
    let begun = Instant::now();
    let output = programs.run("threads", &["4"]);
    // Each role says its line at once and then every so many seconds; a machine that stands still makes them late.
    let most = |seconds: u64| (begun.elapsed().as_secs() / seconds) as usize + 1;
    let said = stdout(&output);
    assert!(output.status.success() && said.ends_with("3 threads joined\n"), "{output:?}");
    let count = |text: &str| said.lines().filter(|line| *line == text).count();
    assert!((2..=most(1)).contains(&count("[Net I/O Thread] simulating async socket I/O")), "{said}");
    assert!((2..=most(1)).contains(&count("[Consumer Thread] consuming messages from partition")), "{said}");
    assert!((1..=most(2)).contains(&count("[Log Flush Thread] moving data to disk after sleep(2)")), "{said}");
    let bound = said.lines().filter(|line| line.starts_with("Thread ") && line.contains(" bound to core ")).count();
    assert_eq!(bound, 4, "{said}");
    let flushed = fs::read_to_string(programs.path("logs.txt")).expect("logs.txt");
    assert!((1..=most(2)).contains(&flushed.lines().count()), "{flushed}");
    assert!(flushed.lines().all(|line| line.starts_with("Log flush entry #0 at time ")), "{flushed}");
}

#[test]
fn client_and_broker_program_bring_messages_into_the_log() {
    let programs = Programs::build("compat-broker", &["broker", "client", "read"]);
    let mut command = programs.command("broker");
    command.args(["0", "4"]);
    let mut broker = Running::start(command);
    let words = "[SYSTEM]: Broker listening at port ";
    let line = broker.wait_for(|line| line.contains(words));
    let port = line.split(words).nth(1).expect("a port").trim_end_matches("\x1b[0m").trim_end_matches('.');
    let sent = programs.run("client", &[port, "orders", ORDERS[0], ORDERS[1], ORDERS[2]]);
    assert!(sent.status.success(), "{sent:?}");
    assert!(programs.run("client", &[port, "refunds", "nobody"]).status.success());
    assert!(broker.child.wait().expect("it ends").success());
    broker.kill();
    assert_eq!(broker.complained, [""; 0]);
    for (n, order) in ORDERS.iter().enumerate() {
        let expected = format!("[PRODUCER]: Message '{order}' sent to topic 'orders', partition {n}.");
        assert!(broker.said.iter().any(|line| line.contains(&expected)), "{:?}", broker.said);
    }
    assert!(broker.said.iter().any(|line| line.contains("ERROR: Topic 'refunds' not found.")), "{:?}", broker.said);
    let read = programs.run("read", &[&format!("{LOG}.log")]);
    for order in ORDERS {
        assert!(stdout(&read).lines().any(|line| line == order), "{read:?}");
    }
    let refused = programs.run("client", &["1", "orders", "nobody listens there"]);
    assert_eq!(
        (refused.status.code(), stderr(&refused).starts_with("Connection Failed: ")),
        (Some(1), true),
        "{refused:?}"
    );
}

#[test]
fn fetch_gets_what_serve_sends() {
    let programs = Programs::build("compat-fetch", &["serve", "fetch"]);
    let content: Vec<u8> = (0..300_000_u32).map(|n| ((n * 31) >> 3) as u8).collect();
    fs::write(programs.path("file"), &content).expect("a file");
    let mut command = programs.command("serve");
    command.args(["file", "0"]);
    let mut server = Running::start(command);
    let port = server.number_after("Server Listening at Port ");
    let fetched = programs.run("fetch", &[&port.to_string()]);
    assert!(fetched.status.success() && fetched.stdout == content, "{}", stderr(&fetched));
}

#[test]
fn each_program_is_short_built_and_in_the_table() {
    let readme = fs::read_to_string(driver::root().join("README.md")).expect("the README");
    let makefile = fs::read_to_string(driver::root().join("c-examples/Makefile")).expect("the Makefile");
    let folder = fs::read_dir(driver::root().join("c-examples/compat")).expect("the programs");
    let mut count = 0;
    for path in
        folder.map(|entry| entry.expect("an entry").path()).filter(|path| path.extension().is_some_and(|e| e == "c"))
    {
        let lines = fs::read_to_string(&path).expect("a program").lines().count();
        assert!(lines < LINES_MAX, "{} has {lines} lines", path.display());
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(readme.contains(&format!("(c-examples/compat/{name}.c)")), "{name}.c is not in the README's table");
        let list = makefile.lines().find(|line| line.starts_with("COMPAT ")).expect("a list");
        assert!(list.split([' ', ',', ')']).any(|word| word == name), "{name} is not built");
        count += 1;
    }
    assert_eq!(count, 13);
}
