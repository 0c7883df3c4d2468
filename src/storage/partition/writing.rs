//! The writing half of the handle: records become a batch outside the lock and are appended under it; syncs and waits for them.

use std::cell::RefCell;
use std::os::fd::RawFd;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::{PartitionLog, Side, WriterSide};
use crate::error::{Error, Result};
use crate::record::{BatchBuilder, BatchHeader, Codec, TimestampType};
use crate::storage::append::{self, Appended, Rolled};
use crate::storage::control::PollBit;
use crate::storage::names::CONTROL;
use crate::storage::writer::Flusher;
use crate::storage::{close, durable, grow, raw, relief};
use crate::sys::{clock, notify};

/// One record to append.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Milliseconds since the epoch, -1 now.
    pub timestamp: i64,
    /// `None` is null.
    pub key: Option<&'a [u8]>,
    /// `None` is null.
    pub value: Option<&'a [u8]>,
    /// Header fields without the count.
    pub headers: &'a [u8],
}

thread_local! {
    /// Encoding happens outside the lock, in a buffer that each thread keeps.
    static BUILDER: RefCell<BatchBuilder> = RefCell::new(BatchBuilder::default());
}

impl PartitionLog {
    /// Appends records as one batch; its base offset, once published.
    #[inline(always)]
    pub fn append<'a>(&self, records: impl ExactSizeIterator<Item = Result<Record<'a>>>) -> Result<i64> {
        BUILDER.with(|builder| match builder.try_borrow_mut() {
            Ok(mut builder) => self.encode_and_append(&mut builder, records),
            Err(_) => self.encode_and_append(&mut BatchBuilder::default(), records),
        })
    }

    #[inline(always)]
    fn encode_and_append<'a>(
        &self,
        builder: &mut BatchBuilder,
        records: impl Iterator<Item = Result<Record<'a>>>,
    ) -> Result<i64> {
        let side = self.writer_side()?;
        builder.reset(self.config.compression, self.config.timestamp_type);
        let mut now = None;
        for (index, record) in records.enumerate() {
            self.add(builder, index, &record?, &mut now)?;
        }
        self.finish_and_append(side, builder, now)
    }

    /// Adds one record to a builder, with this log's limits.
    pub fn add_to_batch(&self, builder: &mut BatchBuilder, record: &Record<'_>) -> Result<()> {
        self.add(builder, builder.record_count(), record, &mut None)
    }

    #[inline(always)]
    fn add(&self, builder: &mut BatchBuilder, index: usize, record: &Record<'_>, now: &mut Option<i64>) -> Result<()> {
        let timestamp = match record.timestamp {
            given @ 0.. => given,
            -1 => *now.get_or_insert_with(clock::now_ms),
            found => return Err(Error::InvalidTimestamp { index, found }),
        };
        builder.add(timestamp, record.key, record.value, record.headers).map_err(Error::InvalidBatch)?;
        if self.config.compression.codec == Codec::None && builder.size() as u64 > self.config.max_message_bytes {
            return Err(Error::BatchTooLarge { size: builder.size() as u64, limit: self.config.max_message_bytes });
        }
        Ok(())
    }

    #[inline(always)]
    fn finish_and_append(&self, side: &WriterSide, builder: &mut BatchBuilder, now: Option<i64>) -> Result<i64> {
        let append_time = match self.config.timestamp_type {
            TimestampType::CreateTime => -1,
            TimestampType::LogAppendTime => now.unwrap_or_else(clock::now_ms),
        };
        let (batch, header) = builder.finish_with_header(append_time).map_err(Error::InvalidBatch)?;
        side.writer.member.check_fork()?;
        let appended = append::append(self, &side.writer, &side.control, batch, header)?;
        self.after_append(side, &appended)?;
        Ok(appended.base_offset)
    }

    fn append_encoded(&self, side: &WriterSide, batch: &mut [u8]) -> Result<i64> {
        side.writer.member.check_fork()?;
        let header = BatchHeader::parse(batch).map_err(Error::InvalidBatch)?;
        let appended = append::append(self, &side.writer, &side.control, batch, &header)?;
        self.after_append(side, &appended)?;
        Ok(appended.base_offset)
    }

    #[inline]
    fn after_append(&self, side: &WriterSide, appended: &Appended) -> Result<()> {
        if appended.rolled == Rolled::Yes {
            close::after_roll(self, side);
        }
        if self.config.flush_messages != u64::MAX {
            let behind = (appended.last_offset + 1).saturating_sub(side.control.durable_end());
            if behind.unsigned_abs() >= self.config.flush_messages {
                return self.flush(side, appended.last_offset);
            }
        }
        Ok(())
    }

    /// The records are published: a signal, with which the append would look undone, ends no wait here.
    fn flush(&self, side: &WriterSide, offset: i64) -> Result<()> {
        loop {
            match durable::wait(self, &side.writer, &side.control, offset, None) {
                Err(Error::Interrupted { .. }) => {}
                done => return done,
            }
        }
    }

    /// Appends what a builder holds; empties it, ready for the next batch.
    pub fn append_batch(&self, batch: &mut BatchBuilder) -> Result<i64> {
        let side = self.writer_side()?;
        let base_offset = self.finish_and_append(side, batch, None)?;
        batch.reset(self.config.compression, self.config.timestamp_type);
        Ok(base_offset)
    }

    /// Appends a ready v2 batch, checked as a broker checks a producer's: CRC, counts, offsets, no producer, no control records.
    pub fn append_raw(&self, batch: &[u8]) -> Result<i64> {
        let side = self.writer_side()?;
        if batch.len() as u64 > self.config.max_message_bytes {
            return Err(Error::BatchTooLarge { size: batch.len() as u64, limit: self.config.max_message_bytes });
        }
        let mut owned = raw::checked_copy(batch, self.config.timestamp_type)?;
        self.append_encoded(side, &mut owned)
    }

    /// Returns once the record at `offset` is durable. `None`: waits for ever.
    pub fn wait_durable(&self, offset: i64, timeout: Option<Duration>) -> Result<()> {
        if offset < 0 {
            let expected = "an offset, 0 or more".to_owned();
            return Err(Error::InvalidArgument { name: "offset", found: offset.to_string(), expected });
        }
        let side = self.writer_side()?;
        side.writer.member.check_fork()?;
        durable::wait(self, &side.writer, &side.control, offset, timeout)
    }

    /// Makes all that is published durable.
    pub fn sync(&self) -> Result<()> {
        let side = self.writer_side()?;
        side.writer.member.check_fork()?;
        let result = durable::sync(self, &side.writer, &side.control);
        side.control.wake_durable();
        result
    }

    /// Asks the flush thread for a sync; refused where none runs.
    pub fn request_sync(&self) -> Result<()> {
        let side = self.writer_side()?;
        side.writer.member.check_fork()?;
        if side.writer.flusher.get().is_some_and(|flusher| flusher.request()) {
            return Ok(());
        }
        Err(Error::ConfigRefused {
            key: "flush thread".to_owned(),
            value: "none".to_owned(),
            allowed: "start the I/O threads of the directory with the flush role first".to_owned(),
        })
    }

    /// Tells the log of the flush threads that serve it, once.
    pub fn set_flusher(&self, flusher: Arc<dyn Flusher>) {
        if let Side::Writer(side) = &self.side {
            let _ = side.writer.flusher.set(flusher);
        }
    }

    /// A descriptor that polls readable when the durable end has moved since this call: each call drains and arms it again. Owned by the log.
    pub fn durable_fd(&self) -> Result<RawFd> {
        let side = self.writer_side()?;
        side.writer.member.check_fork()?;
        let mut watch = side.writer.durable_watch.lock().unwrap_or_else(PoisonError::into_inner);
        if watch.is_none() {
            *watch = Some(notify::Watch::new(side.control.file(), &self.path().join(CONTROL))?);
        }
        let Some(watch) = watch.as_ref() else { return Err(Error::WouldBlock) };
        watch.drain();
        side.control.arm_poll(PollBit::Durable);
        Ok(watch.as_raw_fd())
    }

    /// One pass of preparing pages ahead of the end. Whether there was anything to do.
    pub fn pretouch(&self) -> Result<bool> {
        let side = self.writer_side()?;
        side.writer.member.check_fork()?;
        if side.control.is_stopped() {
            return Ok(false);
        }
        let Some((_, position, _)) = side.control.active_extent() else { return Ok(false) };
        let grown = grow::grow_ahead(&side.writer, &side.control, self.folder(), self.config(), position);
        if !matches!(grown, Ok(false)) {
            relief::admit(self);
        }
        grown
    }
}
