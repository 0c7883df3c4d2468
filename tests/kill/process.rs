//! Forks, signals, waits, traces and shared memory: every unsafe line of the harness.
//!
//! Children die with the process that forked them, and are ended by their number alone.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use memmap2::{MmapOptions, MmapRaw};

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Exit(i32),
    Signal(i32),
}

/// What a wait reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Ended(Ended),
    /// A traced child stopped with this signal.
    Stopped(i32),
}

/// A forked child; killed and reaped when dropped.
#[derive(Debug)]
pub struct Child {
    pid: libc::pid_t,
    ended: Option<Ended>,
}

/// Runs `body` of test `name` in a process of its own with one thread at work, whose children may do anything; `deadline` bounds it.
///
/// The body's output is passed on. A body that fails, or does not end, fails the test.
pub fn alone(name: &str, deadline: Duration, body: impl FnOnce()) {
    const MARK: &str = "CKAFKA_KILL_ALONE";
    if std::env::var(MARK).as_deref() == Ok(name) {
        let threads = std::fs::read_dir("/proc/self/task").expect("own threads").count();
        assert!(threads <= 2, "a fork copies this thread; beside it only the one that waits for it may be there");
        die_with_parent();
        println!();
        return body();
    }
    let mut command = Command::new(std::env::current_exe().expect("own binary"));
    command.args([name, "--exact", "--nocapture", "--include-ignored", "--test-threads=1"]).env(MARK, name);
    let mut child = command.spawn().expect("the test binary runs again");
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("wait") {
            assert!(status.success(), "{name}: {status}");
            return;
        }
        if begun.elapsed() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{name} did not end within {deadline:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn die_with_parent() {
    // SAFETY: a number in, nothing out.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

impl Child {
    /// Forks. `body` runs in the child and gives its exit status; a panic gives 101.
    pub fn fork(body: impl FnOnce() -> i32) -> Self {
        // SAFETY: one thread is at work (see `alone`), so the child finds every lock free. It leaves by _exit, so
        // that neither destructors nor atexit handlers of the parent run in it.
        match unsafe { libc::fork() } {
            0 => {
                die_with_parent();
                let status = catch_unwind(AssertUnwindSafe(body)).unwrap_or(101);
                // SAFETY: always defined.
                unsafe { libc::_exit(status) }
            }
            pid => {
                assert!(pid > 0, "fork: {}", std::io::Error::last_os_error());
                Self { pid, ended: None }
            }
        }
    }

    pub fn pid(&self) -> i32 {
        self.pid
    }

    pub fn signal(&self, signal: i32) {
        if self.ended.is_none() {
            // SAFETY: the child is not reaped, so the number is still its own.
            unsafe { libc::kill(self.pid, signal) };
        }
    }

    /// Kills it, and waits until the kernel has let go of all it held.
    pub fn kill(&mut self) -> Ended {
        self.signal(libc::SIGKILL);
        loop {
            if let Event::Ended(ended) = self.wait() {
                return ended;
            }
        }
    }

    /// Waits for its end or a stop under trace.
    pub fn wait(&mut self) -> Event {
        self.waitpid(libc::__WALL).expect("a waiting call reports something")
    }

    /// Its end, if it came within `deadline`.
    pub fn wait_until(&mut self, deadline: Duration) -> Option<Ended> {
        let begun = Instant::now();
        loop {
            if let Some(Event::Ended(ended)) = self.waitpid(libc::__WALL | libc::WNOHANG) {
                return Some(ended);
            }
            if begun.elapsed() >= deadline {
                return None;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn waitpid(&mut self, flags: i32) -> Option<Event> {
        if let Some(ended) = self.ended {
            return Some(Event::Ended(ended));
        }
        let mut status = 0;
        // SAFETY: the child is not reaped; the status is a valid place.
        let pid = unsafe { libc::waitpid(self.pid, &raw mut status, flags) };
        if pid == 0 {
            return None;
        }
        assert_eq!(pid, self.pid, "waitpid: {}", std::io::Error::last_os_error());
        let event = if libc::WIFSTOPPED(status) {
            Event::Stopped(libc::WSTOPSIG(status))
        } else if libc::WIFSIGNALED(status) {
            Event::Ended(Ended::Signal(libc::WTERMSIG(status)))
        } else {
            Event::Ended(Ended::Exit(libc::WEXITSTATUS(status)))
        };
        if let Event::Ended(ended) = event {
            self.ended = Some(ended);
        }
        Some(event)
    }

    /// Goes on under trace in the manner of `request`; what comes next.
    pub fn resume(&mut self, request: Resume) -> Event {
        let request = match request {
            Resume::Freely => libc::PTRACE_CONT,
            Resume::ToSystemCall => libc::PTRACE_SYSCALL,
            Resume::OneInstruction => libc::PTRACE_SINGLESTEP,
        };
        // SAFETY: the child is stopped under our trace; no signal is passed on.
        let status = unsafe { libc::ptrace(request, self.pid, 0, 0) };
        assert_eq!(status, 0, "ptrace: {}", std::io::Error::last_os_error());
        self.wait()
    }
}

#[cfg(target_arch = "x86_64")]
impl Child {
    /// Whether the next instruction of a stopped, traced child is a system call.
    pub fn is_at_system_call(&self) -> bool {
        const RIP_AT: usize = 16 * 8;
        const SYSCALL: u16 = 0x050f;
        // SAFETY: the child is stopped under our trace; a word of its registers, and one of its text, come back as results.
        let text = unsafe {
            let rip = libc::ptrace(libc::PTRACE_PEEKUSER, self.pid, RIP_AT, 0);
            libc::ptrace(libc::PTRACE_PEEKTEXT, self.pid, rip, 0)
        };
        text as u16 == SYSCALL
    }
}

/// How a traced child goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    Freely,
    /// To the next entry or exit of a system call.
    ToSystemCall,
    OneInstruction,
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.kill();
        }
    }
}

/// Lets the parent trace this process. System calls then stop with SIGTRAP.
pub fn be_traced() {
    // SAFETY: takes no pointer.
    unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
}

/// Stops this process; whoever traces it sees where it is.
pub fn stop_here() {
    // SAFETY: takes no pointer.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// Whether nobody else holds a lock on a byte of a file.
pub fn is_byte_free(file: &File, byte: u64) -> bool {
    // SAFETY: zeroes are a valid flock.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = byte as i64;
    lock.l_len = 1;
    // SAFETY: an open descriptor and a valid lock.
    let status = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) };
    status == 0 && i32::from(lock.l_type) == libc::F_UNLCK
}

/// A file's words, shared by all who map it.
pub struct Words {
    map: MmapRaw,
}

impl Words {
    /// Maps the first `count` 64-bit words of a file.
    pub fn map(file: &File, count: usize) -> Self {
        let map = MmapOptions::new().len(count * 8).map_raw(file).expect("map");
        Self { map }
    }

    /// The same for a file that is only looked at.
    pub fn map_read_only(file: &File, count: usize) -> Self {
        let map = MmapOptions::new().len(count * 8).map_raw_read_only(file).expect("map");
        Self { map }
    }

    pub fn get(&self) -> &[AtomicU64] {
        // SAFETY: the map is page-aligned and lives as long as `self`; any bits are a word, and all change them atomically.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast(), self.map.len() / 8) }
    }

    /// The bytes as they are now, compared or copied while a traced child stands still.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: mapped as long as `self`; whoever could store is stopped while the slice is looked at, and a byte that
        // moved all the same would only be seen as different.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr(), self.map.len()) }
    }
}
