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
        let events = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CLOSE_WRITE;
        let through_descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
        let watched = match retry(|| instance.add_watch(through_descriptor.as_str(), events)) {
            Err(Errno::ENOENT | Errno::EACCES | Errno::ENOTDIR) => retry(|| instance.add_watch(path, events)),
            other => other,
        };
        watched.map_err(|errno| watch_error(path, errno))?;
        Ok(Self { instance })
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
