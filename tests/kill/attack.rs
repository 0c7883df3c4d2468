//! Scenes, and the points at which they are cut: the distinct ones in an order of its own for each seed, then some in between.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use ckafka::broker::Log;

use super::dice::Dice;
use super::oracle::Verdict;
use super::process::alone;
use super::scene::{Operation, Scene, Sleeper, number_of_append};
use super::step::{self, Point, Points, Reached};

pub const SEGMENT_BYTES: u64 = 64 << 10;
/// In these there is something left to grow after a few appends.
pub const GROWN_SEGMENT_BYTES: u64 = 256 << 10;

pub fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

pub fn settings(mode: &str, segment_bytes: u64) -> Vec<(&'static str, String)> {
    vec![
        ("segment.bytes", segment_bytes.to_string()),
        ("index.interval.bytes", "100".to_owned()),
        ("ckafka.append.mode", mode.to_owned()),
    ]
}

pub fn scene(operation: Operation, sleeper: Sleeper) -> Scene {
    Scene { operation, after: None, sleeper, settings: settings("mmap", SEGMENT_BYTES) }
}

/// How long each test may kill, shared by its scenes.
pub fn budget() -> Duration {
    Duration::from_secs(number_from("CKAFKA_STEP_SECONDS").unwrap_or(6))
}

/// Runs a test's scenes, each with its share of the time.
pub fn attack(name: &str, scenes: impl FnOnce() -> Vec<Scene>) {
    alone(name, budget() * 2 + Duration::from_secs(120), || {
        let scenes = scenes();
        let share = budget() / scenes.len() as u32;
        let mut verdict = Verdict::default();
        for scene in &scenes {
            verdict.add(attack_scene(scene, share));
        }
        println!("{verdict}");
        assert!(verdict.is_good(), "{verdict}");
    });
}

pub fn attack_scene(scene: &Scene, share: Duration) -> Verdict {
    if let Some(point) = chosen_point() {
        return scene.cut(point).0;
    }
    let mut points = step::find_points(|| scene.begin());
    let is_short = matches!(scene.operation, Operation::Append { .. } | Operation::FirstAppend | Operation::Sync);
    if is_short && number_from("CKAFKA_STEP_ALL") == Some(1) {
        let (_set, mut child) = scene.begin();
        points.intervals = step::count_instructions(&mut child);
        child.kill();
    }
    let begun = Instant::now();
    let mut dice = Dice::new(number_from("CKAFKA_KILL_SEED").unwrap_or(1));
    let mut order = points.distinct.clone();
    for at in (1..order.len()).rev() {
        order.swap(at, dice.below(at as u64 + 1) as usize);
    }
    let mut verdict = Verdict::default();
    let mut distinct = 0;
    for point in &order {
        if begun.elapsed() > share || !verdict.is_good() {
            break;
        }
        verdict.add(scene.cut(*point).0);
        distinct += 1;
    }
    let others = attack_between(scene, &points, share, begun, &mut dice, &mut verdict);
    println!(
        "{:?}{}: killed at {distinct} of {} distinct points, {others} of {} instructions, in {:.1} s",
        scene.operation,
        if scene.after.is_some() { " behind a dead owner" } else { "" },
        points.distinct.len(),
        points.instruction_count(),
        begun.elapsed().as_secs_f64(),
    );
    verdict
}

/// The instructions between the distinct points: all in order, or as many as there is time for, at random.
pub fn attack_between(
    scene: &Scene,
    points: &Points,
    share: Duration,
    begun: Instant,
    dice: &mut Dice,
    verdict: &mut Verdict,
) -> u64 {
    let all = number_from("CKAFKA_STEP_ALL") == Some(1);
    let known: HashSet<Point> = points.distinct.iter().copied().collect();
    let count = points.instruction_count();
    let mut tried = 0;
    for number in 0..count {
        if begun.elapsed() > share || !verdict.is_good() {
            break;
        }
        let Some(point) = points.at_instruction(if all { number } else { dice.below(count) }) else { break };
        if known.contains(&point) {
            continue;
        }
        let (found, reached) = scene.cut(point);
        verdict.add(found);
        tried += 1;
        if all && reached == Reached::End {
            break;
        }
    }
    tried
}

pub fn chosen_point() -> Option<Point> {
    let text = std::env::var("CKAFKA_STEP_POINT").ok()?;
    let (stops, instructions) = text.split_once(',')?;
    Some(Point { stops: stops.parse().ok()?, instructions: instructions.parse().ok()? })
}

pub fn growths(log: &Log, _folder: &Path) -> u64 {
    log.events().growths
}

pub fn prepared(_log: &Log, folder: &Path) -> u64 {
    u64::from(folder.join("ckafka.next").exists())
}

pub fn rolls(log: &Log, _folder: &Path) -> u64 {
    log.events().rolls
}

/// The append that makes a count rise.
pub fn append_with(count: fn(&Log, &Path) -> u64, segment_bytes: u64) -> Operation {
    Operation::Append { n: number_of_append(&settings("mmap", segment_bytes), count), count: 1 }
}

/// Some points of an operation at which a word is held: where its owner dies, somebody has to take over.
pub fn points_to_die(operation: Operation, count: usize) -> Vec<Point> {
    let scene = scene(operation, Sleeper::Sleeps);
    let distinct = step::find_points(|| scene.begin()).distinct;
    let inner = &distinct[..distinct.len().saturating_sub(4).max(1)];
    (1..=count).filter_map(|n| inner.get(inner.len() * n / (count + 1)).copied()).collect()
}

pub fn takeovers(first: Operation, count: usize) -> Vec<Scene> {
    let taker = Operation::Append { n: 0, count: 2 };
    let behind = |point| Scene { after: Some((first, point)), ..scene(taker, Sleeper::Sleeps) };
    points_to_die(first, count).into_iter().map(behind).collect()
}
