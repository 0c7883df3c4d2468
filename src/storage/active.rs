//! The active segment as a writing process holds it: descriptors open since before its first store, maps, index capacities.
//!
//! Nobody stores above the control page's `prepared_end` in the log, nor above a capacity learnt in the current roll generation in an
//! index. Shared by the appender, the grower and the syncer of a process; who may store is decided by the words, not here.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

use super::config::{AppendMode, LogConfig};
use super::index::{OffsetEntry, TimeEntry};
use super::names::{NEXT, SegmentFile};
use super::tail::NewEntries;
use crate::broken::{self, Rule};
use crate::error::Result;
use crate::sys::word::Owner;
use crate::sys::{Access, Dir, File, Identity, WriteMap};

/// Index files grow in steps of this.
pub const INDEX_STEP: u64 = 4096;

/// A file that is written by stores into its map, or by pwrite.
#[derive(Debug)]
struct Target {
    file: File,
    map: Option<WriteMap>,
}

impl Target {
    fn open(file: File, mode: AppendMode, limit: u64) -> Result<Self> {
        let map = match mode {
            AppendMode::Mmap => Some(WriteMap::new(&file, limit as usize)?),
            AppendMode::Pwrite => None,
        };
        Ok(Self { file, map })
    }

    /// Puts bytes at a place that the file reaches. Where the map is shorter (another process has a larger limit), by pwrite.
    #[inline]
    fn put(&self, position: u64, bytes: &[u8]) -> Result<()> {
        match &self.map {
            Some(map) if position + bytes.len() as u64 <= map.len() as u64 => {
                map.store(position as usize, bytes);
                Ok(())
            }
            _ => self.file.write_at(bytes, position),
        }
    }
}

/// An index and how much of its file is zeroed for entries.
#[derive(Debug)]
struct IndexTarget {
    target: Target,
    capacity: AtomicU64,
    limit: u64,
}

impl IndexTarget {
    fn open(file: File, mode: AppendMode, limit: u64) -> Result<Self> {
        let capacity = AtomicU64::new(file.len()?);
        Ok(Self { target: Target::open(file, mode, limit.max(INDEX_STEP))?, capacity, limit })
    }

    /// Puts entry number `index`, for which there is room.
    #[inline]
    fn put(&self, index: u64, bytes: &[u8]) -> Result<()> {
        self.target.put(index * bytes.len() as u64, bytes)
    }

    /// Has room for `needed` bytes of entries: a growth step, before anything else is touched.
    #[inline]
    fn ensure(&self, needed: u64) -> Result<()> {
        if needed <= self.capacity.load(Relaxed) { Ok(()) } else { self.extend(needed) }
    }

    #[cold]
    fn extend(&self, needed: u64) -> Result<()> {
        // Other processes grow it too: what the file has is asked for, since zeroes over their entries would lose them.
        let len = if broken::is(Rule::IndexLengthIsAsked) { self.capacity.load(Relaxed) } else { self.learn()? };
        if needed <= len {
            return Ok(());
        }
        // Entries do not fill a step evenly: the last one of a limit that is no multiple still fits.
        let grown = needed.next_multiple_of(INDEX_STEP).min(self.limit.max(needed));
        self.target.file.zero(len..grown)?;
        self.capacity.store(grown, Relaxed);
        Ok(())
    }

    /// Asks the file how far it reaches: it may have been cut since, by a roll that was not finished.
    fn learn(&self) -> Result<u64> {
        let len = self.target.file.len()?;
        self.capacity.store(len, Relaxed);
        Ok(len)
    }

    /// Leaves `len` bytes of entries, then zeroes up to the capacity that the file has.
    fn cut(&self, len: u64) -> Result<()> {
        let capacity = self.target.file.len()?.max(len);
        self.target.file.zero(len..capacity)?;
        self.capacity.store(capacity, Relaxed);
        Ok(())
    }
}

/// The active segment, opened for writing.
#[derive(Debug)]
pub struct ActiveSegment {
    base_offset: i64,
    identity: Identity,
    log: Target,
    offsets: IndexTarget,
    times: IndexTarget,
    /// Syncs of others that were announced when this was opened, as long as one of them may hide an error.
    beside: Mutex<Vec<Owner>>,
}

impl ActiveSegment {
    /// Opens the three files of segment `base_offset`.
    pub fn open(folder: &Dir, base_offset: i64, config: &LogConfig) -> Result<Self> {
        let open = |kind: SegmentFile| folder.open_file(&kind.name(base_offset), Access::ReadWrite);
        let files = [open(SegmentFile::Log)?, open(SegmentFile::Index)?, open(SegmentFile::TimeIndex)?];
        Self::over(files, base_offset, config)
    }

    /// Opens the prepared files, which a roll is about to name after `base_offset`: behind the first rename nothing may fail for want of a descriptor.
    pub fn open_next(folder: &Dir, base_offset: i64, config: &LogConfig) -> Result<Self> {
        let kinds = [SegmentFile::Log, SegmentFile::Index, SegmentFile::TimeIndex];
        let open = |n: usize| -> Result<File> {
            let named = folder.path().join(kinds[n].name(base_offset));
            Ok(folder.open_file(NEXT[n], Access::ReadWrite)?.to_be_named(named))
        };
        Self::over([open(0)?, open(1)?, open(2)?], base_offset, config)
    }

    fn over([log, offsets, times]: [File; 3], base_offset: i64, config: &LogConfig) -> Result<Self> {
        // Maps reach to the limit, so that growth needs no remapping; a file that is longer already (another configuration) is covered.
        let log_limit = config.segment_bytes.max(log.len()?);
        let mode = config.append_mode;
        Ok(Self {
            base_offset,
            identity: log.identity()?,
            log: Target::open(log, mode, log_limit)?,
            offsets: IndexTarget::open(offsets, mode, config.segment_index_bytes)?,
            times: IndexTarget::open(times, mode, config.segment_index_bytes)?,
            beside: Mutex::default(),
        })
    }

    /// Its base offset.
    #[must_use]
    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// Device and inode of the log file.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The log file.
    #[must_use]
    pub fn log_file(&self) -> &File {
        &self.log.file
    }

    /// Syncs of others that were announced when this was opened.
    #[must_use]
    pub fn opened_beside(&self) -> Vec<Owner> {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets them.
    pub fn set_opened_beside(&self, standing: Vec<Owner>) {
        *self.beside.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    /// They are over, or what they may have hidden was written again.
    pub fn forget_beside(&self, known: &[Owner]) {
        if !known.is_empty() {
            self.beside.lock().unwrap_or_else(PoisonError::into_inner).retain(|owner| !known.contains(owner));
        }
    }

    /// Puts a batch at `position`, below the prepared end.
    #[inline]
    pub fn put_batch(&self, position: u64, batch: &[u8]) -> Result<()> {
        self.log.put(position, batch)
    }

    /// Says that the next batch goes to `position`: its lines are on their way while the caller does something else.
    #[inline]
    pub fn prefetch_next(&self, position: u64) {
        const BATCH_BYTES: usize = 256;
        if let Some(map) = &self.log.map {
            map.prefetch_to_store(position as usize..position as usize + BATCH_BYTES);
        }
    }

    /// Puts index entries behind the given counts.
    #[inline]
    pub fn put_entries(&self, offset_entries: u64, time_entries: u64, entries: &NewEntries) -> Result<()> {
        if let Some(entry) = &entries.offset {
            self.offsets.put(offset_entries, &entry.to_bytes())?;
        }
        if let Some(entry) = &entries.time {
            self.times.put(time_entries, &entry.to_bytes())?;
        }
        Ok(())
    }

    /// Has room for these counts of entries, and for the time entry that closes the segment. A full disk is met here, before an append touches anything.
    #[inline]
    pub fn ensure_entries(&self, offset_entries: u64, time_entries: u64) -> Result<()> {
        self.offsets.ensure(offset_entries * OffsetEntry::SIZE as u64)?;
        self.times.ensure((time_entries + 1) * TimeEntry::SIZE as u64)
    }

    /// Learns both capacities anew, after a change of the roll generation.
    pub fn learn_capacities(&self) -> Result<()> {
        self.offsets.learn()?;
        self.times.learn()?;
        Ok(())
    }

    /// Makes pages of the log present and writable; nothing to do without a map.
    pub fn populate(&self, from: u64, to: u64) -> Result<()> {
        match &self.log.map {
            Some(map) => map.populate(from as usize..(to as usize).min(map.len())),
            None => Ok(()),
        }
    }

    /// Cuts both indexes to these counts, zeroes behind them (takeover).
    pub fn cut_indexes(&self, offset_entries: u64, time_entries: u64) -> Result<()> {
        self.offsets.cut(offset_entries * OffsetEntry::SIZE as u64)?;
        self.times.cut(time_entries * TimeEntry::SIZE as u64)
    }

    /// Shortens the three files to what they hold (roll, close) and starts their write-back without waiting.
    pub fn trim(&self, position: u64, offset_entries: u64, time_entries: u64) -> Result<()> {
        self.log.file.set_len(position)?;
        self.offsets.target.file.set_len(offset_entries * OffsetEntry::SIZE as u64)?;
        self.times.target.file.set_len(time_entries * TimeEntry::SIZE as u64)?;
        let len = |file: &File| file.len().unwrap_or(0);
        for file in [&self.log.file, &self.offsets.target.file, &self.times.target.file] {
            file.start_writeback(0..len(file));
        }
        Ok(())
    }

    /// Syncs the log file. Its first error is final.
    pub fn sync_log(&self) -> Result<()> {
        self.log.file.sync_data()
    }

    /// Syncs the two indexes.
    pub fn sync_indexes(&self) -> Result<()> {
        self.offsets.target.file.sync_data()?;
        self.times.target.file.sync_data()
    }
}
