//! What all handles of this process on one directory share: the membership, the open partitions, the checkpoints as they were read.
//!
//! Invariant: at most one writing membership per directory (device and inode) and process; it ends with the last handle that is closed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::folders::{PartitionFolder, partition_folders};
use super::io_threads::FlushThreads;
use super::{Conf, topics};
use crate::broken::{self, Point, Rule};
use crate::error::{Error, Result};
use crate::json::Json;
use crate::storage::checkpoint;
use crate::storage::config::LogConfig;
use crate::storage::names::CONTROL;
use crate::storage::open::{self, Checkpointed, PageState, Place};
use crate::storage::partition::PartitionLog;
use crate::storage::session::{CLEAN_MARKER, LockWaits, Membership, Wait};
use crate::storage::slots::Beginning;
use crate::storage::writer::Flusher;
use crate::sys::fork::PerGeneration;
use crate::sys::{Dir, Identity};

/// Kafka's marker as version 4 writes it.
const CLEAN_MARKER_CONTENT: &[u8] = br#"{"version":0,"brokerEpoch":-1}"#;

type Key = (String, i32);

/// The place of one partition: locked while it is opened, so that no other partition waits for its recovery.
type LogPlace = Arc<Mutex<Option<Arc<PartitionLog>>>>;

/// The shared half of all handles on one directory.
#[derive(Debug)]
pub struct Shared {
    member: Arc<Membership>,
    identity: Identity,
    access: DirectoryAccess,
    /// What the first handle was opened with: counts for folders without a configuration of their own.
    conf: Conf,
    checkpoints: HashMap<Key, Checkpointed>,
    logs: Mutex<BTreeMap<Key, LogPlace>>,
    /// The open logs as a list, for the threads that look at all of them; made anew after a change.
    listed: Mutex<Option<Arc<Vec<Arc<PartitionLog>>>>>,
    report: Mutex<Vec<Json>>,
    flush_threads: Arc<FlushThreads>,
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

type WriterPlace = Arc<Mutex<Weak<Shared>>>;
/// A process writes few directories: they are looked through.
type Registry = Mutex<Vec<(Identity, WriterPlace)>>;

/// The registry of this process.
static WRITERS: PerGeneration<Registry> = PerGeneration::empty();

/// The place where the writing membership of a directory stands; locked while one is opened or closed.
fn writer_place(identity: Identity) -> WriterPlace {
    let mut places = WRITERS.get().lock().unwrap_or_else(PoisonError::into_inner);
    places.retain(|(_, place)| {
        Arc::strong_count(place) > 1 || place.try_lock().is_ok_and(|shared| shared.strong_count() > 0)
    });
    if let Some((_, place)) = places.iter().find(|(other, _)| *other == identity) {
        return Arc::clone(place);
    }
    let place = WriterPlace::default();
    places.push((identity, Arc::clone(&place)));
    place
}

impl Shared {
    /// Joins a directory, or shares the membership that this process has.
    pub fn join(root: Dir, access: DirectoryAccess, conf: &Conf, waits: LockWaits) -> Result<Arc<Self>> {
        let identity = root.identity()?;
        if access == DirectoryAccess::Read {
            let member = Membership::join_reader(root, waits)?;
            return Ok(Arc::new(Self::over(member, identity, access, conf)?));
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
        let member = Membership::join_writer(root, waits, &|root| {
            // Nobody has a partition open who would have to be told.
            topics::finish_intent(root, &|_| Ok(()))?;
            create_missing_pages(root)
        })?;
        let shared = Arc::new(Self::over(member, identity, access, conf)?);
        *here = Arc::downgrade(&shared);
        Ok(shared)
    }

    fn over(member: Membership, identity: Identity, access: DirectoryAccess, conf: &Conf) -> Result<Self> {
        let mut report = Vec::new();
        let checkpoints = read_checkpoints(member.root(), &mut report)?;
        Ok(Self {
            member: Arc::new(member),
            identity,
            access,
            conf: conf.clone(),
            checkpoints,
            logs: Mutex::default(),
            listed: Mutex::default(),
            report: Mutex::new(report),
            flush_threads: Arc::default(),
            handles: Mutex::new(1),
        })
    }

    /// This process as a member.
    #[must_use]
    pub fn member(&self) -> &Arc<Membership> {
        &self.member
    }

    /// What the logs ask for syncs.
    #[must_use]
    pub fn flush_threads(&self) -> &FlushThreads {
        &self.flush_threads
    }

    /// What the directory is open for.
    #[must_use]
    pub fn access(&self) -> DirectoryAccess {
        self.access
    }

    /// The logs that are open, by topic and partition. One that is being opened is not among them yet.
    #[must_use]
    pub fn logs(&self) -> Arc<Vec<Arc<PartitionLog>>> {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = listed.as_ref() {
            return Arc::clone(list);
        }
        let places: Vec<LogPlace> = self.places().values().cloned().collect();
        let mut complete = true;
        let open = places.iter().filter_map(|place| match place.try_lock() {
            Ok(log) => log.clone(),
            Err(_) => {
                complete = false;
                None
            }
        });
        let list = Arc::new(open.collect::<Vec<_>>());
        *listed = complete.then(|| Arc::clone(&list));
        list
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<Key, LogPlace>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list_anew(&self) {
        *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Lets go of the logs of topics that were removed, by whom ever: their files take room as long as one is held. Who has one open keeps it.
    pub fn forget_deleted(&self) {
        let mut forgotten = Vec::new();
        self.places().retain(|_, place| {
            // Where it is locked somebody opens it, and will find out.
            let Ok(mut here) = place.try_lock() else { return true };
            if here.as_ref().is_some_and(|log| log.is_deleted()) {
                forgotten.extend(here.take());
            }
            here.is_some() || Arc::strong_count(place) > 1
        });
        if !forgotten.is_empty() {
            self.list_anew();
        }
    }

    /// Whether the folder at the log's path is the one that it has open.
    pub fn is_at_path(&self, log: &PartitionLog) -> Result<bool> {
        let there = self.member.root().stat(&format!("{}-{}", log.topic(), log.partition()))?;
        Ok(there.is_some_and(|there| log.folder().identity().is_ok_and(|here| here == there.identity)))
    }

    /// Never waits: whoever has the place locked may wait for the gate, which the caller holds.
    fn open_log_of(&self, key: &Key) -> Option<Arc<PartitionLog>> {
        let place = self.places().get(key).cloned();
        place.and_then(|place| place.try_lock().ok()?.clone())
    }

    /// What was cut, rebuilt or passed over so far.
    pub fn report(&self) -> MutexGuard<'_, Vec<Json>> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log of a partition, opened once per process.
    pub fn log(
        &self,
        topic: &str,
        partition: i32,
        config: impl FnOnce() -> Result<LogConfig>,
    ) -> Result<Arc<PartitionLog>> {
        self.member.check_fork()?;
        let key = (topic.to_owned(), partition);
        let place = Arc::clone(self.places().entry(key.clone()).or_default());
        let mut here = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = here.as_ref() {
            if log.check().is_ok() && !log.is_stale() {
                return Ok(Arc::clone(log));
            }
            // Deleted under us, and may have been created anew; or taken up by another session.
            *here = None;
            self.list_anew();
        }
        let opened = config().and_then(|config| self.open(&key, &config));
        match &opened {
            Ok(log) => *here = Some(Arc::clone(log)),
            Err(_) => self.remove_unused(&key, &place),
        }
        self.list_anew();
        opened
    }

    /// A name that was asked for in vain takes no room, unless another thread asks for it too.
    fn remove_unused(&self, key: &Key, place: &LogPlace) {
        let mut places = self.places();
        if Arc::strong_count(place) <= 2 {
            places.remove(key);
        }
    }

    fn open(&self, key: &Key, config: &LogConfig) -> Result<Arc<PartitionLog>> {
        let checkpointed = self.checkpoints.get(key).copied().unwrap_or_default();
        let place = Place { topic: &key.0, partition: key.1, config, checkpointed };
        let mut findings = Vec::new();
        let opened = match self.access {
            DirectoryAccess::Write => open::open_for_writing(&self.member, &place, &mut findings),
            DirectoryAccess::Read => open::open_for_reading(&self.member, &place, &mut findings),
        };
        self.report().append(&mut findings);
        if let Ok(log) = &opened {
            log.set_flusher(Arc::clone(&self.flush_threads) as Arc<dyn Flusher>);
        }
        opened
    }

    /// Ends one handle; with the last one this process leaves, and the last writer closes the directory for all. The process has left also where this
    /// fails: an error then tells what is not as it should be, and the next opening mends it.
    pub fn leave(&self) -> Result<()> {
        self.member.check_fork()?;
        let place = (self.access == DirectoryAccess::Write).then(|| writer_place(self.identity));
        let _here = place.as_ref().map(|place| place.lock().unwrap_or_else(PoisonError::into_inner));
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        *handles = handles.saturating_sub(1);
        if *handles > 0 {
            return Ok(());
        }
        if self.access == DirectoryAccess::Read {
            self.places().clear();
            self.list_anew();
            return self.member.leave();
        }
        let mut outcome = Outcome::default();
        for log in self.logs().iter().filter(|log| log.is_writer() && !log.is_deleted()) {
            outcome.keep(log.sync());
        }
        let gate = self.member.gate(Wait::Whole);
        if let Ok(gate) = &gate {
            match gate.alone_among_writers() {
                Ok(true) => outcome.keep(self.close_session()),
                Ok(false) => {}
                Err(error) => outcome.keep(Err(error)),
            }
        }
        self.places().clear();
        self.list_anew();
        let mut gate = gate.map(Some);
        if broken::is(Rule::LeaveUnderGate)
            && let Ok(gate) = &mut gate
        {
            *gate = None;
        }
        broken::pass(Point::CloseMarked);
        // The gate is still held: who comes next must not find company in a session that is closed.
        outcome.keep(self.member.leave());
        outcome.keep(gate.map(drop));
        outcome.0
    }

    /// The last writer out: every partition of the session trimmed, checkpoints, marker.
    fn close_session(&self) -> Result<()> {
        broken::pass(Point::CloseBegun);
        let root = self.member.root();
        let mut outcome = Outcome::default();
        let mut recovery_points = Vec::new();
        let mut log_starts = Vec::new();
        let was_clean = self.member.seat()?.0.beginning() == Beginning::Clean;
        let mut all_whole = true;
        for folder in partition_folders(root)? {
            let key = (folder.topic.clone(), folder.partition);
            match self.close_partition(&folder, &key) {
                Ok(Some((end, start))) => {
                    recovery_points.push((key.0.clone(), key.1, Some(end)));
                    log_starts.push((key.0, key.1, start));
                }
                Ok(None) => all_whole &= was_clean || self.open_log_of(&key).is_some_and(|log| !log.is_writer()),
                Err(error) => {
                    all_whole = false;
                    outcome.keep(Err(error));
                }
            }
        }
        broken::pass(Point::CloseTrimmed);
        checkpoint::update(root, checkpoint::RECOVERY_POINT, &recovery_points)?;
        checkpoint::update(root, checkpoint::LOG_START, &log_starts)?;
        if all_whole || broken::is(Rule::MarkerOnlyIfWhole) {
            root.replace(CLEAN_MARKER, "ckafka.marker.tmp", CLEAN_MARKER_CONTENT)?;
        }
        outcome.0
    }

    /// Closes one partition of the session, also one that this process never opened: its end, and its start where the files do not tell it. `None` where
    /// nobody touched it in the session.
    fn close_partition(&self, folder: &PartitionFolder, key: &Key) -> Result<Option<(i64, Option<i64>)>> {
        let here = self.open_log_of(key).filter(|log| log.is_writer());
        match (open::page_state(&self.member, &folder.name())?, &here) {
            (PageState::Used, _) => {}
            (PageState::Untouched, None) => return Ok(None),
            // What this process wrote went by a page that is not at its path any more: others may have written by another.
            (PageState::Missing | PageState::Untouched, _) => {
                let reason = "the control page was removed or replaced in this session".to_owned();
                return Err(Error::Version {
                    path: self.member.root().path().join(folder.name()).join(CONTROL),
                    reason,
                });
            }
        }
        let log = match here {
            Some(log) => log,
            None => self.open_to_close(key)?,
        };
        let end = log.close_clean()?;
        let start = log.log_start();
        let implied = log.first_base()? >= start;
        Ok(Some((end, (!implied).then_some(start))))
    }

    fn open_to_close(&self, key: &Key) -> Result<Arc<PartitionLog>> {
        let config = super::properties::log_config(self.member.root(), &key.0, key.1, &self.conf)?;
        let checkpointed = self.checkpoints.get(key).copied().unwrap_or_default();
        let place = Place { topic: &key.0, partition: key.1, config: &config, checkpointed };
        open::open_recovered(&self.member, &place)
    }
}

/// The first error of several steps that are all taken.
#[derive(Debug)]
struct Outcome(Result<()>);

impl Default for Outcome {
    fn default() -> Self {
        Self(Ok(()))
    }
}

impl Outcome {
    fn keep(&mut self, step: Result<()>) {
        if self.0.is_ok() {
            self.0 = step;
        }
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

fn read_checkpoints(root: &Dir, report: &mut Vec<Json>) -> Result<HashMap<Key, Checkpointed>> {
    let mut checkpoints: HashMap<Key, Checkpointed> = HashMap::new();
    for name in [checkpoint::RECOVERY_POINT, checkpoint::LOG_START] {
        let (entries, reason) = checkpoint::read(root, name)?;
        if let Some(reason) = reason {
            report.push(Json::object(&[("file", &name), ("finding", &reason)]));
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
