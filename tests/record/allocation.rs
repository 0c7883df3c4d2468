//! An uncompressed batch is built and decoded without an allocation, once the builder's buffer has grown.
//!
//! A counting allocator stands in for the system's; each thread counts its own, since other tests run beside this one.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ckafka::record::{BatchBuilder, BatchHeader, Compression, RecordIter, TimestampType, check_crc, stamp};

use crate::support::{Rng, header_fields};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system's allocator as it is; counting touches a thread-local number that needs no
// allocation and no destructor.
#[expect(unsafe_code, reason = "the trait of allocators is unsafe")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises about `layout` are the ones that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` above, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(7)))), 1);
}

#[test]
fn building_and_decoding_uncompressed_batches_allocates_nothing() {
    let records = Rng::new(4).records(60);
    let fields: Vec<Vec<u8>> = records.iter().map(header_fields).collect();
    let mut builder = BatchBuilder::new(Compression::default(), TimestampType::CreateTime);
    let mut round = || {
        builder.reset(Compression::default(), TimestampType::CreateTime);
        for (record, fields) in records.iter().zip(&fields) {
            builder.add(record.timestamp, record.key.as_deref(), record.value.as_deref(), fields).unwrap();
        }
        let batch = builder.finish(0).unwrap();
        stamp(batch, 17, 2);
        check_crc(batch).unwrap();
        let header = BatchHeader::parse(batch).unwrap();
        let area = header.record_area(batch).unwrap();
        let count = RecordIter::new(&header, area).filter(|record| record.is_ok()).count();
        assert_eq!(count, records.len());
    };
    assert!(allocations(&mut round) > 0, "the buffer grows at first");
    for _ in 0..3 {
        assert_eq!(allocations(&mut round), 0);
    }
}
