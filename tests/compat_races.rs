//! Producers, consumers, who adds and who looks up topics, appenders and users of a pool meet no data race among the
//! library's own functions. `make check-races` runs this under ThreadSanitizer, which ends the part that it finds one in.
#![cfg(feature = "compat")]
#![expect(unsafe_code, reason = "calls what C programs call")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;

use std::ffi::{CString, c_char, c_void};
use std::ptr;
use std::sync::Barrier;
use std::thread;

use ckafka::compat::types::{Broker, ConsumerArgs, Partition};
use ckafka::compat::{
    add_topic, append_message_to_log, consume_messages, create_broker, get_topic, pool_alloc, pool_create,
    pool_destroy, pool_free, produce_message,
};
use common::child;
use common::scratch::Scratch;

/// A pointer that all threads of a test may use.
struct Shared<T>(*mut T);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

// SAFETY: what it points to is only given to functions that any thread may call.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn get(self) -> *mut T {
        self.0
    }
}

/// A string that lives as long as the process, as C has them.
fn text(text: &str) -> Shared<c_char> {
    Shared(CString::new(text).expect("no zero in it").into_raw())
}

/// The lines that the functions print are of no interest, so the part runs apart.
fn run(part: &str) {
    let scratch = Scratch::new(part);
    let output = child::part(part, scratch.path()).current_dir(scratch.path()).output().expect("the part starts");
    child::assert_well(&output);
}

#[test]
fn producers_and_consumers_do_not_race() {
    run("producers_and_consumers");
}

#[test]
fn appenders_do_not_race() {
    run("appenders");
}

#[test]
#[ignore = "a part of the test above"]
fn producers_and_consumers() {
    if child::folder().is_none() {
        return;
    }
    let broker = Shared(create_broker());
    let topic = text("orders");
    // SAFETY: a broker of the library's, and a name that stays.
    unsafe { add_topic(broker.get(), topic.get(), 4) };
    for partition in 0..4 {
        consume(broker, topic, partition);
    }
    let start = Barrier::new(6);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let message = text("message");
                start.wait();
                // SAFETY: as above.
                (0..90).for_each(|_| unsafe { produce_message(broker.get(), topic.get(), message.get()) });
            });
        }
        scope.spawn(|| {
            start.wait();
            for number in 0..60 {
                // SAFETY: as above.
                unsafe { add_topic(broker.get(), text(&format!("topic-{number}")).get(), 1 + number % 8) };
            }
        });
        scope.spawn(|| {
            start.wait();
            let last = text("topic-59");
            // SAFETY: as above; the topics stay where they are.
            while unsafe { get_topic(broker.get(), last.get()) }.is_null() {
                thread::yield_now();
            }
        });
    });
    // SAFETY: nobody adds topics or messages any more.
    unsafe {
        let orders = get_topic(broker.get(), topic.get());
        assert_eq!((*orders).partitions.iter().map(|partition| partition.count).sum::<i32>(), 360);
        assert_eq!((*broker.get()).topic_count, 61);
    }
}

/// Runs until the process ends.
fn consume(broker: Shared<Broker>, topic: Shared<c_char>, partition: i32) {
    let args =
        ConsumerArgs { broker: broker.get(), topic_name: topic.get(), partition_id: partition, thread_id: partition };
    let args = Shared(Box::into_raw(Box::new(args)));
    thread::spawn(move || {
        // SAFETY: never freed, as the thread never ends.
        unsafe { consume_messages(args.get().cast::<c_void>()) };
    });
}

#[test]
#[ignore = "a part of the test above"]
fn appenders() {
    if child::folder().is_none() {
        return;
    }
    let pool = Shared(pool_create(256, 3));
    // SAFETY: all zeroes are a partition without messages.
    let partition = Shared(Box::into_raw(Box::new(unsafe { std::mem::zeroed::<Partition>() })));
    thread::scope(|scope| {
        for number in 0..6 {
            scope.spawn(move || {
                let message = text(&format!("message of thread {number}"));
                for _ in 0..20 {
                    // SAFETY: a partition that stays, a string, a pool; a block is written while it is ours.
                    unsafe {
                        append_message_to_log(partition.get(), message.get(), pool.get());
                        let block = pool_alloc(pool.get());
                        if !block.is_null() {
                            ptr::write_bytes(block.cast::<u8>(), number, 256);
                            assert_eq!(block.cast::<u8>().add(255).read(), number);
                            pool_free(pool.get(), block);
                        }
                    }
                }
            });
        }
    });
    // SAFETY: nobody uses them any more.
    unsafe {
        assert_eq!((*partition.get()).log_offset, 120);
        pool_destroy(pool.get());
    }
}
