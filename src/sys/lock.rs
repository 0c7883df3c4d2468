//! Open-file-description locks on single bytes of a file (`F_OFD_SETLK`), never waiting in the kernel.

use super::File;
use crate::error::Result;

/// Tries a shared lock on byte `byte`; `false`: somebody else holds it exclusively.
pub fn try_shared(_file: &File, _byte: u64) -> Result<bool> {
    todo!()
}
/// Tries an exclusive lock; `false`: somebody else holds it. Upgrades or downgrades a lock of the same description.
pub fn try_exclusive(_file: &File, _byte: u64) -> Result<bool> {
    todo!()
}
/// Lets go.
pub fn unlock(_file: &File, _byte: u64) -> Result<()> {
    todo!()
}
/// Whether no *other* open file description holds any lock on the byte (`F_OFD_GETLK`).
pub fn is_free(_file: &File, _byte: u64) -> Result<bool> {
    todo!()
}
