//! Lines of `.index` (`LOG_OFFSET,POSITION`) and `.timeindex` (`UNIX_SECONDS,POSITION`): text, one for each record.
//! A number and a position; which of the two files they are from makes no difference here.

use crate::error::Result;
use crate::sys::File;

/// Longer than any line can be.
const LINE_SIZE_MAX: u64 = 2 * 20 + 2;
/// How much is read at once, from the end on.
const PIECE_SIZE: u64 = 64 << 10;

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// LOG_OFFSET or UNIX_SECONDS.
    pub(super) number: u64,
    /// Where the record starts in the log.
    pub(super) position: u64,
}

/// What is kept of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kept {
    /// The last line.
    pub(super) line: Option<Line>,
    /// Where it ends.
    pub(super) size: u64,
}

impl Line {
    /// As bytes, with its newline.
    pub(super) fn text(self) -> String {
        format!("{},{}\n", self.number, self.position)
    }

    /// Without its newline.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (number, position) = text.split_once(',')?;
        let plain = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?;
        Some(Self { number: plain(number)?, position: plain(position)? })
    }
}

/// How many lines are offered: those of records that a power cut took stand before the one to keep.
const OFFERED_MAX: usize = 1024;

/// Offers the last lines that are whole and point before `log_size`, the very last one first. What follows the one that
/// is kept tells nothing: it is torn, or of records that the log has lost.
pub(super) fn offered(file: &File, log_size: u64) -> Result<Vec<Kept>> {
    let mut offered = Vec::new();
    let mut end = file.len()?;
    while end > 0 {
        let start = end.saturating_sub(PIECE_SIZE);
        let mut piece = vec![0; usize::try_from(end - start).unwrap_or_default()];
        let read = file.read_at(&mut piece, start)?;
        piece.truncate(read);
        let mut rest = piece.as_slice();
        let mut next_end = start + LINE_SIZE_MAX;
        while let Some(newline) = rest.iter().rposition(|byte| *byte == b'\n') {
            let (before, _) = rest.split_at(newline);
            let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            // A line that begins before this piece is looked at with the piece before, unless it fills this one: then it is none.
            if line_start == 0 && start > 0 {
                if newline + 1 < piece.len() {
                    next_end = start + newline as u64 + 1;
                }
                break;
            }
            let line = before.get(line_start..).and_then(Line::parse).filter(|line| line.position < log_size);
            if line.is_some() {
                offered.push(Kept { line, size: start + newline as u64 + 1 });
            }
            if offered.len() >= OFFERED_MAX {
                return Ok(offered);
            }
            rest = before;
        }
        if start == 0 {
            break;
        }
        end = next_end;
    }
    Ok(offered)
}

/// Adds lines to a file, many at a time.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    file: &'a File,
    size: u64,
    text: String,
}

impl<'a> Writer<'a> {
    /// Lines go to `size` and on.
    pub(super) fn new(file: &'a File, size: u64) -> Self {
        Self { file, size, text: String::new() }
    }

    /// Adds one.
    pub(super) fn add(&mut self, line: Line) -> Result<()> {
        self.text.push_str(&line.text());
        if self.text.len() as u64 >= PIECE_SIZE { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        self.file.write_at(self.text.as_bytes(), self.size)?;
        self.size += self.text.len() as u64;
        self.text.clear();
        Ok(())
    }

    /// Writes what is left; the size of the file.
    pub(super) fn finish(mut self) -> Result<u64> {
        self.write()?;
        Ok(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::by_path;

    fn offers(text: &[u8], log_size: u64) -> Vec<(u64, u64)> {
        let path = std::env::temp_dir().join(format!("ckafka-lines-{}-{}", std::process::id(), text.len()));
        std::fs::write(&path, text).unwrap();
        let file = by_path::open_or_create(&path).unwrap();
        let offered = offered(&file, log_size).unwrap();
        std::fs::remove_file(&path).unwrap();
        offered.into_iter().map(|kept| (kept.line.unwrap().position, kept.size)).collect()
    }

    #[test]
    fn the_last_line_comes_first_and_torn_ones_do_not() {
        assert_eq!(offers(b"", 10), []);
        assert_eq!(offers(b"1,2", 10), []);
        assert_eq!(offers(b"1,2\n3,4\n5,", 10), [(4, 8), (2, 4)]);
        assert_eq!(offers(b"1,2\nrubbish\n+1,3\n,\n1,\n3,4\n\0\0\n", 10), [(4, 26), (2, 4)]);
        assert_eq!(offers(b"1,2\n3,40\n", 10), [(2, 4)]);
    }

    #[test]
    fn rubbish_as_long_as_a_piece_is_passed() {
        for shift in 0..120 {
            let mut text = b"1,2\n".to_vec();
            text.extend(b"a".repeat(100));
            text.push(b'\n');
            text.extend(b"y".repeat(PIECE_SIZE as usize - shift));
            text.extend(b"\n".repeat(1 + shift % 2));
            assert_eq!(offers(&text, 10), [(2, 4)], "shift {shift}");
        }
    }

    #[test]
    fn lines_across_pieces_are_found_wherever_the_cut_is() {
        for shift in 0..12 {
            let mut text = b"x".repeat(shift);
            text.push(b'\n');
            let mut number = 0_u64;
            while (text.len() as u64) < 2 * PIECE_SIZE + 100 {
                text.extend(Line { number, position: number }.text().bytes());
                number += 1;
            }
            text.extend(b"y".repeat(PIECE_SIZE as usize - 4));
            let found = offers(&text, u64::MAX);
            let positions: Vec<u64> = found.iter().map(|(position, _)| *position).collect();
            assert_eq!(positions, (number - OFFERED_MAX as u64..number).rev().collect::<Vec<_>>(), "shift {shift}");
        }
    }
}
