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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    /// The last line that is whole and points into the log.
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

/// Finds the last line that is whole and points before `log_size`. What follows it tells nothing: it is torn, or of
/// records that the log has lost.
pub(super) fn kept(file: &File, log_size: u64) -> Result<Kept> {
    let mut end = file.len()?;
    while end > 0 {
        let start = end.saturating_sub(PIECE_SIZE);
        let mut piece = vec![0; usize::try_from(end - start).unwrap_or_default()];
        let read = file.read_at(&mut piece, start)?;
        piece.truncate(read);
        let mut rest = piece.as_slice();
        while let Some(newline) = rest.iter().rposition(|byte| *byte == b'\n') {
            let (before, _) = rest.split_at(newline);
            let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            // A line that begins before this piece is looked at with the piece before.
            if line_start == 0 && start > 0 {
                break;
            }
            let line = before.get(line_start..).and_then(Line::parse).filter(|line| line.position < log_size);
            if line.is_some() {
                return Ok(Kept { line, size: start + newline as u64 + 1 });
            }
            rest = before;
        }
        if start == 0 {
            break;
        }
        // Overlaps by a line, which may lie across the pieces.
        end = (start + LINE_SIZE_MAX).min(end - 1);
    }
    Ok(Kept { line: None, size: 0 })
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
