//! Who grows and who mends do not get into each other's way: a taker waits for a grower that lives, and what waits in vain leaves the dead to the next.

#![cfg(feature = "break-rules")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod protocol;

use ckafka::broken::{Action, Point, Rule};
use protocol::{appender, early, ensure, made, needs, play, truth, writer};

#[test]
#[ignore = "a process of the tests below"]
fn puppet() {
    play::live();
}

#[test]
fn taker_waits_for_a_living_grower() {
    // A growth that fails cuts the file back to where it began: a taker that believed the file's length meanwhile has others append to what is cut off.
    needs(&[Rule::TakerTakesGrow], |rules| {
        let place = made("grow-taker", &[]);
        let (mut victim, mut taker, mut grower) =
            (appender(&place, rules), appender(&place, rules), appender(&place, rules));
        // In the middle of a piece. The growth is behind an append, with the append word free.
        grower.must("file_size 300000");
        grower.arm(Point::GrowFailed, Action::Stop);
        grower.stops_at("append 100 1000");
        victim.arm(Point::AppendCopied, Action::Kill);
        victim.dies_at("append 1 300");
        taker.tell("append 200 1000");
        let early = early(&mut taker, rules);
        grower.go_on();
        match early {
            Ok(reply) => reply.unwrap_or(Err("it died".to_owned()))?,
            Err(_) => taker.reply().unwrap_or(Err("it died".to_owned()))?,
        };
        grower.reply().unwrap_or(Err("the grower died".to_owned()))?;
        taker.ask("append 1 300")?;
        taker.must("close");
        grower.must("close");
        truth::check(place.path(), &[(taker.id(), 202), (grower.id(), 101)])
    });
}

/// Patience with whoever grows fails one append; who died in the section is still to be mended, by whoever comes next.
#[test]
fn taker_that_waits_in_vain_for_a_living_grower_leaves_the_dead_to_the_next() {
    let place = made("grow-patience", &[]);
    let (mut victim, mut taker, mut grower) = (appender(&place, &[]), appender(&place, &[]), appender(&place, &[]));
    grower.arm(Point::GrowBegun, Action::Stop);
    grower.stops_at("append 100 1000");
    victim.arm(Point::AppendCopied, Action::Kill);
    victim.dies_at("append 1 300");
    for _ in 0..2 {
        let refused = taker.ask("append 1 300").expect_err("grow is held by one that is stopped");
        assert!(refused.starts_with("TimedOut:") && refused.contains("grow word"), "{refused}");
        assert!(refused.contains("held by slot 2 "), "{refused}");
    }
    grower.go_on();
    grower.reply().expect("alive").expect("it goes on as if nothing had been");
    taker.must("append 1 300");
    taker.must("close");
    grower.must("close");
    truth::check(place.path(), &[(taker.id(), 2), (grower.id(), 101)]).unwrap_or_else(|what| panic!("{what}"));
}

/// The same where the taker cannot open the segment.
#[test]
fn taker_without_descriptors_leaves_the_dead_to_the_next() {
    for (died_at, append) in [(Point::AppendCopied, "append 1 300"), (Point::RollNamed, "append 100 300")] {
        let place = made("grow-descriptors", &[("segment.bytes", "20000")]);
        let (mut victim, mut other) = (appender(&place, &[]), appender(&place, &[]));
        let mut poor = writer(&place, &[]);
        poor.must("descriptors 5");
        victim.arm(died_at, Action::Kill);
        victim.dies_at(append);
        for _ in 0..2 {
            let refused = poor.ask("append 1 300").expect_err("there is no descriptor");
            assert!(refused.contains("RLIMIT_NOFILE is 5"), "{died_at:?}: {refused}");
        }
        other.must("append 1 300");
        poor.must("descriptors 1024");
        poor.must("append 1 300");
        other.must("close");
        poor.must("close");
        truth::check(place.path(), &[(other.id(), 2), (poor.id(), 1)])
            .unwrap_or_else(|what| panic!("{died_at:?}: {what}"));
    }
}

/// One finds that room is due, and is slow to begin; meanwhile another has grown, and appended there.
#[test]
fn slow_grower_does_not_zero_what_was_published_meanwhile() {
    needs(&[Rule::GrowerLooksUnderWord], |rules| {
        let place = made("grow-slow", &[]);
        let (mut slow, mut other) = (appender(&place, rules), appender(&place, rules));
        slow.arm(Point::GrowDue, Action::Stop);
        slow.stops_at("append 100 1000");
        other.must("append 300 1000");
        slow.go_on();
        slow.reply().unwrap_or(Err("it died".to_owned()))?;
        ensure(other.ask("fetch 0")? == "402", "all of it can be read")?;
        slow.must("close");
        other.must("close");
        truth::check(place.path(), &[(slow.id(), 101), (other.id(), 301)])
    });
}

#[test]
fn two_growers_never_zero_what_one_has_published() {
    let place = made("grow-growers", &[("segment.bytes", "4000000")]);
    let (mut one, mut other) = (appender(&place, &[]), appender(&place, &[]));
    for _ in 0..20 {
        one.tell("append 100 1000");
        other.tell("pretouch");
        one.reply().expect("alive").expect("append");
        other.reply().expect("alive").expect("pretouch");
        one.tell("pretouch");
        other.tell("append 100 1000");
        one.reply().expect("alive").expect("pretouch");
        other.reply().expect("alive").expect("append");
    }
    one.must("close");
    other.must("close");
    truth::check(place.path(), &[(one.id(), 2001), (other.id(), 2001)]).unwrap_or_else(|what| panic!("{what}"));
}
