//! Takes over a log that C-Kafka wrote: its messages become records of a partition, with their times.
//!
//! - `old_log`: the old files, record by record; `times`: the time index beside them; `present`: what the partition
//!   holds already; `report`: what was done, as JSON.
//!
//! Kept: the old files are only read. The partition gets the messages in order, none twice: what it holds is compared
//! first, so an import that was cut short is repeated, and goes on where it stopped.

mod old_log;
mod present;
mod report;
mod times;

use std::ffi::c_char;
use std::path::Path;

use self::old_log::{OldLog, Piece};
use self::present::Present;
use self::report::Report;
use crate::broker::Log;
use crate::error::{Error, Result};
use crate::ffi::codes::ckafka_err_t;
use crate::ffi::edge::{Failure, hand_over_text, on, out, path};
use crate::ffi::types::ckafka_log_t;
use crate::record::{BatchBuilder, Codec};
use crate::storage::partition::Record;

/// `ckafka_compat_import`: damaged records are left out, and named in the report.
pub const CKAFKA_COMPAT_IMPORT_SKIP_DAMAGED: u32 = 1;

/// A batch is appended once it has this size, or half of what the log takes.
const BATCH_BYTES: usize = 256 << 10;
/// What a message may unpack to where batches are compressed, so that the log's own limit says nothing about it.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// What to do about a record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnDamage {
    /// Fail, with the place.
    Stop,
    /// Leave it out, and say so.
    Skip,
}

/// Imports an old log into a partition, from its start or from where an earlier call stopped; include/ckafka_compat.h has the whole contract.
///
/// # Safety
/// `log_path` is NULL or zero-terminated. `count_out` and `report_out` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_compat_import(
    log: *mut ckafka_log_t,
    log_path: *const c_char,
    flags: u32,
    count_out: *mut i64,
    report_out: *mut *mut c_char,
) -> ckafka_err_t {
    on::<Log>("ckafka_compat_import", log, |log| {
        // SAFETY: this function's contract.
        let (path, count_out) = unsafe { (path(log_path, "log_path")?, out(count_out, "count_out")?) };
        let on_damage = match flags {
            0 => OnDamage::Stop,
            CKAFKA_COMPAT_IMPORT_SKIP_DAMAGED => OnDamage::Skip,
            _ => return Err(Failure::argument("flags", flags, "0 or CKAFKA_COMPAT_IMPORT_SKIP_DAMAGED")),
        };
        let report = import(log, path, on_damage)?;
        if !report_out.is_null() {
            // SAFETY: this function's contract.
            hand_over_text(&report.json(), &unsafe { out(report_out, "report_out") }?)?;
        }
        count_out.write(report.appended);
        Ok(())
    })
}

fn import(log: &Log, path: &Path, on_damage: OnDamage) -> Result<Report> {
    let config = log.config();
    let log_bytes_max = usize::try_from(config.max_message_bytes.min(config.segment_bytes)).unwrap_or(usize::MAX);
    let unpacked_max = match config.compression.codec {
        Codec::None => log_bytes_max,
        _ => log_bytes_max.max(MESSAGE_BYTES_MAX),
    };
    let mut old = OldLog::open(path, unpacked_max)?;
    let mut present = Present::new(log)?;
    let mut import = Import {
        log,
        batch: BatchBuilder::new(config.compression, config.timestamp_type),
        batch_bytes: BATCH_BYTES.min(log_bytes_max / 2),
        batch_position: 0,
        report: Report::new(old.path()),
    };
    while let Some(piece) = old.next()? {
        match piece {
            Piece::Record { position, time } => {
                if present.has_next(old.message(), position, old.path())? {
                    import.report.already_there += 1;
                } else {
                    import.report.count_time(time);
                    import.add(old.message(), time.get(), position, old.path())?;
                }
            }
            Piece::Torn(gap) => import.report.torn(gap),
            Piece::Damaged(gap, reason) if on_damage == OnDamage::Skip => import.report.damaged(gap, &reason),
            Piece::Damaged(gap, reason) => {
                // What came before it is taken over all the same.
                import.append(old.path())?;
                log.sync()?;
                return Err(Error::Corrupt { path: old.path().to_path_buf(), position: gap.position, reason });
            }
        }
    }
    import.append(old.path())?;
    // Also what an earlier call appended and did not live to sync.
    log.sync()?;
    Ok(import.report)
}

/// An import under way.
struct Import<'a> {
    log: &'a Log,
    batch: BatchBuilder,
    batch_bytes: usize,
    /// Where the first message of the batch lies in the old log.
    batch_position: u64,
    report: Report,
}

impl Import<'_> {
    fn add(&mut self, message: &[u8], time_ms: i64, position: u64, path: &Path) -> Result<()> {
        let size = BatchBuilder::record_size_max(0, message.len(), 0);
        if self.batch.record_count() > 0 && self.batch.size().saturating_add(size) > self.batch_bytes {
            self.append(path)?;
        }
        if self.batch.record_count() == 0 {
            self.batch_position = position;
        }
        let record = Record { timestamp: time_ms, key: None, value: Some(message), headers: &[] };
        self.log.add_to_batch(&mut self.batch, &record).map_err(|error| at(error, path, position))
    }

    fn append(&mut self, path: &Path) -> Result<()> {
        let count = self.batch.record_count() as i64;
        if count == 0 {
            return Ok(());
        }
        let expected = self.report.appended + self.report.already_there;
        let base = self.log.append_batch(&mut self.batch).map_err(|error| at(error, path, self.batch_position))?;
        if base != expected {
            return Err(Error::InvalidArgument {
                name: "log",
                found: format!("records of somebody else from offset {expected} on"),
                expected: "nobody who appends to the partition while it takes over an old log".to_owned(),
            });
        }
        self.report.appended += count;
        Ok(())
    }
}

/// A message that the log does not take, with its place; everything else as it is.
fn at(error: Error, path: &Path, position: u64) -> Error {
    match error {
        Error::BatchTooLarge { limit, .. } | Error::BatchExceedsSegment { limit, .. } => {
            Error::MessageTooLarge { path: path.to_path_buf(), position, limit }
        }
        other => other,
    }
}
