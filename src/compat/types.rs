//! The structs of the C-Kafka headers, which programs read and write directly: layouts are fixed, and asserted here.
//!
//! ```text
//! Partition   816  messages 0 (100 pointers) | count 800 (int) | log_offset 808 (unsigned long long)
//! Topic      6600  name 0 (64 bytes) | partitions 64 (8) | partition_count 6592 (int) | rr_index 6596 (int)
//! Broker       16  topics 0 (pointer) | topic_count 8 (int)
//! ConsumerArgs 24  broker 0 | topic_name 8 | partition_id 16 (int) | thread_id 20 (int)
//! ```

use std::ffi::{c_char, c_int, c_ulonglong};

/// `MAX_PARTITIONS`.
pub const PARTITIONS_MAX: usize = 8;
/// `MAX_MESSAGES`.
pub const MESSAGES_MAX: usize = 100;
/// Bytes of a topic's name, with its NUL.
pub const NAME_SIZE: usize = 64;

/// One partition.
#[repr(C)]
#[derive(Debug)]
pub struct Partition {
    /// Copies of messages, memory of malloc.
    pub messages: [*mut c_char; MESSAGES_MAX],
    /// How many.
    pub count: c_int,
    /// LOG_OFFSET of the next append.
    pub log_offset: c_ulonglong,
}

/// One topic.
#[repr(C)]
#[derive(Debug)]
pub struct Topic {
    /// Zero-terminated.
    pub name: [c_char; NAME_SIZE],
    /// The first `partition_count` of them are in use.
    pub partitions: [Partition; PARTITIONS_MAX],
    /// 1 to 8.
    pub partition_count: c_int,
    /// The partition of the next message.
    pub rr_index: c_int,
}

/// All topics of a program.
#[repr(C)]
#[derive(Debug)]
pub struct Broker {
    /// Memory of malloc.
    pub topics: *mut Topic,
    /// How many.
    pub topic_count: c_int,
}

/// What a consumer's thread is given.
#[repr(C)]
#[derive(Debug)]
pub struct ConsumerArgs {
    /// Where the topic is.
    pub broker: *mut Broker,
    /// Its name.
    pub topic_name: *mut c_char,
    /// Which partition of it.
    pub partition_id: c_int,
    /// How the thread calls itself.
    pub thread_id: c_int,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::{align_of, offset_of, size_of};
    assert!(size_of::<Partition>() == 816 && align_of::<Partition>() == 8);
    assert!(offset_of!(Partition, messages) == 0 && offset_of!(Partition, count) == 800);
    assert!(offset_of!(Partition, log_offset) == 808);
    assert!(size_of::<Topic>() == 6600 && align_of::<Topic>() == 8);
    assert!(offset_of!(Topic, name) == 0 && offset_of!(Topic, partitions) == 64);
    assert!(offset_of!(Topic, partition_count) == 6592 && offset_of!(Topic, rr_index) == 6596);
    assert!(size_of::<Broker>() == 16 && align_of::<Broker>() == 8);
    assert!(offset_of!(Broker, topics) == 0 && offset_of!(Broker, topic_count) == 8);
    assert!(size_of::<ConsumerArgs>() == 24 && align_of::<ConsumerArgs>() == 8);
    assert!(offset_of!(ConsumerArgs, broker) == 0 && offset_of!(ConsumerArgs, topic_name) == 8);
    assert!(offset_of!(ConsumerArgs, partition_id) == 16 && offset_of!(ConsumerArgs, thread_id) == 20);
};
