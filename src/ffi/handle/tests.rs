//! What handles promise: whatever is no open handle is refused, and an object goes exactly once, after its last call.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use super::*;

/// Counts how many of its kind are alive, and knows its own number.
struct Counted {
    number: u64,
    alive: Arc<AtomicUsize>,
}

impl Counted {
    fn new(number: u64, alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, SeqCst);
        Self { number, alive: Arc::clone(alive) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, SeqCst);
        self.number = u64::MAX;
    }
}

fn open<T: Send + Sync>(table: &Table<T>, handle: u64) -> Pin<'_, T> {
    let Ok(pin) = table.pin(handle) else { panic!("{handle:#x} is no handle") };
    pin
}

fn close(table: &Table<Counted>, handle: u64) -> Result<Closed, Refusal> {
    table.pin_to_close(handle)?.close()
}

fn number(table: &Table<Counted>, handle: u64) -> Result<u64, Refusal> {
    table.pin(handle).map(|pin| pin.number)
}

#[test]
fn only_the_handle_itself_is_taken() {
    let (table, alive) = (Table::new(), Arc::default());
    let handle = table.insert(Counted::new(7, &alive)).expect("room");
    assert_eq!(number(&table, handle), Ok(7));
    for bit in 0..64 {
        assert_eq!(number(&table, handle ^ 1 << bit), Err(Refusal::Unknown), "bit {bit}");
    }
    let local = 0_u64;
    for stranger in [0, 1, 7, 8, 4096, u64::MAX, u64::MAX << 3, ptr::from_ref(&local).addr() as u64] {
        assert_eq!(number(&table, stranger), Err(Refusal::Unknown), "{stranger:#x}");
        assert_eq!(close(&table, stranger), Err(Refusal::Unknown), "{stranger:#x}");
    }
    assert_eq!(close(&table, handle), Ok(Closed::Done));
    assert_eq!(alive.load(SeqCst), 0);
}

#[test]
fn a_closed_handle_stays_closed_when_its_place_is_used_again() {
    let (table, alive) = (Table::new(), Arc::default());
    let mut old = Vec::new();
    for round in 0..100 {
        let handle = table.insert(Counted::new(round, &alive)).expect("room");
        assert_eq!(number(&table, handle), Ok(round));
        for stale in &old {
            assert_eq!(number(&table, *stale), Err(Refusal::Unknown));
            assert_eq!(close(&table, *stale), Err(Refusal::Unknown));
        }
        assert_eq!(close(&table, handle), Ok(Closed::Done));
        assert!(!old.contains(&handle));
        old.push(handle);
    }
    assert_eq!(table.used.load(SeqCst), 1, "one place was enough");
}

#[test]
fn an_object_outlives_its_close_as_long_as_a_call_is_inside() {
    let (table, alive) = (Table::new(), Arc::default());
    let handle = table.insert(Counted::new(1, &alive)).expect("room");
    let (first, second) = (open(&table, handle), open(&table, handle));
    assert_eq!(close(&table, handle), Ok(Closed::Done));
    assert_eq!(number(&table, handle), Err(Refusal::Unknown));
    drop(first);
    assert_eq!((second.number, alive.load(SeqCst)), (1, 1));
    drop(second);
    assert_eq!(alive.load(SeqCst), 0);
}

#[test]
fn a_poisoned_object_can_only_be_closed() {
    let (table, alive) = (Table::new(), Arc::default());
    let handle = table.insert(Counted::new(1, &alive)).expect("room");
    open(&table, handle).poison();
    assert_eq!(number(&table, handle), Err(Refusal::Poisoned));
    assert_eq!(close(&table, handle), Ok(Closed::Done));
    assert_eq!((number(&table, handle), alive.load(SeqCst)), (Err(Refusal::Unknown), 0));
}

#[test]
fn a_signal_handler_never_frees() {
    let (table, alive) = (Table::new(), Arc::default());
    let handle = table.insert(Counted::new(1, &alive)).expect("room");
    // Both visits see the close come while they are inside, as a handler on another thread would.
    let visited = table.visit_in_signal(handle, |outer| {
        let inner = table.visit_in_signal(handle, |inner| {
            assert_eq!(close(&table, handle), Ok(Closed::Done));
            inner.number
        });
        (outer.number, inner)
    });
    assert_eq!(visited, Ok((1, Ok(1))));
    assert_eq!(alive.load(SeqCst), 1, "left for an ordinary call");
    assert_eq!(table.visit_in_signal(handle, |_| ()), Err(Refusal::Unknown));
    let next = table.insert(Counted::new(2, &alive)).expect("room");
    assert_eq!(alive.load(SeqCst), 1, "the next open did it");
    assert_eq!(table.visit_in_signal(next, |object| object.number), Ok(2));
    assert_eq!(close(&table, next), Ok(Closed::Done));
    assert_eq!(alive.load(SeqCst), 0);
}

#[test]
fn the_table_has_an_end_and_a_place_is_reused_at_it() {
    let table = Table::new();
    let mut handles: Vec<u64> = Vec::new();
    while let Ok(handle) = table.insert(()) {
        handles.push(handle);
    }
    assert_eq!(handles.len(), CHUNKS * CHUNK_SLOTS);
    let freed = handles[77_777];
    assert_eq!(table.pin_to_close(freed).and_then(|pin| pin.close()), Ok(Closed::Done));
    let again = table.insert(()).expect("the freed place");
    assert_eq!((again ^ freed) & INDEX_MASK << INDEX_SHIFT, 0);
    assert!(table.insert(()).is_err());
}

/// Threads open, use, wake and close the same few handles, mostly stale ones.
#[test]
fn threads_never_see_a_freed_object_and_nothing_is_lost() {
    const ROUNDS: u64 = 60_000;
    let (table, alive) = (Arc::new(Table::new()), Arc::<AtomicUsize>::default());
    let shared: Arc<[AtomicU64; 4]> = Arc::default();
    let workers: Vec<_> = (0..4_u64)
        .map(|worker| {
            let (table, alive, shared) = (Arc::clone(&table), Arc::clone(&alive), Arc::clone(&shared));
            thread::spawn(move || {
                let mut random = 0x9E37_79B9_7F4A_7C15_u64 ^ worker << 32;
                for round in 0..ROUNDS {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let place = &shared[(random >> 60) as usize % 4];
                    let handle = place.load(SeqCst);
                    match random >> 40 & 7 {
                        0 => {
                            let new = table.insert(Counted::new(worker << 32 | round, &alive)).expect("room");
                            let old = place.swap(new, SeqCst);
                            let _ = close(&table, old);
                        }
                        1 => drop(close(&table, handle)),
                        2 => {
                            let seen = table.visit_in_signal(handle, |object| object.number);
                            assert!(seen.is_err() || seen.is_ok_and(|number| number >> 32 < 4));
                        }
                        _ => assert!(number(&table, handle).map_or(true, |number| number >> 32 < 4)),
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().expect("no assertion failed");
    }
    for place in shared.iter() {
        let _ = close(&table, place.load(SeqCst));
    }
    table.bury();
    assert_eq!(alive.load(SeqCst), 0);
    assert!(table.used.load(SeqCst) < 64, "places were reused: {}", table.used.load(SeqCst));
}
