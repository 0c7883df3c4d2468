//! Nobody sleeps through what they wait for: not where the end moves while they fall asleep, not where who should wake them dies, not where others sleep beside them.

#![cfg(feature = "break-rules")]

#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod common;
#[allow(dead_code, reason = "shared by many tests, each of which uses a part")]
mod protocol;

use std::time::{Duration, Instant};

use ckafka::broken::{Action, Point, Rule};
use common::scratch::Scratch;
use protocol::puppet::Puppet;
use protocol::{ensure, made, needs, play, writer};

/// What no wake-up takes, however busy the machine is: half of the time after which a sleeper looks by itself.
const LATE: Duration = Duration::from_millis(2500);

#[test]
#[ignore = "a process of the tests below"]
fn puppet() {
    play::live();
}

/// A process whose waits are not made good by a slice: what it sleeps through shows.
fn sleeper(place: &Scratch, without: &[Rule]) -> Puppet {
    writer(place, &[without, &[Rule::SlicedWaits]].concat())
}

fn woken(puppet: &mut Puppet, begun: Instant) -> Result<(), String> {
    let reply = puppet.reply().unwrap_or(Err("it died".to_owned()));
    let took = begun.elapsed();
    reply.and_then(|_| ensure(took < LATE, format!("woken after {took:?}")))
}

#[test]
fn end_is_published_before_the_look_at_the_armed_bit() {
    if std::thread::available_parallelism().is_ok_and(|count| count.get() < 2) {
        return common::skip("end_is_published_before_the_look_at_the_armed_bit", "two processors");
    }
    needs(&[Rule::PublishFence], |rules| {
        let place = made("waits-fence", &[]);
        // With the rule none is lost, so that a long time costs nothing, and a machine that stands still for a moment is no lost wake-up.
        let (race, most) = if rules.is_empty() { ("race 20000 10000 20", 35) } else { ("race 3000000 500 120", 150) };
        let mut racer = sleeper(&place, rules);
        racer.tell(race);
        racer.reply_within(Duration::from_secs(most)).expect("an answer in time").expect("alive").map(drop)
    });
}

/// The owner dies between publishing and waking, and nobody else appends.
#[test]
fn wait_for_the_end_is_sliced() {
    needs(&[Rule::SlicedWaits], |rules| {
        let place = made("waits-slice", &[]);
        let (mut victim, mut reader) = (writer(&place, &[]), writer(&place, rules));
        victim.arm(Point::AppendPublished, Action::Kill);
        reader.tell("fetch 5000");
        reader.falls_asleep();
        victim.dies_at("append 1 100");
        woken(&mut reader, Instant::now())
    });
}

/// Who syncs for others dies.
#[test]
fn wait_for_durability_is_sliced() {
    needs(&[Rule::SlicedWaits], |rules| {
        let place = made("waits-slice-durable", &[]);
        let (mut victim, mut other) = (writer(&place, &[]), writer(&place, rules));
        victim.must("append 10 100");
        victim.arm(Point::SyncAnnounced, Action::Stop);
        victim.stops_at("durable 9 9000");
        other.tell("durable 9 5000");
        other.falls_asleep();
        victim.kill();
        woken(&mut other, Instant::now())
    });
}

/// The dead had cleared the bit, and woken nobody.
#[test]
fn taker_wakes_everybody() {
    needs(&[Rule::TakerWakes], |rules| {
        let place = made("waits-taker", &[]);
        let (mut victim, mut taker) = (writer(&place, rules), writer(&place, rules));
        let mut reader = sleeper(&place, rules);
        victim.arm(Point::WakeCleared, Action::Kill);
        reader.tell("fetch 5000");
        reader.falls_asleep();
        victim.dies_at("append 1 100");
        let begun = Instant::now();
        taker.must("append 1 100");
        woken(&mut reader, begun)
    });
}

/// One is about to sleep when the end moves and the bit is cleared; before it sleeps another one arms anew.
#[test]
fn bit_that_another_sleeper_arms_is_not_taken_for_one_s_own() {
    needs(&[Rule::ArmedSequence], |rules| {
        let place = made("waits-sequence", &[]);
        let mut appender = writer(&place, rules);
        let (mut slow, mut other) = (sleeper(&place, rules), writer(&place, rules));
        slow.arm(Point::WaitArmed, Action::Stop);
        slow.stops_at("fetch 5000");
        appender.must("append 1 100");
        other.must("fetch 0");
        other.tell("fetch 9000");
        other.falls_asleep();
        let begun = Instant::now();
        slow.go_on();
        woken(&mut slow, begun)
    });
}

#[test]
fn nor_is_that_of_another_who_waits_for_durability() {
    needs(&[Rule::ArmedSequence], |rules| {
        let place = made("waits-sequence-durable", &[]);
        let mut syncer = writer(&place, rules);
        let (mut slow, mut other) = (sleeper(&place, rules), sleeper(&place, rules));
        let hold_the_word = |syncer: &mut Puppet, offset: u32| {
            syncer.must("append 1 100");
            syncer.arm(Point::SyncAnnounced, Action::Stop);
            syncer.stops_at(&format!("durable {offset} 9000"));
        };
        hold_the_word(&mut syncer, 0);
        slow.arm(Point::WaitArmed, Action::Stop);
        slow.stops_at("durable 0 5000");
        syncer.go_on();
        syncer.reply().unwrap_or(Err("it died".to_owned()))?;
        hold_the_word(&mut syncer, 1);
        other.tell("durable 1 9000");
        other.falls_asleep();
        let begun = Instant::now();
        slow.go_on();
        woken(&mut slow, begun)
    });
}
