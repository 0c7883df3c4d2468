//! Which file system and which kernel a directory is on.

use nix::sys::statfs::fstatfs;
use nix::sys::statvfs::{FsFlags, fstatvfs};

use super::Dir;
use super::errno::retry;
use crate::error::{Error, Result};

/// The file systems on which locks, mappings, fallocate and fdatasync were found to do what the log relies on: ext2 to
/// ext4, XFS, btrfs, tmpfs, overlay.
const SUPPORTED: [i64; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630];

/// Refuses a directory on a file system that is not known to keep its promises (ext4, xfs, btrfs, tmpfs, overlay pass).
pub fn check_supported(dir: &Dir) -> Result<()> {
    let descriptor = dir.descriptor()?;
    let stat = retry(|| fstatfs(&descriptor)).map_err(|errno| Error::io("statfs", dir.path(), errno.into()))?;
    #[allow(clippy::useless_conversion, reason = "the number has another type where the C library is another")]
    let found = i64::from(stat.filesystem_type().0);
    if SUPPORTED.contains(&found) {
        return Ok(());
    }
    Err(Error::FileSystem { path: dir.path().to_path_buf(), found })
}

/// Whether the directory is mounted read-only (statvfs ST_RDONLY).
pub fn is_read_only(dir: &Dir) -> Result<bool> {
    let descriptor = dir.descriptor()?;
    let stat = retry(|| fstatvfs(&descriptor)).map_err(|errno| Error::io("statvfs", dir.path(), errno.into()))?;
    Ok(stat.flags().contains(FsFlags::ST_RDONLY))
}

/// The running kernel's boot id, 16 bytes (zeroes where /proc does not give it).
#[must_use]
pub fn boot_id() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.trim().chars().filter(|&character| character != '-').collect();
    match u128::from_str_radix(&digits, 16) {
        Ok(number) if digits.len() == 32 => number.to_be_bytes(),
        _ => [0; 16],
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_file_system_of_temporary_files_passes_and_proc_does_not() {
        check_supported(&Dir::open(&std::env::temp_dir()).unwrap()).unwrap();
        match check_supported(&Dir::open(Path::new("/proc")).unwrap()) {
            Err(Error::FileSystem { found: 0x9fa0, path }) => assert_eq!(path, Path::new("/proc")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_writable_mount_is_not_read_only() {
        assert!(!is_read_only(&Dir::open(&std::env::temp_dir()).unwrap()).unwrap());
    }

    #[test]
    fn the_boot_id_is_the_one_of_proc() {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let ours: String = boot_id().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(ours, text.trim().replace('-', ""));
        assert_ne!(boot_id(), [0; 16]);
    }
}
