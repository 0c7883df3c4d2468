//! What a forked child must not inherit. A `pthread_atfork` child handler counts the fork and lets go of registered descriptors
//! (by putting /dev/null in their place, so that the numbers stay taken and the parent's locks are the parent's alone).

use super::File;

/// Which process of a line of forks this is: raised in each child. Cheap (one load). Handles remember it and compare.
#[must_use]
#[inline]
pub fn generation() -> u32 {
    todo!()
}

/// Keeps `file`'s descriptor from living on in a forked child, as long as the value lives.
#[derive(Debug)]
pub struct Released {
    _todo: (),
}

/// Registers a descriptor; more than the table holds is OutOfMemory.
pub fn release_in_child(_file: &File) -> crate::error::Result<Released> {
    todo!()
}
