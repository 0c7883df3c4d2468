//! What a fetch gives: whole batches pinned in memory, with tables of their records beside them.
//!
//! A view is of one segment, and either a run of uncompressed batches or one batch decompressed. Its bytes were checked
//! by who made it; what it lends stays where it is for as long as the view lives, whatever becomes of the log.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::arrived;
use super::part::Mapping;
use super::segments::Segment;
use super::table::{Malformed, Records};
use crate::error::{Error, Result};
use crate::record::BatchHeader;

pub use super::table::{Columns, RecordRow};

/// What holds the batches of a view.
#[derive(Debug)]
pub enum Memory {
    /// A range of a segment's map.
    Mapped {
        /// The map.
        mapping: Arc<Mapping>,
        /// Bytes of it.
        range: Range<usize>,
    },
    /// Bytes of its own.
    Owned {
        /// The batches.
        bytes: Vec<u8>,
        /// Where they were copied from; `None` where they arrived from elsewhere.
        segment: Option<Arc<Segment>>,
    },
}

impl Memory {
    /// The batches.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped { mapping, range } => mapping.bytes(range.clone()),
            Self::Owned { bytes, .. } => bytes,
        }
    }

    fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Mapped { mapping, .. } => Some(mapping.path().to_path_buf()),
            Self::Owned { segment, .. } => {
                let part = segment.as_ref().and_then(|segment| segment.opened_log())?;
                Some(part.file().path().to_path_buf())
            }
        }
    }
}

/// The records of a compressed batch.
#[derive(Debug)]
pub(super) struct Decompressed {
    /// Header of the batch.
    pub header: BatchHeader,
    /// Its record area, decompressed.
    pub records: Vec<u8>,
}

/// What a view is made of.
#[derive(Debug)]
pub(super) struct Parts {
    /// The batches as they lie on disk.
    pub memory: Memory,
    /// Position of their first byte in the segment (or in what arrived).
    pub position: u64,
    /// Set where the one batch is compressed.
    pub decompressed: Option<Box<Decompressed>>,
    /// Records below it get no row.
    pub first_offset: i64,
    /// Offset behind the last batch.
    pub next_offset: i64,
    /// Records that the headers claim.
    pub record_count: usize,
    /// Positions in the run of batches that get no rows.
    pub hidden: Vec<usize>,
}

/// A run of whole uncompressed batches, or one decompressed batch. Shared by `Arc`, immutable, any thread; outlives its reader, the log and the directory.
#[derive(Debug)]
pub struct View {
    parts: Parts,
    /// The only row, where there is one record: made at once, without a block of its own.
    row: Option<RecordRow>,
    rows: OnceLock<Vec<RecordRow>>,
    columns: OnceLock<Box<Columns>>,
}

impl View {
    #[inline]
    pub(super) fn new(parts: Parts) -> Arc<Self> {
        let row = if parts.record_count == 1 { parts.records().only_row(parts.first_offset) } else { None };
        Arc::new(Self { parts, row, rows: OnceLock::new(), columns: OnceLock::new() })
    }

    /// Decodes batches that arrived from elsewhere: copies the first run of `bytes` that one view can hold. `max_output` bounds what decompression may give (and what is copied).
    /// `Ok((view, consumed))`; `Ok` with a view of 0 records and consumed 0 where `bytes` hold no whole batch yet; CRCs are checked.
    /// Consumed may be more than nothing with a view of 0 records: control batches were passed over.
    pub fn decode(bytes: &[u8], max_output: usize) -> Result<(Arc<Self>, usize)> {
        arrived::decode(bytes, max_output)
    }

    /// What all positions refer to: the run itself, or the decompressed records.
    #[must_use]
    #[inline]
    pub fn base(&self) -> &[u8] {
        match &self.parts.decompressed {
            Some(decompressed) => &decompressed.records,
            None => self.parts.memory.bytes(),
        }
    }

    /// The batches as they lie on disk, also those that the table leaves out.
    #[must_use]
    #[inline]
    pub fn raw(&self) -> &[u8] {
        self.parts.memory.bytes()
    }

    /// The record table by rows (made on first use). Control records, records below the position fetched from and records of aborted transactions (read_committed) are not in it.
    #[inline]
    pub fn rows(&self) -> Result<&[RecordRow]> {
        match &self.row {
            Some(row) => Ok(std::slice::from_ref(row)),
            None => self.rows_by_table(),
        }
    }

    fn rows_by_table(&self) -> Result<&[RecordRow]> {
        if let Some(rows) = self.rows.get() {
            return Ok(rows);
        }
        let table = self.parts.records().rows(self.parts.first_offset, self.parts.record_count)?;
        let rows = table.map_err(|malformed| self.malformed(&malformed))?;
        Ok(self.rows.get_or_init(|| rows))
    }

    /// The record table by columns (made on first use).
    pub fn columns(&self) -> Result<&Columns> {
        if let Some(columns) = self.columns.get() {
            return Ok(columns);
        }
        let table = self.parts.records().columns(self.parts.first_offset, self.parts.record_count)?;
        let columns = table.map_err(|malformed| self.malformed(&malformed))?;
        Ok(self.columns.get_or_init(|| Box::new(columns)))
    }

    /// Offset behind the last batch of the view: where the next fetch starts.
    #[must_use]
    #[inline]
    pub fn next_offset(&self) -> i64 {
        self.parts.next_offset
    }

    /// A batch whose checksum holds but whose records do not decode: on disk it is damage, from elsewhere a bad batch.
    #[cold]
    fn malformed(&self, (start, error): &Malformed) -> Error {
        match self.parts.memory.path() {
            None => Error::InvalidBatch(error.clone()),
            Some(path) => {
                let position = self.parts.position + *start as u64;
                Error::Corrupt { path, position, reason: format!("records do not decode: {error}") }
            }
        }
    }
}

impl Parts {
    /// What the tables are filled from.
    pub(super) fn records(&self) -> Records<'_> {
        match &self.decompressed {
            Some(decompressed) => Records::Decompressed { header: &decompressed.header, bytes: &decompressed.records },
            None => Records::Run { bytes: self.memory.bytes(), hidden: &self.hidden },
        }
    }
}
