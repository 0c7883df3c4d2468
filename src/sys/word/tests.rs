//! The lock word between threads, between processes, and with the dead.

use std::sync::atomic::{AtomicBool, AtomicU64};

use super::*;
use crate::sys::cancel::{PTHREAD_CANCEL_DISABLE, pthread_setcancelstate};
use crate::sys::testing::{Child, Scratch, shared_words, soon, under_signals};
use crate::sys::{Access, lock as byte_lock};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(40);

fn never(_: Owner) -> bool {
    false
}

fn me() -> Owner {
    Owner::new(3, 7)
}

#[test]
fn an_owner_is_slot_and_generation_in_one_number() {
    let owner = Owner::new(3, 7);
    assert_eq!((owner.bits(), owner.slot(), owner.generation()), (0x0703, 3, 7));
    assert_eq!(owner.to_string(), "slot 3 generation 7");
    assert_eq!(Owner::from_word(0x8000_0703), Some(owner));
    assert_eq!((Owner::from_word(0), Owner::from_word(1 << 31)), (None, None));
    let last = Owner::new(255, u32::MAX);
    assert_eq!((last.bits(), last.slot(), last.generation()), (0x7fff_ffff, 255, 0x7f_ffff));
    assert!(last.is_of_generation(u32::MAX) && !last.is_of_generation(1));
}

#[test]
fn no_slot_is_ever_given_a_generation_that_reads_as_free() {
    assert_eq!(Owner::next_generation(0), 1);
    for before in [(1 << 23) - 1, (1 << 24) - 1, u32::MAX] {
        let next = Owner::next_generation(before);
        assert_ne!(Owner::new(0, next).bits(), 0);
        assert_ne!(next & GENERATION_MASK, before & GENERATION_MASK);
    }
}

#[test]
fn a_held_word_is_refused_and_a_dropped_one_is_free() {
    let word = AtomicU32::new(0);
    let guard = try_lock(&word, me()).unwrap();
    assert_eq!((word.load(Relaxed), guard.word().load(Relaxed)), (0x0703, 0x0703));
    assert!(try_lock(&word, me()).is_none(), "threads of one owner exclude each other");
    let held = lock(&word, Owner::new(4, 1), SHORT, &never).unwrap_err();
    assert_eq!(held.owner, me());
    assert!(held.waited >= SHORT && held.waited < LONG, "{held:?}");
    drop(guard);
    assert_eq!(word.load(Relaxed), 0);
    assert_eq!(lock(&word, me(), Duration::ZERO, &never).unwrap().1, Taken::Free);
}

#[test]
fn a_signal_ends_the_wait_of_those_who_want_it() {
    let word = AtomicU32::new(me().bits());
    let waited = |signals| {
        let patience = Patience { timeout: SHORT * 5, signals };
        under_signals(|| lock(&word, Owner::new(4, 1), patience, &never).unwrap_err().waited)
    };
    assert!(waited(Signals::Ignored) >= SHORT * 5);
    assert!((0..10).any(|_| waited(Signals::End) < SHORT));
}

#[test]
fn a_word_that_is_given_back_is_taken_from_the_same_dead_by_the_next() {
    let dead = Owner::new(9, 2);
    let word = AtomicU32::new(dead.bits());
    let is_dead = |owner: Owner| owner == dead;
    for taker in [me(), Owner::new(4, 1)] {
        let (mut guard, taken) = lock(&word, taker, LONG, &is_dead).unwrap();
        assert_eq!(taken, Taken::FromDead(dead));
        guard.give_back(dead);
        drop(guard);
        assert_eq!(Owner::from_word(word.load(Relaxed)), Some(dead));
        assert!(try_lock(&word, taker).is_none(), "it is not free");
    }
}

#[test]
fn a_word_is_taken_from_the_dead_at_once_and_from_the_living_never() {
    let dead = Owner::new(9, 2);
    let word = AtomicU32::new(dead.bits());
    let start = Instant::now();
    let (guard, taken) = lock(&word, me(), LONG, &|owner| owner == dead).unwrap();
    assert_eq!(taken, Taken::FromDead(dead));
    assert!(start.elapsed() < LONG / 2, "asked before the first sleep");
    assert_eq!(word.load(Relaxed), me().bits() | WAITERS, "others may be asleep since the dead one's time");
    drop(guard);
    assert_eq!(word.load(Relaxed), 0);

    let word = AtomicU32::new(Owner::new(9, 3).bits());
    assert!(lock(&word, me(), SHORT, &|owner| owner == dead).is_err());
}

#[test]
fn death_during_the_wait_is_noticed_by_asking_again() {
    let dead = Owner::new(9, 2);
    let word = AtomicU32::new(dead.bits());
    let start = Instant::now();
    let asked = AtomicU32::new(0);
    // Once at first and once a slice: it dies between two of them, however long they last on a busy machine.
    let dies = |_: Owner| asked.fetch_add(1, Relaxed) >= 3;
    assert_eq!(lock(&word, me(), LONG, &dies).unwrap().1, Taken::FromDead(dead));
    assert!(start.elapsed() >= 3 * SLICE, "asked without a sleep in between");
    assert!(start.elapsed() < LONG / 2);
}

#[test]
fn a_word_of_nothing_but_the_waiters_bit_is_free() {
    let word = AtomicU32::new(WAITERS);
    let (guard, taken) = lock(&word, me(), SHORT, &never).unwrap();
    assert_eq!((taken, word.load(Relaxed)), (Taken::Free, me().bits() | WAITERS));
    drop(guard);
}

#[test]
fn the_sleeper_is_woken_by_the_release() {
    let word = AtomicU32::new(0);
    let guard = try_lock(&word, me()).unwrap();
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            let (guard, taken) = lock(&word, Owner::new(4, 1), LONG, &never).unwrap();
            let held = word.load(Relaxed);
            drop(guard);
            (taken, held)
        });
        assert!(soon(|| word.load(Relaxed) & WAITERS != 0));
        drop(guard);
        let (taken, held) = sleeper.join().unwrap();
        assert_eq!(taken, Taken::Free);
        assert_eq!(held & !WAITERS, Owner::new(4, 1).bits());
    });
    assert_eq!(word.load(Relaxed), 0);
}

#[test]
fn two_threads_never_meet_in_the_cell() {
    const ROUNDS: u64 = 100_000;
    let word = AtomicU32::new(0);
    // A wide value, so that a torn or lost update would show.
    let cell = WordCell::new(&word, [0_u64; 8]);
    std::thread::scope(|scope| {
        for slot in 0..2 {
            let (word, cell) = (&word, &cell);
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let (mut guard, _) = lock(word, Owner::new(slot, 1), LONG, &never).unwrap();
                    let state = cell.get(&mut guard);
                    assert!(state.iter().all(|&count| count == state[0]));
                    state.iter_mut().for_each(|count| *count += 1);
                }
            });
        }
    });
    let mut guard = try_lock(&word, me()).unwrap();
    assert_eq!(*cell.get(&mut guard), [2 * ROUNDS; 8]);
}

#[test]
#[should_panic(expected = "belongs to another word")]
fn the_guard_of_another_word_does_not_open_the_cell() {
    let words = [AtomicU32::new(0), AtomicU32::new(0)];
    let cell = WordCell::new(&words[0], ());
    cell.get(&mut try_lock(&words[1], me()).unwrap());
}

#[test]
fn processes_exclude_each_other() {
    const ROUNDS: u32 = 30_000;
    let [word, count, copy, ..] = shared_words();
    let turns = |slot: u8| {
        for _ in 0..ROUNDS {
            let Ok((_guard, _)) = lock(word, Owner::new(slot, 1), LONG, &never) else { return 1 };
            // Two plain counters that only exclusion keeps equal.
            let next = count.load(Relaxed) + 1;
            count.store(next, Relaxed);
            copy.store(copy.load(Relaxed) + 1, Relaxed);
            if copy.load(Relaxed) != next {
                return 2;
            }
        }
        0
    };
    let children = [Child::fork(|| turns(1)), Child::fork(|| turns(2))];
    assert_eq!(turns(3), 0);
    for child in children {
        assert_eq!(child.wait(), 0);
    }
    assert_eq!((count.load(Relaxed), word.load(Relaxed)), (3 * ROUNDS, 0));
}

#[test]
fn a_killed_process_is_robbed_and_a_stopped_one_is_not() {
    let scratch = Scratch::new();
    scratch.dir().create_file("slots").unwrap();
    let of_child = scratch.dir().open_file("slots", Access::ReadWrite).unwrap();
    let ours = scratch.dir().open_file("slots", Access::ReadWrite).unwrap();
    assert!(byte_lock::try_exclusive(&of_child, 5).unwrap());
    let word = &shared_words()[0];
    let owner = Owner::new(5, 1);
    let child = Child::fork(|| {
        std::mem::forget(try_lock(word, owner));
        loop {
            std::thread::sleep(LONG);
        }
    });
    // From here on only the child holds the description, and with it the life of the slot.
    drop(of_child);
    assert!(soon(|| word.load(Acquire) == owner.bits()));
    let is_dead = |owner: Owner| byte_lock::is_free(&ours, u64::from(owner.slot())).unwrap();
    child.stop();
    assert_eq!(lock(word, me(), Duration::from_millis(100), &is_dead).unwrap_err().owner, owner);
    child.kill();
    let (_guard, taken) = lock(word, me(), LONG, &is_dead).unwrap();
    assert_eq!(taken, Taken::FromDead(owner));
}

/// Disabled (1) or enabled (0), as the C library keeps it for the calling thread.
fn cancellation_state() -> libc::c_int {
    let mut state = -1;
    let mut ignored = 0;
    // SAFETY: defined states and valid places; the second call puts back what the first reported.
    unsafe {
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &raw mut state);
        pthread_setcancelstate(state, &raw mut ignored);
    }
    state
}

#[test]
fn cancellation_is_off_while_any_word_is_held_in_whatever_order_they_are_let_go() {
    let words = [AtomicU32::new(0), AtomicU32::new(0)];
    assert_eq!(cancellation_state(), 0);
    let first = try_lock(&words[0], me()).unwrap();
    let second = lock(&words[1], me(), SHORT, &never).unwrap().0;
    assert!(try_lock(&words[1], me()).is_none() && lock(&words[1], me(), SHORT, &never).is_err());
    assert_eq!(cancellation_state(), 1);
    drop(first);
    assert_eq!(cancellation_state(), 1, "the second is still held");
    drop(second);
    assert_eq!(cancellation_state(), 0);
    // A thread that had it disabled finds it disabled.
    let mut ignored = 0;
    // SAFETY: a defined state and a valid place.
    unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &raw mut ignored) };
    drop(try_lock(&words[0], me()));
    assert_eq!(cancellation_state(), 1);
    // SAFETY: as above.
    unsafe { pthread_setcancelstate(0, &raw mut ignored) };
}

static HOLDS: AtomicBool = AtomicBool::new(false);
static CANCELLED: AtomicBool = AtomicBool::new(false);
static SURVIVED: AtomicU64 = AtomicU64::new(0);

/// Holds a word across a cancellation point, and ends by itself without letting go.
extern "C" fn holder(_argument: *mut libc::c_void) -> *mut libc::c_void {
    static WORD: AtomicU32 = AtomicU32::new(0);
    std::mem::forget(try_lock(&WORD, Owner::new(1, 1)));
    HOLDS.store(true, Release);
    while !CANCELLED.load(Acquire) {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(1));
    SURVIVED.store(1, Release);
    ptr::null_mut()
}

#[test]
fn a_cancelled_thread_does_not_end_with_a_word_in_its_hands() {
    unsafe extern "C" {
        fn pthread_cancel(thread: libc::pthread_t) -> libc::c_int;
    }
    // SAFETY: valid places and a thread function that lives for ever; the thread is joined once.
    let result = unsafe {
        let mut thread = 0;
        assert_eq!(libc::pthread_create(&raw mut thread, ptr::null(), holder, ptr::null_mut()), 0);
        assert!(soon(|| HOLDS.load(Acquire)));
        assert_eq!(pthread_cancel(thread), 0);
        CANCELLED.store(true, Release);
        let mut result = ptr::null_mut();
        assert_eq!(libc::pthread_join(thread, &raw mut result), 0);
        result
    };
    assert_eq!((SURVIVED.load(Acquire), result), (1, ptr::null_mut()), "not PTHREAD_CANCELED");
}
