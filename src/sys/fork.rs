//! What a forked child must not inherit. A `pthread_atfork` child handler counts the fork and lets go of registered descriptors
//! (by putting /dev/null in their place, so that the numbers stay taken and the parent's locks are the parent's alone).
//!
//! The handler runs in a child of a process with threads, where only async-signal-safe calls are allowed: it works on
//! static tables that were filled before. It must not be unloaded, so the library is linked with `-z nodelete`.

use std::io::{Error as IoError, ErrorKind};
use std::os::fd::{IntoRawFd, RawFd};
use std::path::Path;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicUsize};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::File;
use super::errno::retry;
use super::ground::{self, Ground};
use crate::error::{Error, Result};

const ENTRIES: usize = 4096;
const NONE: RawFd = -1;
const EMPTY: i32 = 0;
const NOT_COUNTING: u32 = 0;

static GENERATION: AtomicU32 = AtomicU32::new(NOT_COUNTING);
/// Each one more than a descriptor's number, 0 where there is none: so the table takes no room in the library's file.
static DESCRIPTORS: [AtomicI32; ENTRIES] = [const { AtomicI32::new(EMPTY) }; ENTRIES];
/// One past the highest entry ever used, so that a fork looks at few.
static ENTRIES_USED: AtomicUsize = AtomicUsize::new(0);
/// Open on /dev/null once forks are counted; the handler may not open it.
static NULL_DEVICE: AtomicI32 = AtomicI32::new(NONE);

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

/// How deep forks may be nested before two generations share a place.
const GENERATIONS: usize = 64;

/// A value for each generation of forked processes: a child must not touch a lock that another thread of its parent held.
///
/// For statics. A value is made when it is first asked for, and stays: so the table takes no room in the library's file.
#[derive(Debug)]
pub struct PerGeneration<T>([AtomicPtr<T>; GENERATIONS]);

impl<T: Default> PerGeneration<T> {
    /// None made yet.
    #[must_use]
    pub const fn empty() -> Self {
        Self([const { AtomicPtr::new(ptr::null_mut()) }; GENERATIONS])
    }

    /// The one of this process.
    #[must_use]
    pub fn get(&'static self) -> &'static T {
        let place = &self.0[generation() as usize % GENERATIONS];
        let mut value = place.load(Acquire);
        if value.is_null() {
            let made = Box::into_raw(Box::<T>::default());
            value = match place.compare_exchange(ptr::null_mut(), made, AcqRel, Acquire) {
                Ok(_) => made,
                Err(others) => {
                    // SAFETY: made above, and nobody else has seen it.
                    drop(unsafe { Box::from_raw(made) });
                    others
                }
            };
        }
        // SAFETY: what stands in a place came out of a box, and is never freed.
        unsafe { &*value }
    }
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
    // A kept descriptor, as all are that locks are taken through: its number stays the same.
    let entry_of_file = file.descriptor()?.as_raw_fd() + 1;
    for (index, entry) in DESCRIPTORS.iter().enumerate() {
        // The used mark is raised first: the handler then never overlooks an entry.
        ENTRIES_USED.fetch_max(index + 1, AcqRel);
        if entry.compare_exchange(EMPTY, entry_of_file, AcqRel, Relaxed).is_ok() {
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
    if ground::is_taken_away(Ground::ReleaseInChild) {
        return;
    }
    let null = NULL_DEVICE.load(Acquire);
    for entry in DESCRIPTORS.iter().take(ENTRIES_USED.load(Acquire)) {
        let entry = entry.load(Acquire);
        if entry == EMPTY {
            continue;
        }
        let descriptor = entry - 1;
        // SAFETY: dup3 and close take numbers, and are async-signal-safe. The number is registered, so it is ours.
        unsafe {
            if libc::dup3(null, descriptor, libc::O_CLOEXEC) == -1 {
                // No /dev/null, or a host that closed all descriptors. A lock kept by a child is worse than a hole.
                libc::close(descriptor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::{Child, Scratch, in_own_process, soon};
    use crate::sys::{Access, lock};

    #[test]
    fn each_child_is_a_generation_further_than_its_parent() {
        let ours = generation();
        assert_ne!(ours, NOT_COUNTING);
        let child = Child::fork(|| {
            let grandchild = Child::fork(|| i32::from(generation() == ours + 2));
            i32::from(generation() == ours + 1) + 2 * grandchild.wait()
        });
        assert_eq!(child.wait(), 3);
        assert_eq!(generation(), ours);
    }

    #[test]
    fn a_child_does_not_keep_its_parents_lock() {
        let scratch = Scratch::new();
        scratch.dir().create_file("lock").unwrap();
        let open = || scratch.dir().open_file("lock", Access::ReadWrite).unwrap();
        let (registered, plain, observer) = (open(), open(), open());
        let entry = release_in_child(&registered).unwrap();
        assert!(lock::try_exclusive(&registered, 0).unwrap() && lock::try_exclusive(&plain, 1).unwrap());
        let child = Child::fork(|| {
            loop {
                std::thread::sleep(std::time::Duration::from_secs(1));
            }
        });
        assert!(!lock::is_free(&observer, 0).unwrap(), "the fork takes nothing from the parent");
        drop(entry);
        drop(registered);
        drop(plain);
        assert!(soon(|| lock::is_free(&observer, 0).unwrap()));
        assert!(!lock::is_free(&observer, 1).unwrap(), "what was not registered the child keeps");
        drop(child);
        assert!(soon(|| lock::is_free(&observer, 1).unwrap()));
    }

    #[test]
    fn in_the_child_the_number_stays_taken_by_the_null_device() {
        let scratch = Scratch::new();
        let file = scratch.dir().create_file("file").unwrap();
        let other = scratch.dir().create_file("other").unwrap();
        let entry = release_in_child(&file).unwrap();
        let no_longer = release_in_child(&other).unwrap();
        drop(no_longer);
        let is_regular = |file: &File| {
            let stat = nix::sys::stat::fstat(file.descriptor().unwrap());
            stat.map(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFREG)
        };
        let child = Child::fork(|| match (is_regular(&file), is_regular(&other)) {
            (Ok(false), Ok(true)) => 0,
            (Ok(true), _) => 1,
            (Err(_), _) => 2,
            _ => 3,
        });
        assert_eq!(child.wait(), 0);
        assert_eq!(is_regular(&file), Ok(true), "the parent's is untouched");
        drop(entry);
    }

    #[test]
    fn a_full_table_is_an_error_and_entries_are_used_again() {
        in_own_process("sys::fork::tests::a_full_table_is_an_error_and_entries_are_used_again", || {
            let scratch = Scratch::new();
            let file = scratch.dir().create_file("file").unwrap();
            let mut entries = Vec::new();
            let error = loop {
                match release_in_child(&file) {
                    Ok(entry) => entries.push(entry),
                    Err(error) => break error,
                }
            };
            assert_eq!(entries.len(), ENTRIES);
            assert!(matches!(error, Error::OutOfMemory { .. }));
            drop(entries.pop());
            entries.push(release_in_child(&file).unwrap());
        });
    }
}
