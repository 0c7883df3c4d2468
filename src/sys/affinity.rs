//! Threads on cores.

use std::path::Path;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use crate::error::{Error, Result};

/// Binds the calling thread to one core (0-based). Refused: a core that this machine or cpuset lacks, with the ones it has.
pub fn pin_current_thread(cpu: usize) -> Result<()> {
    // Asked before the first thread is bound, because a bound thread sees its own core only.
    let allowed = allowed_cpus();
    let mut set = CpuSet::new();
    // The kernel decides, not the list: a thread may leave the core that it was bound to before.
    match set.set(cpu).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set)) {
        Ok(()) => Ok(()),
        Err(Errno::EINVAL) => Err(Error::InvalidArgument {
            name: "core",
            found: cpu.to_string(),
            expected: format!("one of {allowed:?}"),
        }),
        Err(errno) => Err(Error::io("sched_setaffinity", Path::new(&format!("core {cpu}")), errno.into())),
    }
}

/// The cores that the calling process may use, in order, as they were when this was first asked.
#[must_use]
pub fn allowed_cpus() -> Vec<usize> {
    static ALLOWED: OnceLock<Vec<usize>> = OnceLock::new();
    ALLOWED
        .get_or_init(|| core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect())
        .clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's own account of the calling thread, such as `0-1` or `1`.
    fn cpus_of_thread() -> String {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("Cpus_allowed_list:")).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    }

    #[test]
    fn a_thread_moves_to_each_allowed_core() {
        let allowed = allowed_cpus();
        assert!(!allowed.is_empty());
        std::thread::spawn(move || {
            for &cpu in &allowed {
                pin_current_thread(cpu).unwrap();
                assert_eq!(cpus_of_thread(), cpu.to_string());
            }
            assert_eq!(allowed_cpus(), allowed, "binding a thread leaves the list as it was");
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_core_that_is_not_there_is_refused_with_those_that_are() {
        for cpu in [1023, 1024, usize::MAX] {
            let text = pin_current_thread(cpu).unwrap_err().to_string();
            assert!(text.contains(&cpu.to_string()) && text.contains(&format!("{:?}", allowed_cpus())), "{text}");
        }
    }
}
