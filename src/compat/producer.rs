//! Messages go into partitions in memory, round robin. [`locked`] is the lock that keeps producers and consumers of one
//! topic apart: the structs are the program's and have no room for one.

use std::ffi::{c_char, c_int};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::guard::{entry, shown, text};
use super::public::{self, level, log_message};
use super::shim;
use super::types::{Broker, MESSAGES_MAX, PARTITIONS_MAX, Topic};
use crate::sys::c_heap;

const LOCKS: usize = 64;
static TOPIC_LOCKS: [Mutex<()>; LOCKS] = [const { Mutex::new(()) }; LOCKS];

/// Keeps the other functions of the library away from a topic's partitions; some other topics share the lock.
pub(super) fn locked(topic: *const Topic) -> MutexGuard<'static, ()> {
    // Neighbours in one array have different locks.
    let lock = &TOPIC_LOCKS[topic.addr() / size_of::<Topic>() % LOCKS];
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What became of a message.
enum Placed {
    In(c_int),
    Full(c_int),
    /// The topic is of the program's making, and is none.
    NoPartitions(c_int),
    OutOfMemory,
}

/// `void produce_message(Broker *, char *topic, char *message)`: puts a copy into the topic's next partition.
///
/// # Safety
/// `broker` is NULL or valid; `topic` and `message` are NULL or zero-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn produce_message(broker: *mut Broker, topic: *mut c_char, message: *mut c_char) {
    entry("produce_message", (), || {
        // SAFETY: this function's contract.
        let Some(bytes) = (unsafe { text(message) }) else {
            return shim::complain(format_args!("produce_message: no message"));
        };
        // SAFETY: this function's contract, which is that of get_topic.
        let found = unsafe { public::get_topic(broker, topic) };
        let name = if topic.is_null() { c"(null)".as_ptr() } else { topic.cast_const() };
        if found.is_null() {
            log_message!(level::PRODUCER, c"ERROR: Topic '%s' not found.", name);
            return;
        }
        // SAFETY: a topic of the broker.
        match unsafe { place(found, bytes.to_bytes()) } {
            Placed::In(partition) => {
                shim::arrived();
                let format = c"Message '%s' sent to topic '%s', partition %d.";
                log_message!(level::PRODUCER, format, message, name, partition);
            }
            Placed::Full(partition) => {
                log_message!(level::PRODUCER, c"ERROR: Partition %d of topic '%s' is full.", partition, name);
            }
            Placed::NoPartitions(count) => {
                // SAFETY: as above.
                let name = shown(unsafe { text(name) });
                shim::complain(format_args!("produce_message: topic '{name}' has {count} partitions"));
            }
            Placed::OutOfMemory => shim::complain(format_args!("produce_message: out of memory")),
        }
    });
}

/// # Safety
/// `topic` is valid.
unsafe fn place(topic: *mut Topic, message: &[u8]) -> Placed {
    let copy = c_heap::copied(message);
    if copy.is_null() {
        return Placed::OutOfMemory;
    }
    let guard = locked(topic);
    // SAFETY: valid, and under the lock that all of the library's functions take.
    let placed = unsafe {
        let count = (*topic).partition_count;
        if !(1..=PARTITIONS_MAX as c_int).contains(&count) {
            Placed::NoPartitions(count)
        } else {
            let index = (*topic).rr_index.rem_euclid(count);
            (*topic).rr_index = (index + 1) % count;
            let partition = &raw mut (*topic).partitions[index.unsigned_abs() as usize];
            match usize::try_from((*partition).count).ok().filter(|count| *count < MESSAGES_MAX) {
                Some(next) => {
                    (*partition).messages[next] = copy;
                    (*partition).count += 1;
                    Placed::In(index)
                }
                None => Placed::Full(index),
            }
        }
    };
    drop(guard);
    if !matches!(placed, Placed::In(_)) {
        // SAFETY: made above, and given to nobody.
        unsafe { c_heap::free(copy.cast()) };
    }
    placed
}
