//! Durability among processes: an error that the kernel reports once is nobody's alone, and no death makes it unheard of.

#![cfg(feature = "break-rules")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod protocol;

use std::time::{Duration, Instant};

use ckafka::broken::{Action, Point, Rule};
use protocol::{PROMPT, ensure, made, needs, play, truth, writer};

#[test]
#[ignore = "a process of the tests below"]
fn puppet() {
    play::live();
}

/// One was told of an error and died before it could say so.
#[test]
fn announcement_of_the_dead_makes_the_next_sync_write_again() {
    needs(&[Rule::Announcement], |rules| {
        let place = made("durable-announced", &[]);
        let (mut victim, mut next) = (writer(&place, rules), writer(&place, rules));
        next.must("append 10 1000");
        victim.must("append 10 1000");
        victim.arm(Point::SyncReturned, Action::Kill);
        victim.dies_at("sync");
        ensure(next.number("durable_end") == 0, "the dead moved it")?;
        next.ask("sync")?;
        ensure(next.number("durable_end") == 20, "the sync did not cover all")?;
        ensure(next.number("rewrites") == 1, "what the dead may have been told of was not written again")?;
        next.must("append 1 1000");
        next.must("sync");
        ensure(next.number("rewrites") == 1, "once is enough")?;
        next.must("close");
        truth::check(place.path(), &[(victim.id(), 10), (next.id(), 11)])
    });
}

/// The slot of the dead is taken anew before anybody syncs: the announcement in it must not be lost.
#[test]
fn announcement_of_the_dead_outlives_their_slot() {
    let place = made("durable-slot", &[]);
    let mut keeper = writer(&place, &[]);
    keeper.must("append 1 100");
    let mut victim = writer(&place, &[]);
    victim.must("append 10 1000");
    victim.arm(Point::SyncReturned, Action::Kill);
    victim.dies_at("sync");
    let mut heir = writer(&place, &[]);
    heir.must("sync");
    assert_eq!(heir.number("rewrites"), 1);
}

/// A descriptor that was opened while another process may have had the report to itself hears nothing of it.
#[test]
fn descriptor_opened_beside_a_sync_is_not_trusted_until_that_is_over() {
    let place = made("durable-beside", &[]);
    let mut first = writer(&place, &[]);
    first.must("append 10 1000");
    first.arm(Point::SyncReturned, Action::Stop);
    first.stops_at("sync");
    let mut late = writer(&place, &[]);
    late.must("append 1 1000");
    late.must("sync");
    assert_eq!(late.number("durable_end"), 11);
    assert_eq!(late.number("rewrites"), 1, "the announcement still stands");
    first.go_on();
    first.reply().expect("alive").expect("synced");
    late.must("append 1 1000");
    late.must("sync");
    assert_eq!(late.number("rewrites"), 1);
}

/// The one that it was opened beside has died, and its slot is taken anew by one that is still about to write again what the dead was told of.
#[test]
fn nor_is_it_when_an_heir_of_the_slot_has_announced_itself() {
    let place = made("durable-heir", &[]);
    let mut keeper = writer(&place, &[]);
    keeper.must("append 1 100");
    let mut first = writer(&place, &[]);
    first.must("append 10 1000");
    first.arm(Point::SyncReturned, Action::Stop);
    first.stops_at("sync");
    let mut late = writer(&place, &[]);
    late.must("append 1 1000");
    first.kill();
    let mut heir = writer(&place, &[]);
    heir.arm(Point::SyncAnnounced, Action::Stop);
    heir.stops_at("sync");
    late.must("sync");
    assert_eq!(late.number("durable_end"), 12);
    assert_eq!(late.number("rewrites"), 1, "the heir has not written it again yet");
    heir.go_on();
    heir.reply().expect("alive").expect("synced");
    late.must("append 1 1000");
    let before = late.number("rewrites");
    late.must("sync");
    assert_eq!(late.number("rewrites"), before, "it is over");
}

/// What a panic unwound past, the kernel may have told, too.
#[test]
fn announcement_of_a_sync_that_panicked_makes_the_next_one_write_again() {
    for point in [Point::SyncAnnounced, Point::SyncReturned] {
        let place = made("durable-panic", &[]);
        let mut only = writer(&place, &[]);
        only.must("append 10 1000");
        only.arm(point, Action::Panic);
        only.must("panic_sync");
        only.must("sync");
        assert_eq!((only.number("durable_end"), only.number("rewrites")), (10, 1), "{point:?}");
    }
}

#[test]
fn first_sync_after_a_recovery_in_the_same_boot_writes_again() {
    needs(&[Rule::RewriteBeforeSync], |rules| {
        let place = made("durable-recovered", &[]);
        let mut first = writer(&place, rules);
        first.must("append 10 1000");
        first.kill();
        let mut second = writer(&place, rules);
        ensure(second.number("end") == 10 && second.number("durable_end") == 0, "recovered, not durable")?;
        second.ask("sync")?;
        ensure(second.number("rewrites") == 1, "pages that the kernel may hold for clean were not written again")?;
        second.must("append 1 1000");
        second.must("close");
        truth::check(place.path(), &[(first.id(), 10), (second.id(), 1)])
    });
}

/// The kernel tells the first of two that ask: the second one, which got 0, must look at what the first one latched.
#[test]
fn durable_moves_only_after_the_latch_was_read_again() {
    needs(&[Rule::LatchIsReadAgain], |rules| {
        let place = made("durable-latch", &[]);
        let (mut told, mut untold) = (writer(&place, rules), writer(&place, rules));
        told.must("append 10 1000");
        untold.arm(Point::SyncReturned, Action::Stop);
        untold.stops_at("sync");
        told.arm(Point::SyncFails, Action::Strike);
        truth::is_error(&told.ask("sync"), "Io")?;
        untold.go_on();
        let second = untold.reply().unwrap_or(Err("it died".to_owned()));
        ensure(untold.number("durable_end") == 0, "durable moved over bytes that may not be on disk")?;
        truth::is_error(&second, "Failed")?;
        for puppet in [&mut told, &mut untold] {
            let refused = puppet.ask("append 1 100");
            truth::is_error(&refused, "Failed")?;
            ensure(refused.is_err_and(|text| text.contains("below offset 0 are durable")), "the durable end is named")?;
            truth::is_error(&puppet.ask("durable 3 1000"), "Failed")?;
            ensure(puppet.must("fetch 0") == "10", "reads go on")?;
        }
        Ok(())
    });
}

#[test]
fn two_threads_that_wait_at_once_are_both_told() {
    // The kernel has told one of them, which lingers before it says so; the other one would be told that all is well.
    needs(&[Rule::OneSyncAtATime], |rules| {
        let place = made("durable-threads", &[]);
        let mut only = writer(&place, rules);
        only.must("append 10 1000");
        only.arm(Point::SyncFails, Action::Linger);
        let told = only.ask("two_durable 9").expect_err("the sync fails");
        ensure(told.starts_with("both: "), format!("told only {told}"))?;
        ensure(only.number("durable_end") == 0, "durable moved")
    });
}

#[test]
fn syncer_that_dies_behind_one_segment_leaves_that_one_durable() {
    needs(&[Rule::DurableMovesBySegment], |rules| {
        let place = made("durable-segments", &[("segment.bytes", "20000")]);
        let (mut victim, mut next) = (writer(&place, rules), writer(&place, rules));
        victim.must("append 50 1000");
        ensure(victim.number("durable_end") == 0, "nobody has synced")?;
        victim.arm(Point::SyncMoved, Action::Kill);
        victim.dies_at("sync");
        let durable = next.number("durable_end");
        ensure(durable > 0 && durable < 50, format!("durable is {durable}"))?;
        next.must("sync");
        ensure(next.number("durable_end") == 50, "all of it")
    });
}

/// The sync word only saves double work: behind a dead owner it is taken, behind a stopped one done without.
#[test]
fn owner_of_the_sync_word_holds_nobody_up() {
    for action in [Action::Kill, Action::Stop] {
        let place = made("durable-word", &[]);
        let (mut owner, mut other) = (writer(&place, &[]), writer(&place, &[]));
        owner.must("append 10 1000");
        owner.arm(Point::SyncAnnounced, action);
        owner.tell("durable 9 5000");
        std::thread::sleep(Duration::from_millis(200));
        let begun = Instant::now();
        other.must("durable 9 5000");
        assert!(begun.elapsed() < PROMPT, "{action:?}: {:?}", begun.elapsed());
        if action == Action::Kill {
            // From now on the word is free again, and nobody waits for a slice of 50 ms to end. A busy disk may take as long at times, but not each time.
            let mut times: Vec<Duration> = (10..40)
                .map(|offset| {
                    other.must("append 1 100");
                    let begun = Instant::now();
                    other.must(&format!("durable {offset} 5000"));
                    begun.elapsed()
                })
                .collect();
            times.sort();
            assert!(times[times.len() / 4] < Duration::from_millis(40), "{times:?}");
        }
    }
}
