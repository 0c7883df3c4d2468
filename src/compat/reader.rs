//! The reader prints every record of a log file. It reads ahead in large pieces, so a file that shrinks while it is read
//! is short and no SIGBUS; nothing is allocated because a length says so.

use std::ffi::{CStr, c_char, c_int, c_uchar, c_ulong, c_void};
use std::io::IsTerminal;

use super::compression::{self, MESSAGE_SIZE_MAX};
use super::guard::{self, entry, reason_of, shown, text};
use super::log_tail::LENGTH_SIZE;
use super::public;
use super::shim::{self, Flush};
use crate::error::Error;
use crate::sys::{File, ScratchMemory, by_path, host};

/// How much is read at once.
const PIECE_SIZE: usize = 1 << 20;
/// How much is printed at once.
const PRINT_SIZE: usize = 64 << 10;

/// `ssize_t read_fully(int fd, void *buf, size_t count)`: reads until `count` bytes or the end of the file: how many, or
/// -1 with errno.
///
/// # Safety
/// `buf` is NULL or writable for `count` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn read_fully(fd: c_int, buf: *mut c_void, count: usize) -> isize {
    entry("read_fully", -1, || {
        let fits = isize::try_from(count).is_ok();
        let read = match (buf.is_null() && count > 0, fits) {
            (true, _) => Err(std::io::Error::from_raw_os_error(libc::EFAULT)),
            (_, false) => Err(std::io::Error::from_raw_os_error(libc::EINVAL)),
            // SAFETY: this function's contract.
            _ => unsafe { host::read_fully(fd, buf, count) },
        };
        match read {
            Ok(read) => read.cast_signed(),
            Err(error) => {
                host::set_errno(host::number_of(&error));
                -1
            }
        }
    })
}

/// `void read_log_with_mmap(char *filepath)`: prints the records; what is wrong with one goes to standard error.
///
/// # Safety
/// `filepath` is NULL or zero-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn read_log_with_mmap(filepath: *mut c_char) {
    entry("read_log_with_mmap", (), || {
        // SAFETY: this function's contract.
        let path = unsafe { text(filepath) };
        let file = match path.map(|path| by_path::open_to_read(guard::path(path))) {
            Some(Ok(file)) => file,
            Some(Err(error)) => return not_opened(path, &reason_of(&error)),
            None => return not_opened(None, &std::io::Error::from_raw_os_error(libc::EFAULT)),
        };
        let mut out = Lines::new();
        out.add(&[b"Reading decompressed messages from: ", path.unwrap_or_default().to_bytes(), b"\n"]);
        let found = Reader { file: &file, position: 0, start: 0, piece: Vec::new(), message: None }.print_all(&mut out);
        out.add(&[format!("Finished reading. Total messages found: {found}.\n").as_bytes()]);
        out.print();
    });
}

fn not_opened(path: Option<&CStr>, reason: &std::io::Error) {
    shim::complain(format_args!("Failed to open log file: {}", shown(path)));
    shim::perror(c"open", reason);
}

/// What is to be printed, in order with what goes to standard error.
struct Lines {
    text: Vec<u8>,
    /// How much is kept back: nothing where a person looks on.
    limit: usize,
}

impl Lines {
    fn new() -> Self {
        let limit = if std::io::stdout().is_terminal() { 0 } else { PRINT_SIZE };
        Self { text: Vec::with_capacity(PRINT_SIZE), limit }
    }

    fn add(&mut self, parts: &[&[u8]]) {
        for part in parts {
            if part.len() > PRINT_SIZE {
                self.print();
                shim::print(part, Flush::Later);
            } else {
                self.text.extend_from_slice(part);
            }
        }
        if self.text.len() >= self.limit {
            self.print();
        }
    }

    fn print(&mut self) {
        shim::print(&self.text, Flush::Later);
        self.text.clear();
    }

    /// Says what is wrong, after what was right.
    fn complain(&mut self, line: std::fmt::Arguments<'_>) {
        self.print();
        shim::complain(line);
    }
}

/// A log on its way through.
struct Reader<'a> {
    file: &'a File,
    /// Of the next record.
    position: u64,
    /// Where the piece starts.
    start: u64,
    piece: Vec<u8>,
    /// Room for the largest message so far; pages that no message used take no memory.
    message: Option<ScratchMemory>,
}

impl Reader<'_> {
    /// Prints all records; how many there were.
    fn print_all(mut self, out: &mut Lines) -> u64 {
        let mut found = 0;
        loop {
            let number = found + 1;
            let header = match self.bytes(LENGTH_SIZE as usize) {
                Ok(bytes) => bytes,
                Err(error) => return self.failed(out, &error, found),
            };
            let length = match header.try_into().map(u32::from_le_bytes) {
                Ok(length) => length as usize,
                Err(_) if header.is_empty() => return found,
                Err(_) => {
                    out.complain(format_args!(
                        "Error: Reached end of file while reading header for message {number}. Log file is likely \
                         corrupt or truncated."
                    ));
                    return found;
                }
            };
            self.position += LENGTH_SIZE;
            if length > compression::bound(MESSAGE_SIZE_MAX) && self.has(length) {
                let most = compression::bound(MESSAGE_SIZE_MAX);
                out.complain(format_args!("Error: message {number} has {length} bytes; at most {most} are read."));
                match self.pass_over(length as u64) {
                    Ok(()) => continue,
                    Err(error) => return self.failed(out, &error, found),
                }
            }
            let read = match self.payload(length) {
                Ok(read) => read,
                Err(error) => return self.failed(out, &error, found),
            };
            if read < length {
                out.complain(format_args!(
                    "Error: Expected {length} bytes for message {number} payload, but only read {read}. File is truncated."
                ));
                return found;
            }
            match self.print_message(length, out) {
                Ok(()) => found += 1,
                Err(()) => out.complain(format_args!("Error: Failed to decompress message {number}.")),
            }
            self.position += length as u64;
        }
    }

    fn failed(&self, out: &mut Lines, error: &Error, found: u64) -> u64 {
        out.complain(format_args!("Error: {error}"));
        found
    }

    /// Whether the file is that long; a length alone is no reason to read.
    fn has(&self, length: usize) -> bool {
        self.file.len().is_ok_and(|len| len.saturating_sub(self.position) >= length as u64)
    }

    /// Has the next record's stream in the piece; how much of it there is.
    fn payload(&mut self, length: usize) -> Result<usize, Error> {
        let end = self.start + self.piece.len() as u64;
        if self.position >= self.start && end.saturating_sub(self.position) >= length as u64 {
            return Ok(length);
        }
        let there = self.file.len()?.saturating_sub(self.position);
        let size = length.min(usize::try_from(there).unwrap_or(usize::MAX));
        Ok(self.bytes(size)?.len())
    }

    /// The next bytes, as many as there are.
    fn bytes(&mut self, size: usize) -> Result<&[u8], Error> {
        let at = usize::try_from(self.position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        if at.saturating_add(size) <= self.piece.len() {
            return Ok(self.piece.get(at..at + size).unwrap_or_default());
        }
        // What is left of the piece goes to its front, and the file goes on behind it.
        self.piece.drain(..at.min(self.piece.len()));
        self.start = self.position;
        let kept = self.piece.len();
        let wanted = size.max(PIECE_SIZE) - kept;
        if self.piece.try_reserve(wanted).is_err() {
            return Err(Error::OutOfMemory { what: "a record of the log", bytes: size });
        }
        let place = self.piece.spare_capacity_mut().as_mut_ptr();
        // SAFETY: room for that many bytes behind those that are kept.
        let read = unsafe { public::read_fully(self.file.number()?, place.cast(), wanted) };
        let Ok(read) = usize::try_from(read) else {
            return Err(Error::io("read", self.file.path(), std::io::Error::last_os_error()));
        };
        // SAFETY: so many bytes were read, at most those asked for.
        unsafe { self.piece.set_len(kept + read.min(wanted)) };
        Ok(self.piece.get(..size).unwrap_or(&self.piece))
    }

    /// Passes bytes over without keeping them.
    fn pass_over(&mut self, mut size: u64) -> Result<(), Error> {
        while size > 0 {
            let step = size.min(PIECE_SIZE as u64);
            let there = self.bytes(step as usize)?.len() as u64;
            self.position += there;
            if there < step {
                break;
            }
            size -= there;
        }
        Ok(())
    }

    /// Prints the message whose stream is next.
    fn print_message(&mut self, length: usize, out: &mut Lines) -> Result<(), ()> {
        // The most that deflate makes of so many bytes; a compressor of the program's own has at least ten times as much.
        let room = length.saturating_mul(1032).saturating_add(64).min(MESSAGE_SIZE_MAX + 1);
        let mut message = match self.message.take().filter(|message| message.len() >= room) {
            Some(message) => message,
            None => ScratchMemory::new(room.next_multiple_of(PIECE_SIZE)).map_err(|error| {
                out.complain(format_args!("Error: {error}"));
            })?,
        };
        let stream = self.bytes(length).unwrap_or_default();
        let mut size = room as c_ulong;
        let dest: *mut c_uchar = message.as_mut_ptr();
        // SAFETY: room for that many bytes, and a stream that is readable for its length.
        let made = unsafe { public::decompress_message(dest, &raw mut size, stream.as_ptr(), stream.len() as c_ulong) };
        let bytes = usize::try_from(made).ok().filter(|size| *size <= room);
        let result = match bytes {
            Some(size) if size <= MESSAGE_SIZE_MAX => {
                out.add(&[message.bytes(size), b"\n"]);
                Ok(())
            }
            _ => {
                if size > MESSAGE_SIZE_MAX as c_ulong {
                    let text = format_args!("Error: a message expands to more than {MESSAGE_SIZE_MAX} bytes.");
                    out.complain(text);
                }
                Err(())
            }
        };
        if bytes.is_none_or(|size| size > PIECE_SIZE) {
            message.forget_beyond(PIECE_SIZE);
        }
        self.message = Some(message);
        result
    }
}
