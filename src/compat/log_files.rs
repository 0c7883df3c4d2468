//! The three files of the append log: opened once and kept, for as long as their paths name the same files. Opened anew
//! once they were removed or replaced, the program has changed its working directory, or this is a forked child.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::append_log::Appender;
use crate::error::Result;
use crate::sys::fork::{self, PerGeneration};
use crate::sys::{Dir, File, Identity, by_path, lock};

/// Where the files are, whatever the topic.
const FOLDERS: [&str; 2] = ["temp", "temp/order1"];
/// The log, its index, its time index.
pub(super) const PATHS: [&str; 3] = [
    "temp/order1/00000000000000000000.log",
    "temp/order1/00000000000000000000.index",
    "temp/order1/00000000000000000000.timeindex",
];

/// The byte of the log that stands for the right to append: far behind every record, so that no other lock means it.
const LOCKED_BYTE: u64 = (1 << 62) - 1;

/// The files in use.
static CURRENT: PerGeneration<Mutex<Option<Arc<Appender>>>> = PerGeneration::empty();

/// Open files.
#[derive(Debug)]
pub(super) struct Files {
    /// Dropped before the log, through which locks are taken.
    _released: fork::Released,
    pub(super) log: File,
    pub(super) index: File,
    pub(super) times: File,
    identities: [Identity; 3],
    generation: u32,
}

/// Sizes of the three files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sizes {
    pub(super) log: u64,
    pub(super) index: u64,
    pub(super) times: u64,
}

/// The appender of the files that the paths name now.
pub(super) fn current() -> Result<Arc<Appender>> {
    let generation = fork::generation();
    let mut current = CURRENT.get().lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(appender) = &*current
        && appender.files().generation == generation
        && appender.files().are_still_there()?
    {
        return Ok(Arc::clone(appender));
    }
    let appender = Arc::new(Appender::new(Files::open(generation)?));
    *current = Some(Arc::clone(&appender));
    Ok(appender)
}

impl Files {
    fn open(generation: u32) -> Result<Self> {
        for folder in FOLDERS {
            by_path::make_dir(Path::new(folder))?;
        }
        let [log, index, times] = PATHS.map(|path| by_path::open_or_create(Path::new(path)));
        let (log, index, times) = (log?, index?, times?);
        // So that new names last as the records in them do. A folder that may be written but not read cannot be synced.
        for folder in FOLDERS.iter().rev().chain(&["."]) {
            let _ = Dir::open(Path::new(folder)).and_then(|folder| folder.sync());
        }
        let released = fork::release_in_child(&log)?;
        let identities = [log.identity()?, index.identity()?, times.identity()?];
        Ok(Self { _released: released, log, index, times, identities, generation })
    }

    fn are_still_there(&self) -> Result<bool> {
        for (path, identity) in PATHS.iter().zip(&self.identities) {
            if by_path::identity(Path::new(path))? != Some(*identity) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The sizes as they are now.
    pub(super) fn sizes(&self) -> Result<Sizes> {
        Ok(Sizes { log: self.log.len()?, index: self.index.len()?, times: self.times.len()? })
    }

    /// Cuts what was written past these sizes. The first error, after all three were tried.
    pub(super) fn cut(&self, sizes: Sizes) -> Result<()> {
        let files = [(&self.log, sizes.log), (&self.index, sizes.index), (&self.times, sizes.times)];
        let mut result = Ok(());
        for (file, size) in files {
            let cut = file.len().and_then(|len| if len > size { file.set_len(size) } else { Ok(()) });
            result = result.and(cut);
        }
        result
    }

    /// Runs a call that no other process of this library appends during.
    pub(super) fn alone<T>(&self, call: impl FnOnce() -> Result<T>) -> Result<T> {
        lock::wait_exclusive(&self.log, LOCKED_BYTE)?;
        let result = call();
        // Where this fails, closing the files lets go, and the next call to wait would say so.
        let _ = lock::unlock(&self.log, LOCKED_BYTE);
        result
    }
}
