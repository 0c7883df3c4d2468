//! One open directory; files in it are named relative to it (openat), so that a renamed path is no other directory.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{Gid, UnlinkatFlags, fchown, unlinkat};

use super::descriptor::{Descriptor, Held};
use super::errno::{open_error, retry};
use super::list::{self, Kind};
use super::{Access, File, Identity};
use crate::error::{Error, Result};

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
    descriptor: Descriptor,
    path: PathBuf,
}

const OPEN_DIR: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

impl Dir {
    /// Opens an existing directory.
    pub fn open(path: &Path) -> Result<Self> {
        let opened = retry(|| nix::fcntl::open(path, OPEN_DIR, Mode::empty()));
        let descriptor = opened.map_err(|errno| open_error("open", path, errno))?;
        Ok(Self { descriptor: Descriptor::kept(descriptor), path: path.to_path_buf() })
    }

    /// Creates the directory if it is missing (parents must exist), and opens it.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        match nix::unistd::mkdir(path, Mode::from_bits_truncate(0o777)) {
            Ok(()) => sync_parent(path),
            Err(Errno::EEXIST) => {}
            // A read-only file system says EROFS even where the directory is there.
            Err(_) if path.is_dir() => {}
            Err(errno) => return Err(Error::io("mkdir", path, errno.into())),
        }
        Self::open(path)
    }

    /// Its path as given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The descriptor, open as long as the result lives.
    pub(super) fn descriptor(&self) -> Result<Held<'_>> {
        self.descriptor.get().map_err(|errno| open_error("open", &self.path, errno))
    }

    /// Device and inode.
    pub fn identity(&self) -> Result<Identity> {
        let stat = self.fstat()?;
        Ok(Identity { device: stat.st_dev, inode: stat.st_ino })
    }

    /// Opens a sub-folder.
    pub fn open_dir(&self, name: &str) -> Result<Dir> {
        let path = self.child(name)?;
        let flags = OPEN_DIR | OFlag::O_NOFOLLOW;
        let here = self.descriptor()?;
        let opened = retry(|| openat(&here, name, flags, Mode::empty()));
        let descriptor = opened.map_err(|errno| open_error("open", &path, errno))?;
        Ok(Self { descriptor: Descriptor::kept(descriptor), path })
    }

    /// Opens a sub-folder whose descriptor is open only about when it is used.
    pub fn open_dir_on_use(&self, name: &str) -> Result<Dir> {
        let path = self.child(name)?;
        let flags = OPEN_DIR | OFlag::O_NOFOLLOW;
        let here = self.descriptor()?;
        let opened = retry(|| openat(&here, name, flags, Mode::empty()));
        let made = opened.and_then(|opened| Descriptor::on_use(&self.descriptor, name, flags, opened));
        Ok(Self { descriptor: made.map_err(|errno| open_error("open", &path, errno))?, path })
    }

    /// mkdir; an existing one is an error. The folder takes mode and group of this one, as files do.
    pub fn create_dir(&self, name: &str) -> Result<Dir> {
        let path = self.child(name)?;
        let ours = self.fstat()?;
        let mode = Mode::from_bits_truncate(ours.st_mode & 0o777);
        let here = self.descriptor()?;
        retry(|| mkdirat(&here, name, mode)).map_err(|errno| Error::io("mkdir", &path, errno.into()))?;
        let folder = self.open_dir(name)?;
        // The set-group-id bit, where the kernel hands it down, is kept: it is outside of what is compared here.
        take_after(&folder.descriptor()?, &ours, 0o777);
        Ok(folder)
    }

    /// rmdir.
    pub fn remove_dir(&self, name: &str) -> Result<()> {
        let path = self.child(name)?;
        let here = self.descriptor()?;
        retry(|| unlinkat(&here, name, UnlinkatFlags::RemoveDir))
            .map_err(|errno| Error::io("rmdir", &path, errno.into()))
    }

    /// All entries but `.` and `..`, in no order.
    pub fn list(&self) -> Result<Vec<DirEntry>> {
        // Opened anew, because two readers of one description would share its place in the list.
        let here = self.descriptor()?;
        let opened = retry(|| openat(&here, ".", OPEN_DIR, Mode::empty()));
        let descriptor = opened.map_err(|errno| open_error("open", &self.path, errno))?;
        let mut entries = Vec::new();
        let listed = list::each_entry(descriptor, |name, kind| {
            let kind = match kind {
                // Some file systems leave the type out of the list.
                Kind::Unknown => retry(|| fstatat(&here, name, AtFlags::AT_SYMLINK_NOFOLLOW))
                    .map_or(Kind::Unknown, |stat| kind_of(&stat)),
                known => known,
            };
            entries.push(DirEntry {
                name: OsString::from_vec(name.to_bytes().to_vec()),
                is_dir: kind == Kind::Dir,
                is_file: kind == Kind::File,
            });
        });
        listed.map_err(|errno| Error::io("readdir", &self.path, errno.into()))?;
        Ok(entries)
    }

    /// Opens a file; a missing one is an error.
    pub fn open_file(&self, name: &str, access: Access) -> Result<File> {
        let path = self.child(name)?;
        self.open_regular(name, &path, access)?.map_err(|errno| open_error("open", &path, errno))
    }

    /// Opens a file; `None` where it is missing.
    pub fn open_file_if_there(&self, name: &str, access: Access) -> Result<Option<File>> {
        let path = self.child(name)?;
        match self.open_regular(name, &path, access)? {
            Ok(file) => Ok(Some(file)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(open_error("open", &path, errno)),
        }
    }

    /// Opens a file for reading and writing, creating it where it is missing.
    pub fn open_or_create_file(&self, name: &str) -> Result<File> {
        let path = self.child(name)?;
        // Each turn but the last means that somebody created or unlinked the file between our two looks.
        loop {
            match self.open_regular(name, &path, Access::ReadWrite)? {
                Ok(file) => return Ok(file),
                Err(Errno::ENOENT) => {}
                Err(errno) => return Err(open_error("open", &path, errno)),
            }
            match self.create_new(name, &path)? {
                Ok(file) => return Ok(file),
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(open_error("open", &path, errno)),
            }
        }
    }

    /// Creates a file for reading and writing; empties an existing one.
    pub fn create_file(&self, name: &str) -> Result<File> {
        let file = self.open_or_create_file(name)?;
        // Not by O_TRUNC: what is there is emptied only once it is known to be a regular file.
        file.set_len(0)?;
        Ok(file)
    }

    /// stat without following links; `None` where it is missing.
    pub fn stat(&self, name: &str) -> Result<Option<Stat>> {
        let path = self.child(name)?;
        let here = self.descriptor()?;
        match retry(|| fstatat(&here, name, AtFlags::AT_SYMLINK_NOFOLLOW)) {
            Ok(stat) => Ok(Some(Stat {
                len: stat.st_size.cast_unsigned(),
                identity: Identity { device: stat.st_dev, inode: stat.st_ino },
                mode: stat.st_mode & 0o7777,
                modified_ms: stat.st_mtime.saturating_mul(1000).saturating_add(stat.st_mtime_nsec / 1_000_000),
            })),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(Error::io("stat", &path, errno.into())),
        }
    }

    /// renameat within the directory.
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        let path = self.child(from)?;
        self.child(to)?;
        let here = self.descriptor()?;
        retry(|| renameat(&here, from, &here, to)).map_err(|errno| Error::io("rename", &path, errno.into()))
    }

    /// unlinkat; whether it was there.
    pub fn unlink(&self, name: &str) -> Result<bool> {
        let path = self.child(name)?;
        let here = self.descriptor()?;
        match retry(|| unlinkat(&here, name, UnlinkatFlags::NoRemoveDir)) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(Error::io("unlink", &path, errno.into())),
        }
    }

    /// unlinkat of what was listed, whatever bytes its name has.
    pub fn unlink_entry(&self, entry: &DirEntry) -> Result<()> {
        let here = self.descriptor()?;
        match retry(|| unlinkat(&here, entry.name.as_os_str(), UnlinkatFlags::NoRemoveDir)) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(Error::io("unlink", &self.path.join(&entry.name), errno.into())),
        }
    }

    /// fsync of the directory. Never retried after an error.
    pub fn sync(&self) -> Result<()> {
        nix::unistd::fsync(self.descriptor()?).map_err(|errno| Error::io("fsync", &self.path, errno.into()))
    }

    /// The whole content of a small file, at most `limit` bytes (more is an error naming both sizes); `None` where it is missing.
    pub fn read_small(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.open_file_if_there(name, Access::Read)? else { return Ok(None) };
        let len = file.len()?;
        let size = usize::try_from(len).ok().filter(|&size| size <= limit).ok_or_else(|| Error::Corrupt {
            path: file.path().to_path_buf(),
            position: 0,
            reason: format!("file of {len} bytes; at most {limit} are read"),
        })?;
        let mut content = Vec::new();
        content.try_reserve_exact(size).map_err(|_| Error::OutOfMemory { what: "a small file", bytes: size })?;
        content.resize(size, 0);
        let count = file.read_at(&mut content, 0)?;
        content.truncate(count);
        Ok(Some(content))
    }

    /// Replaces a file durably: writes `temporary`, fsync, rename, fsync of the directory. On error the old content stands and no temporary is left.
    ///
    /// An error of the last step, naming the directory, is the exception: the new content is seen, and a power cut decides which stays.
    pub fn replace(&self, name: &str, temporary: &str, content: &[u8]) -> Result<()> {
        let written = self.create_file(temporary).and_then(|file| {
            file.write_at(content, 0)?;
            file.sync_all()
        });
        if let Err(error) = written.and_then(|()| self.rename(temporary, name)) {
            // The first error is the one to report; what cannot be removed is overwritten by the next attempt.
            let _ = self.unlink(temporary);
            return Err(error);
        }
        self.sync()
    }

    /// Opens a file whose descriptor is open only about when it is used; `None` where it is missing.
    pub fn open_file_on_use(&self, name: &str, access: Access) -> Result<Option<File>> {
        let path = self.child(name)?;
        let opened = match self.open_descriptor(name, &path, access)? {
            Ok(opened) => opened,
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(open_error("open", &path, errno)),
        };
        let made = Descriptor::on_use(&self.descriptor, name, flags_for(access), opened);
        Ok(Some(File::from_descriptor(made.map_err(|errno| open_error("open", &path, errno))?, path)))
    }

    /// Opens a regular file. The outer error is final; the inner number lets callers tell a missing file.
    fn open_regular(&self, name: &str, path: &Path, access: Access) -> Result<nix::Result<File>> {
        let opened = self.open_descriptor(name, path, access)?;
        Ok(opened.map(|opened| File::from_descriptor(Descriptor::kept(opened), path.to_path_buf())))
    }

    fn open_descriptor(&self, name: &str, path: &Path, access: Access) -> Result<nix::Result<OwnedFd>> {
        let here = self.descriptor()?;
        let descriptor = match retry(|| openat(&here, name, flags_for(access), Mode::empty())) {
            Ok(descriptor) => descriptor,
            Err(errno) => return Ok(Err(errno)),
        };
        let stat = fstat(&descriptor).map_err(|errno| Error::io("fstat", path, errno.into()))?;
        if kind_of(&stat) != Kind::File {
            let reason = std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file");
            return Err(Error::io("open", path, reason));
        }
        Ok(Ok(descriptor))
    }

    /// Creates a file that must not be there yet.
    fn create_new(&self, name: &str, path: &Path) -> Result<nix::Result<File>> {
        let ours = self.fstat()?;
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(ours.st_mode & 0o666);
        let here = self.descriptor()?;
        let descriptor = match retry(|| openat(&here, name, flags, mode)) {
            Ok(descriptor) => descriptor,
            Err(errno) => return Ok(Err(errno)),
        };
        take_after(&descriptor, &ours, 0o666);
        Ok(Ok(File::from_descriptor(Descriptor::kept(descriptor), path.to_path_buf())))
    }

    /// The path of an entry; refuses a name that would leave the directory.
    fn child(&self, name: &str) -> Result<PathBuf> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(Error::InvalidArgument {
                name: "file name",
                found: format!("{name:?}"),
                expected: "one path component".to_owned(),
            });
        }
        Ok(self.path.join(name))
    }

    fn fstat(&self) -> Result<FileStat> {
        fstat(self.descriptor()?).map_err(|errno| Error::io("fstat", &self.path, errno.into()))
    }
}

/// Gives a new file or folder the group and the permission bits of its directory, as far as the process may.
///
/// Where the group cannot be had the mode stays what the umask left: opened up to the wrong group it would be a leak.
fn take_after(descriptor: &impl AsFd, directory: &FileStat, bits: u32) {
    let Ok(created) = fstat(descriptor) else { return };
    if created.st_gid != directory.st_gid
        && retry(|| fchown(descriptor, None, Some(Gid::from_raw(directory.st_gid)))).is_err()
    {
        return;
    }
    let wanted = directory.st_mode & bits;
    if created.st_mode & 0o777 != wanted {
        let special = created.st_mode & 0o7000;
        // Best effort: the file is ours and usable whether or not the file system keeps modes.
        let _ = retry(|| fchmod(descriptor, Mode::from_bits_truncate(special | wanted)));
    }
}

/// Makes the name of a new directory last. Best effort: the parent may be closed to us for reading.
fn sync_parent(path: &Path) {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(parent) = Dir::open(parent) {
        let _ = parent.sync();
    }
}

fn flags_for(access: Access) -> OFlag {
    let mode = match access {
        Access::Read => OFlag::O_RDONLY,
        Access::ReadWrite => OFlag::O_RDWR,
    };
    // O_NONBLOCK keeps the open of a FIFO from waiting for its other end; regular files do not know it.
    mode | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK
}

fn kind_of(stat: &FileStat) -> Kind {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Kind::File,
        SFlag::S_IFDIR => Kind::Dir,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests;
