//! `CKAFKA_COMPAT_DIR`: sends appends into a data directory of libckafka instead of `temp/order1`. A record goes to the
//! topic and partition that the caller's `Partition` is of, where the library's broker made it, else to `order1`, 0.
//!
//! The directory is opened at the first append of the process and closed when the process ends, so that Kafka's tools
//! find it whole; a process that dies leaves what the next opening mends.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::broker::{Place, place_of};
use super::guard::entry;
use super::shim;
use super::types::Partition;
use crate::broker::{Conf, Directory, Log, OpenMode};
use crate::error::{Error, Result};
use crate::storage::partition::Record;
use crate::sys::fork::{self, PerGeneration};
use crate::sys::{clock, host};

const VARIABLE: &str = "CKAFKA_COMPAT_DIR";
/// Where messages go whose partition nobody knows.
const TOPIC: &str = "order1";
/// What is not Kafka's default in topics that are made for an old program: they take every message that the old log takes (with room for a batch around it), and
/// keep it as long.
const TOPIC_SETTINGS: [(&str, &str); 2] = [("max.message.bytes", "268500992"), ("retention.ms", "-1")];

/// What an append gives: the offset of its record, or why there is none.
type Outcome = std::result::Result<u64, String>;

/// The directory of each generation of forked processes.
static TARGETS: PerGeneration<Mutex<State>> = PerGeneration::empty();

#[derive(Debug, Default)]
enum State {
    /// No append yet.
    #[default]
    Unasked,
    /// The variable is not set: for the whole life of the process.
    Unset,
    Open(u32, Arc<Target>),
    /// The process is ending.
    Closed,
}

/// An open directory.
#[derive(Debug)]
pub(super) struct Target {
    directory: Arc<Directory>,
    logs: Mutex<HashMap<Place, Log>>,
}

/// Appends into a directory, or the reason why it cannot be had.
#[derive(Debug)]
pub(super) enum Redirected {
    To(Arc<Target>),
    Nowhere(String),
}

fn place() -> MutexGuard<'static, State> {
    TARGETS.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where appends go instead; `None` where they go to the log under the working directory. The environment is asked once.
pub(super) fn target() -> Option<Redirected> {
    let mut state = place();
    match &*state {
        State::Unset => return None,
        State::Open(generation, target) if *generation == fork::generation() => {
            return Some(Redirected::To(Arc::clone(target)));
        }
        State::Closed => return Some(Redirected::Nowhere("the process is ending".to_owned())),
        State::Unasked | State::Open(..) => {}
    }
    let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) else {
        *state = State::Unset;
        return None;
    };
    match Target::open(&path) {
        Ok(target) => {
            let target = Arc::new(target);
            *state = State::Open(fork::generation(), Arc::clone(&target));
            drop(state);
            close_at_exit();
            Some(Redirected::To(target))
        }
        // Asked again at the next append: what is in the way may go.
        Err(error) => Some(Redirected::Nowhere(format!("{VARIABLE}={}: {error}", Path::new(&path).display()))),
    }
}

impl Redirected {
    /// Appends a message and returns once it is on disk.
    pub(super) fn append(&self, partition: *const Partition, message: &[u8]) -> Outcome {
        match self {
            Self::Nowhere(reason) => Err(reason.clone()),
            Self::To(target) => {
                let place = place_of(partition).unwrap_or_else(|| Place {
                    topic: TOPIC.to_owned(),
                    partition_count: 1,
                    partition: 0,
                });
                target
                    .append(&place, message)
                    .map_err(|error| format!("topic {} partition {}: {error}", place.topic, place.partition))
            }
        }
    }
}

impl Target {
    fn open(path: &OsStr) -> Result<Self> {
        debug_assert!(!path.as_bytes().is_empty());
        let directory = Directory::open(Path::new(path), &Conf::new(), OpenMode::Create)?;
        Ok(Self { directory, logs: Mutex::default() })
    }

    fn append(&self, place: &Place, message: &[u8]) -> Result<u64> {
        let log = self.log(place)?;
        let record = Record { timestamp: clock::now_ms(), key: None, value: Some(message), headers: &[] };
        let offset = log.append(std::iter::once(Ok(record)))?;
        loop {
            match log.wait_durable(offset, None) {
                // A signal of the program's: the record is in the log, and only its safety is waited for.
                Err(Error::Interrupted { .. }) => {}
                other => {
                    other?;
                    return Ok(offset.unsigned_abs());
                }
            }
        }
    }

    /// The log of a partition; its topic is made where it is missing. Opened under the lock, once.
    fn log(&self, place: &Place) -> Result<Log> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = logs.get(place).filter(|log| !log.is_deleted()) {
            return Ok(log.clone());
        }
        logs.remove(place);
        let log = match self.directory.open_log(&place.topic, place.partition) {
            Err(Error::UnknownPartition { .. }) => {
                let mut conf = Conf::new();
                for (key, value) in TOPIC_SETTINGS {
                    conf.set(key, value)?;
                }
                match self.directory.create_topic(&place.topic, place.partition_count, &conf) {
                    // Another process was faster.
                    Ok(()) | Err(Error::TopicExists { .. }) => {}
                    Err(error) => return Err(error),
                }
                self.directory.open_log(&place.topic, place.partition)?
            }
            other => other?,
        };
        logs.insert(place.clone(), log.clone());
        Ok(log)
    }
}

/// Has the directory closed when the process ends.
fn close_at_exit() {
    static IS_REGISTERED: AtomicBool = AtomicBool::new(false);
    if !IS_REGISTERED.swap(true, SeqCst) {
        // Where it is refused, the directory is left as by a process that dies: the next opening mends it.
        host::at_exit(at_exit);
    }
}

extern "C" fn at_exit() {
    entry("exit", (), || {
        let state = std::mem::replace(&mut *place(), State::Closed);
        let State::Open(generation, target) = state else { return };
        if generation != fork::generation() {
            return;
        }
        // Threads that are still appending have a moment to finish.
        for _ in 0..100 {
            target.logs.lock().unwrap_or_else(PoisonError::into_inner).clear();
            match target.directory.close() {
                Err(Error::Busy { .. }) => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => return shim::complain(format_args!("{VARIABLE}: {error}")),
                Ok(()) => return,
            }
        }
    });
}
