//! Sends a log to a descriptor as it lies.
//!
//! A sender holds a byte position, also inside a batch, since a descriptor may take a hundred bytes of a megabyte. It needs to
//! know where batches begin only where the byte limit cuts: else all that is published of a segment goes in one piece, and
//! not one header is looked at. A segment that retention unlinks meanwhile stays until its begun batch has gone.

use std::cell::Cell;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::config::ReaderConfig;
use super::lookup::{self, Manner};
use super::partition::PartitionLog;
use super::reader::{Start, in_range};
use super::segments::{Extent, SegmentList};
use super::walk::Cursor;
use crate::error::{Error, Result};
use crate::record::{BatchError, BatchHeader, EntryHeader, scan_entry};
use crate::sys::transfer::{self, Stop};

/// Why a send stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendStop {
    /// `max_bytes` have gone, or the end was reached.
    Done,
    /// The descriptor takes nothing more now.
    WouldBlock,
    /// A signal came, or an error after some bytes had gone, which the next call meets.
    Interrupted,
}

/// What a send did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendOutcome {
    /// Bytes that went, also where it stopped early.
    pub sent: u64,
    /// Why it stopped.
    pub stop: SendStop,
}

/// How the bytes of a log's senders in this process went.
#[derive(Debug, Default)]
pub struct SendCounters {
    /// Moved inside the kernel.
    pub by_kernel: AtomicU64,
    /// Copied through user space.
    pub copied: AtomicU64,
}

/// A place between two batches of the cursor's segment.
#[derive(Debug, Clone, Copy)]
struct Boundary {
    position: u64,
    /// Offset of the batch behind it, or lower.
    offset: i64,
}

/// A byte position in a log, also inside a batch. One thread at a time.
#[derive(Debug)]
pub struct Sender {
    log: Arc<PartitionLog>,
    manner: Manner,
    list: Arc<SegmentList>,
    /// In the segment that is being sent; `None` before the first byte.
    cursor: Option<Box<Cursor>>,
    /// Where the next byte is.
    position: u64,
    /// The last batch boundary known at or before the position.
    behind: Cell<Boundary>,
    /// One known ahead of it.
    ahead: Option<Boundary>,
}

impl Sender {
    /// Starts at the batch that holds the start's offset.
    pub fn open(log: Arc<PartitionLog>, start: Start) -> Result<Self> {
        log.check()?;
        let manner = Manner::new(&log, &ReaderConfig::default());
        let end = log.published_end();
        let list = lookup::newest_list(&log)?;
        let offset = start.resolve(&log, end)?;
        let behind = Cell::new(Boundary { position: 0, offset });
        let mut sender = Self { log, manner, list, cursor: None, position: 0, behind, ahead: None };
        if offset < end {
            sender.place(end)?;
        }
        Ok(sender)
    }

    /// Sends up to `max_bytes` of whole batches below the published end, and at least one; a batch once begun is finished by later calls.
    pub fn send(&mut self, out: RawFd, max_bytes: u64) -> Result<SendOutcome> {
        self.log.check()?;
        let mut sent = 0;
        loop {
            let piece = match self.next_piece(max_bytes.saturating_sub(sent), sent) {
                Ok(Some(piece)) => piece,
                Ok(None) => return Ok(SendOutcome { sent, stop: SendStop::Done }),
                Err(_) if sent > 0 => return Ok(SendOutcome { sent, stop: SendStop::Interrupted }),
                Err(error) => return Err(error),
            };
            let stop = match self.send_piece(out, piece) {
                Ok((moved, stop)) => {
                    sent += moved;
                    stop
                }
                Err(_) if sent > 0 => return Ok(SendOutcome { sent, stop: SendStop::Interrupted }),
                Err(error) => return Err(error),
            };
            if let Some(stop) = stop {
                return Ok(SendOutcome { sent, stop });
            }
        }
    }

    /// Base offset of the batch that the next byte belongs to, and the bytes of it that have gone.
    #[must_use]
    pub fn position(&self) -> (i64, u64) {
        let Some(cursor) = &self.cursor else { return (self.behind.get().offset, 0) };
        let settled = self.settle(cursor);
        let Boundary { position, offset } = self.behind.get();
        let base = match settled {
            Ok(Some(entry)) => entry.base_offset.max(offset),
            _ => offset,
        };
        (base, self.position - position)
    }

    /// Moves the boundary behind to the batch that holds the position, and gives that batch's header; `None` at the end of what is known.
    fn settle(&self, cursor: &Cursor) -> Result<Option<EntryHeader>> {
        loop {
            let Boundary { position, .. } = self.behind.get();
            let Some(entry) = entry_at(cursor, position)? else { return Ok(None) };
            let next = position + entry.size as u64;
            if next > self.position {
                return Ok(Some(entry));
            }
            self.behind.set(Boundary { position: next, offset: entry.last_offset.saturating_add(1) });
        }
    }

    /// Stands before the batch that holds the offset of the boundary.
    fn place(&mut self, end: i64) -> Result<()> {
        let offset = in_range(&self.log, self.behind.get().offset)?;
        self.list = lookup::newest_list(&self.log)?;
        let cursor = lookup::locate(&self.log, self.manner, &self.list, self.cursor.take(), offset, end)?;
        self.list = Arc::clone(&cursor.list);
        self.stand(cursor);
        Ok(())
    }

    fn stand(&mut self, cursor: Box<Cursor>) {
        self.position = cursor.position;
        self.behind.set(Boundary { position: cursor.position, offset: cursor.expected });
        self.ahead = None;
        self.cursor = Some(cursor);
    }

    /// How many bytes may go now, in one piece of one segment; `None`: nothing more, or nothing more that fits.
    fn next_piece(&mut self, budget: u64, sent: u64) -> Result<Option<u64>> {
        let end = self.log.published_end();
        if let Some(ahead) = self.ahead.filter(|ahead| ahead.position <= self.position) {
            self.behind.set(ahead);
            self.ahead = None;
        }
        if self.cursor.is_none() {
            if self.behind.get().offset >= end {
                return Ok(None);
            }
            self.place(end)?;
        }
        if self.log.roll_generation() != self.list.generation()
            && let Some(rest) = self.follow(end)?
        {
            return Ok(Some(rest));
        }
        loop {
            let Some(cursor) = &mut self.cursor else { return Ok(None) };
            let Some(limit) = published_limit(&self.log, cursor)? else { return Ok(None) };
            if self.position < limit {
                return self.piece_below(limit, end, budget, sent);
            }
            if self.behind.get().offset >= end || !self.next_segment()? {
                return Ok(None);
            }
        }
    }

    /// Goes along with a changed list of segments: at a batch boundary by the new list, within a batch only after the rest of it, whose bytes are given.
    #[cold]
    fn follow(&mut self, end: i64) -> Result<Option<u64>> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let entry = self.settle(cursor)?;
        let Boundary { position, .. } = self.behind.get();
        if let Some(entry) = entry.filter(|_| position < self.position) {
            let next = Boundary { position: position + entry.size as u64, offset: entry.last_offset.saturating_add(1) };
            self.ahead = Some(next);
            return Ok(Some(next.position - self.position));
        }
        self.list = lookup::newest_list(&self.log)?;
        let list = &self.list;
        self.ahead = None;
        if !self.cursor.as_mut().is_some_and(|cursor| cursor.follow(list)) {
            self.cursor = None;
            if self.behind.get().offset < end {
                self.place(end)?;
            }
        }
        Ok(None)
    }

    /// A piece of the segment, of which `limit` bytes are published.
    fn piece_below(&mut self, limit: u64, end: i64, budget: u64, sent: u64) -> Result<Option<u64>> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        if limit - self.position <= budget {
            let offset = match cursor.window.extent() {
                Extent::Published { end_offset, .. } => end_offset,
                Extent::Closed | Extent::Unknown => cursor.stop(end),
            };
            self.ahead = Some(Boundary { position: limit, offset });
            return Ok(Some(limit - self.position));
        }
        if let Some(ahead) = self.ahead.filter(|ahead| ahead.position - self.position <= budget) {
            return Ok(Some(ahead.position - self.position));
        }
        self.settle(cursor)?;
        let begun = self.position > self.behind.get().position;
        let mut next = self.behind.get();
        // The index knows a boundary near the limit: only the batches from there on are looked at one by one.
        if let Some(cursor) = &mut self.cursor
            && let Some((position, offset)) =
                lookup::batch_before(&self.log, &mut cursor.window, self.position + budget)?
            && position > self.position
        {
            next = Boundary { position, offset };
        }
        let Some(cursor) = &self.cursor else { return Ok(None) };
        while let Some(entry) = entry_at(cursor, next.position)? {
            let behind = next.position + entry.size as u64;
            let is_first = next.position <= self.position && (begun || sent == 0);
            if behind - self.position > budget && !is_first {
                break;
            }
            next = Boundary { position: behind, offset: entry.last_offset.saturating_add(1) };
        }
        if next.position <= self.position {
            return Ok(None);
        }
        self.ahead = Some(next);
        Ok(Some(next.position - self.position))
    }

    /// Goes to the next segment of the list; `false` where there is none.
    fn next_segment(&mut self) -> Result<bool> {
        let Some(cursor) = &self.cursor else { return Ok(false) };
        let base = cursor.list.next_base(cursor.at);
        if base == i64::MAX {
            return Ok(false);
        }
        let next = lookup::open_at(&self.log, self.manner.mode, &cursor.list, base)?;
        self.list = Arc::clone(&next.list);
        self.stand(next);
        Ok(true)
    }

    /// Sends `len` bytes from the position. What went, and why not all of it.
    fn send_piece(&mut self, out: RawFd, len: u64) -> Result<(u64, Option<SendStop>)> {
        let Some(cursor) = &self.cursor else { return Ok((0, Some(SendStop::Done))) };
        let Some(part) = cursor.window.segment().opened_log() else { return Ok((0, Some(SendStop::Done))) };
        let sent = transfer::send(out, part.file(), self.position, len)?;
        let moved = sent.by_kernel + sent.copied;
        let counters = self.log.send_counters();
        counters.by_kernel.fetch_add(sent.by_kernel, Relaxed);
        counters.copied.fetch_add(sent.copied, Relaxed);
        self.position += moved;
        match sent.stop {
            Stop::Done => Ok((moved, None)),
            Stop::WouldBlock => Ok((moved, Some(SendStop::WouldBlock))),
            Stop::Interrupted => Ok((moved, Some(SendStop::Interrupted))),
            Stop::EndOfFile if moved > 0 => Ok((moved, Some(SendStop::Interrupted))),
            Stop::EndOfFile => Err(Error::Corrupt {
                path: cursor.window.path(),
                position: self.position,
                reason: format!("file ends, expected {len} more bytes of published batches"),
            }),
        }
    }
}

/// Bytes of the segment that are published. `None` where publishes came too fast to tell, which the file's length would not: zeroes lie ahead.
fn published_limit(log: &PartitionLog, cursor: &mut Cursor) -> Result<Option<u64>> {
    for _ in 0..1000 {
        cursor.window.refresh(log)?;
        if cursor.window.extent() != Extent::Unknown {
            return Ok(Some(cursor.window.limit()));
        }
        std::thread::yield_now();
    }
    Ok(None)
}

/// The batch that begins at `position`; `None` where the segment ends there.
fn entry_at(cursor: &Cursor, position: u64) -> Result<Option<EntryHeader>> {
    let left = cursor.window.limit().saturating_sub(position);
    if left == 0 {
        return Ok(None);
    }
    let mut head = [0; BatchHeader::SIZE];
    let count = cursor.window.glance(position, &mut head)?;
    let damaged = |error: &BatchError| super::unpack::damaged(cursor.window.path(), position, error);
    let entry = scan_entry(head.get(..count).unwrap_or_default()).map_err(|error| damaged(&error))?;
    if entry.size as u64 > left {
        return Err(damaged(&BatchError::Truncated { needed: entry.size as u64, found: left }));
    }
    Ok(Some(entry))
}
