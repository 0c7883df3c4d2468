//! What the tests of this room share: folders of their own, processes of their own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::Dir;

/// A folder that goes away with the value.
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ckafka-sys-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn dir(&self) -> Dir {
        Dir::open(&self.path).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Runs `body` in a process where no other test runs, because it changes what belongs to the whole process: limits,
/// dispositions. `test` is the full name of the calling test.
pub(crate) fn in_own_process(test: &str, body: impl FnOnce()) {
    const MARK: &str = "CKAFKA_TEST_ALONE";
    if std::env::var(MARK).as_deref() == Ok(test) {
        return body();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args([test, "--exact", "--nocapture"]).env(MARK, test).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{text}\n{errors}", output.status);
    assert!(text.contains("1 passed"), "no such test: {test}\n{text}");
}

/// Runs `work` on a thread that handles a signal, which does nothing, every 5 ms.
pub(crate) fn under_signals<T>(work: impl FnOnce() -> T) -> T {
    extern "C" fn nothing(_signal: libc::c_int) {}
    // SAFETY: zeroes are a valid sigaction without SA_RESTART; the handler does nothing. Nobody else uses SIGUSR2.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR2, &raw const action, std::ptr::null_mut()), 0);
    }
    // SAFETY: the number of the calling thread, which outlives the scope below.
    let worker = unsafe { libc::pthread_self() };
    let over = AtomicU32::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while over.load(Ordering::Acquire) == 0 {
                std::thread::sleep(Duration::from_millis(5));
                // SAFETY: the thread waits for this scope to end.
                unsafe { libc::pthread_kill(worker, libc::SIGUSR2) };
            }
        });
        let result = work();
        over.store(1, Ordering::Release);
        result
    })
}

/// A forked child, killed and reaped when dropped.
pub(crate) struct Child(libc::pid_t);

impl Child {
    /// Forks. `body` gives the exit status and does async-signal-safe things only, since other threads are gone.
    pub(crate) fn fork(body: impl FnOnce() -> i32) -> Self {
        // SAFETY: the child runs `body` and leaves by _exit: neither destructors nor atexit handlers run.
        match unsafe { libc::fork() } {
            0 => {
                let status = body();
                // SAFETY: always defined.
                unsafe { libc::_exit(status) }
            }
            pid => {
                assert!(pid > 0, "fork");
                Self(pid)
            }
        }
    }

    /// Waits for its end: the exit status, or minus the signal.
    pub(crate) fn wait(mut self) -> i32 {
        self.reap()
    }

    pub(crate) fn kill(&self) {
        self.signal(libc::SIGKILL);
    }

    pub(crate) fn stop(&self) {
        self.signal(libc::SIGSTOP);
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: the child is not reaped yet, so the number is its own.
        unsafe { libc::kill(self.0, signal) };
    }

    fn reap(&mut self) -> i32 {
        let mut status = 0;
        // SAFETY: `status` is valid; the number is the child's until this call returns.
        let reaped = unsafe { libc::waitpid(self.0, &raw mut status, 0) };
        assert_eq!(reaped, self.0);
        self.0 = 0;
        if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.0 != 0 {
            self.kill();
            self.reap();
        }
    }
}

/// Words that forked children share with their parent.
pub(crate) fn shared_words() -> &'static [AtomicU32; 1024] {
    // SAFETY: a new zeroed page, never unmapped; zeroes are valid words.
    unsafe {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        let page = libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0);
        assert_ne!(page, libc::MAP_FAILED);
        &*page.cast()
    }
}

/// Whether something comes true within some seconds. Locks may outlive a close for a moment, while another test's child
/// stands between fork and exec.
pub(crate) fn soon(mut what: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !what() {
        if start.elapsed() > Duration::from_secs(10) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Bytes that do not repeat, the same in each run.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32).to_le_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}
