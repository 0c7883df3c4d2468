//! The kill harness finds what a rule is for: with the rule left out, cutting operations short ends in a fault.

#![cfg(all(target_arch = "x86_64", feature = "break-rules"))]

#[expect(unsafe_code, reason = "processes are forked, traced and killed")]
#[allow(dead_code, reason = "each test of the harness uses its part of it")]
#[path = "kill/mod.rs"]
mod kill;

use std::time::{Duration, Instant};

use ckafka::broken::{Rule, leave_out};
use kill::attack::scene;
use kill::process::{Child, Ended, alone};
use kill::scene::{Operation, Scene, Sleeper};
use kill::step;

const FOUND: i32 = 7;
const PATIENCE: Duration = Duration::from_secs(60);

/// Cuts the scenes at their distinct points until something is wrong.
fn is_found(scenes: &[Scene]) -> bool {
    let begun = Instant::now();
    scenes.iter().any(|scene| {
        let points = step::find_points(|| scene.begin()).distinct;
        points.iter().take_while(|_| begun.elapsed() < PATIENCE).any(|point| !scene.cut(*point).0.is_good())
    })
}

/// In a process of its own, since a rule stays left out.
fn needs(rule: Rule, scenes: impl FnOnce() -> Vec<Scene>) {
    let mut child = Child::fork(|| {
        // The places to cut at are those of the whole protocol.
        let scenes = scenes();
        leave_out(rule);
        if is_found(&scenes) { FOUND } else { 0 }
    });
    let ended = child.wait_until(PATIENCE * 2);
    assert_eq!(ended, Some(Ended::Exit(FOUND)), "{rule:?} was left out, and nothing was found");
}

#[test]
fn a_missing_rule_is_found() {
    alone("a_missing_rule_is_found", Duration::from_secs(300), || {
        let append = || vec![scene(Operation::Append { n: 30, count: 2 }, Sleeper::Sleeps)];
        for rule in [Rule::SlicedWaits, Rule::DeathIsAsked, Rule::SessionOfPage] {
            needs(rule, append);
        }
    });
}
