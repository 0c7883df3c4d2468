//! Topics in memory. `broker->topics` is one array that programs walk themselves; it has room for all topics there will
//! ever be from the start, so that a pointer into it stays valid.
//!
//! Invariant: a topic is complete before `topic_count` counts it, which other threads read with acquire.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::guard::{entry, shown, text};
use super::public::{level, log_message};
use super::shim;
use super::types::{Broker, NAME_SIZE, PARTITIONS_MAX, Partition, Topic};
use crate::sys::c_heap;

/// Room for topics in one broker. The memory is not touched before it is used.
pub(super) const TOPICS_MAX: usize = 4096;

/// An array of topics that this library made, known by its broker and its address.
#[derive(Debug)]
struct Array {
    broker: usize,
    topics: usize,
    /// Names as they were added, for who has only a pointer to a partition.
    names: Vec<(String, i32)>,
}

/// Made arrays. A lock is held while topics are added, so one thread at a time does.
static ARRAYS: Mutex<Vec<Array>> = Mutex::new(Vec::new());

fn arrays() -> MutexGuard<'static, Vec<Array>> {
    ARRAYS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a partition is: its topic, how many partitions that has, and which of them it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) topic: String,
    pub(super) partition_count: i32,
    pub(super) partition: i32,
}

/// The place of a partition in an array that this library made. The memory is not looked at.
pub(super) fn place_of(partition: *const Partition) -> Option<Place> {
    let arrays = arrays();
    arrays.iter().find_map(|array| {
        let distance = partition.addr().checked_sub(array.topics)?;
        let (topic, partition_count) = array.names.get(distance / size_of::<Topic>())?;
        let within = (distance % size_of::<Topic>()).checked_sub(std::mem::offset_of!(Topic, partitions))?;
        let index = i32::try_from(within / size_of::<Partition>()).ok()?;
        let is_one = within % size_of::<Partition>() == 0 && index < *partition_count;
        is_one.then(|| Place { topic: topic.clone(), partition_count: *partition_count, partition: index })
    })
}

/// `Broker *create_broker()`: without topics; NULL where memory is out.
#[unsafe(no_mangle)]
pub extern "C" fn create_broker() -> *mut Broker {
    entry("create_broker", ptr::null_mut(), || {
        let broker: *mut Broker = c_heap::zeroed(1, size_of::<Broker>()).cast();
        let topics: *mut Topic = c_heap::zeroed(TOPICS_MAX, size_of::<Topic>()).cast();
        if broker.is_null() || topics.is_null() {
            shim::complain(format_args!("create_broker: out of memory"));
            // SAFETY: both came from this allocator, and nobody else knows them.
            unsafe {
                c_heap::free(broker.cast());
                c_heap::free(topics.cast());
            }
            return ptr::null_mut();
        }
        // SAFETY: memory of that size, which nobody else knows yet.
        unsafe { (*broker).topics = topics };
        remember(&mut arrays(), broker, topics);
        log_message!(level::BROKER, c"Broker created.");
        broker
    })
}

/// Forgets what was at either address before: the program has freed it.
fn remember(arrays: &mut Vec<Array>, broker: *mut Broker, topics: *mut Topic) {
    arrays.retain(|array| array.broker != broker.addr() && array.topics != topics.addr());
    arrays.push(Array { broker: broker.addr(), topics: topics.addr(), names: Vec::new() });
}

/// A name as it is kept: its first 63 bytes.
fn cut(name: &CStr) -> &[u8] {
    let bytes = name.to_bytes();
    bytes.get(..NAME_SIZE - 1).unwrap_or(bytes)
}

/// `Topic *get_topic(Broker *, char *name)`: NULL where there is none.
///
/// # Safety
/// `broker` is NULL or valid; `name` is NULL or zero-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn get_topic(broker: *mut Broker, name: *mut c_char) -> *mut Topic {
    entry("get_topic", ptr::null_mut(), || {
        // SAFETY: this function's contract.
        let Some(name) = (unsafe { text(name) }).filter(|_| !broker.is_null()) else { return ptr::null_mut() };
        let wanted = cut(name);
        // SAFETY: a valid broker, whose topics are complete as far as they are counted.
        unsafe {
            let count = AtomicI32::from_ptr(&raw mut (*broker).topic_count).load(Acquire);
            let topics = (&raw const (*broker).topics).read();
            if topics.is_null() {
                return ptr::null_mut();
            }
            let found = (0..usize::try_from(count).unwrap_or(0)).find(|index| name_of(topics.add(*index)) == wanted);
            found.map_or(ptr::null_mut(), |index| topics.add(index))
        }
    })
}

/// The bytes of a topic's name, also where a program left it without a NUL.
///
/// # Safety
/// `topic` is complete, and stays for as long as the result lives.
unsafe fn name_of<'a>(topic: *const Topic) -> &'a [u8] {
    // SAFETY: this function's contract; the name has that size.
    let bytes = unsafe { std::slice::from_raw_parts((&raw const (*topic).name).cast::<u8>(), NAME_SIZE) };
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// `void add_topic(Broker *, char *name, int partition_count)`: what cannot be added is refused with a line on standard
/// error, and nothing is changed.
///
/// # Safety
/// As `get_topic`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn add_topic(broker: *mut Broker, name: *mut c_char, partition_count: c_int) {
    entry("add_topic", (), || {
        // SAFETY: this function's contract.
        let name = unsafe { text(name) };
        let (Some(name), false) = (name, broker.is_null()) else {
            let what = if broker.is_null() { "broker" } else { "name" };
            return shim::complain(format_args!("add_topic: no {what}"));
        };
        if !(1..=PARTITIONS_MAX as c_int).contains(&partition_count) {
            let name = shown(Some(name));
            return shim::complain(format_args!(
                "add_topic: topic '{name}' with {partition_count} partitions: 1 to {PARTITIONS_MAX} are possible"
            ));
        }
        let mut arrays = arrays();
        // SAFETY: this function's contract; adding is one thread's at a time.
        let Some(topic) = (unsafe { room(&mut arrays, broker, name) }) else { return };
        let bytes = cut(name);
        // SAFETY: room for a topic that no other thread knows of before it is counted.
        unsafe {
            ptr::write_bytes(topic, 0, 1);
            ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut (*topic).name).cast(), bytes.len());
            (*topic).partition_count = partition_count;
            let count = AtomicI32::from_ptr(&raw mut (*broker).topic_count);
            count.store(count.load(Acquire) + 1, Release);
        }
        if let Some(array) = arrays.iter_mut().find(|array| array.broker == broker.addr()) {
            array.names.push((String::from_utf8_lossy(bytes).into_owned(), partition_count));
        }
        drop(arrays);
        // SAFETY: the topic stays where it is; its name ends with a NUL.
        let name = unsafe { (&raw const (*topic).name).cast::<c_char>() };
        log_message!(level::BROKER, c"Topic '%s' added with %d partitions.", name, partition_count);
    });
}

/// The place of one more topic; `None` after a line on standard error.
///
/// A broker that the program made itself, without topics yet, gets an array like any other. One whose array is the
/// program's grows as it always did: pointers into it then do not stay valid.
///
/// # Safety
/// `broker` is valid.
unsafe fn room(arrays: &mut Vec<Array>, broker: *mut Broker, name: &CStr) -> Option<*mut Topic> {
    // SAFETY: this function's contract.
    let (topics, count) = unsafe { ((*broker).topics, usize::try_from((*broker).topic_count).unwrap_or(0)) };
    let is_ours = arrays.iter().any(|array| array.broker == broker.addr() && array.topics == topics.addr());
    if is_ours && count >= TOPICS_MAX {
        let name = shown(Some(name));
        shim::complain(format_args!("add_topic: topic '{name}' is one more than the {TOPICS_MAX} that a broker holds"));
        return None;
    }
    let grown: *mut Topic = if is_ours {
        topics
    } else if topics.is_null() {
        let made = c_heap::zeroed(TOPICS_MAX, size_of::<Topic>()).cast();
        remember(arrays, broker, made);
        made
    } else {
        // SAFETY: an array of the program's, from malloc, as its own add_topic would grow it.
        unsafe { c_heap::resized(topics.cast(), (count + 1).checked_mul(size_of::<Topic>())?).cast() }
    };
    if grown.is_null() {
        shim::complain(format_args!("add_topic: out of memory for topic '{}'", shown(Some(name))));
        return None;
    }
    // SAFETY: this function's contract; the array has room for one more.
    unsafe {
        if grown != topics {
            (*broker).topics = grown;
        }
        Some(grown.add(count))
    }
}
