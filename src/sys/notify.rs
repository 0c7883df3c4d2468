//! A pollable descriptor that becomes readable when a watched file is written, or closed by a writer (inotify).

use std::os::fd::RawFd;
use std::path::Path;

use super::File;
use crate::error::Result;

/// An inotify instance (IN_NONBLOCK, IN_CLOEXEC) with one watch: IN_MODIFY | IN_CLOSE_WRITE.
#[derive(Debug)]
pub struct Watch {
    _todo: (),
}

impl Watch {
    /// Watches an open file (through its /proc/self/fd path, so that the inode is the one that is mapped; falls back to `path`). EMFILE names the limit fs.inotify.max_user_instances.
    pub fn new(_file: &File, _path: &Path) -> Result<Self> {
        todo!()
    }
    /// The descriptor to poll for reading.
    #[must_use]
    pub fn as_raw_fd(&self) -> RawFd {
        todo!()
    }
    /// Takes all pending events; whether there were any.
    pub fn drain(&self) -> bool {
        todo!()
    }
}
