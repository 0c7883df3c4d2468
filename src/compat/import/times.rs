//! The time index of an old log: `UNIX_SECONDS,FILE_POSITION` a line, in about the order of the records.
//!
//! Read once, from front to back, looking a bounded number of lines ahead: several programs that wrote one log left
//! their lines a little out of order. A line that is not whole or not of this form says nothing.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::error::Result;
use crate::sys::File;

const LINES_AHEAD: usize = 1024;
const PIECE_BYTES: usize = 64 << 10;
/// Two numbers of at most 20 digits and a comma.
const LINE_BYTES_MAX: usize = 41;

/// The lines that have not been passed, up to the look-ahead.
pub(super) struct Times {
    file: Option<File>,
    position: u64,
    /// What was read and is not taken apart yet; its last part may be the start of a line.
    piece: Vec<u8>,
    taken: usize,
    ahead: BTreeMap<u64, i64>,
}

impl Times {
    /// Of a file, or of none.
    pub(super) fn new(file: Option<File>) -> Self {
        Self { file, position: 0, piece: Vec::new(), taken: 0, ahead: BTreeMap::new() }
    }

    /// Goes to a record: lines before its position are passed for good.
    pub(super) fn pass_to(&mut self, position: u64) -> Result<()> {
        while let Some(line) = self.ahead.first_entry()
            && *line.key() < position
        {
            line.remove();
        }
        while self.ahead.len() < LINES_AHEAD {
            match self.next_line()? {
                Some((at, time_ms)) if at >= position => _ = self.ahead.insert(at, time_ms),
                Some(_) => {}
                None => break,
            }
        }
        Ok(())
    }

    /// The time of the record at this position, in milliseconds.
    pub(super) fn of(&self, position: u64) -> Option<i64> {
        self.ahead.get(&position).copied()
    }

    /// Where the next record starts that has a line.
    pub(super) fn next_start(&self, position: u64) -> Option<u64> {
        self.ahead.range((Bound::Excluded(position), Bound::Unbounded)).next().map(|(at, _)| *at)
    }

    /// The next line that says something: position and milliseconds.
    fn next_line(&mut self) -> Result<Option<(u64, i64)>> {
        loop {
            let rest = self.piece.get(self.taken..).unwrap_or_default();
            if let Some(size) = rest.iter().position(|&byte| byte == b'\n') {
                let line = rest.get(..size).and_then(parse);
                self.taken += size + 1;
                if line.is_some() {
                    return Ok(line);
                }
            } else if !self.read_on()? {
                return Ok(None);
            }
        }
    }

    /// Reads the next piece behind what is left of the last; `false` at the end.
    fn read_on(&mut self) -> Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        self.piece.drain(..self.taken.min(self.piece.len()));
        self.taken = 0;
        if self.piece.len() > LINE_BYTES_MAX {
            // No line is that long. In the place of its start goes what keeps the rest from being taken for one.
            self.piece.clear();
            self.piece.push(b'-');
        }
        let kept = self.piece.len();
        self.piece.resize(kept + PIECE_BYTES, 0);
        let count = file.read_at(self.piece.get_mut(kept..).unwrap_or_default(), self.position)?;
        self.piece.truncate(kept + count);
        self.position += count as u64;
        if count == 0 {
            self.file = None;
        }
        Ok(count > 0)
    }
}

fn parse(line: &[u8]) -> Option<(u64, i64)> {
    let (seconds, position) = std::str::from_utf8(line).ok()?.split_once(',')?;
    if ![seconds, position].iter().all(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let time_ms = seconds.parse::<i64>().ok()?.checked_mul(1000)?;
    Some((position.parse().ok()?, time_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_of_two_numbers_say_something() {
        assert_eq!(parse(b"1700000000,34"), Some((34, 1_700_000_000_000)));
        for line in
            [&b""[..], b",", b"1,", b",1", b"-1,0", b"+1,0", b"1,2,3", b" 1,2", b"9223372036854775807,0", b"\xff,1"]
        {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }
}
