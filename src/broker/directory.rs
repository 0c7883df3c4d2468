//! A data directory, opened: the handle that callers hold.

use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::conf::DirectoryConfig;
use super::folders::{is_data_directory, partition_folders};
use super::io_threads::IoThread;
use super::shared::{DirectoryAccess, Shared};
use super::{Conf, properties, topics};
use crate::error::{Error, Result};
use crate::json::Json;
use crate::storage::names::SegmentFile;
use crate::storage::partition::{PartitionLog, Watermarks};
use crate::storage::session::Wait;
use crate::sys::{Dir, filesystem};

/// How a directory is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing data directory, for reading only: nothing in it changes.
    ReadOnly,
    /// An existing data directory.
    ReadWrite,
    /// An existing data directory, or an empty or missing one that becomes one.
    Create,
}

/// Threads that the library runs on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IoRoles(pub u32);

impl IoRoles {
    /// Syncs on request and every `flush.ms`.
    pub const FLUSH: u32 = 1;
    /// Prepares pages ahead of the ends.
    pub const PRETOUCH: u32 = 2;
}

/// What a handle can do: bits of `Directory::capabilities`.
pub mod capability {
    /// Views borrow from the map.
    pub const ZERO_COPY_READ: u64 = 1;
    /// Senders move bytes inside the kernel.
    pub const ZERO_COPY_SEND: u64 = 2;
    /// `wait_durable` works.
    pub const DURABLE_WAIT: u64 = 4;
    /// Appends work.
    pub const WRITE: u64 = 8;
    /// Several processes may write one partition.
    pub const SHARED_WRITE: u64 = 16;
}

/// The bit of `Directory::children` that says that it was closed.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// An open data directory.
#[derive(Debug)]
pub struct Directory {
    shared: Arc<Shared>,
    conf: Conf,
    config: DirectoryConfig,
    /// Logs that are open, in one word with [`CLOSED`]: none is opened while it is closed.
    children: AtomicUsize,
    threads: Mutex<Threads>,
}

#[derive(Debug, Default)]
struct Threads {
    flush: Option<IoThread>,
    pretouch: Option<IoThread>,
}

/// A log opened through a directory, which it keeps from being closed.
#[derive(Debug, Clone)]
pub struct Log {
    log: Arc<PartitionLog>,
    directory: Child,
}

impl Deref for Log {
    type Target = Arc<PartitionLog>;
    fn deref(&self) -> &Self::Target {
        &self.log
    }
}

/// A share of a directory that keeps it from being closed.
#[derive(Debug)]
struct Child(Arc<Directory>);

impl Child {
    fn new(directory: &Arc<Directory>) -> Result<Self> {
        let add = |children: usize| (children & CLOSED == 0).then_some(children + 1);
        let added = directory.children.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add);
        added.map(|_| Self(Arc::clone(directory))).map_err(|_| closed())
    }
}

impl Clone for Child {
    fn clone(&self) -> Self {
        // This one keeps it open.
        self.0.children.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.0.children.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cold]
fn closed() -> Error {
    Error::Busy { what: "directory", reason: "it was closed".to_owned() }
}

impl Log {
    /// The directory that it was opened through.
    #[must_use]
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory.0
    }
}

impl Directory {
    /// Opens a directory.
    pub fn open(path: &Path, conf: &Conf, mode: OpenMode) -> Result<Arc<Self>> {
        let config = conf.directory_config()?;
        conf.log_config()?;
        let root = match mode {
            OpenMode::Create => Dir::open_or_create(path)?,
            OpenMode::ReadOnly | OpenMode::ReadWrite => Dir::open(path)?,
        };
        let access = if mode == OpenMode::ReadOnly { DirectoryAccess::Read } else { DirectoryAccess::Write };
        check_directory(&root, &config, mode)?;
        let shared = Shared::join(root, access, conf, config.lock_waits)?;
        Ok(Arc::new(Self {
            shared,
            conf: conf.clone(),
            config,
            children: AtomicUsize::new(0),
            threads: Mutex::default(),
        }))
    }

    /// Flushes and closes; `Busy` while a log of it is open (then nothing happened). After anything else every call fails, and the directory is left: an error
    /// tells what could not be made durable or whole, which the next opening mends.
    pub fn close(self: &Arc<Self>) -> Result<()> {
        self.shared.member().check_fork()?;
        match self.children.compare_exchange(0, CLOSED, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => {}
            Err(CLOSED) => return Ok(()),
            Err(children) => {
                return Err(Error::Busy {
                    what: "directory",
                    reason: format!("{children} handles opened through it are still open"),
                });
            }
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        drop(threads);
        self.shared.leave()
    }

    fn check(&self) -> Result<()> {
        if self.children.load(Ordering::SeqCst) & CLOSED != 0 {
            return Err(closed());
        }
        self.shared.member().check_fork()
    }

    /// Makes everything durable that this process has open, and writes the recovery points. A log that cannot be synced keeps no other from it; the first
    /// error is reported.
    pub fn sync(&self) -> Result<()> {
        self.check()?;
        self.shared.member().seat()?;
        self.shared.forget_deleted();
        let mut outcome = Ok(());
        for log in self.shared.logs().iter().filter(|log| log.is_writer()) {
            let synced = log.checkpoint();
            // What was deleted meanwhile needs no sync.
            if outcome.is_ok() && !log.is_deleted() {
                outcome = synced;
            }
        }
        outcome
    }

    /// What was cut or rebuilt, as JSON.
    pub fn recovery_report(&self) -> Result<String> {
        self.check()?;
        Ok(Json::object(&[("findings", &&*self.shared.report())]).to_string())
    }

    /// Bits of [`capability`].
    #[must_use]
    pub fn capabilities(&self) -> u64 {
        let reading = capability::ZERO_COPY_READ | capability::ZERO_COPY_SEND;
        match self.shared.access() {
            DirectoryAccess::Read => reading,
            DirectoryAccess::Write => reading | capability::DURABLE_WAIT | capability::WRITE | capability::SHARED_WRITE,
        }
    }

    /// The configuration it was opened with.
    #[must_use]
    pub fn conf(&self) -> &Conf {
        &self.conf
    }

    /// Creates a topic.
    pub fn create_topic(&self, name: &str, partition_count: i32, conf: &Conf) -> Result<()> {
        self.check()?;
        topics::create(&self.shared, name, partition_count, conf)
    }

    /// Deletes a topic.
    pub fn delete_topic(&self, name: &str) -> Result<()> {
        self.check()?;
        topics::delete(&self.shared, name)
    }

    /// Topics, partitions and configuration, as JSON.
    pub fn topics(&self) -> Result<String> {
        self.check()?;
        Ok(topics::list(self.shared.member().root())?.to_string())
    }

    /// Low, end and durable offsets of a partition.
    pub fn watermarks(&self, topic: &str, partition: i32) -> Result<Watermarks> {
        Ok(self.log(topic, partition)?.watermarks())
    }

    fn log(&self, topic: &str, partition: i32) -> Result<Arc<PartitionLog>> {
        self.check()?;
        super::folders::check_topic_name(topic)?;
        let root = self.shared.member().root();
        self.shared.log(topic, partition, || {
            // A topic exists if its partition 0 does: what a crash left half made or half removed is not there.
            if root.stat(&format!("{topic}-0"))?.is_none() {
                return Err(Error::UnknownPartition { topic: topic.to_owned(), partition });
            }
            // A partition 0 that another process is still making has no configuration yet.
            let _whole = match self.shared.access() {
                DirectoryAccess::Write => Some(self.shared.member().gate(Wait::MayBreak)?),
                DirectoryAccess::Read => None,
            };
            properties::log_config(root, topic, partition, &self.conf)
        })
    }

    /// Opens the log of a partition. `flush.ms` needs the flush thread.
    pub fn open_log(self: &Arc<Self>, topic: &str, partition: i32) -> Result<Log> {
        // Counted before it is opened: a close on another thread either sees it or comes first.
        let directory = Child::new(self)?;
        let log = self.log(topic, partition)?;
        let flushes = self.threads.lock().unwrap_or_else(PoisonError::into_inner).flush.is_some();
        if let Some(interval) = log.config().flush_interval
            && !flushes
            && self.shared.access() == DirectoryAccess::Write
        {
            let allowed =
                "needs the flush thread: start the directory's I/O threads with the flush role first".to_owned();
            return Err(Error::ConfigRefused {
                key: "flush.ms".to_owned(),
                value: interval.as_millis().to_string(),
                allowed,
            });
        }
        Ok(Log { log, directory })
    }

    /// Starts the threads asked for that do not run yet, each bound to its configured core.
    pub fn start_io_threads(self: &Arc<Self>, roles: IoRoles) -> Result<()> {
        self.check()?;
        if roles.0 == 0 || roles.0 & !(IoRoles::FLUSH | IoRoles::PRETOUCH) != 0 {
            let expected = "flush 1, pre-touch 2, or both".to_owned();
            return Err(Error::InvalidArgument { name: "roles", found: format!("{:#x}", roles.0), expected });
        }
        self.shared.member().seat()?;
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if roles.0 & IoRoles::FLUSH != 0 && threads.flush.is_none() {
            threads.flush = Some(IoThread::flush(&self.shared, self.config.flush_cpu)?);
        }
        if roles.0 & IoRoles::PRETOUCH != 0 && threads.pretouch.is_none() {
            threads.pretouch = Some(IoThread::pretouch(&self.shared, self.config.pretouch_cpu)?);
        }
        Ok(())
    }

    /// Counters, watermarks and sizes, as JSON; partitions by topic and number.
    pub fn stats(&self) -> Result<String> {
        self.check()?;
        self.shared.forget_deleted();
        let logs = self.shared.logs();
        let mut partitions = Vec::new();
        let (mut records, mut batches, mut bytes, mut by_kernel, mut copied) = (0, 0, 0, 0, 0);
        for log in logs.iter() {
            let counts = log.append_counts();
            records += counts.records;
            batches += counts.batches;
            bytes += counts.bytes;
            by_kernel += log.send_counters().by_kernel.load(Ordering::Relaxed);
            copied += log.send_counters().copied.load(Ordering::Relaxed);
            match partition_stats(log) {
                Ok(stats) => partitions.push(stats),
                // Deleted meanwhile: a folder that is gone cannot be listed.
                Err(_) if !self.shared.is_at_path(log)? => {}
                Err(error) => return Err(error),
            }
        }
        let append = Json::object(&[("records", &records), ("batches", &batches), ("bytes", &bytes)]);
        let send = Json::object(&[("bytes_by_kernel", &by_kernel), ("bytes_copied", &copied)]);
        Ok(Json::object(&[("append", &append), ("send", &send), ("partitions", &partitions)]).to_string())
    }
}

fn partition_stats(log: &PartitionLog) -> Result<Json> {
    let marks = log.watermarks();
    let (mut segments, mut bytes) = (0, 0);
    for entry in log.folder().list()? {
        let Some(name) = entry.name.to_str() else { continue };
        if SegmentFile::Log.parse(name).is_some() {
            segments += 1;
            bytes += log.folder().stat(name)?.map_or(0, |stat| stat.len);
        }
    }
    let events = log.events();
    Ok(Json::object(&[
        ("topic", &log.topic()),
        ("partition", &log.partition()),
        ("log_start", &marks.low),
        ("end", &marks.end),
        ("durable", &marks.durable),
        ("segments", &segments),
        ("bytes", &bytes),
        ("rolls", &events.rolls),
        ("growths", &events.growths),
        ("takeovers", &events.takeovers),
    ]))
}

fn check_directory(root: &Dir, config: &DirectoryConfig, mode: OpenMode) -> Result<()> {
    let folders = partition_folders(root)?;
    if mode == OpenMode::ReadOnly {
        return Ok(());
    }
    if config.filesystem_check == super::conf::FilesystemCheck::Refuse {
        filesystem::check_supported(root)?;
    }
    if filesystem::is_read_only(root)? {
        return Err(Error::ReadOnly {
            path: root.path().to_path_buf(),
            reason: "its file system is mounted read-only".to_owned(),
        });
    }
    // Listed before it is asked what it is: another process may make a data directory of it meanwhile, and leaves its lock file first.
    let is_empty = root.list()?.is_empty();
    if mode == OpenMode::Create && is_empty || !folders.is_empty() || is_data_directory(root)? {
        return Ok(());
    }
    let expected = if mode == OpenMode::Create {
        "a data directory, or an empty or missing directory"
    } else {
        "a data directory (or ask for it to be created)"
    };
    Err(Error::InvalidArgument {
        name: "path",
        found: root.path().display().to_string(),
        expected: expected.to_owned(),
    })
}
