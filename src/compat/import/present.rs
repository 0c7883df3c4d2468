//! What the partition holds already: the messages of an earlier import, from the first on, and nothing else.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::broker::Log;
use crate::error::{Error, Result};
use crate::storage::config::ReaderConfig;
use crate::storage::reader::{Reader, Start};
use crate::storage::view::View;

const FETCH_BYTES: usize = 1 << 20;

/// The records that were there when the import began, one after the other.
pub(super) struct Present {
    reader: Reader,
    end: i64,
    view: Option<Arc<View>>,
    row: usize,
    next: i64,
}

impl Present {
    /// Of a partition; one whose first records were deleted cannot be compared.
    pub(super) fn new(log: &Log) -> Result<Self> {
        if log.log_start() != 0 {
            return Err(refused(
                format!("a partition that starts at offset {}", log.log_start()),
                "one from whose start nothing was deleted",
            ));
        }
        let reader = Reader::open(Arc::clone(log), Start::Earliest, ReaderConfig::default())?;
        Ok(Self { reader, end: log.published_end(), view: None, row: 0, next: 0 })
    }

    /// Whether the partition holds this message next: `false` where it ends. Another record in its place is an error.
    pub(super) fn has_next(&mut self, message: &[u8], position: u64, path: &Path) -> Result<bool> {
        if self.next >= self.end {
            return Ok(false);
        }
        loop {
            if let Some(view) = &self.view
                && let Some(row) = view.rows()?.get(self.row)
            {
                let start = usize::try_from(row.value_position).unwrap_or(usize::MAX);
                let size = usize::try_from(row.value_len).unwrap_or(usize::MAX);
                let value = view.base().get(start..start.saturating_add(size));
                if row.offset != self.next || row.key_len >= 0 || value != Some(message) {
                    return Err(refused(
                        format!(
                            "record {} is not the message at position {position} of {}",
                            row.offset,
                            path.display()
                        ),
                        "a partition that is empty, or holds what an earlier import of this log appended",
                    ));
                }
                (self.row, self.next) = (self.row + 1, self.next + 1);
                return Ok(true);
            }
            (self.view, self.row) = (Some(self.reader.fetch(FETCH_BYTES, Some(Duration::ZERO))?), 0);
        }
    }
}

fn refused(found: String, expected: &str) -> Error {
    Error::InvalidArgument { name: "log", found, expected: expected.to_owned() }
}
