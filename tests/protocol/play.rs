//! What a puppet can do, one thing a line:
//!
//! | line                              | does                                                                                     | result          |
//! | --------------------------------- | ---------------------------------------------------------------------------------------- | --------------- |
//! | `leave_out RULE`, `arm POINT ACTION PASS` | as `ckafka::broken`                                                              |                 |
//! | `open KEY=VALUE...`, `read_only KEY=VALUE...` | opens the directory                                                          |                 |
//! | `create TOPIC PARTITIONS KEY=VALUE...`, `delete TOPIC` |                                                                     |                 |
//! | `log TOPIC PARTITION`             | opens a log, and a reader at its start                                                   | published end   |
//! | `append COUNT SIZE`               | that many batches of one record, numbered on                                             | last offset     |
//! | `raw HEX`                         | appends a record with these bytes as value                                               | its offset      |
//! | `panic_append SIZE`, `panic_appends COUNT SIZE` | an append that is to panic; appends until one does                         |                 |
//! | `panic_sync`                      | a sync that is to panic                                                                  |                 |
//! | `stats`                           | asks for the counters                                                                    |                 |
//! | `durable OFFSET MS`, `sync`, `two_durable OFFSET` | waits; syncs; waits by two threads at once                               |                 |
//! | `checkpoint`                      | syncs, and moves the recovery points                                                     |                 |
//! | `end`, `durable_end`, `rewrites`, `takeovers` |                                                                              | number          |
//! | `seek OFFSET`, `fetch MS`         | moves the reader; waits for records                                                      | next offset     |
//! | `fetch_first MS`                  | as `fetch`                                                                               | its first offset |
//! | `fetch_timed MS`                  | how long that took                                                                       | milliseconds    |
//! | `race ROUNDS MS SECONDS`          | appends by one thread while another one is about to sleep, until a wait of MS is over    | rounds          |
//! | `pretouch`                        | prepares pages until there is nothing to prepare                                         |                 |
//! | `touch FILE`                      | opens and closes a file, as host code may                                                |                 |
//! | `descriptors COUNT`               | lowers or raises the limit of open descriptors                                           |                 |
//! | `file_size BYTES`                 | limits how long a file it may write                                                      |                 |
//! | `poll_fd`                         | asks the reader for its pollable descriptor                                              |                 |
//! | `fork`                            | leaves a child behind that does nothing                                                  | its process id  |
//! | `cancelled_append SIZE`           | an append by a thread that is cancelled meanwhile                                        |                 |
//! | `second_copy`                     | joins the directory as other copies of the library in this process would                 |                 |
//! | `close_log`, `close`              |                                                                                          |                 |

use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ckafka::broken::{self, Action, Point, Rule};
use ckafka::broker::{Conf, Directory, Log, OpenMode};
use ckafka::storage::config::ReaderConfig;
use ckafka::storage::reader::{Reader, Start};

use crate::common::child;
use crate::common::logs::{self, Owned};
use crate::protocol::{host, race};

/// Everything that a puppet holds.
#[derive(Default)]
struct Hands {
    directory: Option<Arc<Directory>>,
    log: Option<Log>,
    reader: Option<Reader>,
    count: u64,
}

/// The life of a puppet: to be called by a test named `puppet`.
pub fn live() {
    let Some(folder) = child::folder() else { return };
    let mut hands = Hands::default();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let reply = match hands.act(&folder, &words) {
            Ok(result) => format!("\n> ok {result}\n"),
            Err(error) => format!("\n> {}\n", error.replace('\n', " ")),
        };
        let mut out = std::io::stdout().lock();
        out.write_all(reply.as_bytes()).and_then(|()| out.flush()).expect("somebody listens");
    }
}

fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("{word:?} is no number"))
}

fn text(error: ckafka::Error) -> String {
    let variant = format!("{error:?}");
    let variant = variant.split([' ', '{', '(']).next().unwrap_or_default().to_owned();
    format!("{variant}: {error}")
}

fn conf(values: &[&str]) -> Conf {
    let values: Vec<(&str, &str)> = values.iter().map(|value| value.split_once('=').expect("key=value")).collect();
    logs::conf(&values)
}

impl Hands {
    fn act(&mut self, folder: &std::path::Path, words: &[&str]) -> Result<String, String> {
        let nothing = |()| String::new();
        match words {
            ["leave_out", rule] => {
                broken::leave_out(Rule::ALL[number::<usize>(rule)]);
                Ok(String::new())
            }
            ["arm", point, action, pass] => {
                let point = Point::ALL[number::<usize>(point)];
                broken::arm(point, Action::ALL[number::<usize>(action)], number(pass));
                Ok(String::new())
            }
            ["open", values @ ..] => self.open(folder, values, OpenMode::Create),
            ["read_only", values @ ..] => self.open(folder, values, OpenMode::ReadOnly),
            ["create", topic, count, values @ ..] => {
                self.directory().create_topic(topic, number(count), &conf(values)).map(nothing).map_err(text)
            }
            ["delete", topic] => self.directory().delete_topic(topic).map(nothing).map_err(text),
            ["log", topic, partition] => self.open_log(topic, number(partition)),
            ["append", count, size] => self.append(number(count), number(size)),
            ["raw", hex] => {
                let record = Owned::new(1_700_000_000_000, crate::common::bytes::from_hex(hex));
                logs::append(self.log(), &[record]).map(|offset| offset.to_string()).map_err(text)
            }
            ["panic_append", size] => self.panic_appends(1, number(size)),
            ["panic_appends", count, size] => self.panic_appends(number(count), number(size)),
            ["panic_sync"] => panics(|| self.log().sync()),
            ["durable", offset, ms] => self.log().wait_durable(number(offset), wait(ms)).map(nothing).map_err(text),
            ["checkpoint"] => self.directory().sync().map(nothing).map_err(text),
            ["sync"] => self.log().sync().map(nothing).map_err(text),
            ["stats"] => self.directory().stats().map_err(text),
            ["two_durable", offset] => self.two_durable(number(offset)),
            ["fetch", ms] => self.fetch(wait(ms)),
            ["fetch_timed", ms] => {
                let begun = Instant::now();
                self.fetch(wait(ms)).map(|_| begun.elapsed().as_millis().to_string())
            }
            ["fetch_first", ms] => {
                let view = self.reader().fetch(1 << 20, wait(ms)).map_err(text)?;
                let records = logs::records_of(&view).map_err(text)?;
                Ok(records.first().map_or(-1, |record| record.offset).to_string())
            }
            ["seek", offset] => self.reader().seek(number(offset)).map(nothing).map_err(text),
            ["race", rounds, ms, seconds] => {
                let (ms, seconds) = (Duration::from_millis(number(ms)), Duration::from_secs(number(seconds)));
                race::race(self.log.as_ref().expect("a log is open"), number(rounds), ms, seconds)
            }
            ["pretouch"] => self.pretouch().map(nothing),
            ["close_log"] => {
                (self.reader, self.log) = (None, None);
                Ok(String::new())
            }
            ["close"] => {
                (self.reader, self.log) = (None, None);
                self.directory.take().expect("open").close().map(nothing).map_err(text)
            }
            ["touch" | "descriptors" | "file_size" | "poll_fd" | "fork" | "cancelled_append" | "second_copy", ..] => {
                self.act_as_host(folder, words)
            }
            [question] => Ok(self.answer(question).to_string()),
            other => panic!("{other:?} is nothing that a puppet can do"),
        }
    }

    /// What the program around the library does.
    fn act_as_host(&mut self, folder: &std::path::Path, words: &[&str]) -> Result<String, String> {
        match words {
            ["touch", file] => {
                let opened = std::fs::File::options().read(true).write(true).open(folder.join(file));
                opened.map(|_| String::new()).map_err(|error| format!("{file}: {error}"))
            }
            ["descriptors", count] => host::limit_descriptors(number(count)),
            ["file_size", bytes] => host::limit_files(number(bytes)),
            ["poll_fd"] => self.reader().poll_fd().map(|_| String::new()).map_err(text),
            ["fork"] => host::fork().map(|child| child.to_string()),
            ["cancelled_append", size] => {
                let (log, size) = (self.log().clone(), number::<usize>(size));
                host::cancelled(move || drop(logs::append(&log, &[Owned::new(1, vec![b'c'; size])])))
            }
            ["second_copy"] => host::second_copy(folder),
            other => panic!("{other:?} is nothing that a host does"),
        }
    }

    fn pretouch(&mut self) -> Result<(), String> {
        while self.log().pretouch().map_err(text)? {}
        Ok(())
    }

    fn answer(&mut self, question: &str) -> i64 {
        let marks = self.log().watermarks();
        let events = self.log().events();
        match question {
            "end" => marks.end,
            "durable_end" => marks.durable,
            "rewrites" => events.rewrites as i64,
            "takeovers" => events.takeovers as i64,
            "rolls" => events.rolls as i64,
            other => panic!("{other:?} is nothing that a puppet knows"),
        }
    }

    fn directory(&self) -> &Arc<Directory> {
        self.directory.as_ref().expect("the directory is open")
    }

    fn log(&self) -> &Log {
        self.log.as_ref().expect("a log is open")
    }

    fn reader(&mut self) -> &mut Reader {
        self.reader.as_mut().expect("a reader is open")
    }

    fn open(&mut self, folder: &std::path::Path, values: &[&str], mode: OpenMode) -> Result<String, String> {
        self.directory = Some(Directory::open(folder, &conf(values), mode).map_err(text)?);
        Ok(String::new())
    }

    fn open_log(&mut self, topic: &str, partition: i32) -> Result<String, String> {
        (self.reader, self.log) = (None, None);
        let log = self.directory().open_log(topic, partition).map_err(text)?;
        self.reader = Some(Reader::open(Arc::clone(&log), Start::Earliest, ReaderConfig::default()).map_err(text)?);
        let end = log.watermarks().end;
        self.log = Some(log);
        Ok(end.to_string())
    }

    /// Each value begins with the process and a number that rises: order can be told, and nothing is there twice.
    fn append(&mut self, count: u64, size: usize) -> Result<String, String> {
        let mut last = -1;
        for _ in 0..count {
            let number = self.count + 1;
            let mut value = format!("{} {number} ", std::process::id()).into_bytes();
            value.resize(size.max(value.len()), b'x');
            last = logs::append(self.log(), &[Owned::new(1_700_000_000_000 + number as i64, value)]).map_err(text)?;
            self.count = number;
        }
        Ok(last.to_string())
    }

    fn panic_appends(&mut self, count: u64, size: usize) -> Result<String, String> {
        panics(|| self.append(count, size))
    }

    fn two_durable(&self, offset: i64) -> Result<String, String> {
        let log = self.log();
        let wait = || log.wait_durable(offset, Some(Duration::from_secs(5))).map_err(text);
        let (one, other) = std::thread::scope(|scope| {
            let threads = (scope.spawn(wait), scope.spawn(wait));
            (threads.0.join().expect("no panic"), threads.1.join().expect("no panic"))
        });
        match (one, other) {
            (Ok(()), Ok(())) => Ok(String::new()),
            (Err(one), Err(other)) => Err(format!("both: {one}; {other}")),
            (Err(one), Ok(())) | (Ok(()), Err(one)) => Err(format!("one: {one}")),
        }
    }

    fn fetch(&mut self, timeout: Option<Duration>) -> Result<String, String> {
        let view = self.reader().fetch(1 << 20, timeout).map_err(text)?;
        Ok(view.next_offset().to_string())
    }
}

/// What is to panic.
fn panics<T: std::fmt::Debug>(what: impl FnOnce() -> T) -> Result<String, String> {
    match catch_unwind(AssertUnwindSafe(what)) {
        Ok(done) => Err(format!("it did not panic: {done:?}")),
        Err(_) => Ok(String::new()),
    }
}

fn wait(ms: &str) -> Option<Duration> {
    match number::<i64>(ms) {
        -1 => None,
        ms => Some(Duration::from_millis(ms.unsigned_abs())),
    }
}
