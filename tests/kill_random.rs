//! Writers and followers of one partition are killed, stopped and replaced at random: nothing that anybody was told is lost,
//! doubled or torn, followers see the same, and nobody waits for ever.
//!
//! Lasts about a minute, or `CKAFKA_KILL_SECONDS`. `CKAFKA_KILL_SEED` repeats a run, as far as the kernel allows.

#[expect(unsafe_code, reason = "processes are forked, killed and looked at")]
#[allow(dead_code, reason = "each test of the harness uses its part of it")]
#[path = "kill/mod.rs"]
mod kill;

use std::fs;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use ckafka::broker::OpenMode;
use kill::board::FOLLOWERS_AT;
use kill::dice::{Dice, mix};
use kill::oracle::{self, Verdict};
use kill::page::Page;
use kill::process::{Child, Ended, alone};
use kill::roles::{self, Habit, Watch};
use kill::stage::{Ground, Stage};

/// Who gets on this long without a sign is hung: far above any stop, sync or start.
const HUNG_AFTER: Duration = Duration::from_secs(12);
/// What a taker may need at most, from the kernel's letting go of the dead owner's slot.
const TAKEOVER_MAX: Duration = Duration::from_secs(1);
const STOP_PATIENCE: Duration = Duration::from_secs(40);
/// Bytes after which a round's writers slow down.
const ROUND_BYTES: u64 = 96 << 20;

fn number_from(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn nothing_told_is_lost_when_processes_are_killed_at_random() {
    let seconds = number_from("CKAFKA_KILL_SECONDS", 55);
    let name = "nothing_told_is_lost_when_processes_are_killed_at_random";
    alone(name, Duration::from_secs(seconds + 150), || {
        let seed = number_from("CKAFKA_KILL_SEED", clock_seed());
        let only_round = std::env::var("CKAFKA_KILL_ROUND").ok().and_then(|text| text.parse().ok());
        let begun = Instant::now();
        let mut total = Total::default();
        let mut round = only_round.unwrap_or(0);
        while begun.elapsed() < Duration::from_secs(seconds) && total.verdict.is_good() {
            let left = Duration::from_secs(seconds).saturating_sub(begun.elapsed());
            run_round(seed, round, left, &mut total);
            round += 1;
        }
        total.print();
        assert!(total.verdict.is_good(), "seed {seed}: {}", total.verdict);
    });
}

fn clock_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    mix(now.as_nanos() as u64) % 1_000_000_000
}

#[derive(Default)]
struct Total {
    verdict: Verdict,
    takeovers: Vec<Duration>,
    counters: [u64; 4],
    massacres: u64,
    stops: u64,
}

impl Total {
    fn print(&mut self) {
        self.takeovers.sort();
        let at = |share: f64| {
            let index = (self.takeovers.len() as f64 * share) as usize;
            self.takeovers.get(index.min(self.takeovers.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        let [takeovers, grow_takeovers, rolls, growths] = self.counters;
        println!(
            "words taken from the dead: append {takeovers}, grow {grow_takeovers}; {rolls} rolls, {growths} growths; \
             {} stops; {} times all were killed",
            self.stops, self.massacres
        );
        println!(
            "takeover of append, from the release of the slot: {} measured, p50 {:?}, p99 {:?} (goal 50 ms), worst {:?}",
            self.takeovers.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
        println!("{}", self.verdict);
    }
}

/// What a place of the board is used for.
#[derive(Debug, Clone, Copy)]
enum Role {
    Writes(Habit),
    Follows(Watch),
}

struct Actor {
    place: usize,
    role: Role,
    child: Child,
    starts: u64,
    stopped_until: Option<Instant>,
    /// When it was started.
    progress_before: u64,
    progress: u64,
    moved: Instant,
}

struct Round<'a> {
    stage: &'a Stage,
    seed: u64,
    dice: Dice,
    actors: Vec<Actor>,
    total: &'a mut Total,
    verdict: Verdict,
}

fn run_round(seed: u64, round: u64, left: Duration, total: &mut Total) {
    let mut dice = Dice::new(mix(seed) ^ round);
    let settings = settings(&mut dice);
    let ground = if dice.one_in(3) { Ground::Disk } else { Ground::Memory };
    let writers = 2 + dice.below(7) as usize;
    println!("round {round} of seed {seed}: {writers} writers, {ground:?}, {settings:?}");
    let stage = Stage::new(ground, &settings);
    let length = Duration::from_millis(3000 + dice.below(5000)).min(left.max(Duration::from_secs(1)));
    let mut running =
        Round { stage: &stage, seed: dice.next(), dice, actors: Vec::new(), total, verdict: Verdict::default() };
    for place in 0..writers {
        running.add(place, Role::Writes(habit(place)));
    }
    for (number, watch) in [Watch::Sleep, Watch::Poll, Watch::ReadOnly].into_iter().enumerate() {
        running.add(FOLLOWERS_AT + number, Role::Follows(watch));
    }
    running.disturb(length);
    running.end();
    let verdict = running.verdict;
    total.verdict.add(verdict);
    println!("  {verdict}");
    if !verdict.is_good() {
        println!("  the files are kept: {}", stage.keep().display());
    }
}

fn settings(dice: &mut Dice) -> Vec<(&'static str, String)> {
    let segment = [256 << 10, 1 << 20, 4 << 20][dice.below(3) as usize];
    let mode = if dice.one_in(4) { "pwrite" } else { "mmap" };
    vec![
        ("segment.bytes", segment.to_string()),
        ("ckafka.append.mode", mode.to_owned()),
        ("index.interval.bytes", [512, 4096][dice.below(2) as usize].to_string()),
        ("segment.index.bytes", [8192, 1 << 20][dice.below(2) as usize].to_string()),
    ]
}

/// At least two of any round hammer or sync, so that somebody waits behind a dead owner.
fn habit(place: usize) -> Habit {
    match place {
        0 | 3 => Habit::Hammer,
        1 | 6 => Habit::Durable,
        2 | 7 => Habit::Visitor,
        _ => Habit::Polite,
    }
}

impl Round<'_> {
    fn add(&mut self, place: usize, role: Role) {
        let child = start(self.stage, place, role, self.seed ^ place as u64);
        self.actors.push(Actor {
            place,
            role,
            child,
            starts: 1,
            stopped_until: None,
            progress_before: 0,
            progress: 0,
            moved: Instant::now(),
        });
    }

    fn restart(&mut self, number: usize) {
        let actor = &mut self.actors[number];
        actor.progress_before = self.stage.board.place(actor.place).progress().load(SeqCst);
        actor.child = start(self.stage, actor.place, actor.role, mix(self.seed ^ actor.place as u64) ^ actor.starts);
        actor.starts += 1;
        actor.stopped_until = None;
        actor.moved = Instant::now();
    }

    /// Kills and stops until the time is over or something is wrong.
    fn disturb(&mut self, length: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < length && self.verdict.is_good() {
            std::thread::sleep(Duration::from_micros(2000 + self.dice.below(24_000)));
            self.resume(Instant::now());
            self.look_after();
            let number = self.pick();
            if self.dice.one_in(10) {
                self.stop(number);
            } else if self.dice.one_in(60) {
                self.massacre();
            } else {
                self.kill(number);
            }
        }
        self.resume(Instant::now() + Duration::from_secs(60));
    }

    fn pick(&mut self) -> usize {
        // Followers are killed less often: writers are what the others depend on.
        let count = self.actors.len() as u64;
        let number = self.dice.below(count) as usize;
        if matches!(self.actors[number].role, Role::Follows(_)) && !self.dice.one_in(3) {
            self.dice.below(count - 3) as usize
        } else {
            number
        }
    }

    fn kill(&mut self, number: usize) {
        self.actors[number].child.kill();
        self.verdict.kills += 1;
        self.measure_takeover(number);
        self.restart(number);
    }

    /// If the dead process held the append word, and somebody can take it: how long does that last?
    fn measure_takeover(&mut self, killed: usize) {
        let Some(page) = Page::open(self.stage.data()) else { return };
        let Some(dead) = page.dead_appender() else { return };
        let is_at_work = |actor: &Actor| {
            self.stage.board.place(actor.place).progress().load(SeqCst) != actor.progress_before
                && actor.stopped_until.is_none()
        };
        let waits = |actor: &Actor| matches!(actor.role, Role::Writes(Habit::Hammer)) && is_at_work(actor);
        if !self.actors.iter().enumerate().any(|(number, actor)| number != killed && waits(actor)) {
            return;
        }
        let mut lasted = Duration::ZERO;
        while page.append_word() & !(1 << 31) == dead.0 && lasted <= TAKEOVER_MAX {
            let turn = Instant::now();
            // Who is stopped may hold the gate that a taker has to pass.
            self.resume(turn);
            std::thread::sleep(Duration::from_micros(50));
            // In a longer turn the machine stood still, and a taker with it.
            lasted += turn.elapsed().min(Duration::from_millis(20));
        }
        if lasted > TAKEOVER_MAX {
            self.verdict.hung += 1;
            println!("HUNG: {lasted:?} behind a dead owner; {}", page.describe());
        }
        self.total.takeovers.push(lasted);
    }

    fn stop(&mut self, number: usize) {
        if self.actors.iter().any(|actor| actor.stopped_until.is_some()) {
            return;
        }
        let actor = &mut self.actors[number];
        actor.child.signal(nix::libc::SIGSTOP);
        actor.stopped_until = Some(Instant::now() + Duration::from_millis(5 + self.dice.below(300)));
        self.total.stops += 1;
    }

    fn resume(&mut self, now: Instant) {
        for actor in &mut self.actors {
            if actor.stopped_until.is_some_and(|until| until <= now) {
                actor.child.signal(nix::libc::SIGCONT);
                actor.stopped_until = None;
                actor.moved = Instant::now();
            }
        }
    }

    /// All members die at once: the session ends without an end.
    fn massacre(&mut self) {
        let read_only = |actor: &Actor| matches!(actor.role, Role::Follows(Watch::ReadOnly));
        for number in 0..self.actors.len() {
            if !read_only(&self.actors[number]) {
                self.actors[number].child.signal(nix::libc::SIGKILL);
            }
        }
        self.count_session();
        for number in 0..self.actors.len() {
            if !read_only(&self.actors[number]) {
                self.actors[number].child.kill();
                self.verdict.kills += 1;
            }
        }
        self.total.massacres += 1;
        for number in 0..self.actors.len() {
            if !read_only(&self.actors[number]) {
                self.restart(number);
            }
        }
    }

    fn count_session(&mut self) {
        if let Some(page) = Page::open(self.stage.data()) {
            for (sum, count) in self.total.counters.iter_mut().zip(page.counters()) {
                *sum += count;
            }
        }
    }

    /// Who ended by itself, or does not get on?
    fn look_after(&mut self) {
        for actor in &mut self.actors {
            if let Some(ended) = actor.child.wait_until(Duration::ZERO) {
                let place = self.stage.board.place(actor.place);
                println!("HUNG: {:?} ended by itself, {ended:?}: {:?}", actor.role, place.complaint());
                self.verdict.hung += 1;
            }
            let progress = self.stage.board.place(actor.place).progress().load(SeqCst);
            if progress != actor.progress || actor.stopped_until.is_some() {
                actor.progress = progress;
                actor.moved = Instant::now();
            } else if actor.moved.elapsed() > HUNG_AFTER {
                let page = Page::open(self.stage.data()).map(|page| page.describe());
                println!("HUNG: {:?} at place {}; {page:?}", actor.role, actor.place);
                self.verdict.hung += 1;
            }
        }
    }

    /// Ends the round: writers close, followers come to the end, the files are judged.
    fn end(&mut self) {
        let by_writers = self.dice.one_in(2);
        if by_writers {
            self.end_followers(&[Watch::Sleep, Watch::Poll]);
        }
        self.stage.board.stop().store(1, SeqCst);
        for actor in self.actors.iter_mut().filter(|actor| matches!(actor.role, Role::Writes(_))) {
            let ended = actor.child.wait_until(STOP_PATIENCE);
            if ended != Some(Ended::Exit(0)) {
                let complaint = self.stage.board.place(actor.place).complaint();
                let page = Page::open(self.stage.data()).map(|page| page.describe());
                println!("HUNG: {:?} at the end, {ended:?}: {complaint:?}; {page:?}", actor.role);
                self.verdict.hung += 1;
            }
        }
        self.count_session();
        if by_writers && self.verdict.is_good() && !self.stage.is_marked_clean() {
            println!("HUNG: all writers closed, and the directory is not marked clean");
            self.verdict.hung += 1;
        }
        if let Some(page) = Page::open(self.stage.data()) {
            self.let_followers_finish(page.published_end());
        }
        self.end_followers(&[Watch::Sleep, Watch::Poll, Watch::ReadOnly]);
        self.close_and_judge();
    }

    fn let_followers_finish(&mut self, end: u64) {
        let begun = Instant::now();
        for actor in self.actors.iter().filter(|actor| matches!(actor.role, Role::Follows(_))) {
            let place = self.stage.board.place(actor.place);
            while place.seen().load(SeqCst) < end {
                if begun.elapsed() > STOP_PATIENCE {
                    let complaint = place.complaint();
                    let seen = place.seen().load(SeqCst);
                    println!("HUNG: {:?} saw {seen} of {end}: {complaint:?}", actor.role);
                    self.verdict.hung += 1;
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn end_followers(&mut self, watches: &[Watch]) {
        self.actors.retain_mut(|actor| match actor.role {
            Role::Follows(watch) if watches.contains(&watch) => {
                actor.child.kill();
                false
            }
            _ => true,
        });
    }

    /// One more process opens what was left, and closes it in order.
    fn close_and_judge(&mut self) {
        let stage = self.stage;
        let place = stage.board.place(0);
        let mut last = Child::fork(|| {
            roles::act(place, || {
                let (directory, log) = stage.open(OpenMode::ReadWrite)?;
                drop(log);
                directory.close()
            })
        });
        let ended = last.wait_until(STOP_PATIENCE);
        if ended != Some(Ended::Exit(0)) {
            println!("HUNG: the last opener, {ended:?}: {:?}", place.complaint());
            self.verdict.hung += 1;
            return;
        }
        if !stage.is_marked_clean() {
            println!("HUNG: closed, and not marked clean");
            self.verdict.hung += 1;
        }
        self.verdict.add(oracle::judge(&stage.board, &stage.partition()));
        let litter: Vec<_> = fs::read_dir(stage.partition())
            .expect("partition")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.contains(".tmp") || name.contains("ckafka.next"))
            .collect();
        if !litter.is_empty() {
            println!("TORN: left behind: {litter:?}");
            self.verdict.torn += 1;
        }
    }
}

fn start(stage: &Stage, place: usize, role: Role, seed: u64) -> Child {
    Child::fork(|| {
        let here = stage.board.place(place);
        roles::act(here, || match role {
            Role::Writes(habit) => roles::write(stage, place, habit, seed, ROUND_BYTES),
            Role::Follows(watch) => roles::follow(stage, place, watch),
        })
    })
}
