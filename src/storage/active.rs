//! The active segment as a writing process holds it: descriptors open since before its first store, maps, index capacities.
//!
//! Nobody stores above the control page's `prepared_end` in the log, nor above a capacity learnt in the current roll generation in an
//! index. Shared by the appender, the grower and the syncer of a process; who may store is decided by the words, not here.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::config::{AppendMode, LogConfig};
use super::index::{OffsetEntry, TimeEntry};
use super::names::SegmentFile;
use super::tail::NewEntries;
use crate::error::Result;
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

    #[inline]
    fn put(&self, position: u64, bytes: &[u8]) -> Result<()> {
        match &self.map {
            Some(map) => {
                map.store(position as usize, bytes);
                Ok(())
            }
            None => self.file.write_at(bytes, position),
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

    /// Puts entry number `index`, growing the file by a step where it would lie beyond.
    #[inline]
    fn put(&self, index: u64, bytes: &[u8]) -> Result<()> {
        let position = index * bytes.len() as u64;
        self.ensure(position + bytes.len() as u64)?;
        self.target.put(position, bytes)
    }

    fn ensure(&self, needed: u64) -> Result<()> {
        let capacity = self.capacity.load(Relaxed);
        if needed <= capacity {
            return Ok(());
        }
        // Entries do not fill a step evenly: the last one of a limit that is no multiple still fits.
        let grown = needed.next_multiple_of(INDEX_STEP).min(self.limit.max(needed));
        self.target.file.zero(capacity..grown)?;
        self.capacity.store(grown, Relaxed);
        Ok(())
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
}

impl ActiveSegment {
    /// Opens the three files of segment `base_offset`.
    pub fn open(folder: &Dir, base_offset: i64, config: &LogConfig) -> Result<Self> {
        let open = |kind: SegmentFile| folder.open_file(&kind.name(base_offset), Access::ReadWrite);
        let log = open(SegmentFile::Log)?;
        // Maps reach to the limit, so that growth needs no remapping; a file that is longer already (another configuration) is covered.
        let log_limit = config.segment_bytes.max(log.len()?);
        let mode = config.append_mode;
        Ok(Self {
            base_offset,
            identity: log.identity()?,
            log: Target::open(log, mode, log_limit)?,
            offsets: IndexTarget::open(open(SegmentFile::Index)?, mode, config.segment_index_bytes)?,
            times: IndexTarget::open(open(SegmentFile::TimeIndex)?, mode, config.segment_index_bytes)?,
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

    /// Puts a batch at `position`, below the prepared end.
    #[inline]
    pub fn put_batch(&self, position: u64, batch: &[u8]) -> Result<()> {
        self.log.put(position, batch)
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

    /// Makes room for the entries of one more append and for the one that closes the segment: a full disk is met here, before
    /// anything is written.
    #[inline]
    pub fn reserve_entries(&self, offset_entries: u64, time_entries: u64) -> Result<()> {
        self.offsets.ensure((offset_entries + 1) * OffsetEntry::SIZE as u64)?;
        self.times.ensure((time_entries + 2) * TimeEntry::SIZE as u64)
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
        for file in [&self.log.file, &self.offsets.target.file, &self.times.target.file] {
            file.start_writeback(0..0);
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
