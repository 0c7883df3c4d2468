//! What the tests of the sharing rules have in common. Not a test itself: a module of those that need it.
//!
//! - `puppet`: processes that do one thing after the other, as they are told by a line each, and can be stopped or killed at any place in between;
//! - `play`: what a puppet can do;
//! - `batches`: values that make batches of a wanted size, or hold a batch themselves;
//! - `host`: what the program around the library may do to it: forks, cancelled threads, a second copy of the library;
//! - `race`: a writer that publishes in the moment in which a reader goes to sleep;
//! - `truth`: what must hold of a directory after whatever was done to it.
//!
//! A rule is shown to be needed by a scene that is played twice: with the rule it comes out well, in processes that leave the rule out it does not.

pub mod batches;
pub mod host;
pub mod play;
pub mod puppet;
pub mod race;
pub mod truth;

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use ckafka::broken::Rule;

use crate::common::logs::{self, TOPIC};
use crate::common::scratch::Scratch;
use puppet::Puppet;

/// What nobody needs who has to wait for nobody, however busy the machine is; less than [`opened`] ones wait for others.
pub const PROMPT: Duration = Duration::from_millis(2500);

/// A directory with [`TOPIC`], closed.
pub fn made(name: &str, values: &[(&str, &str)]) -> Scratch {
    let place = Scratch::new(name);
    logs::close(logs::create(place.path(), values));
    place
}

/// A process, without some rules, that has opened a directory and waits for others three seconds at most.
#[track_caller]
pub fn opened(place: &Scratch, without: &[Rule]) -> Puppet {
    let mut puppet = Puppet::start(place.path(), without);
    puppet.must("open ckafka.lock.timeout.ms=3000");
    puppet
}

/// The same with the log of partition 0 open.
#[track_caller]
pub fn writer(place: &Scratch, without: &[Rule]) -> Puppet {
    let mut puppet = opened(place, without);
    puppet.must(&format!("log {TOPIC} 0"));
    puppet
}

/// The same with one record appended: it has looked at the segments.
#[track_caller]
pub fn appender(place: &Scratch, without: &[Rule]) -> Puppet {
    let mut puppet = writer(place, without);
    puppet.must("append 1 40");
    puppet
}

/// Plays a scene with all rules, which must come out well, and without some, which must not.
#[track_caller]
pub fn needs(rules: &[Rule], scene: impl Fn(&[Rule]) -> Result<(), String>) {
    if let Err(what) = scene(&[]) {
        panic!("with every rule: {what}");
    }
    match scene(rules) {
        Err(what) => println!("without {rules:?}: {what}"),
        Ok(()) => panic!("without {rules:?} all is well: nothing here needs it"),
    }
}

/// How it went for one that must wait for another, which goes on after this: with every rule there is no answer in the moment for which it is looked at. Without some
/// it goes ahead, and has as long for that as a busy machine takes.
pub fn early(puppet: &mut Puppet, rules: &[Rule]) -> Result<Option<Result<String, String>>, RecvTimeoutError> {
    puppet.reply_within(if rules.is_empty() { Duration::from_millis(400) } else { Duration::from_secs(20) })
}

/// How long one waited for a word by the text of its time-out.
pub fn waited_ms(timed_out: &str) -> u128 {
    let (_, after) = timed_out.split_once("timed out after ").unwrap_or_else(|| panic!("no time in {timed_out}"));
    after.split(' ').next().and_then(|ms| ms.parse().ok()).unwrap_or_else(|| panic!("no number in {timed_out}"))
}

/// An error with its place in the scene, unless it holds.
pub fn ensure(holds: bool, what: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}
