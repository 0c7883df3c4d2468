//! What the program around the library may do to it: forks, cancelled threads, limits, a second copy of the library.

use std::ffi::c_void;
use std::path::Path;
use std::time::Duration;

use ckafka::storage::session::Membership;
use ckafka::sys::Dir;
use ckafka::sys::cancel::NoCancellation;

/// How long a child lives that nobody ends.
const CHILD_SECONDS: u32 = 60;

/// Leaves a child behind that does nothing; its process id.
#[expect(unsafe_code, reason = "a process forks")]
pub fn fork() -> Result<i32, String> {
    // SAFETY: the child makes async-signal-safe calls only, and never returns.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            // Who listens to this process must hear of its end.
            (0..3).for_each(|number| {
                let _ = libc::close(number);
            });
            libc::alarm(CHILD_SECONDS);
            loop {
                libc::pause();
            }
        }
        if child > 0 { Ok(child) } else { Err(format!("fork: {}", std::io::Error::last_os_error())) }
    }
}

/// Lets this process have descriptors with numbers below `count` alone; those that it has it keeps.
pub fn limit_descriptors(count: u64) -> Result<String, String> {
    limit(libc::RLIMIT_NOFILE, count)
}

/// Lets this process write no file beyond `bytes`.
pub fn limit_files(bytes: u64) -> Result<String, String> {
    limit(libc::RLIMIT_FSIZE, bytes)
}

#[expect(unsafe_code, reason = "a limit of this process is set")]
fn limit(resource: libc::__rlimit_resource_t, count: u64) -> Result<String, String> {
    // SAFETY: a valid place for the limits, which are read before they are set.
    let set = unsafe {
        let mut limits: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(resource, &raw mut limits);
        limits.rlim_cur = count.min(limits.rlim_max);
        libc::setrlimit(resource, &raw const limits)
    };
    if set == 0 { Ok(String::new()) } else { Err(std::io::Error::last_os_error().to_string()) }
}

#[expect(unsafe_code, reason = "declared as the C library has it")]
mod pthread {
    unsafe extern "C-unwind" {
        pub fn pthread_testcancel();
    }
    unsafe extern "C" {
        pub fn pthread_cancel(thread: libc::pthread_t) -> libc::c_int;
    }
}

type Work = Box<dyn FnOnce() + Send>;

/// Calls as the C boundary does, and is cancelled behind it: nothing is left to be dropped there.
#[expect(unsafe_code, reason = "the body of a thread that may be cancelled")]
extern "C-unwind" fn body(work: *mut c_void) -> *mut c_void {
    // SAFETY: made by `cancelled`, which gives it away.
    call(unsafe { Box::from_raw(work.cast::<Work>()) });
    // SAFETY: always defined; this frame holds nothing.
    unsafe { pthread::pthread_testcancel() };
    std::ptr::null_mut()
}

fn call(work: Box<Work>) {
    let _whole = NoCancellation::begin();
    work();
}

/// Runs `work` in a thread of the C library's and cancels it soon after it began.
#[expect(unsafe_code, reason = "a thread of the C library's is made and cancelled")]
pub fn cancelled(work: impl FnOnce() + Send + 'static) -> Result<String, String> {
    let work: *mut Work = Box::into_raw(Box::new(Box::new(work)));
    let mut thread = 0;
    let mut result = std::ptr::null_mut();
    // SAFETY: the body is what a thread's body is, but may be unwound; thread and result are valid places.
    let ended = unsafe {
        let start: extern "C" fn(*mut c_void) -> *mut c_void =
            std::mem::transmute::<extern "C-unwind" fn(*mut c_void) -> *mut c_void, _>(body);
        if libc::pthread_create(&raw mut thread, std::ptr::null(), start, work.cast()) != 0 {
            return Err("no thread".to_owned());
        }
        std::thread::sleep(Duration::from_millis(100));
        pthread::pthread_cancel(thread);
        libc::pthread_join(thread, &raw mut result)
    };
    // PTHREAD_CANCELED of the C libraries of Linux.
    let was_cancelled = ended == 0 && result.addr() == usize::MAX;
    if was_cancelled { Ok(String::new()) } else { Err(format!("it ended by itself: {ended} {result:?}")) }
}

/// Joins a directory twice more, as other copies of the library in this process would, which know nothing of each other: each must take the other for alive.
pub fn second_copy(folder: &Path) -> Result<String, String> {
    let text = |error: ckafka::Error| error.to_string();
    let join = || Membership::join_writer(Dir::open(folder)?, Duration::from_secs(2), &|_| Ok(()));
    let (second, third) = (join().map_err(text)?, join().map_err(text)?);
    let owners = [second.seat().map_err(text)?.1, third.seat().map_err(text)?.1];
    let sessions = [second.seat().map_err(text)?.0.session(), third.seat().map_err(text)?.0.session()];
    let verdict = if owners[0].slot() == owners[1].slot() {
        Err(format!("both have slot {}", owners[0].slot()))
    } else if sessions[0] != sessions[1] {
        Err("each began a session of its own".to_owned())
    } else if second.is_dead(owners[1]) || third.is_dead(owners[0]) {
        Err(format!("a living copy is taken for dead: {owners:?}"))
    } else {
        Ok(String::new())
    };
    second.leave().and_then(|()| third.leave()).map_err(text)?;
    verdict
}
