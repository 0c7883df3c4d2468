//! Which file system and which kernel a directory is on.

use super::Dir;
use crate::error::Result;

/// Refuses a directory on a file system that is not known to keep its promises (ext4, xfs, btrfs, tmpfs, overlay pass).
pub fn check_supported(_dir: &Dir) -> Result<()> {
    todo!()
}
/// Whether the directory is mounted read-only (statvfs ST_RDONLY).
pub fn is_read_only(_dir: &Dir) -> Result<bool> {
    todo!()
}
/// The running kernel's boot id, 16 bytes (zeroes where /proc does not give it).
#[must_use]
pub fn boot_id() -> [u8; 16] {
    todo!()
}
