//! Calls from one old module to another. They go through the public symbol, whatever that names in the end: a program
//! may bring a module of its own, such as a memory pool whose struct is nothing like ours, and then all of its functions
//! have to be the program's.
//!
//! The address of the symbol stands in a static that is read with `volatile`: so the linker fills it in, and no
//! optimisation looks through it and puts the library's own function in its place.

use std::ffi::{c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void};

use super::types::{Broker, Topic};

macro_rules! interposable {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $kind:ty),*) $(-> $result:ty)?;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// That of the public function.
        #[inline]
        pub(super) unsafe fn $name($($argument: $kind),*) $(-> $result)? {
            unsafe extern "C" { fn $name($($argument: $kind),*) $(-> $result)?; }
            static TARGET: unsafe extern "C" fn($($kind),*) $(-> $result)? = $name;
            // SAFETY: a static that is always there, and this function's contract.
            unsafe { (&raw const TARGET).read_volatile()($($argument),*) }
        }
    )*};
}

interposable! {
    /// Finds a topic.
    fn get_topic(broker: *mut Broker, name: *mut c_char) -> *mut Topic;
    /// Takes a block.
    fn pool_alloc(pool: *mut c_void) -> *mut c_void;
    /// Gives it back.
    fn pool_free(pool: *mut c_void, block: *mut c_void);
    /// Compresses.
    fn compress_message(dest: *mut c_uchar, dest_len: *mut c_ulong, src: *const c_uchar, src_len: c_ulong) -> c_long;
    /// Decompresses.
    fn decompress_message(dest: *mut c_uchar, dest_len: *mut c_ulong, src: *const c_uchar, src_len: c_ulong) -> c_long;
    /// Reads until the end.
    fn read_fully(descriptor: c_int, buffer: *mut c_void, count: usize) -> isize;
}

/// `log_message` with a format and what it takes: as a macro, since only calls may be variadic.
macro_rules! log_message {
    ($level:expr, $format:expr $(, $value:expr)* $(,)?) => {{
        // SAFETY: the values are what the format asks for, as the places of the calls show.
        unsafe { $crate::compat::public::log_message_target()($level, $format.as_ptr() $(, $value)*) }
    }};
}
pub(super) use log_message;

/// The type of `log_message`.
pub(super) type LogMessage = unsafe extern "C" fn(c_uint, *const c_char, ...);

/// What `log_message` names in this program.
#[inline]
pub(super) fn log_message_target() -> LogMessage {
    unsafe extern "C" {
        fn log_message(level: c_uint, format: *const c_char, ...);
    }
    static TARGET: LogMessage = log_message;
    // SAFETY: a static that is always there.
    unsafe { (&raw const TARGET).read_volatile() }
}

/// Who says a line: `LOG_LEVEL_BROKER`, `LOG_LEVEL_PRODUCER`, `LOG_LEVEL_CONSUMER`.
pub(super) mod level {
    use std::ffi::c_uint;

    pub(in crate::compat) const BROKER: c_uint = 1;
    pub(in crate::compat) const PRODUCER: c_uint = 2;
    pub(in crate::compat) const CONSUMER: c_uint = 3;
}
