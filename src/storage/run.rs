//! Gathers what one fetch gives: the longest run of batches at a cursor that one view can hold.
//!
//! A run ends at the byte limit, at the visible end, at the segment's end, before a compressed batch (which makes a view of its
//! own) and before damage (which the next fetch meets). It begins with a batch that has records to show; what has none,
//! control batches, emptied ones, aborted ones, is passed over before it and hidden inside it.

use std::sync::Arc;

use super::config::{CheckCrcs, IsolationLevel, ReaderConfig};
use super::isolation::Aborted;
use super::partition::PartitionLog;
use super::unpack::{check_crc, output_limit, unpack};
use super::view::{Parts, View};
use super::walk::{Cursor, Found};
use crate::error::Result;
use crate::record::{BatchHeader, Codec, Decompressor};

/// What a reader keeps between fetches to make views.
#[derive(Debug, Default)]
pub struct Gatherer {
    aborted: Aborted,
    decompressor: Decompressor,
}

/// What one fetch is about.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The log.
    pub log: &'a PartitionLog,
    /// Settings of the reader.
    pub config: &'a ReaderConfig,
    /// Records below it are not shown.
    pub offset: i64,
    /// Offsets from here on are not visible.
    pub end: i64,
    /// Most bytes of batches, unless the first one alone is larger.
    pub max_bytes: usize,
}

/// What was found at the cursor.
#[derive(Debug)]
pub enum Gathered {
    /// A view with at least one record.
    View(Arc<View>),
    /// No further record in this segment that is visible.
    SegmentEnd,
}

/// Whether a batch has records to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Yes,
    No,
}

impl Gatherer {
    /// Moves the cursor behind what it gathers. On `Err` the cursor stands at the batch that the error is about.
    pub fn gather(&mut self, cursor: &mut Cursor, wanted: &Wanted<'_>) -> Result<Gathered> {
        loop {
            let header = match cursor.peek(wanted.log, wanted.end)? {
                Found::Batch(header) => header,
                Found::Old(entry) => return Err(cursor.unsupported(&entry)),
                Found::SegmentEnd => return Ok(Gathered::SegmentEnd),
            };
            if header.next_offset() <= wanted.offset {
                cursor.pass_unchecked(header.size(), header.next_offset());
                continue;
            }
            verify(cursor, wanted, &header)?;
            if self.shown(cursor, wanted, &header)? == Shown::No {
                cursor.pass(header.size(), header.next_offset());
                continue;
            }
            let view = match header.attributes.codec().map_err(|error| cursor.damage(&error))? {
                Codec::None => self.run(cursor, wanted, &header)?,
                codec => self.single(cursor, wanted, &header, codec)?,
            };
            if let Some(view) = view {
                return Ok(Gathered::View(view));
            }
        }
    }

    /// Whether the batch at the cursor, which is as it was written, has records to show.
    #[inline]
    fn shown(&mut self, cursor: &Cursor, wanted: &Wanted<'_>, header: &BatchHeader) -> Result<Shown> {
        if header.attributes.is_control() || header.record_count == 0 {
            return Ok(Shown::No);
        }
        if wanted.config.isolation == IsolationLevel::ReadCommitted
            && self.aborted.hides(wanted.log, &cursor.list, cursor.at, wanted.end, header)?
        {
            return Ok(Shown::No);
        }
        Ok(Shown::Yes)
    }

    /// A view of uncompressed batches from the cursor on; the first was looked at. `None` where it has only records below the offset.
    fn run(&mut self, cursor: &mut Cursor, wanted: &Wanted<'_>, first: &BatchHeader) -> Result<Option<Arc<View>>> {
        let start = cursor.position;
        cursor.window.read_ahead(start)?;
        cursor.window.note(first);
        let mut run = Run::begin(cursor, first);
        while run.len < wanted.max_bytes
            && self.extend(cursor, wanted, start, &mut run).unwrap_or(Shown::No) == Shown::Yes
        {}
        let memory = cursor.window.take(start, run.len)?;
        let view = Parts {
            memory,
            position: start,
            decompressed: None,
            first_offset: wanted.offset,
            next_offset: run.next_offset,
            record_count: run.record_count,
            hidden: run.hidden,
        };
        Ok(non_empty(view, first, wanted.offset))
    }

    /// Takes one more batch into the run, if it belongs there. What is wrong with it is told by the fetch that begins with it.
    #[inline]
    fn extend(&mut self, cursor: &mut Cursor, wanted: &Wanted<'_>, start: u64, run: &mut Run) -> Result<Shown> {
        if !cursor.window.holds(start, run.len + BatchHeader::SIZE) {
            return Ok(Shown::No);
        }
        let Found::Batch(header) = cursor.peek(wanted.log, wanted.end)? else { return Ok(Shown::No) };
        let len = run.len + header.size();
        let is_plain = header.attributes.codec() == Ok(Codec::None);
        if len > wanted.max_bytes || !is_plain || !cursor.window.holds(start, len) {
            return Ok(Shown::No);
        }
        verify(cursor, wanted, &header)?;
        if self.shown(cursor, wanted, &header)? == Shown::No {
            run.hidden.push(run.len);
        }
        run.add(cursor, &header);
        Ok(Shown::Yes)
    }

    /// A view of one compressed batch.
    fn single(
        &mut self,
        cursor: &mut Cursor,
        wanted: &Wanted<'_>,
        header: &BatchHeader,
        codec: Codec,
    ) -> Result<Option<Arc<View>>> {
        let (start, size) = (cursor.position, header.size());
        let batch = cursor.window.at(wanted.log, start, size)?;
        let unpacked = unpack(&mut self.decompressor, codec, header, batch, output_limit(size));
        let decompressed = Some(unpacked.map_err(|error| cursor.damage(&error))?);
        cursor.pass(size, header.next_offset());
        let view = Parts {
            memory: cursor.window.take(start, size)?,
            position: start,
            decompressed,
            first_offset: wanted.offset,
            next_offset: header.next_offset(),
            record_count: usize::try_from(header.record_count).unwrap_or(0),
            hidden: Vec::new(),
        };
        Ok(non_empty(view, header, wanted.offset))
    }
}

/// A run under way.
struct Run {
    len: usize,
    next_offset: i64,
    record_count: usize,
    hidden: Vec<usize>,
}

impl Run {
    fn begin(cursor: &mut Cursor, first: &BatchHeader) -> Self {
        let mut run = Self { len: 0, next_offset: 0, record_count: 0, hidden: Vec::new() };
        run.add(cursor, first);
        run
    }

    #[inline]
    fn add(&mut self, cursor: &mut Cursor, header: &BatchHeader) {
        cursor.pass(header.size(), header.next_offset());
        self.len += header.size();
        self.next_offset = header.next_offset();
        self.record_count += usize::try_from(header.record_count).unwrap_or(0);
    }
}

/// The view, unless compaction left its only batch without a record from the offset on, which only the records tell.
#[inline]
fn non_empty(view: Parts, first: &BatchHeader, offset: i64) -> Option<Arc<View>> {
    let is_full = i64::from(first.record_count) == i64::from(first.last_offset_delta) + 1;
    if !is_full && offset > first.base_offset && !view.records().has_rows(offset) {
        return None;
    }
    Some(View::new(view))
}

/// Checks the batch at the cursor as the reader is configured to.
#[inline]
fn verify(cursor: &mut Cursor, wanted: &Wanted<'_>, header: &BatchHeader) -> Result<()> {
    if wanted.config.check_crcs == CheckCrcs::Never {
        return Ok(());
    }
    let batch = cursor.window.at(wanted.log, cursor.position, header.size())?;
    check_crc(header, batch).map_err(|error| cursor.damage(&error))
}
