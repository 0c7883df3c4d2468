//! Makes the three files whole again before the first append to them, and after somebody else changed them: a torn
//! record at the end of the log goes, lines that the indexes lack are written.
//!
//! ```text
//! record of the log  0 length of the stream (4, little-endian) | 4 zlib stream (RFC 1950)
//! ```
//!
//! Invariant: nothing is cut that has a whole record behind it. A length that was damaged in the middle of the log
//! leads nowhere, too; what lies behind it was told to be on disk, and stays.

use super::compression;
use super::log_files::{Files, Sizes};
use super::log_lines::{self, Kept, Line};
use super::shim;
use crate::error::Result;
use crate::sys::File;

/// Bytes of a record's length, in front of its stream.
pub(in crate::compat) const LENGTH_SIZE: u64 = 4;
/// The shortest stream of zlib's.
const STREAM_SIZE_MIN: u64 = 8;
/// How much of the log is looked at together.
const WINDOW_SIZE: usize = 256 << 10;

/// Makes the files whole; their sizes then. Nobody else may append meanwhile.
pub(super) fn make_whole(files: &Files) -> Result<Sizes> {
    let size = files.log.len()?;
    let mut log = Log { file: &files.log, size, start: 0, window: Vec::new() };
    let offered = [log_lines::offered(&files.index, size)?, log_lines::offered(&files.times, size)?];
    let ([index, times], start) = log.start_of_walk(&offered)?;
    let time_of_lost = match times.line {
        Some(line) => line.number,
        None => files.log.modified_seconds()?,
    };
    let mut number = index.line.map_or(0, |line| line.number.saturating_add(1));
    cut_to(&files.index, index.size)?;
    cut_to(&files.times, times.size)?;
    let mut index_writer = log_lines::Writer::new(&files.index, index.size);
    let mut times_writer = log_lines::Writer::new(&files.times, times.size);
    let is_missing = |kept: &Kept, position: u64| kept.line.is_none_or(|line| position > line.position);
    let end = log.walk(start, &mut |position| {
        if is_missing(&index, position) {
            index_writer.add(Line { number, position })?;
            number = number.saturating_add(1);
        }
        if is_missing(&times, position) {
            times_writer.add(Line { number: time_of_lost, position })?;
        }
        Ok(())
    })?;
    // The torn record goes last: until then everything can be done once more.
    let sizes = Sizes { log: end, index: index_writer.finish()?, times: times_writer.finish()? };
    cut_to(&files.log, end)?;
    Ok(sizes)
}

fn cut_to(file: &File, size: u64) -> Result<()> {
    if file.len()? > size { file.set_len(size) } else { Ok(()) }
}

/// The log, read by position.
struct Log<'a> {
    file: &'a File,
    size: u64,
    start: u64,
    window: Vec<u8>,
}

impl Log<'_> {
    /// What is kept of each index: up to the last line that points to a record. And where the walk has to start, so that
    /// it meets all records that have no line. An index without such a line is of another log, and is written anew.
    fn start_of_walk(&mut self, offered: &[Vec<Kept>; 2]) -> Result<([Kept; 2], u64)> {
        let mut found = [None; 2];
        for (found, offered) in found.iter_mut().zip(offered) {
            for kept in offered {
                if self.is_record(kept.line.map_or(u64::MAX, |line| line.position))? {
                    *found = Some(*kept);
                    break;
                }
            }
        }
        if let [Some(index), Some(times)] = found {
            let start = |kept: Kept| kept.line.map_or(0, |line| line.position);
            return Ok(([index, times], start(index).min(start(times))));
        }
        // Records need not be zlib's where the program brings its own compression: what the walk meets counts as well.
        let mut met = [Kept::default(); 2];
        let mut rest = [offered[0].as_slice(), offered[1].as_slice()];
        self.walk(0, &mut |position| {
            for (met, rest) in met.iter_mut().zip(&mut rest) {
                // Lines and records are in the same order, the offered lines in the opposite one.
                while let [before @ .., kept] = rest
                    && let Some(line) = kept.line
                    && line.position <= position
                {
                    if line.position == position {
                        *met = *kept;
                    }
                    *rest = before;
                }
            }
            Ok(())
        })?;
        Ok(([found[0].unwrap_or(met[0]), found[1].unwrap_or(met[1])], 0))
    }

    /// Calls `each` with the position of each whole record; where they end.
    fn walk(&mut self, start: u64, each: &mut dyn FnMut(u64) -> Result<()>) -> Result<u64> {
        let mut position = start;
        while position < self.size {
            match self.length(position)? {
                Some(length) => {
                    each(position)?;
                    position += LENGTH_SIZE + length;
                }
                None => match self.next_record(position + 1)? {
                    Some(next) => {
                        shim::complain(format_args!(
                            "{}: {} bytes of damage at {position}; the records behind it stay",
                            self.file.path().display(),
                            next - position,
                        ));
                        position = next;
                    }
                    None => return Ok(position),
                },
            }
        }
        Ok(position)
    }

    /// The length of the record at a position; `None` where no whole one fits there.
    fn length(&mut self, position: u64) -> Result<Option<u64>> {
        let Some(bytes) = self.bytes(position, LENGTH_SIZE as usize)? else { return Ok(None) };
        let length = bytes.try_into().map_or(0, |bytes| u64::from(u32::from_le_bytes(bytes)));
        let room = self.size.saturating_sub(position).saturating_sub(LENGTH_SIZE);
        Ok((length > 0 && length <= room).then_some(length))
    }

    /// Whether a whole stream of zlib's starts behind the length at a position, and is as long as that says.
    fn is_record(&mut self, position: u64) -> Result<bool> {
        if position >= self.size {
            return Ok(false);
        }
        let Some(length) = self.length(position)?.filter(|length| *length >= STREAM_SIZE_MIN) else { return Ok(false) };
        let Some(magic) = self.bytes(position + LENGTH_SIZE, 2)? else { return Ok(false) };
        if !compression::may_begin(magic) {
            return Ok(false);
        }
        let mut check = compression::Check::new();
        let (mut at, end) = (position + LENGTH_SIZE, position + LENGTH_SIZE + length);
        while at < end {
            let size = usize::try_from(end - at).unwrap_or(WINDOW_SIZE).min(WINDOW_SIZE);
            let Some(bytes) = self.bytes(at, size)? else { return Ok(false) };
            if !check.goes_on(bytes) {
                return Ok(false);
            }
            at += size as u64;
        }
        Ok(check.is_whole())
    }

    /// The next position from `position` on where a whole record starts.
    fn next_record(&mut self, position: u64) -> Result<Option<u64>> {
        let last = self.size.saturating_sub(LENGTH_SIZE + STREAM_SIZE_MIN);
        for candidate in position..=last {
            if self.is_record(candidate)? {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    /// `size` bytes at a position, at most a window; `None` where the log ends before.
    fn bytes(&mut self, position: u64, size: usize) -> Result<Option<&[u8]>> {
        let end = position.saturating_add(size as u64);
        if end > self.size {
            return Ok(None);
        }
        if position < self.start || end > self.start + self.window.len() as u64 {
            self.window.resize(WINDOW_SIZE, 0);
            let read = self.file.read_at(&mut self.window, position)?;
            self.window.truncate(read);
            self.start = position;
        }
        let at = usize::try_from(position - self.start).unwrap_or(usize::MAX);
        Ok(self.window.get(at..at.saturating_add(size)))
    }
}
