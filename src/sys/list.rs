//! Reads the entries of an open directory (opendir and readdir of the C library).

use std::ffi::CStr;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::ptr::NonNull;

use nix::errno::Errno;

use super::cancel::NoCancellation;

/// What a list says about the type of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link or something else.
    Other,
    /// The file system does not say here; stat does.
    Unknown,
}

/// A directory stream, closed when dropped.
struct Stream(NonNull<libc::DIR>);

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: the stream came from fdopendir and is closed once, here. The descriptor goes with it.
        unsafe { libc::closedir(self.0.as_ptr()) };
    }
}

/// Calls `visit` with each entry but `.` and `..`. Takes the descriptor over, since the list's place is kept in it.
pub(super) fn each_entry(directory: OwnedFd, mut visit: impl FnMut(&CStr, Kind)) -> nix::Result<()> {
    let _whole = NoCancellation::begin();
    // SAFETY: the descriptor is open; where the call succeeds the stream owns it.
    let stream = unsafe { libc::fdopendir(directory.as_raw_fd()) };
    let stream = Stream(NonNull::new(stream).ok_or_else(Errno::last)?);
    // The stream closes it now.
    let _ = directory.into_raw_fd();
    loop {
        // readdir tells an error from the end of the list by errno alone.
        Errno::clear();
        // SAFETY: the stream is open and used by this thread only.
        let entry = unsafe { libc::readdir64(stream.0.as_ptr()) };
        if entry.is_null() {
            return match Errno::last_raw() {
                0 => Ok(()),
                number => Err(Errno::from_raw(number)),
            };
        }
        // SAFETY: a non-null entry is valid until the next readdir on this stream and its name ends with a zero byte.
        // Only fields are borrowed: the record may be shorter than the declared type.
        let (name, kind) = unsafe { (CStr::from_ptr((&raw const (*entry).d_name).cast()), (*entry).d_type) };
        if name == c"." || name == c".." {
            continue;
        }
        let kind = match kind {
            libc::DT_REG => Kind::File,
            libc::DT_DIR => Kind::Dir,
            libc::DT_UNKNOWN => Kind::Unknown,
            _ => Kind::Other,
        };
        visit(name, kind);
    }
}
