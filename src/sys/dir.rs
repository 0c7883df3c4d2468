//! One open directory; files in it are named relative to it (openat), so that a renamed path is no other directory.

use std::ffi::OsString;
use std::path::Path;

use super::{Access, File, Identity};
use crate::error::Result;

/// An entry of a directory. Symbolic links are neither file nor folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name.
    pub name: OsString,
    /// Is a folder.
    pub is_dir: bool,
    /// Is a regular file.
    pub is_file: bool,
}

/// What stat says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Bytes.
    pub len: u64,
    /// Device and inode.
    pub identity: Identity,
    /// Permission bits.
    pub mode: u32,
    /// Last modification, ms since the epoch.
    pub modified_ms: i64,
}

/// An open directory (O_CLOEXEC). Names are single components; files are opened with O_NOFOLLOW and must be regular. New files take mode
/// (read and write bits) and group of the directory where the process may give them.
#[derive(Debug)]
pub struct Dir {
    _todo: (),
}

impl Dir {
    /// Opens an existing directory.
    pub fn open(_path: &Path) -> Result<Self> {
        todo!()
    }
    /// Creates the directory if it is missing (parents must exist), and opens it.
    pub fn open_or_create(_path: &Path) -> Result<Self> {
        todo!()
    }
    /// Its path as given.
    #[must_use]
    pub fn path(&self) -> &Path {
        todo!()
    }
    /// Device and inode.
    pub fn identity(&self) -> Result<Identity> {
        todo!()
    }
    /// Opens a sub-folder.
    pub fn open_dir(&self, _name: &str) -> Result<Dir> {
        todo!()
    }
    /// mkdir; an existing one is an error.
    pub fn create_dir(&self, _name: &str) -> Result<Dir> {
        todo!()
    }
    /// rmdir.
    pub fn remove_dir(&self, _name: &str) -> Result<()> {
        todo!()
    }
    /// All entries but `.` and `..`, in no order.
    pub fn list(&self) -> Result<Vec<DirEntry>> {
        todo!()
    }
    /// Opens a file; a missing one is an error.
    pub fn open_file(&self, _name: &str, _access: Access) -> Result<File> {
        todo!()
    }
    /// Opens a file; `None` where it is missing.
    pub fn open_file_if_there(&self, _name: &str, _access: Access) -> Result<Option<File>> {
        todo!()
    }
    /// Opens a file for reading and writing, creating it where it is missing.
    pub fn open_or_create_file(&self, _name: &str) -> Result<File> {
        todo!()
    }
    /// Creates a file for reading and writing; empties an existing one.
    pub fn create_file(&self, _name: &str) -> Result<File> {
        todo!()
    }
    /// stat without following links; `None` where it is missing.
    pub fn stat(&self, _name: &str) -> Result<Option<Stat>> {
        todo!()
    }
    /// renameat within the directory.
    pub fn rename(&self, _from: &str, _to: &str) -> Result<()> {
        todo!()
    }
    /// unlinkat; whether it was there.
    pub fn unlink(&self, _name: &str) -> Result<bool> {
        todo!()
    }
    /// fsync of the directory.
    pub fn sync(&self) -> Result<()> {
        todo!()
    }
    /// The whole content of a small file, at most `limit` bytes (more is an error naming both sizes); `None` where it is missing.
    pub fn read_small(&self, _name: &str, _limit: usize) -> Result<Option<Vec<u8>>> {
        todo!()
    }
    /// Replaces a file durably: writes `temporary`, fsync, rename, fsync of the directory. On error the old content stands and no temporary is left.
    pub fn replace(&self, _name: &str, _temporary: &str, _content: &[u8]) -> Result<()> {
        todo!()
    }
}
