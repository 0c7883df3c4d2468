//! The C++ programs to start from build without a warning, do what they say, and stay short: a spool that resumes after
//! a kill, a bus between processes, a recorder with seek by time, a log that goes over a socket into a file.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;

#[path = "cpp/driver.rs"]
#[expect(dead_code, reason = "shared by the tests of C++; each uses a part")]
mod cpp;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const LINES_MAX: usize = 60;

struct Program {
    scratch: driver::Scratch,
    path: PathBuf,
}

impl Program {
    fn new(name: &str) -> Self {
        let scratch = driver::Scratch::new(&format!("cpp-example-{name}"));
        let source = driver::root().join(format!("c-examples/cpp/{name}.cpp"));
        let count = fs::read_to_string(&source).expect("a program").lines().count();
        assert!(count < LINES_MAX, "{name}.cpp has {count} lines");
        let (library, path) = (cpp::library_folder(&scratch), scratch.0.join(name));
        for compiler in cpp::compilers() {
            cpp::build(compiler, &["-std=c++17"], &source, &library, &path);
        }
        Self { scratch, path }
    }

    /// The program with its directory as first argument.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.arg(self.scratch.0.join("data")).args(arguments).stdin(Stdio::null());
        command
    }

    fn says(&self, arguments: &[&str]) -> String {
        succeeds(&mut self.command(arguments))
    }
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{said}\n{complaints}", output.status);
    said.into_owned()
}

#[test]
fn a_spool_that_was_killed_goes_on_where_it_was() {
    let spool = Program::new("spool");
    let texts: Vec<String> = (0..300).map(|number| format!("text-{number}")).collect();
    let words: Vec<&str> = ["put"].into_iter().chain(texts.iter().map(String::as_str)).collect();
    assert_eq!(spool.says(&words).lines().last(), Some("299 is on disk"));

    let mut drained: Vec<String> = Vec::new();
    let mut killed = spool.command(&["drain"]).stdout(Stdio::piped()).spawn().expect("it starts");
    let lines = BufReader::new(killed.stdout.take().expect("its output")).lines();
    for line in lines.take(100) {
        drained.push(line.expect("a line"));
    }
    killed.kill().expect("it is killed");
    killed.wait().expect("it ends");

    // What it said beyond what was read here is lost with the pipe; the position file knows how far it was.
    let position = fs::read_to_string(spool.scratch.0.join("data.position")).expect("a position");
    let position: usize = position.trim().parse().expect("a number");
    assert!((99..=300).contains(&position), "{position}");
    let rest = spool.says(&["drain"]);
    let expected: Vec<String> = (0..300).map(|number| format!("{number} text-{number}")).collect();
    assert_eq!(drained, expected[..100]);
    assert_eq!(rest.lines().collect::<Vec<_>>(), expected[position..]);
    assert_eq!(spool.says(&["drain"]), "");
}

#[test]
fn the_program_in_the_readme_does_what_it_says() {
    let readme = fs::read_to_string(driver::root().join("README.md")).expect("the README");
    let (_, after) = readme.split_once("```cpp\n").expect("a program in C++");
    let scratch = driver::Scratch::new("cpp-readme");
    let (source, program) = (scratch.0.join("readme.cpp"), scratch.0.join("readme"));
    fs::write(&source, after.split("```").next().expect("its end")).expect("the source");
    let library = cpp::library_folder(&scratch);
    for (number, compiler) in cpp::compilers().into_iter().enumerate() {
        cpp::build(compiler, &["-std=c++17"], &source, &library, &program);
        let folder = scratch.0.join(number.to_string());
        fs::create_dir(&folder).expect("a folder");
        assert_eq!(succeeds(Command::new(&program).current_dir(folder)), "0: sensor-7 21.5\n");
    }
}

#[test]
fn a_bus_carries_two_writers_to_a_follower() {
    let said = Program::new("bus").says(&["2000"]);
    assert_eq!(said, "left: 2000 events in order\nright: 2000 events in order\n");
}

#[test]
fn a_recorder_finds_the_first_event_at_or_after_a_time() {
    let recorder = Program::new("recorder");
    let path = driver::root().join("c-examples/data/earthquakes.ndjson");
    let events = File::open(&path).expect("the events");
    let said = succeeds(recorder.command(&["record"]).stdin(events));
    assert_eq!(said, "1707 events, on disk: 1\n");

    // A second way to find them: through the text itself.
    let times = times_of(&path);
    for at in [times[0] - 1, times[0], times[800], times[800] + 1, times[1706]] {
        let first = times.iter().position(|time| *time >= at).expect("a later one");
        let expected: Vec<i64> = times[first..].iter().take(3).copied().collect();
        let said = recorder.says(&["since", &at.to_string(), "3"]);
        let found = said.lines().map(|line| line.split(' ').next().expect("a time").parse().expect("a number"));
        assert_eq!(found.collect::<Vec<i64>>(), expected, "from {at}");
    }
    assert_eq!(recorder.says(&["since", "9000000000000"]), "");
}

fn times_of(events: &Path) -> Vec<i64> {
    let text = fs::read_to_string(events).expect("the events");
    let time = |line: &str| {
        let (_, after) = line.split_once("\"time\":").expect("a time");
        after.split(',').next().expect("a number").parse().expect("a number")
    };
    text.lines().map(time).collect()
}

#[test]
fn a_log_goes_over_a_socket_into_a_file_as_it_is() {
    let ship = Program::new("ship");
    let file = ship.scratch.0.join("arrived");
    let said = ship.says(&[&file.to_string_lossy()]);
    assert!(said.starts_with("1000 records in "), "{said}");
    let segment = ship.scratch.0.join("data/cargo-0/00000000000000000000.log");
    assert!(fs::read(file).expect("the file") == fs::read(segment).expect("the segment"), "the bytes differ");
}
