//! One operation, cut short at a point: who else is there, and what must be true afterwards.
//!
//! Two *survivors* have the directory open before and append after, one after the other; a *sleeper* waits for the end of the log all the
//! time. Operations that begin or end a session have neither; then the next process opens what was left.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use ckafka::broker::{Log, OpenMode};
use ckafka::storage::config::ReaderConfig;
use ckafka::storage::reader::{Reader, Start};
use ckafka::{Error, Result};

use super::board::FOLLOWERS_AT;
use super::oracle::{self, Verdict};
use super::page::Page;
use super::process::{Child, Ended, be_traced, stop_here};
use super::record::SHORT_WRITERS;
use super::roles::{Follower, Watch, Writer, act, wait_readable};
use super::stage::{Ground, Stage};
use super::step::{self, Point, Reached};

// All append short records, which are copied in few instructions.
const SURVIVOR: usize = SHORT_WRITERS[0];
const VICTIM: usize = SHORT_WRITERS[1];
const FIRST_VICTIM: usize = SHORT_WRITERS[2];
/// This one looked at the log before and does nothing until the first survivor has mended it.
const BYSTANDER: usize = 3;
/// Bounds every wait here. The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// A sleeper looks for itself every 50 ms, or is woken by the end of the dead process; one that did neither would sleep for all of [`PATIENCE`]. The machine may be busy.
const WAKE_PATIENCE: Duration = Duration::from_secs(5);

/// What is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Append number `n` of the process, a batch of `count` records.
    Append { n: u32, count: u32 },
    /// The first append of all, which finds nothing grown ahead.
    FirstAppend,
    /// Waiting until all is durable.
    Sync,
    /// Joining a session.
    Join,
    /// Opening what was left behind by the dead: recovery.
    Recover,
    /// Closing as one of several.
    Leave,
    /// Closing as the last.
    Close,
}

/// Who waits for the end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sleeper {
    Sleeps,
    Polls,
    OnlyReads,
}

/// An operation and its surroundings.
#[derive(Debug, Clone)]
pub struct Scene {
    pub operation: Operation,
    /// Another process was killed at this point of this operation just before: it left a word to be taken.
    pub after: Option<(Operation, Point)>,
    pub sleeper: Sleeper,
    pub settings: Vec<(&'static str, String)>,
}

/// The processes of a scene, up to where the operation begins.
pub struct Set {
    stage: Stage,
    survivors: Vec<Survivor>,
    sleeper: Option<Child>,
}

const APPEND: [u8; 1] = [1];
const CLOSE: [u8; 1] = [2];

/// A process that appends a few batches, or closes, when it is told to.
struct Survivor {
    place: usize,
    child: Child,
    gate: PipeWriter,
}

impl AsRef<Path> for Set {
    fn as_ref(&self) -> &Path {
        self.stage.data()
    }
}

impl Operation {
    /// Whether others are in the directory while it runs.
    fn has_company(self) -> bool {
        !matches!(self, Self::Recover | Self::Close)
    }
}

impl Scene {
    /// Begins: the victim stands where its operation does.
    pub fn begin(&self) -> (Set, Child) {
        let stage = Stage::new(Ground::Memory, &self.settings);
        let mut set = Set { stage, survivors: Vec::new(), sleeper: None };
        if self.operation == Operation::Recover {
            leave_a_mess(&set.stage);
        }
        if self.operation.has_company() {
            let is_first = self.after.map_or(self.operation, |(first, _)| first) == Operation::FirstAppend;
            let append_count = if is_first { 0 } else { 3 };
            for place in [SURVIVOR, BYSTANDER] {
                set.survivors.push(Survivor::start(&set.stage, place, append_count));
            }
        }
        if self.operation.has_company() || self.sleeper == Sleeper::OnlyReads {
            set.sleeper = Some(start_sleeper(&set.stage, self.sleeper));
        }
        let expected = set.survivors.len() as u64 + u64::from(set.sleeper.is_some());
        wait_for(|| set.stage.board.ready().load(SeqCst) >= expected).expect("the others are ready");
        if let Some((operation, point)) = self.after {
            let mut first = start_victim(&set.stage, FIRST_VICTIM, operation);
            step::run_to_operation(&mut first);
            step::run_to_point(&mut first, point);
            first.kill();
        }
        let mut victim = start_victim(&set.stage, VICTIM, self.operation);
        step::run_to_operation(&mut victim);
        set.let_sleeper_come_to_the_end();
        (set, victim)
    }

    /// Cuts the operation short at a point. What is wrong afterwards, and whether the operation came to its end before.
    pub fn cut(&self, point: Point) -> (Verdict, Reached) {
        let (mut set, mut victim) = self.begin();
        let reached = step::run_to_point(&mut victim, point);
        victim.kill();
        let mut verdict = Verdict { kills: 1, ..Verdict::default() };
        if let Err(reason) = set.go_on() {
            println!("HUNG: {self:?} cut at {point:?}: {reason}");
            verdict.hung += 1;
        } else {
            verdict.add(oracle::judge(&set.stage.board, &set.stage.partition()));
        }
        if !verdict.is_good() {
            println!("{self:?} cut at {point:?}: {verdict}; the files are kept: {}", set.keep().display());
        }
        (verdict, reached)
    }
}

impl Set {
    fn let_sleeper_come_to_the_end(&self) {
        if self.sleeper.is_some() && Page::open(self.stage.data()).is_some() {
            let _ = self.wake_the_sleeper();
            // Long enough to fall asleep, most of the times.
            std::thread::sleep(Duration::from_micros(300));
        }
    }

    /// The sleeper sees all that is published, soon.
    fn wake_the_sleeper(&self) -> std::result::Result<(), String> {
        let Some(page) = Page::open(self.stage.data()) else { return Ok(()) };
        let place = self.stage.board.place(FOLLOWERS_AT);
        let end = page.published_end();
        let begun = Instant::now();
        while place.seen().load(SeqCst) < end {
            if begun.elapsed() > WAKE_PATIENCE {
                let (seen, complaint) = (place.seen().load(SeqCst), place.complaint());
                return Err(format!("the sleeper is at {seen} of {end}: {complaint:?} {}", page.describe()));
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        Ok(())
    }

    /// What comes after the kill: the sleeper wakes, the survivors append in turn and close, one more opens and closes.
    fn go_on(&mut self) -> std::result::Result<(), String> {
        let has_page = !self.survivors.is_empty();
        if has_page {
            self.wake_the_sleeper()?;
        }
        for number in (0..self.survivors.len()).cycle().take(self.survivors.len() * 2) {
            self.survivors[number].append(&self.stage)?;
        }
        if has_page {
            self.wake_the_sleeper()?;
        }
        for survivor in self.survivors.drain(..) {
            survivor.close(&self.stage)?;
        }
        if let Some(mut sleeper) = self.sleeper.take() {
            if let Some(ended) = sleeper.wait_until(Duration::ZERO) {
                return Err(format!("sleeper {ended:?}: {:?}", self.stage.board.place(FOLLOWERS_AT).complaint()));
            }
            sleeper.kill();
        }
        self.open_once_more()
    }

    fn open_once_more(&self) -> std::result::Result<(), String> {
        let place = self.stage.board.place(SURVIVOR);
        let mut next = Child::fork(|| act(place, || append_some(&self.stage, 8)));
        let ended = next.wait_until(PATIENCE);
        if ended != Some(Ended::Exit(0)) {
            return Err(format!("next opener {ended:?}: {:?}", place.complaint()));
        }
        if self.stage.is_marked_clean() { Ok(()) } else { Err("closed, and not marked clean".to_owned()) }
    }

    fn keep(self) -> std::path::PathBuf {
        drop((self.survivors, self.sleeper));
        self.stage.keep()
    }
}

fn append_some(stage: &Stage, count: u32) -> Result<()> {
    let (directory, log) = stage.open(OpenMode::ReadWrite)?;
    let mut writer = Writer::new(&stage.board, SURVIVOR);
    let mut last = 0;
    for n in 0..count {
        last = writer.append(&log, 1 + n % 3)?;
    }
    writer.make_durable(&log, last)?;
    drop(log);
    directory.close()
}

impl Survivor {
    /// Opens and appends a little.
    fn start(stage: &Stage, place: usize, append_count: u32) -> Self {
        let (mut waits, gate) = pipe().expect("pipe");
        let role = |waits: &mut PipeReader| {
            let (directory, log) = stage.open(OpenMode::ReadWrite)?;
            let mut writer = Writer::new(&stage.board, place);
            for _ in 0..append_count {
                writer.append(&log, 1)?;
            }
            stage.board.ready().fetch_add(1, SeqCst);
            let mut word = [0];
            while waits.read(&mut word).is_ok() && word != CLOSE {
                let mut last = 0;
                for n in 0..10 {
                    last = writer.append(&log, 1 + n % 3)?;
                }
                writer.make_durable(&log, last)?;
                read_all(&log)?;
                stage.board.go().fetch_add(1, SeqCst);
            }
            drop(log);
            directory.close()
        };
        let child = Child::fork(|| act(stage.board.place(place), || role(&mut waits)));
        Self { place, child, gate }
    }

    fn append(&mut self, stage: &Stage) -> std::result::Result<(), String> {
        let before = stage.board.go().load(SeqCst);
        self.gate.write_all(&APPEND).map_err(|error| error.to_string())?;
        let begun = Instant::now();
        while stage.board.go().load(SeqCst) == before {
            if begun.elapsed() > PATIENCE || self.child.wait_until(Duration::ZERO).is_some() {
                return Err(self.describe(stage));
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        Ok(())
    }

    fn close(self, stage: &Stage) -> std::result::Result<(), String> {
        let Self { place, mut child, mut gate } = self;
        gate.write_all(&CLOSE).map_err(|error| error.to_string())?;
        match child.wait_until(PATIENCE) {
            Some(Ended::Exit(0)) => Ok(()),
            ended => Err(format!("survivor at place {place}, {ended:?}: {:?}", stage.board.place(place).complaint())),
        }
    }

    fn describe(&mut self, stage: &Stage) -> String {
        let page = Page::open(stage.data()).map(|page| page.describe());
        let ended = self.child.wait_until(Duration::ZERO);
        format!("survivor at place {}, {ended:?}: {:?} {page:?}", self.place, stage.board.place(self.place).complaint())
    }
}

fn read_all(log: &Log) -> Result<()> {
    let mut reader = Reader::open(Arc::clone(log), Start::Earliest, ReaderConfig::default())?;
    while reader.position() < log.published_end() {
        reader.fetch(1 << 16, Some(Duration::ZERO))?;
    }
    Ok(())
}

/// Sleeps at the end of the log for ever, and says what it saw.
fn start_sleeper(stage: &Stage, sleeper: Sleeper) -> Child {
    let place = stage.board.place(FOLLOWERS_AT);
    let watch = if sleeper == Sleeper::Polls { Watch::Poll } else { Watch::Sleep };
    let mode = if sleeper == Sleeper::OnlyReads { OpenMode::ReadOnly } else { OpenMode::ReadWrite };
    let role = || {
        let mut follower = Follower { board: &stage.board, place, next: 0, sum: 0 };
        stage.board.ready().fetch_add(1, SeqCst);
        loop {
            let (_directory, log) = stage.open(mode)?;
            let mut reader = Reader::open(Arc::clone(&log), Start::At(follower.next as i64), ReaderConfig::default())?;
            loop {
                let patience = if watch == Watch::Poll { Duration::ZERO } else { PATIENCE };
                match reader.fetch(1 << 16, Some(patience)) {
                    Ok(view) => follower.take(&log, &view)?,
                    Err(Error::TimedOut { .. }) if watch == Watch::Poll => {
                        wait_readable(&mut reader, PATIENCE.as_millis() as u16)?;
                    }
                    Err(Error::TimedOut { .. } | Error::Version { .. }) => break,
                    Err(error) => return Err(error),
                }
            }
        }
    };
    Child::fork(|| act(place, role))
}

fn start_victim(stage: &Stage, place: usize, operation: Operation) -> Child {
    Child::fork(|| {
        be_traced();
        act(stage.board.place(place), || perform(stage, place, operation))
    })
}

fn perform(stage: &Stage, place: usize, operation: Operation) -> Result<()> {
    let mut writer = Writer::new(&stage.board, place);
    if matches!(operation, Operation::Join | Operation::Recover) {
        stop_here();
        let opened = stage.open(OpenMode::ReadWrite)?;
        stop_here();
        drop(opened);
        return Ok(());
    }
    let (directory, log) = stage.open(OpenMode::ReadWrite)?;
    let before = match operation {
        Operation::Append { n, .. } => n,
        Operation::FirstAppend => 0,
        _ => 20,
    };
    let mut last = 0;
    for _ in 0..before {
        last = writer.append(&log, 1)?;
    }
    match operation {
        Operation::Append { .. } | Operation::FirstAppend => {
            writer.prepare(if let Operation::Append { count, .. } = operation { count } else { 1 });
            stop_here();
            writer.append_prepared(&log)?;
            stop_here();
        }
        Operation::Sync => {
            stop_here();
            writer.make_durable(&log, last)?;
            stop_here();
        }
        _ => {
            stop_here();
            drop(log);
            directory.close()?;
            stop_here();
        }
    }
    Ok(())
}

/// Appends, and dies before the end: a directory that was not closed, whose last batch is cut, with another whole one behind.
fn leave_a_mess(stage: &Stage) {
    let mut dead = Child::fork(|| {
        act(stage.board.place(SURVIVOR), || {
            let (_directory, log) = stage.open(OpenMode::ReadWrite)?;
            let mut writer = Writer::new(&stage.board, SURVIVOR);
            for n in 0..60 {
                let last = writer.append(&log, 1 + n % 3)?;
                if n == 30 {
                    writer.make_durable(&log, last)?;
                }
            }
            stop_here();
            Ok(())
        })
    });
    wait_for(|| stage.board.place(SURVIVOR).progress().load(SeqCst) >= 61).expect("the mess is made");
    dead.kill();
    let folder = stage.partition();
    let newest = super::files::newest(&folder);
    let Some(page) = Page::open(stage.data()) else { return };
    super::files::tear(&newest, page.published_position());
}

fn wait_for(is_so: impl Fn() -> bool) -> std::result::Result<(), &'static str> {
    let begun = Instant::now();
    while !is_so() {
        if begun.elapsed() > PATIENCE {
            return Err("it did not come to that in time");
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    Ok(())
}

/// Number of the append, of a process beside a survivor, with which `count` rises.
pub fn number_of_append(settings: &[(&'static str, String)], count: fn(&Log, &Path) -> u64) -> u32 {
    let stage = Stage::new(Ground::Memory, settings);
    let _survivors = [SURVIVOR, BYSTANDER].map(|place| Survivor::start(&stage, place, 3));
    wait_for(|| stage.board.ready().load(SeqCst) >= 2).expect("the survivors are ready");
    let mut probe = Child::fork(|| {
        act(stage.board.place(VICTIM), || {
            let (_directory, log) = stage.open(OpenMode::ReadWrite)?;
            let mut writer = Writer::new(&stage.board, VICTIM);
            let before = count(&log, &stage.partition());
            let mut number = 0;
            loop {
                writer.append(&log, 1)?;
                if count(&log, &stage.partition()) > before {
                    stage.board.go().store(number, SeqCst);
                    return Ok(());
                }
                number += 1;
            }
        })
    });
    let ended = probe.wait_until(PATIENCE);
    assert_eq!(ended, Some(Ended::Exit(0)), "{:?}", stage.board.place(VICTIM).complaint());
    stage.board.go().load(SeqCst) as u32
}
