//! Threads on cores.

use crate::error::Result;

/// Binds the calling thread to one core (0-based). Refused: a core that this machine or cpuset lacks, with the ones it has.
pub fn pin_current_thread(_cpu: usize) -> Result<()> {
    todo!()
}
/// The cores that the calling process may use, in order.
#[must_use]
pub fn allowed_cpus() -> Vec<usize> {
    todo!()
}
