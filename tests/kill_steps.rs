//! One process is killed between any two instructions of an operation: whoever comes next goes on, and nothing told is lost.
//!
//! Every point that leaves something else than the one before is tried (after each system call, and after each store that others can
//! see), and some of the instructions in between; with `CKAFKA_STEP_ALL=1` one after the other. `CKAFKA_STEP_SECONDS` bounds each test: the
//! order is shuffled by `CKAFKA_KILL_SEED`, and what was covered is printed. `CKAFKA_STEP_POINT=stops,instructions` repeats one point.

#![cfg(target_arch = "x86_64")]

#[expect(unsafe_code, reason = "processes are forked, traced and killed")]
#[allow(dead_code, reason = "each test of the harness uses its part of it")]
#[path = "kill/mod.rs"]
mod kill;

use kill::attack::{
    GROWN_SEGMENT_BYTES, SEGMENT_BYTES, append_with, attack, growths, prepared, rolls, scene, settings, takeovers,
};
use kill::scene::{Operation, Scene, Sleeper};

#[test]
fn an_append_is_cut_anywhere() {
    attack("an_append_is_cut_anywhere", || {
        let append = Operation::Append { n: 30, count: 2 };
        let mut by_pwrite = scene(append, Sleeper::Sleeps);
        by_pwrite.settings = settings("pwrite", SEGMENT_BYTES);
        vec![scene(append, Sleeper::Sleeps), scene(append, Sleeper::Polls), by_pwrite]
    });
}

#[test]
fn a_growth_is_cut_anywhere() {
    attack("a_growth_is_cut_anywhere", || {
        let inside = scene(Operation::FirstAppend, Sleeper::Sleeps);
        let ahead = [growths, prepared].map(|count| {
            let operation = append_with(count, GROWN_SEGMENT_BYTES);
            Scene { settings: settings("mmap", GROWN_SEGMENT_BYTES), ..scene(operation, Sleeper::Sleeps) }
        });
        ahead.into_iter().chain([inside]).collect()
    });
}

#[test]
fn a_roll_is_cut_anywhere() {
    attack("a_roll_is_cut_anywhere", || {
        let roll = append_with(rolls, SEGMENT_BYTES);
        vec![scene(roll, Sleeper::Sleeps), scene(roll, Sleeper::Polls)]
    });
}

#[test]
fn a_takeover_behind_an_append_is_cut_anywhere() {
    attack("a_takeover_behind_an_append_is_cut_anywhere", || takeovers(Operation::Append { n: 30, count: 2 }, 3));
}

#[test]
fn a_takeover_behind_a_roll_is_cut_anywhere() {
    attack("a_takeover_behind_a_roll_is_cut_anywhere", || takeovers(append_with(rolls, SEGMENT_BYTES), 4));
}

#[test]
fn a_takeover_behind_a_growth_is_cut_anywhere() {
    attack("a_takeover_behind_a_growth_is_cut_anywhere", || takeovers(Operation::FirstAppend, 3));
}

#[test]
fn a_sync_is_cut_anywhere() {
    attack("a_sync_is_cut_anywhere", || vec![scene(Operation::Sync, Sleeper::Sleeps)]);
}

#[test]
fn an_open_is_cut_after_each_call_and_store() {
    attack("an_open_is_cut_after_each_call_and_store", || vec![scene(Operation::Join, Sleeper::Polls)]);
}

#[test]
fn a_recovery_is_cut_after_each_call_and_store() {
    attack("a_recovery_is_cut_after_each_call_and_store", || {
        [Sleeper::Sleeps, Sleeper::OnlyReads].map(|sleeper| scene(Operation::Recover, sleeper)).into()
    });
}

#[test]
fn a_close_is_cut_after_each_call_and_store() {
    attack("a_close_is_cut_after_each_call_and_store", || {
        [Operation::Leave, Operation::Close].map(|operation| scene(operation, Sleeper::Sleeps)).into()
    });
}
