//! Descriptors, kept open or opened on use: of the second kind a bounded number is open at a time, and the one that was used least lately is closed for another.
//!
//! A descriptor that is opened again is the same file or an error: device and inode are compared, so that a file that was replaced under its name is not mixed up
//! with the one before. The bound is half of the process's soft limit on descriptors as it was at first use.

use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};

use super::Identity;
use super::cancel::NoCancellation;
use super::errno::{retry, soft_limit};
use super::fork::PerGeneration;

/// A descriptor and the right to use it.
#[derive(Debug, Clone)]
pub(super) struct Descriptor(Arc<Kind>);

/// A descriptor whose close is no cancellation point.
#[derive(Debug)]
pub(super) struct Quiet(ManuallyDrop<OwnedFd>);

impl Quiet {
    fn new(descriptor: OwnedFd) -> Self {
        Self(ManuallyDrop::new(descriptor))
    }
}

impl AsFd for Quiet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _whole = NoCancellation::begin();
        // SAFETY: dropped once, here, and not used again.
        unsafe { ManuallyDrop::drop(&mut self.0) };
    }
}

#[derive(Debug)]
enum Kind {
    Kept(Quiet),
    OnUse(OnUse),
}

#[derive(Debug)]
struct OnUse {
    parent: Descriptor,
    name: String,
    flags: OFlag,
    identity: Identity,
    open: Mutex<Option<Arc<Quiet>>>,
    /// Since the last look for one to close.
    used: AtomicBool,
}

/// A descriptor that stays open as long as this lives.
#[derive(Debug)]
pub(super) enum Held<'a> {
    /// Of one that is kept.
    Kept(BorrowedFd<'a>),
    /// Of one that may leave.
    Shared(Arc<Quiet>),
}

impl AsFd for Held<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Kept(descriptor) => *descriptor,
            Self::Shared(descriptor) => descriptor.as_fd(),
        }
    }
}

impl Held<'_> {
    /// Its number, as long as this lives.
    pub(super) fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Descriptor {
    /// One that stays open as long as any copy of it lives.
    pub(super) fn kept(descriptor: OwnedFd) -> Self {
        Self(Arc::new(Kind::Kept(Quiet::new(descriptor))))
    }

    /// One that was opened as `name` in `parent` with `flags`, and may be closed and opened so again.
    pub(super) fn on_use(parent: &Self, name: &str, flags: OFlag, descriptor: OwnedFd) -> nix::Result<Self> {
        let on_use = OnUse {
            parent: parent.clone(),
            name: name.to_owned(),
            flags,
            identity: identity(&descriptor)?,
            open: Mutex::new(Some(Arc::new(Quiet::new(descriptor)))),
            used: AtomicBool::new(true),
        };
        let made = Self(Arc::new(Kind::OnUse(on_use)));
        made.admit();
        Ok(made)
    }

    /// The descriptor, opened if it is not.
    pub(super) fn get(&self) -> nix::Result<Held<'_>> {
        match &*self.0 {
            Kind::Kept(descriptor) => Ok(Held::Kept(descriptor.as_fd())),
            Kind::OnUse(on_use) => {
                on_use.used.store(true, Relaxed);
                let mut open = on_use.open.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(descriptor) = open.as_ref() {
                    return Ok(Held::Shared(Arc::clone(descriptor)));
                }
                let descriptor = Arc::new(Quiet::new(on_use.open_again()?));
                *open = Some(Arc::clone(&descriptor));
                drop(open);
                self.admit();
                Ok(Held::Shared(descriptor))
            }
        }
    }

    /// Closes it, where it may leave.
    #[cfg(test)]
    pub(super) fn leave(&self) {
        if let Kind::OnUse(on_use) = &*self.0 {
            on_use.close();
        }
    }

    /// Counts an open one in, and closes others where there are too many.
    fn admit(&self) {
        let cache = CACHE.get();
        let mut closed = Vec::new();
        let mut queue = cache.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push_back(Arc::downgrade(&self.0));
        // Each is looked at twice at most: once for its mark, once to go.
        let mut looks = 2 * queue.len();
        while queue.len() > cache.capacity && looks > 0 {
            looks -= 1;
            let Some(oldest) = queue.pop_front() else { break };
            let Some(kind) = oldest.upgrade() else { continue };
            if let Kind::OnUse(on_use) = &*kind {
                if on_use.used.swap(false, Relaxed) {
                    queue.push_back(oldest);
                } else {
                    closed.push(kind);
                }
            }
        }
        drop(queue);
        // Closing may take a while: not under the lock of all.
        for kind in closed {
            if let Kind::OnUse(on_use) = &*kind {
                on_use.close();
            }
        }
    }
}

impl OnUse {
    fn open_again(&self) -> nix::Result<OwnedFd> {
        let parent = self.parent.get()?;
        let opened = retry(|| openat(parent.as_fd(), self.name.as_str(), self.flags, Mode::empty()))?;
        // What stands there by now is not what was opened.
        if identity(&opened)? == self.identity { Ok(opened) } else { Err(Errno::ESTALE) }
    }

    /// Who uses it at the moment keeps it until they have done.
    fn close(&self) {
        drop(self.open.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

fn identity(descriptor: &OwnedFd) -> nix::Result<Identity> {
    let stat = fstat(descriptor)?;
    Ok(Identity { device: stat.st_dev, inode: stat.st_ino })
}

struct Cache {
    capacity: usize,
    /// Those that are open, about in the order of their opening.
    queue: Mutex<VecDeque<Weak<Kind>>>,
}

/// Of this process. A forked child counts what it opens itself; what it inherited belongs to handles that it cannot use.
static CACHE: PerGeneration<Cache> = PerGeneration::empty();

impl Default for Cache {
    fn default() -> Self {
        Self { capacity: share_of_limit(2), queue: Mutex::default() }
    }
}

/// The `part`th part of the process's soft limit on descriptors, at least 16 and at most 16,384.
#[must_use]
pub fn share_of_limit(part: u64) -> usize {
    usize::try_from(soft_limit(libc::RLIMIT_NOFILE) / part).unwrap_or(usize::MAX).clamp(16, 16 << 10)
}

#[cfg(test)]
mod tests {
    use super::CACHE;
    use crate::sys::Access;
    use crate::sys::testing::{Child, Scratch, in_own_process};

    fn limit_descriptors(count: u64) {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: a valid place, and then a valid limit that is not above the hard one.
        unsafe {
            assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
            limit.rlim_cur = count;
            assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
        }
    }

    fn open_descriptors() -> usize {
        std::fs::read_dir("/proc/self/fd").unwrap().count()
    }

    #[test]
    fn far_more_files_are_used_than_may_be_open() {
        in_own_process("sys::descriptor::tests::far_more_files_are_used_than_may_be_open", || {
            limit_descriptors(64);
            let before = open_descriptors();
            let scratch = Scratch::new();
            let root = scratch.dir();
            let mut files = Vec::new();
            for number in 0..300 {
                drop(root.create_dir(&format!("folder-{number}")).unwrap());
                let folder = root.open_dir_on_use(&format!("folder-{number}")).unwrap();
                folder.create_file("a").unwrap().write_at(&[number as u8], 0).unwrap();
                files.push((folder.open_file_on_use("a", Access::Read).unwrap().unwrap(), folder));
            }
            for round in 0..3 {
                for (number, (file, folder)) in files.iter().enumerate() {
                    let mut byte = [0];
                    assert_eq!(file.read_at(&mut byte, 0).unwrap(), 1, "round {round}");
                    assert_eq!(byte[0], number as u8);
                    assert_eq!(folder.list().unwrap().len(), 1);
                }
                let open = open_descriptors() - before;
                assert!((16..=40).contains(&open), "{open} are open");
            }
            drop(files);
        });
    }

    #[test]
    fn a_file_that_was_replaced_is_not_mixed_up_with_its_successor() {
        let scratch = Scratch::new();
        scratch.dir().create_file("a").unwrap();
        let file = scratch.dir().open_file_on_use("a", Access::Read).unwrap().unwrap();
        assert!(file.is_empty().unwrap());
        scratch.dir().rename("a", "b").unwrap();
        scratch.dir().create_file("a").unwrap();
        assert!(file.is_empty().unwrap(), "as long as it is open it is the one that it was");
        file.leave();
        match file.len() {
            Err(crate::Error::Io { source, .. }) => assert_eq!(source.raw_os_error(), Some(libc::ESTALE)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_forked_child_opens_files_whatever_its_parent_was_doing() {
        let scratch = Scratch::new();
        scratch.dir().create_file("a").unwrap();
        let held = CACHE.get().queue.lock().unwrap();
        let child = Child::fork(|| {
            // SAFETY: asks the kernel to end this process; nothing else.
            unsafe { libc::alarm(10) };
            i32::from(scratch.dir().open_file_on_use("a", Access::Read).is_err())
        });
        assert_eq!(child.wait(), 0);
        drop(held);
    }
}
