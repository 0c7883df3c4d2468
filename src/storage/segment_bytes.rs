//! The bytes of one segment as a cursor sees them: borrowed from its map, or copied by pread.
//!
//! Never looks beyond the extent that is known to stay (see `segments`). A copied window holds one piece of the file at
//! a time; what was borrowed from it is gone when it moves.

use std::path::PathBuf;
use std::sync::Arc;

use super::config::ReadMode;
use super::names::SegmentFile;
use super::part::{Mapping, SegmentPart};
use super::partition::PartitionLog;
use super::segments::{Extent, Place, Segment};
use super::view::Memory;
use crate::error::{Error, Result};
use crate::record::BatchHeader;

/// Least bytes that a copying window reads at once.
const COPY_BYTES_LEAST: usize = 8 << 10;

/// The part of a header that leads to the next batch.
const LINKED_BYTES: u64 = 27;

/// Most bytes that it reads ahead of need.
pub const COPY_BYTES_MAX: usize = 16 << 20;

/// One segment, its trusted length and the way to its bytes.
#[derive(Debug)]
pub struct SegmentBytes {
    segment: Arc<Segment>,
    place: Place,
    extent: Extent,
    limit: u64,
    source: Source,
    /// The map of the offset index that was used last.
    index: Option<Arc<Mapping>>,
    /// The map of the time index.
    time_index: Option<Arc<Mapping>>,
    /// What batches are like here, as far as was seen.
    typical: Typical,
}

/// Size and offsets of a batch that was met: its neighbours are often like it.
#[derive(Debug, Clone, Copy, Default)]
struct Typical {
    size: u64,
    offsets: u64,
}

#[derive(Debug)]
enum Source {
    Map(Arc<Mapping>),
    Copy {
        /// Position of the buffer's first byte.
        start: u64,
        buffer: Vec<u8>,
        /// How much the next piece takes, where the file has it.
        ahead: usize,
    },
}

impl SegmentBytes {
    /// Opens a segment; `None` where its file is gone.
    pub fn open(log: &PartitionLog, mode: ReadMode, segment: &Arc<Segment>, place: Place) -> Result<Option<Self>> {
        let Some(part) = segment.log(log.folder())? else { return Ok(None) };
        let extent = segment.extent(log.control(), place);
        let limit = segment.log_bytes(part, extent)?;
        let source = match mode {
            ReadMode::Map => Source::Map(part.map(limit, segment.map_len(limit, extent))?),
            ReadMode::Copy => Source::Copy { start: 0, buffer: Vec::new(), ahead: COPY_BYTES_LEAST },
        };
        Ok(Some(Self {
            segment: Arc::clone(segment),
            place,
            extent,
            limit,
            source,
            index: None,
            time_index: None,
            typical: Typical::default(),
        }))
    }

    /// The segment.
    #[must_use]
    #[inline]
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// Bytes that may be looked at, at the last look.
    #[must_use]
    #[inline]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// What that length rests on.
    #[must_use]
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// How its bytes are read.
    #[must_use]
    pub fn mode(&self) -> ReadMode {
        match self.source {
            Source::Map(_) => ReadMode::Map,
            Source::Copy { .. } => ReadMode::Copy,
        }
    }

    /// Path of the log file, for messages.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.segment.opened_log().map_or_else(PathBuf::new, |part| part.file().path().to_path_buf())
    }

    /// Takes note of where the segment stands in a newer list.
    pub fn set_place(&mut self, place: Place) {
        self.place = place;
    }

    /// How much a copying window reads at once from now on.
    #[inline]
    pub fn set_ahead(&mut self, bytes: usize) {
        if let Source::Copy { ahead, .. } = &mut self.source {
            *ahead = bytes.clamp(COPY_BYTES_LEAST, COPY_BYTES_MAX);
        }
    }

    /// Asks anew how far the segment may be looked at.
    #[cold]
    pub fn refresh(&mut self, log: &PartitionLog) -> Result<()> {
        if self.extent == Extent::Closed {
            return Ok(());
        }
        let part = self.part()?;
        let extent = self.segment.extent(log.control(), self.place);
        let limit = self.segment.log_bytes(part, extent)?;
        if let Source::Map(mapping) = &self.source
            && mapping.len() < limit
        {
            self.source = Source::Map(part.map(limit, self.segment.map_len(limit, extent))?);
        }
        self.extent = extent;
        self.limit = limit;
        Ok(())
    }

    fn part(&self) -> Result<&SegmentPart> {
        let missing =
            || Error::Io { operation: "open", path: PathBuf::new(), source: std::io::ErrorKind::NotFound.into() };
        self.segment.opened_log().ok_or_else(missing)
    }

    /// The bytes from `position` on: at least `least` of them, or fewer where the segment ends before.
    #[inline]
    pub fn at(&mut self, log: &PartitionLog, position: u64, least: usize) -> Result<&[u8]> {
        if position.saturating_add(least as u64) > self.limit {
            self.refresh(log)?;
        }
        if position >= self.limit {
            return Ok(&[]);
        }
        if matches!(self.source, Source::Copy { .. }) {
            self.copy(position, least)?;
        }
        match &self.source {
            Source::Map(mapping) => Ok(mapping.bytes(position as usize..self.limit as usize)),
            Source::Copy { start, buffer, .. } => Ok(buffer.get((position - start) as usize..).unwrap_or_default()),
        }
    }

    /// Remembers what a batch of this segment is like.
    #[inline]
    pub fn note(&mut self, header: &BatchHeader) {
        let offsets = u64::from(header.last_offset_delta.unsigned_abs()) + 1;
        self.typical = Typical { size: header.size() as u64, offsets };
    }

    /// Says that a walk from `position` over `offsets` offsets comes. The headers on its way, each a wait for memory, are asked for at
    /// once, as far as they are where batches like the last one would have them.
    #[inline]
    pub fn prefetch_batches(&self, position: u64, offsets: i64) {
        const STEPS_MOST: u64 = 64;
        const TARGET_BYTES_MOST: u64 = 512;
        let Typical { size, offsets: each @ 1.. } = self.typical else { return };
        let steps = (u64::try_from(offsets).unwrap_or(0) / each + 1).min(STEPS_MOST);
        for header in (0..=steps).map(|step| position + step * size) {
            self.prefetch(header, 1);
            self.prefetch(header + LINKED_BYTES - 1, 1);
        }
        self.prefetch(position + steps * size, size.min(TARGET_BYTES_MOST));
    }

    /// Entries of an index that may be looked at now, which are mapped where this window maps; `None` where there is none.
    ///
    /// How far an index may be looked at belongs to the same tail as the log's extent.
    #[inline]
    pub fn prepare_index(&mut self, log: &PartitionLog, which: SegmentFile) -> Result<Option<u64>> {
        let Some(part) = self.segment.index(log.folder(), which)? else { return Ok(None) };
        let (count, bytes) = Segment::index_entries(part, which, self.extent)?;
        if count == 0 {
            return Ok(None);
        }
        let slot = if which == SegmentFile::TimeIndex { &mut self.time_index } else { &mut self.index };
        let is_mapped = slot.as_ref().is_some_and(|mapping| mapping.len() >= bytes);
        if !is_mapped && matches!(self.source, Source::Map(_)) {
            // An index that still grows is mapped as far as it may.
            let growth = if self.extent == Extent::Closed { 0 } else { log.config().segment_index_bytes };
            *slot = Some(part.map(bytes, bytes.max(growth))?);
        }
        Ok(Some(count))
    }

    /// The map of a prepared index; `None` where bytes are copied.
    #[inline]
    pub fn index_map(&self, which: SegmentFile) -> Option<&Mapping> {
        if which == SegmentFile::TimeIndex { self.time_index.as_deref() } else { self.index.as_deref() }
    }

    /// Says that the bytes from `position` on will be looked at soon. Of use where they are mapped.
    #[inline]
    pub fn prefetch(&self, position: u64, len: u64) {
        if let Source::Map(mapping) = &self.source {
            mapping.prefetch(position as usize..position.saturating_add(len).min(self.limit) as usize);
        }
    }

    /// Says that what was just published at `position` will be looked at, and what tells how far it reaches: what another processor wrote is
    /// fetched all at once, not line after line as it is met.
    #[inline]
    pub fn prefetch_news(&self, log: &PartitionLog, position: u64) {
        const BATCH_BYTES: u64 = 256;
        if position < self.limit {
            return;
        }
        if let Some(control) = log.control() {
            control.prefetch_news();
        }
        if let Source::Map(mapping) = &self.source {
            mapping.prefetch(position as usize..position.saturating_add(BATCH_BYTES) as usize);
        }
    }

    /// Moves the copied piece so that it has what `at` promises.
    fn copy(&mut self, position: u64, least: usize) -> Result<()> {
        let left = usize::try_from(self.limit - position).unwrap_or(usize::MAX);
        let least = least.min(left);
        if self.holds(position, least) {
            return Ok(());
        }
        let Source::Copy { start, buffer, ahead } = &mut self.source else { return Ok(()) };
        let wanted = least.max((*ahead).min(left));
        buffer.clear();
        buffer
            .try_reserve_exact(wanted)
            .map_err(|_| Error::OutOfMemory { what: "a copy of record batches", bytes: wanted })?;
        buffer.resize(wanted, 0);
        *start = position;
        let part = self.segment.opened_log();
        let filled = part.map_or(Ok(0), |part| part.file().read_at(buffer, position));
        buffer.truncate(*filled.as_ref().unwrap_or(&0));
        filled.map(|_| ())
    }

    /// Makes room in a copying window for a long run from `position` on: reads again where little of it is there.
    #[inline]
    pub fn read_ahead(&mut self, position: u64) -> Result<()> {
        let Source::Copy { start, buffer, ahead } = &self.source else { return Ok(()) };
        let there = (*start + buffer.len() as u64).saturating_sub(position);
        let wanted = (*ahead as u64).min(self.limit.saturating_sub(position));
        if there >= wanted / 2 { Ok(()) } else { self.copy(position, usize::try_from(wanted).unwrap_or(usize::MAX)) }
    }

    /// Whether looking at `len` bytes from `position` leaves what was borrowed before where it is.
    #[must_use]
    #[inline]
    pub fn holds(&self, position: u64, len: usize) -> bool {
        match &self.source {
            Source::Map(_) => true,
            Source::Copy { start, buffer, .. } => {
                *start <= position && position.saturating_add(len as u64) <= start + buffer.len() as u64
            }
        }
    }

    /// A few bytes from `position`, without moving the window; how many there were.
    pub fn glance(&self, position: u64, out: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.limit.saturating_sub(position)).unwrap_or(usize::MAX);
        let wanted = out.len().min(left);
        let out = out.get_mut(..wanted).unwrap_or_default();
        match &self.source {
            Source::Map(mapping) => {
                let from = position as usize;
                let bytes = mapping.bytes(from..from + wanted);
                out.get_mut(..bytes.len()).unwrap_or_default().copy_from_slice(bytes);
                Ok(bytes.len())
            }
            Source::Copy { .. } => self.part()?.file().read_at(out, position),
        }
    }

    /// The bytes of a run that was walked, for a view: pinned in the map, or taken out of the window.
    pub fn take(&mut self, position: u64, len: usize) -> Result<Memory> {
        match &mut self.source {
            Source::Map(mapping) => {
                let from = position as usize;
                Ok(Memory::Mapped { mapping: Arc::clone(mapping), range: from..from + len })
            }
            Source::Copy { start, buffer, .. } => {
                let from = (position - *start) as usize;
                let bytes = take_or_copy(buffer, from, len)?;
                Ok(Memory::Owned { bytes, segment: Some(Arc::clone(&self.segment)) })
            }
        }
    }
}

/// A part of the buffer: the buffer itself where little else is in it, else a copy, so that what was read ahead stays.
fn take_or_copy(buffer: &mut Vec<u8>, from: usize, len: usize) -> Result<Vec<u8>> {
    if len >= buffer.len() / 2 {
        let mut bytes = std::mem::take(buffer);
        bytes.truncate(from + len);
        bytes.drain(..from);
        return Ok(bytes);
    }
    let part = buffer.get(from..from + len).unwrap_or_default();
    copied(part)
}

/// A copy of bytes, or an error where there is no memory for it.
pub fn copied(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut copy = Vec::new();
    let what = "a copy of record batches";
    copy.try_reserve_exact(bytes.len()).map_err(|_| Error::OutOfMemory { what, bytes: bytes.len() })?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}
