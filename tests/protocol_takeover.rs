//! A writer that dies, panics or stops at any step of an append or a roll leaves nothing behind that the next one does not mend, and each step of the mending is needed.

#![cfg(feature = "break-rules")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod protocol;

use std::path::Path;
use std::time::{Duration, Instant};

use ckafka::broken::{Action, Point, Rule};
use common::logs::{self, Owned, PARTITION, TOPIC};
use protocol::batches::{batch_in_a_batch, hex, value_for_batch_of};
use protocol::puppet::Puppet;
use protocol::{PROMPT, appender, ensure, made, needs, play, truth, waited_ms};

#[test]
#[ignore = "a process of the tests below"]
fn puppet() {
    play::live();
}

const APPEND: [Point; 6] = [
    Point::AppendTaken,
    Point::AppendStated,
    Point::AppendCopied,
    Point::AppendIndexed,
    Point::AppendPublished,
    Point::AppendWoken,
];

const ROLL: [Point; 10] = [
    Point::RollTaken,
    Point::RollFlagCleared,
    Point::RollLowered,
    Point::RollTrimmed,
    Point::RollTimeIndexNamed,
    Point::RollIndexesNamed,
    Point::RollNamed,
    Point::RollPrepared,
    Point::RollBumped,
    Point::RollDone,
];

const TAKER: [Point; 5] =
    [Point::TakerTookGrow, Point::TakerBumped, Point::TakerCut, Point::TakerZeroed, Point::TakerPrepared];

/// One dies at `point` of an append that rolls or not; two others go on, one of which had the segment open.
fn dies_and_others_go_on(name: &str, point: Point, values: &[(&str, &str)]) -> Result<(), String> {
    let place = made(name, values);
    let mut victim = appender(&place, &[]);
    let mut survivor = appender(&place, &[]);
    let before: u64 = 60;
    victim.must(&format!("append {before} 300"));
    victim.arm(point, Action::Kill);
    victim.dies_at("append 6000 300");
    let begun = Instant::now();
    survivor.must("append 1 300");
    let waited = begun.elapsed();
    ensure(waited < PROMPT, format!("{point:?}: taken over after {waited:?}"))?;
    survivor.must("append 99 300");
    let mut newcomer = appender(&place, &[]);
    newcomer.must("append 20 300");
    survivor.must("append 20 300");
    let end = survivor.number("end");
    survivor.must(&format!("durable {} 5000", end - 1));
    let told = [(survivor.id(), 121), (newcomer.id(), 21)];
    // Its acknowledged ones cannot be counted from here beyond those before the arming; the files tell whether the rest is in order.
    newcomer.must("close");
    survivor.must("close");
    truth::check(place.path(), &told).map_err(|what| format!("{point:?}: {what}"))
}

#[test]
fn death_at_each_step_of_an_append_is_mended() {
    for point in APPEND {
        dies_and_others_go_on("takeover-append", point, &[("segment.bytes", "1048576")])
            .unwrap_or_else(|what| panic!("{what}"));
    }
}

#[test]
fn death_at_each_step_of_a_roll_is_mended() {
    for point in ROLL {
        dies_and_others_go_on("takeover-roll", point, &[("segment.bytes", "20000")])
            .unwrap_or_else(|what| panic!("{what}"));
    }
}

#[test]
fn death_at_each_step_of_a_growth_is_mended() {
    for point in [Point::GrowBegun, Point::GrowZeroed, Point::GrowMoved, Point::NextMade] {
        dies_and_others_go_on("takeover-grow", point, &[("segment.bytes", "1500000")])
            .unwrap_or_else(|what| panic!("{what}"));
    }
}

#[test]
fn death_of_the_taker_at_each_step_is_mended_by_the_next() {
    for (died_at, values) in
        [(Point::AppendCopied, "1048576"), (Point::RollTrimmed, "20000"), (Point::RollNamed, "20000")]
    {
        for point in TAKER {
            let place = made("takeover-taker", &[("segment.bytes", values)]);
            let mut victim = appender(&place, &[]);
            let mut taker = appender(&place, &[]);
            let mut survivor = appender(&place, &[]);
            victim.must("append 30 300");
            victim.arm(died_at, Action::Kill);
            victim.dies_at("append 1000 300");
            taker.arm(point, Action::Kill);
            taker.dies_at("append 1 300");
            survivor.must("append 100 300");
            survivor.must("close");
            truth::check(place.path(), &[(survivor.id(), 101), (taker.id(), 1)])
                .unwrap_or_else(|what| panic!("{died_at:?}, then {point:?}: {what}"));
        }
    }
}

#[test]
fn panic_at_each_step_is_mended_before_the_word_is_free() {
    for point in APPEND.into_iter().take(4).chain(ROLL) {
        let place = made("takeover-panic", &[("segment.bytes", "20000")]);
        let mut other = appender(&place, &[]);
        let mut clumsy = appender(&place, &[]);
        if ROLL.contains(&point) {
            // So far that the next one has to roll.
            clumsy.must("append 48 300");
        }
        clumsy.arm(point, Action::Panic);
        clumsy.must("panic_append 6000");
        other.must("append 30 300");
        clumsy.must("append 30 300");
        clumsy.must("close");
        other.must("close");
        let text = format!("{point:?}");
        let told = [(other.id(), 31)];
        let (directory, log) = logs::reopen(place.path());
        let records = logs::read_all(&log);
        logs::close((directory, log));
        let others: Vec<&Owned> = records.iter().filter(|record| says(record, &format!("{} ", other.id()))).collect();
        assert_eq!(others.len() as u64, told[0].1, "{text}");
        truth::files_are_right(&place.join(PARTITION), 4096).unwrap_or_else(|what| panic!("{text}: {what}"));
    }
}

fn says(record: &Owned, prefix: &str) -> bool {
    record.value.as_deref().unwrap_or_default().starts_with(prefix.as_bytes())
}

/// What a dead owner copied must not come to life behind a shorter batch of the next one.
fn the_dead_stay_dead(rules: &[Rule], end: &dyn Fn(&mut Puppet, &str)) -> Result<(), String> {
    let place = made("takeover-zeroes", &[]);
    let mut victim = Puppet::start(place.path(), rules);
    victim.must("open");
    victim.must(&format!("log {TOPIC} 0"));
    let mut taker = Puppet::start(place.path(), rules);
    taker.must("open");
    taker.must(&format!("log {TOPIC} 0"));
    // The taker's batch gets offset 0, so the one behind it would be 1.
    let (value, at) = batch_in_a_batch(1);
    end(&mut victim, &format!("raw {}", hex(&value)));
    taker.must(&format!("raw {}", hex(&vec![b'z'; value_for_batch_of(at)])));
    victim.kill();
    taker.kill();
    let (directory, log) = logs::reopen(place.path());
    let records = logs::read_all(&log);
    let report = directory.recovery_report().map_err(|error| error.to_string())?;
    logs::close((directory, log));
    ensure(records.len() == 1, format!("{} records, of which one was appended: {records:?}", records.len()))?;
    ensure(report.contains("\"findings\":[]"), format!("recovery found something: {report}"))
}

#[test]
fn bytes_of_the_dead_are_zeroed() {
    needs(&[Rule::TakerZeroes], |rules| {
        the_dead_stay_dead(rules, &|victim, what| {
            victim.arm(Point::AppendCopied, Action::Kill);
            victim.dies_at(what);
        })
    });
}

#[test]
fn unwinding_mends_before_it_unlocks() {
    needs(&[Rule::PanicMends], |rules| {
        the_dead_stay_dead(rules, &|victim, what| {
            victim.arm(Point::AppendCopied, Action::Panic);
            assert!(victim.ask(what).is_err(), "the process ends by the panic, or says so");
        })
    });
}

fn index_bytes(place: &Path, kind: &str) -> Vec<u8> {
    std::fs::read(common::scratch::segment_file(&place.join(PARTITION), 0, kind)).expect("index is readable")
}

#[test]
fn entries_of_the_dead_are_cut_off_the_indexes() {
    needs(&[Rule::TakerCutsIndexes], |rules| {
        let place = made("takeover-indexes", &[("index.interval.bytes", "100")]);
        let (mut victim, mut taker) = (appender(&place, rules), appender(&place, rules));
        victim.must("append 3 100");
        let published = index_bytes(place.path(), "index").iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        victim.arm(Point::AppendIndexed, Action::Kill);
        victim.dies_at("append 5 100");
        taker.stop();
        let unpublished = index_bytes(place.path(), "index").iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        ensure(unpublished > published, "the victim left no entry")?;
        taker.go_on();
        taker.arm(Point::AppendStated, Action::Stop);
        taker.stops_at("append 1 100");
        let left = index_bytes(place.path(), "index").iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        ensure(left <= published, format!("{left} bytes of entries, {published} are published"))
    });
}

/// One dies in a roll behind the renames; the next appends to the new segment, and one that had the old one open goes on, too.
fn roll_cut_off_behind_the_names(rules: &[Rule], point: Point, segment_bytes: &str, count: u32) -> Result<(), String> {
    let place = made("takeover-roll-rules", &[("segment.bytes", segment_bytes)]);
    let (mut victim, mut taker, mut other) =
        (appender(&place, rules), appender(&place, rules), appender(&place, rules));
    victim.arm(point, Action::Kill);
    victim.tell("append 100000 1000");
    if victim.reply().is_some() {
        return Err("it did not roll".to_owned());
    }
    for round in 0..count {
        taker.ask("append 1 1000").map_err(|error| format!("taker, {round}: {error}"))?;
    }
    other.ask("append 1 1000").map_err(|error| format!("other: {error}"))?;
    taker.ask("append 5 1000").map_err(|error| format!("taker: {error}"))?;
    let told = [(taker.id(), u64::from(count) + 6), (other.id(), 2)];
    taker.ask("close").map_err(|error| format!("taker: {error}"))?;
    other.ask("close").map_err(|error| format!("other: {error}"))?;
    truth::check(place.path(), &told)
}

#[test]
fn everybody_leaves_the_old_segment_after_a_roll_of_the_dead() {
    needs(&[Rule::TakerBumpsGeneration], |rules| roll_cut_off_behind_the_names(rules, Point::RollNamed, "20000", 3));
}

#[test]
fn prepared_end_belongs_to_the_segment_that_is_there() {
    // The old segment is prepared far beyond what the new one has: a store above its end is SIGBUS. A panic frees the grow word before the taker has it.
    needs(&[Rule::TakerSetsPrepared], |rules| {
        let place = made("takeover-prepared", &[("segment.bytes", "4000000")]);
        let (mut clumsy, mut other) = (appender(&place, rules), appender(&place, rules));
        clumsy.arm(Point::RollNamed, Action::Panic);
        clumsy.must("panic_appends 100000 1000");
        other.ask("append 2000 1000").map_err(|error| format!("other: {error}"))?;
        other.must("close");
        clumsy.must("close");
        truth::check(place.path(), &[(other.id(), 2001)])
    });
    // Behind a dead owner, which had the grow word too.
    needs(&[Rule::TakerSetsPrepared], |rules| roll_cut_off_behind_the_names(rules, Point::RollNamed, "4000000", 2000));
}

#[test]
fn state_of_a_finished_segment_is_not_taken_for_the_new_one_s() {
    needs(&[Rule::TakerComparesBase], |rules| {
        let place = made("takeover-base", &[("segment.bytes", "20000")]);
        let (mut victim, mut taker) = (appender(&place, rules), appender(&place, rules));
        victim.must("append 10 1000");
        victim.arm(Point::RollDone, Action::Kill);
        victim.dies_at("append 1 15000");
        // These would still fit into the segment that is finished.
        taker.ask("append 5 40")?;
        taker.ask("close")?;
        truth::check(place.path(), &[(taker.id(), 6), (victim.id(), 11)])
    });
}

#[test]
fn old_segment_is_trimmed_before_the_new_one_has_its_name() {
    needs(&[Rule::RollTrims], |rules| {
        let place = made("takeover-trim", &[("segment.bytes", "100000")]);
        let mut only = appender(&place, rules);
        only.must("append 400 1000");
        only.kill();
        let mut bases = common::scratch::segment_bases(&place.join(PARTITION));
        bases.pop();
        ensure(bases.len() > 1, "it did not roll")?;
        for base in bases {
            let bytes = std::fs::read(common::scratch::segment_file(&place.join(PARTITION), base, "log"));
            truth::whole_batches(base, &bytes.map_err(|error| error.to_string())?)?;
        }
        Ok(())
    });
}

#[test]
fn index_that_another_process_has_grown_is_not_zeroed() {
    needs(&[Rule::IndexLengthIsAsked], |rules| {
        let place = made("takeover-index-growth", &[("index.interval.bytes", "0")]);
        let (mut one, mut other) = (appender(&place, rules), appender(&place, rules));
        for _ in 0..15 {
            one.must("append 50 40");
            other.must("append 3 40");
        }
        one.must("close");
        other.must("close");
        truth::files_are_right(&place.join(PARTITION), 0)
    });
}

#[test]
fn slot_that_is_taken_again_does_not_bring_the_dead_to_life() {
    needs(&[Rule::SlotGeneration], |rules| {
        let place = made("takeover-slot", &[]);
        let mut survivor = appender(&place, rules);
        let mut victim = appender(&place, rules);
        victim.arm(Point::AppendCopied, Action::Kill);
        victim.dies_at("append 1 300");
        // The slot of the dead is the first that is free.
        let mut newcomer = Puppet::start(place.path(), rules);
        newcomer.must("open ckafka.lock.timeout.ms=3000");
        newcomer.must(&format!("log {TOPIC} 0"));
        let begun = Instant::now();
        survivor.ask("append 1 300")?;
        newcomer.ask("append 1 300")?;
        ensure(begun.elapsed() < PROMPT, format!("after {:?}", begun.elapsed()))
    });
}

#[test]
fn death_is_asked_of_the_kernel() {
    needs(&[Rule::DeathIsAsked], |rules| {
        let place = made("takeover-death", &[]);
        let (mut victim, mut survivor) = (appender(&place, rules), appender(&place, rules));
        victim.arm(Point::AppendTaken, Action::Kill);
        victim.dies_at("append 1 300");
        survivor.ask("append 1 300").map(drop)
    });
}

/// Waits until the append word is somebody's: bytes 64 to 67 of the page, without the highest bit, as docs/FORMAT.md has it.
fn is_held(place: &Path) {
    let begun = Instant::now();
    let word = || {
        let page = std::fs::read(place.join(PARTITION).join("ckafka.control")).expect("the page is a file");
        u32::from_ne_bytes(page[64..68].try_into().expect("4 bytes")) << 1
    };
    while word() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(40), "nobody takes it");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Also one of a process that runs, by a thread that never comes back to it. `protocol_jump` has threads that left it by a jump.
#[test]
fn owner_that_lives_is_waited_for_and_named() {
    for action in [Action::Abandon, Action::Stop] {
        let place = made("takeover-stopped", &[]);
        let (mut owner, mut other) = (appender(&place, &[]), appender(&place, &[]));
        owner.arm(Point::AppendCopied, action);
        owner.tell("append 1 300");
        is_held(place.path());
        let begun = Instant::now();
        let refused = other.ask("append 1 300").expect_err("the word is held");
        assert!(refused.starts_with("TimedOut:") && refused.contains("slot 0"), "{refused}");
        let took = begun.elapsed().as_millis();
        assert!(refused.contains("append word"), "{refused}");
        assert!((3000..=took).contains(&waited_ms(&refused)), "the time, of {took} ms: {refused}");
        if action == Action::Stop {
            owner.go_on();
            owner.reply().expect("alive").expect("it goes on as if nothing had been");
            other.must("append 1 300");
        }
        owner.kill();
        other.must("append 1 300");
        other.must("close");
        let acknowledged = if action == Action::Stop { 3 } else { 2 };
        truth::check(place.path(), &[(other.id(), acknowledged)]).unwrap_or_else(|what| panic!("{action:?}: {what}"));
    }
}
