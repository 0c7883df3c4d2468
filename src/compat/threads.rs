//! Thread core: pinning, and the three bodies of threads. Their loops are in C, since they are cancelled in mid-sleep.

use std::ffi::{c_int, c_void};
use std::io::Error as IoError;

use super::guard::{entry, kernel_reason};
use super::shim::{self, Flush};
use crate::sys::{affinity, host};

/// `void bind_thread_to_core(int core_id)`: pins the calling thread, and says so.
#[unsafe(no_mangle)]
pub extern "C" fn bind_thread_to_core(core_id: c_int) {
    entry("bind_thread_to_core", (), || {
        // A number below 0 is one that no machine has.
        let core = usize::try_from(core_id).unwrap_or(usize::MAX);
        match affinity::pin_current_thread(core) {
            Ok(()) => {
                let thread = host::thread_id();
                shim::print(format!("Thread {thread} bound to core {core_id}\n").as_bytes(), Flush::Now);
            }
            Err(error) => {
                let invalid = IoError::from_raw_os_error(libc::EINVAL);
                shim::perror(c"setaffinity error", kernel_reason(&error).unwrap_or(&invalid));
            }
        }
    });
}

/// `void *network_io_thread(void *core_id)`: pins itself and says each second what it would do.
///
/// # Safety
/// `core_id` is NULL or points to an int.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn network_io_thread(core_id: *mut c_void) -> *mut c_void {
    // SAFETY: this function's contract. The frame has nothing to drop, so a cancellation may unwind it.
    unsafe { shim::ckafka_shim_network(core_id) }
}

/// `void *log_flush_thread(void *core_id)`: pins itself and writes a line to `logs.txt` every two seconds.
///
/// # Safety
/// `core_id` is NULL or points to an int.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn log_flush_thread(core_id: *mut c_void) -> *mut c_void {
    // SAFETY: this function's contract. The frame has nothing to drop, so a cancellation may unwind it.
    unsafe { shim::ckafka_shim_flush(core_id) }
}

/// `void *consumer_thread(void *core_id)`: pins itself and says each second what it would do.
///
/// # Safety
/// `core_id` is NULL or points to an int.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn consumer_thread(core_id: *mut c_void) -> *mut c_void {
    // SAFETY: this function's contract. The frame has nothing to drop, so a cancellation may unwind it.
    unsafe { shim::ckafka_shim_consumer(core_id) }
}
