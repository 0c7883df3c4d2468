//! With `CKAFKA_COMPAT_DIR` a relinked program appends into a data directory: to the topic that its partition is of, at
//! offsets that go on from run to run, closed when the program ends, so that it opens clean.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;
#[expect(dead_code, reason = "shared by the tests of the C-Kafka interface; each uses a part")]
mod compat;

use std::fs;
use std::process::Output;

use ckafka::broker::{Conf, Directory, OpenMode};
use ckafka::storage::reader::{Reader, Start};
use driver::Scratch;

fn run(scratch: &Scratch, arguments: &[&str]) -> Output {
    let program = scratch.0.join("directory");
    let program = if program.exists() { program } else { compat::build("directory", scratch) };
    let mut command = compat::command(&program, &scratch.0, arguments);
    command.env("CKAFKA_COMPAT_DIR", scratch.0.join("data")).output().expect("the program starts")
}

/// The program's own numbers, without the broker's lines.
fn numbers(output: &Output) -> Vec<String> {
    compat::said(output).lines().filter(|line| !line.contains("BROKER")).map(str::to_owned).collect()
}
