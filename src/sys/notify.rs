//! A pollable descriptor that becomes readable when a watched file is written, or closed by a writer (inotify).

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::read;

use super::File;
use super::errno::{explained, open_error, retry, soft_limit, sysctl};
use crate::error::{Error, Result};

/// An inotify instance (IN_NONBLOCK, IN_CLOEXEC) with one watch: IN_MODIFY | IN_CLOSE_WRITE.
#[derive(Debug)]
pub struct Watch {
    instance: Inotify,
}

impl Watch {
    /// Watches an open file (through its /proc/self/fd path, so that the inode is the one that is mapped; falls back to `path`). EMFILE names the limit fs.inotify.max_user_instances.
    pub fn new(file: &File, path: &Path) -> Result<Self> {
        let instance =
            Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).map_err(|e| init_error(path, e))?;
        let watch = Self { instance };
        watch.follow(file, path)?;
        Ok(watch)
    }

    /// Watches one more file through the same descriptor.
    pub fn follow(&self, file: &File, path: &Path) -> Result<()> {
        let instance = &self.instance;
        let events = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CLOSE_WRITE;
        let descriptor = file.descriptor()?;
        let through_descriptor = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
        let watched = match retry(|| instance.add_watch(through_descriptor.as_str(), events)) {
            Err(Errno::ENOENT | Errno::EACCES | Errno::ENOTDIR) => retry(|| instance.add_watch(path, events)),
            other => other,
        };
        watched.map_err(|errno| watch_error(path, errno))?;
        Ok(())
    }

    /// The descriptor to poll for reading.
    #[must_use]
    pub fn as_raw_fd(&self) -> RawFd {
        self.instance.as_fd().as_raw_fd()
    }

    /// Takes all pending events; whether there were any.
    pub fn drain(&self) -> bool {
        let mut events = [0_u8; 4096];
        let mut any = false;
        // A read that leaves room for another event has taken all there were.
        while let Ok(count @ 1..) = retry(|| read(&self.instance, &mut events)) {
            any = true;
            if count + EVENT_BYTES_MAX <= events.len() {
                break;
            }
        }
        any
    }
}

/// The longest event: its head and a name, which events of a watched file do not even carry.
const EVENT_BYTES_MAX: usize = size_of::<libc::inotify_event>() + 256;

/// EMFILE stands for two limits here, the instances of a user and the descriptors of a process.
fn init_error(path: &Path, errno: Errno) -> Error {
    if errno != Errno::EMFILE {
        return open_error("inotify_init", path, errno);
    }
    let instances = sysctl("fs/inotify/max_user_instances");
    let descriptors = soft_limit(libc::RLIMIT_NOFILE);
    let reason = format!("fs.inotify.max_user_instances is {instances}, RLIMIT_NOFILE is {descriptors}");
    Error::io("inotify_init", path, explained(errno, &reason))
}

/// ENOSPC speaks of watches here, and must not be taken for a full disk.
fn watch_error(path: &Path, errno: Errno) -> Error {
    let source = match errno {
        Errno::ENOSPC => {
            let watches = sysctl("fs/inotify/max_user_watches");
            explained(errno, &format!("no watch is left, fs.inotify.max_user_watches is {watches}"))
        }
        other => other.into(),
    };
    Error::io("inotify_add_watch", path, source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::{Child, Scratch, soon};
    use crate::sys::{Access, SharedPage};

    fn is_readable(watch: &Watch) -> bool {
        let mut poll = libc::pollfd { fd: watch.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid entry; the time is zero.
        unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
    }

    #[test]
    fn a_write_and_the_close_of_a_writer_are_told() {
        let scratch = Scratch::new();
        let writer = scratch.dir().create_file("page").unwrap();
        writer.zero(0..4096).unwrap();
        let reader = scratch.dir().open_file("page", Access::Read).unwrap();
        let watch = Watch::new(&reader, reader.path()).unwrap();
        assert!(!is_readable(&watch) && !watch.drain());

        writer.write_at(b"!", 4095).unwrap();
        assert!(is_readable(&watch) && watch.drain());
        assert!(!is_readable(&watch) && !watch.drain());

        let page = SharedPage::map(&writer, Access::ReadWrite).unwrap();
        page.u32s()[0].store(1, std::sync::atomic::Ordering::Release);
        assert!(!is_readable(&watch), "a store into the map is not told");
        drop(page);
        drop(reader);
        assert!(!is_readable(&watch), "nor is the close of a reader");

        // Another test's child may hold the descriptor for a moment.
        drop(writer);
        assert!(soon(|| is_readable(&watch)));
        assert!(watch.drain());
    }

    #[test]
    fn the_death_of_a_writer_is_told() {
        let scratch = Scratch::new();
        scratch.dir().create_file("page").unwrap();
        let reader = scratch.dir().open_file("page", Access::Read).unwrap();
        let writer = scratch.dir().open_file("page", Access::ReadWrite).unwrap();
        let child = Child::fork(|| {
            loop {
                std::thread::sleep(std::time::Duration::from_secs(1));
            }
        });
        drop(writer);
        let watch = Watch::new(&reader, reader.path()).unwrap();
        assert!(!is_readable(&watch));
        child.kill();
        assert!(soon(|| is_readable(&watch)));
    }

    #[test]
    fn the_watch_is_on_the_inode_that_is_open() {
        let scratch = Scratch::new();
        let before = scratch.dir().create_file("page").unwrap();
        scratch.dir().rename("page", "old").unwrap();
        let after = scratch.dir().create_file("page").unwrap();
        let watch = Watch::new(&before, before.path()).unwrap();
        after.write_at(b"!", 0).unwrap();
        assert!(!watch.drain());
        before.write_at(b"!", 0).unwrap();
        assert!(watch.drain());
    }

    #[test]
    fn many_events_are_drained_at_once() {
        let scratch = Scratch::new();
        let files = [scratch.dir().create_file("a").unwrap(), scratch.dir().create_file("a").unwrap()];
        let watch = Watch::new(&files[0], files[0].path()).unwrap();
        for turn in 0..2000 {
            // Equal events are merged; a close between two writes keeps them apart.
            files[0].write_at(b"!", turn).unwrap();
            drop(scratch.dir().open_file("a", Access::ReadWrite).unwrap());
        }
        assert!(watch.drain());
        assert!(!is_readable(&watch));
    }

    #[test]
    fn a_lack_of_instances_or_watches_names_the_limit_and_is_no_full_disk() {
        let text = init_error(Path::new("page"), Errno::EMFILE).to_string();
        let limit = sysctl("fs/inotify/max_user_instances");
        assert!(text.contains(&format!("fs.inotify.max_user_instances is {limit}")), "{text}");
        match watch_error(Path::new("page"), Errno::ENOSPC) {
            Error::Io { source, .. } => assert!(source.to_string().contains("fs.inotify.max_user_watches is")),
            other => panic!("{other:?}"),
        }
    }
}
