//! A consumer prints the messages of one partition, from the first one on. The loop, and the waiting, is in C.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use super::guard::entry;
use super::producer::locked;
use super::public::{self, level, log_message};
use super::shim;
use super::types::{ConsumerArgs, MESSAGES_MAX, PARTITIONS_MAX, Topic};

const ENDED: c_int = -1;
const NOTHING: c_int = 0;
const PRINTED: c_int = 1;

/// `void *consume_messages(void *ConsumerArgs)`: the body of a thread, which ends when it is cancelled, or at once where
/// the topic is unknown.
///
/// # Safety
/// `args` is NULL, or points to a `ConsumerArgs` that stays valid, with all it points to, until the thread has ended.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn consume_messages(args: *mut c_void) -> *mut c_void {
    // SAFETY: this function's contract. The frame has nothing to drop, so a cancellation may unwind it.
    unsafe { shim::ckafka_shim_consume(args, look) }
}

/// Prints the next message, if there is one; with `next` -1 it says first that it starts.
///
/// # Safety
/// As `consume_messages`; `next` is writable.
unsafe extern "C" fn look(args: *mut c_void, next: *mut c_int) -> c_int {
    entry("consume_messages", ENDED, || {
        // SAFETY: this function's contract.
        let (Some(args), Some(next)) = (unsafe { args.cast::<ConsumerArgs>().as_ref() }, unsafe { next.as_mut() })
        else {
            shim::complain(format_args!("consume_messages: no arguments"));
            return ENDED;
        };
        let (thread, partition) = (args.thread_id, args.partition_id);
        // Asked anew each time: a broker of the program's own may have moved its topics.
        // SAFETY: this function's contract.
        let topic = unsafe { public::get_topic(args.broker, args.topic_name) };
        let name = if args.topic_name.is_null() { c"(null)".as_ptr() } else { args.topic_name.cast_const() };
        if topic.is_null() {
            log_message!(level::CONSUMER, c"Thread %d: ERROR: Topic '%s' not found.", thread, name);
            return ENDED;
        }
        if *next < 0 {
            // SAFETY: a topic of the broker.
            if !unsafe { has_partition(topic, partition) } {
                let format = c"Thread %d: ERROR: Topic '%s' has no partition %d.";
                log_message!(level::CONSUMER, format, thread, name, partition);
                return ENDED;
            }
            let format = c"Thread %d starting to consume from topic '%s', partition %d.";
            log_message!(level::CONSUMER, format, thread, name, partition);
            *next = 0;
        }
        // SAFETY: a topic of the broker, which has the partition.
        let message = unsafe { message(topic, partition, *next) };
        if message.is_null() {
            return NOTHING;
        }
        *next += 1;
        let format = c"Thread %d read message: '[%s]' from partition %d.";
        log_message!(level::CONSUMER, format, thread, message, partition);
        PRINTED
    })
}

/// # Safety
/// `topic` is valid.
unsafe fn has_partition(topic: *const Topic, partition: c_int) -> bool {
    let _guard = locked(topic);
    // SAFETY: this function's contract; partition_count is not changed outside the lock.
    let count = unsafe { (*topic).partition_count };
    (0..count.min(PARTITIONS_MAX as c_int)).contains(&partition)
}

/// The message at `index`, or NULL where it has not come yet. It is the library's for good: a program that takes it away
/// does so at its own risk, as before.
///
/// # Safety
/// `topic` is valid.
unsafe fn message(topic: *const Topic, partition: c_int, index: c_int) -> *const c_char {
    let (Ok(partition), Ok(index)) = (usize::try_from(partition), usize::try_from(index)) else { return ptr::null() };
    let _guard = locked(topic);
    if partition >= PARTITIONS_MAX || index >= MESSAGES_MAX {
        return ptr::null();
    }
    // SAFETY: valid, in bounds, and under the lock that all of the library's functions take.
    unsafe {
        let partition = &raw const (*topic).partitions[partition];
        let has_come = usize::try_from((*partition).count).is_ok_and(|count| index < count);
        if has_come { (*partition).messages[index] } else { ptr::null() }
    }
}
