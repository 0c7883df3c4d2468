//! What all handles of this process on one directory share: the membership, the open partitions, the checkpoints as they were read.
//!
//! Invariant: at most one writing membership per directory (device and inode) and process; it ends with the last handle that is closed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde_json::Value;

use super::folders::partition_folders;
use crate::error::Result;
use crate::storage::checkpoint;
use crate::storage::names::CONTROL;
use crate::storage::open::{self, Checkpointed, PageState, Place};
use crate::storage::partition::PartitionLog;
use crate::storage::session::{CLEAN_MARKER, Gate, Membership};
use crate::storage::slots::Beginning;
use crate::sys::{Dir, Identity, fork};

/// Kafka's marker as version 4 writes it.
const CLEAN_MARKER_CONTENT: &[u8] = br#"{"version":0,"brokerEpoch":-1}"#;

type Key = (String, i32);

/// The shared half of all handles on one directory.
#[derive(Debug)]
pub struct Shared {
    member: Arc<Membership>,
    identity: Identity,
    access: DirectoryAccess,
    beginning: Beginning,
    checkpoints: HashMap<Key, Checkpointed>,
    logs: Mutex<HashMap<Key, Arc<PartitionLog>>>,
    report: Mutex<Vec<Value>>,
    handles: Mutex<usize>,
}

/// What a directory is open for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DirectoryAccess {
    /// Reading only.
    Read,
    /// Reading and writing.
    Write,
}

type Registry = HashMap<(Identity, u32), Arc<Mutex<Weak<Shared>>>>;
static WRITERS: Mutex<Option<Registry>> = Mutex::new(None);

/// The place where the writing membership of a directory stands; locked while one is opened or closed.
fn writer_place(identity: Identity) -> Arc<Mutex<Weak<Shared>>> {
    let mut registry = WRITERS.lock().unwrap_or_else(PoisonError::into_inner);
    let places = registry.get_or_insert_default();
    places
        .retain(|_, place| Arc::strong_count(place) > 1 || place.lock().is_ok_and(|shared| shared.strong_count() > 0));
    Arc::clone(places.entry((identity, fork::generation())).or_default())
}

impl Shared {
    /// Joins a directory, or shares the membership that this process has.
    pub fn join(root: Dir, access: DirectoryAccess, lock_timeout: Duration) -> Result<Arc<Self>> {
        let identity = root.identity()?;
        if access == DirectoryAccess::Read {
            let clean = root.stat(CLEAN_MARKER)?.is_some();
            let member = Membership::join_reader(root, lock_timeout)?;
            let beginning = if clean { Beginning::Clean } else { Beginning::Unclean };
            return Ok(Arc::new(Self::over(member, identity, access, beginning)?));
        }
        let place = writer_place(identity);
        let mut here = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = here.upgrade() {
            let mut handles = shared.handles.lock().unwrap_or_else(PoisonError::into_inner);
            // A count of 0 is a membership that has ended and is only still referred to.
            if *handles > 0 {
                *handles += 1;
                drop(handles);
                return Ok(shared);
            }
        }
        let member = Membership::join_writer(root, lock_timeout, &create_missing_pages)?;
        let beginning = member.seat()?.0.beginning();
        let shared = Arc::new(Self::over(member, identity, access, beginning)?);
        *here = Arc::downgrade(&shared);
        Ok(shared)
    }

    fn over(member: Membership, identity: Identity, access: DirectoryAccess, beginning: Beginning) -> Result<Self> {
        let mut report = Vec::new();
        let checkpoints = read_checkpoints(member.root(), &mut report)?;
        Ok(Self {
            member: Arc::new(member),
            identity,
            access,
            beginning,
            checkpoints,
            logs: Mutex::default(),
            report: Mutex::new(report),
            handles: Mutex::new(1),
        })
    }

    /// This process as a member.
    #[must_use]
    pub fn member(&self) -> &Arc<Membership> {
        &self.member
    }

    /// What the directory is open for.
    #[must_use]
    pub fn access(&self) -> DirectoryAccess {
        self.access
    }

    /// Opened partitions.
    pub fn logs(&self) -> MutexGuard<'_, HashMap<Key, Arc<PartitionLog>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was cut, rebuilt or passed over so far.
    pub fn report(&self) -> MutexGuard<'_, Vec<Value>> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log of a partition, opened once per process.
    pub fn log(
        &self,
        topic: &str,
        partition: i32,
        config: impl FnOnce() -> Result<crate::storage::config::LogConfig>,
    ) -> Result<Arc<PartitionLog>> {
        self.member.check_fork()?;
        let key = (topic.to_owned(), partition);
        let mut logs = self.logs();
        if let Some(log) = logs.get(&key) {
            if log.check().is_ok() {
                return Ok(Arc::clone(log));
            }
            // Deleted under us; it may have been created anew.
            logs.remove(&key);
        }
        let config = config()?;
        let checkpointed = self.checkpoints.get(&key).copied().unwrap_or_default();
        let place = Place { topic, partition, config: &config, checkpointed };
        let mut findings = Vec::new();
        let opened = match self.access {
            DirectoryAccess::Write => open::open_for_writing(&self.member, &place, &mut findings),
            DirectoryAccess::Read => open::open_for_reading(&self.member, &place, self.beginning, &mut findings),
        };
        self.report().append(&mut findings);
        let log = opened?;
        logs.insert(key, Arc::clone(&log));
        Ok(log)
    }

    /// Ends one handle; with the last one this process leaves, and the last writer closes the directory for all.
    pub fn leave(&self) -> Result<()> {
        let place = (self.access == DirectoryAccess::Write).then(|| writer_place(self.identity));
        let _here = place.as_ref().map(|place| place.lock().unwrap_or_else(PoisonError::into_inner));
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if *handles > 1 || self.access == DirectoryAccess::Read {
            *handles -= 1;
            return Ok(());
        }
        self.member.check_fork()?;
        for log in self.logs().values().filter(|log| log.is_writer()) {
            // A log that failed has said so to who waited; leaving is not barred by it.
            if log.check().is_ok() && !log.has_failed()? {
                log.sync()?;
            }
        }
        let gate = self.member.gate()?;
        if gate.alone_among_writers()? {
            self.close_session(&gate)?;
        }
        drop(gate);
        self.logs().clear();
        *handles = 0;
        self.member.leave()
    }

    /// The last writer out: every partition of the session trimmed, checkpoints, marker.
    fn close_session(&self, _gate: &Gate<'_>) -> Result<()> {
        let root = self.member.root();
        let mut recovery_points = Vec::new();
        let mut log_starts = Vec::new();
        let mut all_whole = true;
        for folder in partition_folders(root)? {
            let key = (folder.topic.clone(), folder.partition);
            if open::page_state(&self.member, &folder.name())? == PageState::Untouched {
                all_whole &= self.beginning == Beginning::Clean || self.is_read_only(&key);
                continue;
            }
            let log = self.log_to_close(&key)?;
            if log.has_failed()? {
                all_whole = false;
                continue;
            }
            let end = log.close_clean()?;
            recovery_points.push((key.0.clone(), key.1, Some(end)));
            let start = log.log_start();
            let implied = log.first_base()? >= start;
            log_starts.push((key.0, key.1, (!implied).then_some(start)));
        }
        checkpoint::update(root, checkpoint::RECOVERY_POINT, &recovery_points)?;
        checkpoint::update(root, checkpoint::LOG_START, &log_starts)?;
        if all_whole {
            root.replace(CLEAN_MARKER, "ckafka.marker.tmp", CLEAN_MARKER_CONTENT)?;
        }
        Ok(())
    }

    fn is_read_only(&self, key: &Key) -> bool {
        self.logs().get(key).is_some_and(|log| !log.is_writer())
    }

    /// A partition of the session, also one that this process never opened.
    fn log_to_close(&self, key: &Key) -> Result<Arc<PartitionLog>> {
        if let Some(log) = self.logs().get(key) {
            return Ok(Arc::clone(log));
        }
        let config = super::properties::log_config(self.member.root(), &key.0, key.1, &super::Conf::new())?;
        let checkpointed = self.checkpoints.get(key).copied().unwrap_or_default();
        let place = Place { topic: &key.0, partition: key.1, config: &config, checkpointed };
        open::open_recovered(&self.member, &place)
    }
}

/// Control pages for folders that a broker left, so that every later writer of the session finds one.
fn create_missing_pages(root: &Dir) -> Result<()> {
    for folder in partition_folders(root)? {
        let dir = root.open_dir(&folder.name())?;
        if dir.stat(CONTROL)?.is_none_or(|stat| stat.len < crate::sys::SharedPage::BYTES as u64) {
            open::create_page(&dir)?;
        }
    }
    Ok(())
}

fn read_checkpoints(root: &Dir, report: &mut Vec<Value>) -> Result<HashMap<Key, Checkpointed>> {
    let mut checkpoints: HashMap<Key, Checkpointed> = HashMap::new();
    for name in [checkpoint::RECOVERY_POINT, checkpoint::LOG_START] {
        let (entries, reason) = checkpoint::read(root, name)?;
        if let Some(reason) = reason {
            report.push(serde_json::json!({ "file": name, "finding": reason }));
        }
        for entry in entries {
            let line = checkpoints.entry((entry.topic, entry.partition)).or_default();
            if name == checkpoint::RECOVERY_POINT {
                line.recovery_point = entry.offset.max(0);
            } else {
                line.log_start = entry.offset.max(0);
            }
        }
    }
    Ok(checkpoints)
}
