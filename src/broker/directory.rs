//! A data directory, opened. (the lead writes this file)

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use super::Conf;
use crate::error::Result;
use crate::storage::partition::{PartitionLog, Watermarks};

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

/// An open data directory.
#[derive(Debug)]
pub struct Directory {
    _todo: (),
}

/// A log opened through a directory, which it keeps from being closed.
#[derive(Debug, Clone)]
pub struct Log {
    log: Arc<PartitionLog>,
    _directory: Arc<Directory>,
}

impl Deref for Log {
    type Target = Arc<PartitionLog>;
    fn deref(&self) -> &Self::Target {
        &self.log
    }
}

impl Directory {
    /// Opens a directory.
    pub fn open(_path: &Path, _conf: &Conf, _mode: OpenMode) -> Result<Arc<Self>> {
        todo!()
    }
    /// Flushes and closes; `Busy` while a log of it is open (then nothing happened). After `Ok` every call fails.
    pub fn close(self: &Arc<Self>) -> Result<()> {
        todo!()
    }
    /// Makes everything durable and writes the recovery points.
    pub fn sync(&self) -> Result<()> {
        todo!()
    }
    /// What was cut or rebuilt, as JSON.
    pub fn recovery_report(&self) -> Result<String> {
        todo!()
    }
    /// Counters, watermarks and sizes, as JSON.
    pub fn stats(&self) -> Result<String> {
        todo!()
    }
    /// Bits of [`capability`].
    #[must_use]
    pub fn capabilities(&self) -> u64 {
        todo!()
    }
    /// The configuration it was opened with.
    #[must_use]
    pub fn conf(&self) -> &Conf {
        todo!()
    }
    /// Creates a topic.
    pub fn create_topic(&self, _name: &str, _partition_count: i32, _conf: &Conf) -> Result<()> {
        todo!()
    }
    /// Deletes a topic.
    pub fn delete_topic(&self, _name: &str) -> Result<()> {
        todo!()
    }
    /// Topics, partitions and configuration, as JSON.
    pub fn topics(&self) -> Result<String> {
        todo!()
    }
    /// Low, end and durable offsets of a partition.
    pub fn watermarks(&self, _topic: &str, _partition: i32) -> Result<Watermarks> {
        todo!()
    }
    /// Opens the log of a partition.
    pub fn open_log(self: &Arc<Self>, _topic: &str, _partition: i32) -> Result<Log> {
        todo!()
    }
    /// Starts the threads asked for, each bound to its configured core.
    pub fn start_io_threads(self: &Arc<Self>, _roles: IoRoles) -> Result<()> {
        todo!()
    }
}
