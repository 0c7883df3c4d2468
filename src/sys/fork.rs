//! What a forked child must not inherit. A `pthread_atfork` child handler counts the fork and lets go of registered descriptors
//! (by putting /dev/null in their place, so that the numbers stay taken and the parent's locks are the parent's alone).
//!
//! The handler runs in a child of a process with threads, where only async-signal-safe calls are allowed: it works on
//! static tables that were filled before. It must not be unloaded, so the library is linked with `-z nodelete`.

use std::io::{Error as IoError, ErrorKind};
use std::os::fd::{IntoRawFd, RawFd};
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::File;
use super::errno::retry;
use crate::error::{Error, Result};

const ENTRIES: usize = 4096;
const EMPTY: RawFd = -1;
const NOT_COUNTING: u32 = 0;

static GENERATION: AtomicU32 = AtomicU32::new(NOT_COUNTING);
static DESCRIPTORS: [AtomicI32; ENTRIES] = [const { AtomicI32::new(EMPTY) }; ENTRIES];
/// One past the highest entry ever used, so that a fork looks at few.
static ENTRIES_USED: AtomicUsize = AtomicUsize::new(0);
/// Open on /dev/null once forks are counted; the handler may not open it.
static NULL_DEVICE: AtomicI32 = AtomicI32::new(EMPTY);

/// Which process of a line of forks this is: raised in each child. Cheap (one load). Handles remember it and compare.
///
/// 1 in the process that asked first, and 0 where the C library refused to count (it was out of memory).
#[must_use]
#[inline]
pub fn generation() -> u32 {
    match GENERATION.load(Relaxed) {
        NOT_COUNTING => start_counting(),
        generation => generation,
    }
}

/// Installs the handler; the generation after that.
#[cold]
fn start_counting() -> u32 {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        // Where there is no /dev/null (a bare chroot), the handler closes instead.
        if let Ok(null) = retry(|| open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())) {
            // Open for as long as the process lives.
            NULL_DEVICE.store(null.into_raw_fd(), Release);
        }
        // SAFETY: the handler is a function of this library, which stays loaded, and does async-signal-safe calls only.
        if unsafe { libc::pthread_atfork(None, None, Some(in_child)) } == 0 {
            GENERATION.store(1, Release);
        }
    });
    GENERATION.load(Relaxed)
}

/// Keeps `file`'s descriptor from living on in a forked child, as long as the value lives.
///
/// Register before taking a lock through the file, and drop this before the file (fields of a struct drop in the order
/// of their declaration): else a fork in between would replace a descriptor that is somebody else's by then.
#[derive(Debug)]
pub struct Released {
    index: usize,
}

/// Registers a descriptor; more than the table holds is OutOfMemory.
pub fn release_in_child(file: &File) -> Result<Released> {
    if generation() == NOT_COUNTING {
        let reason = IoError::new(ErrorKind::OutOfMemory, "no handler could be installed");
        return Err(Error::io("pthread_atfork", Path::new("the process"), reason));
    }
    for (index, entry) in DESCRIPTORS.iter().enumerate() {
        // The used mark is raised first: the handler then never overlooks an entry.
        ENTRIES_USED.fetch_max(index + 1, AcqRel);
        if entry.compare_exchange(EMPTY, file.as_raw_fd(), AcqRel, Relaxed).is_ok() {
            return Ok(Released { index });
        }
    }
    Err(Error::OutOfMemory { what: "a descriptor to release in forked children", bytes: size_of::<RawFd>() })
}

impl Drop for Released {
    fn drop(&mut self) {
        if let Some(entry) = DESCRIPTORS.get(self.index) {
            entry.store(EMPTY, Release);
        }
    }
}

/// Runs in the child, in its only thread, before fork returns there.
extern "C" fn in_child() {
    GENERATION.fetch_add(1, Relaxed);
    let null = NULL_DEVICE.load(Acquire);
    for entry in DESCRIPTORS.iter().take(ENTRIES_USED.load(Acquire)) {
        let descriptor = entry.load(Acquire);
        if descriptor == EMPTY {
            continue;
        }
        // SAFETY: dup3 and close take numbers, and are async-signal-safe. The number is registered, so it is ours.
        unsafe {
            if libc::dup3(null, descriptor, libc::O_CLOEXEC) == -1 {
                // No /dev/null, or a host that closed all descriptors. A lock kept by a child is worse than a hole.
                libc::close(descriptor);
            }
        }
    }
}
