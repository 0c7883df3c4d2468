//! Files and folders that a program names by a path of its own, relative to its working directory: links are followed and
//! the umask counts, as with open. The files of a data directory are opened through [`Dir`](super::Dir) instead.

use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat, mkdirat};

use super::descriptor::Descriptor;
use super::errno::retry;
use super::{File, Identity};
use crate::error::{Error, Result};

/// Opens a regular file for reading and writing; creates it with mode 0644 where it is missing.
pub fn open_or_create(path: &Path) -> Result<File> {
    let mode = Mode::from_bits_truncate(0o644);
    regular(path, retry(|| open(path, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_CLOEXEC, mode)))
}

/// Opens a regular file for reading.
pub fn open_to_read(path: &Path) -> Result<File> {
    regular(path, retry(|| open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK, Mode::empty())))
}

fn regular(path: &Path, opened: nix::Result<OwnedFd>) -> Result<File> {
    let error = |operation, errno: Errno| Error::io(operation, path, errno.into());
    let descriptor = opened.map_err(|errno| error("open", errno))?;
    let stat = fstat(&descriptor).map_err(|errno| error("fstat", errno))?;
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Ok(File::from_descriptor(Descriptor::kept(descriptor), path.to_path_buf())),
        SFlag::S_IFDIR => Err(error("open", Errno::EISDIR)),
        _ => Err(error("open", Errno::EINVAL)),
    }
}

/// Which file a path names now; `None` where it names none.
pub fn identity(path: &Path) -> Result<Option<Identity>> {
    match retry(|| fstatat(AT_FDCWD, path, nix::fcntl::AtFlags::empty())) {
        Ok(stat) => Ok(Some(Identity { device: stat.st_dev, inode: stat.st_ino })),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        Err(errno) => Err(Error::io("stat", path, errno.into())),
    }
}

/// Makes a folder with mode 0755; one that is there already is fine.
pub fn make_dir(path: &Path) -> Result<()> {
    match retry(|| mkdirat(AT_FDCWD, path, Mode::from_bits_truncate(0o755))) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(Error::io("mkdir", path, errno.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::sys::testing::Scratch;

    #[test]
    fn a_missing_file_is_made_and_a_link_is_followed() {
        let scratch = Scratch::new();
        let (path, link) = (scratch.path().join("file"), scratch.path().join("link"));
        symlink("file", &link).unwrap();
        assert_eq!(identity(&path).unwrap(), None);
        let file = open_or_create(&link).unwrap();
        file.write_at(b"x", 0).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7133, 0);
        assert_eq!(identity(&path).unwrap(), Some(file.identity().unwrap()));
        assert_eq!(identity(&link).unwrap(), identity(&path).unwrap());
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let scratch = Scratch::new();
        make_dir(&scratch.path().join("folder")).unwrap();
        make_dir(&scratch.path().join("folder")).unwrap();
        let fifo = scratch.path().join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::from_bits_truncate(0o600)).unwrap();
        for name in ["folder", "fifo", "missing"] {
            let text = open_to_read(&scratch.path().join(name)).unwrap_err().to_string();
            assert!(text.contains(name), "{text}");
        }
    }
}
