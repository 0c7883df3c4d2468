//! The old log, record by record: a length of four bytes, little-endian, and a zlib stream.
//!
//! What is no record is one of two things. *Torn*: an append that was cut short and never acknowledged: its length
//! reaches beyond the next record or the end of the file, and the time index has no line for it. *Damaged*: everything
//! else. Behind both, reading goes on where the time index says that a record starts; the stream's own checksum decides
//! whether it does. Memory is bounded, whatever lengths and streams claim.

use std::path::Path;

use flate2::{Decompress, FlushDecompress, Status};

use super::times::Times;
use crate::compat::log_tail::LENGTH_SIZE;
use crate::error::{Error, Result};
use crate::sys::{Access, Dir, File};

const WINDOW_BYTES: usize = 64 << 10;

/// A range of the old log that is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    /// Where it starts.
    pub(super) position: u64,
    /// How many bytes.
    pub(super) size: u64,
}

/// The time of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// As its line in the time index says, in milliseconds.
    FromIndex(i64),
    /// Without a line: that of the message before it, or of the last change of the file.
    Assumed(i64),
}

impl Time {
    /// Milliseconds since the epoch.
    pub(super) fn get(self) -> i64 {
        let (Self::FromIndex(time_ms) | Self::Assumed(time_ms)) = self;
        time_ms
    }
}

/// What lies at a position.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A record, whose message is `OldLog::message`.
    Record { position: u64, time: Time },
    /// The rest of an append that was cut short.
    Torn(Gap),
    /// A record that cannot be read, and why.
    Damaged(Gap, String),
}

/// An old log that is read from front to back, up to the size that it had when it was opened.
pub(super) struct OldLog {
    window: Window,
    size: u64,
    position: u64,
    times: Times,
    last_time_ms: i64,
    inflater: Decompress,
    message: Vec<u8>,
    message_bytes_max: usize,
}

impl OldLog {
    /// Opens it, and the time index beside it where there is one.
    pub(super) fn open(path: &Path, message_bytes_max: usize) -> Result<Self> {
        let path = path.canonicalize().map_err(|error| Error::io("open", path, error))?;
        let names = path.parent().zip(path.file_name().and_then(|name| name.to_str()));
        let (folder, name) = names.ok_or_else(|| Error::InvalidArgument {
            name: "log_path",
            found: path.display().to_string(),
            expected: "the path of a .log file".to_owned(),
        })?;
        let folder = Dir::open(folder)?;
        let file = folder.open_file(name, Access::Read)?;
        let stem = name.strip_suffix(".log").unwrap_or(name);
        let times = folder.open_file_if_there(&format!("{stem}.timeindex"), Access::Read)?;
        Ok(Self {
            size: file.len()?,
            window: Window { file, bytes: Vec::new(), start: 0 },
            position: 0,
            times: Times::new(times),
            last_time_ms: folder.stat(name)?.map_or(0, |stat| stat.modified_ms.max(0)),
            inflater: Decompress::new(true),
            message: Vec::new(),
            message_bytes_max,
        })
    }

    /// Its path, for messages.
    pub(super) fn path(&self) -> &Path {
        self.window.file.path()
    }

    /// The message of the last record.
    pub(super) fn message(&self) -> &[u8] {
        &self.message
    }

    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Piece>> {
        let position = self.position;
        if position >= self.size {
            return Ok(None);
        }
        self.times.pass_to(position)?;
        let line = self.times.of(position);
        let reason = match self.read_record(position)? {
            Found::Record { end } => {
                self.position = end;
                self.last_time_ms = line.unwrap_or(self.last_time_ms);
                let time = line.map_or(Time::Assumed(self.last_time_ms), Time::FromIndex);
                return Ok(Some(Piece::Record { position, time }));
            }
            Found::Other { reason } => reason,
        };
        let next_start = self.times.next_start(position).unwrap_or(self.size).min(self.size);
        let end = match self.length(position)? {
            Some(0) => self.zero_end(position, next_start)?.max(position + LENGTH_SIZE),
            Some(length) => position + LENGTH_SIZE + length,
            None => u64::MAX,
        };
        // A file that grew and was not written ends in zeroes.
        let is_cut = end > next_start || end == next_start && self.zero_end(position, next_start)? == end;
        self.position = if is_cut { next_start } else { end };
        let gap = Gap { position, size: self.position - position };
        Ok(Some(if is_cut && line.is_none() { Piece::Torn(gap) } else { Piece::Damaged(gap, reason) }))
    }

    /// Tries what starts at a position.
    fn read_record(&mut self, position: u64) -> Result<Found> {
        let Some(length) = self.length(position)? else {
            return Ok(Found::Other { reason: "the file ends inside a length field".to_owned() });
        };
        let (start, end) = (position + LENGTH_SIZE, position + LENGTH_SIZE + length);
        if end > self.size {
            let reason = format!("a record of {length} bytes, of which the file has {}", self.size - start);
            return Ok(Found::Other { reason });
        }
        let limit = self.message_bytes_max as u64;
        // Deflate makes nothing longer by more than this; what claims to be is not looked at, however often it does.
        if length > limit + limit / 512 + 1024 {
            if self.times.next_start(position).is_some_and(|next| next < end) {
                return Ok(Found::Other { reason: format!("a length of {length} bytes, into the next record") });
            }
            return Err(Error::MessageTooLarge { path: self.path().to_path_buf(), position, limit });
        }
        match self.inflate(start, end)? {
            Inflated::Whole => Ok(Found::Record { end }),
            Inflated::Not { reason } => Ok(Found::Other { reason }),
            Inflated::TooLarge => Err(Error::MessageTooLarge { path: self.path().to_path_buf(), position, limit }),
        }
    }

    /// The length field at a position; `None` where the file ends inside it.
    fn length(&mut self, position: u64) -> Result<Option<u64>> {
        let size = LENGTH_SIZE.min(self.size - position) as usize;
        let field = self.window.at(position, size)?.first_chunk().copied();
        Ok(field.filter(|_| size as u64 == LENGTH_SIZE).map(|field| u64::from(u32::from_le_bytes(field))))
    }

    /// Unpacks the stream in a range into `message`.
    fn inflate(&mut self, start: u64, end: u64) -> Result<Inflated> {
        self.inflater.reset(true);
        self.message.clear();
        loop {
            let at = start + self.inflater.total_in();
            let wanted = usize::try_from(end - at).unwrap_or(WINDOW_BYTES).min(WINDOW_BYTES);
            let packed = self.window.at(at, wanted)?;
            let packed = packed.get(..wanted).unwrap_or(packed);
            let room = self.message.capacity() - self.message.len();
            if room == 0 {
                // One byte above the limit, so that a stream that ends on it can say so.
                let most = self.message_bytes_max.saturating_add(1) - self.message.len();
                let more = self.message.len().max(packed.len().saturating_mul(4)).max(256).min(most);
                let reserved = self.message.try_reserve_exact(more);
                reserved.map_err(|_| Error::OutOfMemory { what: "a message", bytes: more })?;
            }
            let before = (self.inflater.total_in(), self.message.len());
            let status = match self.inflater.decompress_vec(packed, &mut self.message, FlushDecompress::None) {
                Ok(status) => status,
                Err(error) => {
                    let reason = error.message().unwrap_or("not a zlib stream");
                    return Ok(Inflated::Not { reason: format!("{reason} after {} bytes", self.inflater.total_in()) });
                }
            };
            if self.message.len() > self.message_bytes_max {
                return Ok(Inflated::TooLarge);
            }
            if status == Status::StreamEnd {
                return Ok(Inflated::Whole);
            }
            if before == (self.inflater.total_in(), self.message.len()) && self.message.len() < self.message.capacity()
            {
                return Ok(Inflated::Not {
                    reason: format!("the stream ends after {} bytes", self.inflater.total_in()),
                });
            }
        }
    }

    /// Where the zeroes that start at a position end.
    fn zero_end(&mut self, start: u64, end: u64) -> Result<u64> {
        let mut at = start;
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(WINDOW_BYTES).min(WINDOW_BYTES);
            let bytes = self.window.at(at, wanted)?;
            let bytes = bytes.get(..wanted).unwrap_or(bytes);
            let count = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
            at += count as u64;
            if count < wanted {
                break;
            }
        }
        Ok(at)
    }
}

/// What starts at a position.
enum Found {
    /// A record, up to here.
    Record { end: u64 },
    /// None.
    Other { reason: String },
}

/// What became of a stream.
enum Inflated {
    /// Unpacked, its checksum right.
    Whole,
    /// Larger than what is allowed.
    TooLarge,
    /// No whole zlib stream.
    Not { reason: String },
}

/// The part of the file that was read last.
struct Window {
    file: File,
    bytes: Vec<u8>,
    start: u64,
}

impl Window {
    /// The bytes from a position on: at least `wanted` of them, at most a window's, unless the file has become shorter.
    fn at(&mut self, position: u64, wanted: usize) -> Result<&[u8]> {
        let end = self.start + self.bytes.len() as u64;
        if position < self.start || position + wanted as u64 > end {
            self.bytes.resize(WINDOW_BYTES, 0);
            let count = self.file.read_at(&mut self.bytes, position);
            self.bytes.truncate(*count.as_ref().unwrap_or(&0));
            self.start = position;
            count?;
        }
        let from = usize::try_from(position - self.start).unwrap_or(usize::MAX);
        Ok(self.bytes.get(from..).unwrap_or_default())
    }
}
