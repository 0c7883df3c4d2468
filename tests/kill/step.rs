//! Where an operation can be cut short: after each system call, after each instruction, and after each of those that another process can see.
//!
//! A kill between two instructions leaves the files, the shared pages and the locks as they are. So kills after two
//! instructions, between which none of these changed, leave the same: an operation has as many *distinct* points as it makes system
//! calls and stores to shared memory. These are found by running it once from call to call, and then instruction by
//! instruction wherever a page changed on the way. The points in between are tried too, all or some.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::process::{Child, Ended, Event, Resume, Words};

/// After so many stops at entries and exits of system calls, and so many instructions behind the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Point {
    pub stops: u32,
    pub instructions: u32,
}

/// The points of an operation.
#[derive(Debug, Default)]
pub struct Points {
    /// Those that leave something else than the one before.
    pub distinct: Vec<Point>,
    /// Intervals between system calls, by the stops before them, with their instructions: those in which others can see a change.
    pub intervals: Vec<(u32, u32)>,
}

impl Points {
    pub fn instruction_count(&self) -> u64 {
        self.intervals.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// The point after instruction `number` of the operation, counted over all intervals.
    pub fn at_instruction(&self, mut number: u64) -> Option<Point> {
        for (stops, count) in &self.intervals {
            if number < u64::from(*count) {
                return Some(Point { stops: *stops, instructions: number as u32 });
            }
            number -= u64::from(*count);
        }
        None
    }
}

/// Where a traced child is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// At the point.
    Point,
    /// The operation was over before.
    End,
}

/// Lets a traced child run to where its operation begins: its first stop of its own.
pub fn run_to_operation(child: &mut Child) {
    let mut event = child.wait();
    while event != Event::Stopped(libc::SIGSTOP) {
        assert!(matches!(event, Event::Stopped(_)), "the operation was not reached: {event:?}");
        event = child.resume(Resume::Freely);
    }
}

/// Lets a traced child, which stands where its operation begins, run to a point of it.
pub fn run_to_point(child: &mut Child, point: Point) -> Reached {
    for _ in 0..point.stops {
        if is_over(child.resume(Resume::ToSystemCall)) {
            return Reached::End;
        }
    }
    for _ in 0..point.instructions {
        if is_over(child.resume(Resume::OneInstruction)) {
            return Reached::End;
        }
    }
    Reached::Point
}

fn is_over(event: Event) -> bool {
    match event {
        Event::Stopped(libc::SIGTRAP) => false,
        Event::Stopped(libc::SIGSTOP) | Event::Ended(Ended::Exit(0)) => true,
        other => panic!("the operation failed under trace: {other:?}"),
    }
}

/// Finds the points of an operation. `start` gives a traced child that stands where it begins, in a directory of its own, anew each time.
pub fn find_points<T: AsRef<Path>>(mut start: impl FnMut() -> (T, Child)) -> Points {
    let (stage, mut child) = start();
    let mut distinct = vec![Point { stops: 0, instructions: 0 }];
    let mut changing = Vec::new();
    let mut before = Look::new(stage.as_ref()).all();
    let mut stops = 0;
    loop {
        let is_last = is_over(child.resume(Resume::ToSystemCall));
        let now = Look::new(stage.as_ref()).all();
        let is_behind_call = stops % 2 == 1;
        if !is_behind_call && now != before {
            changing.push(stops);
        }
        stops += 1;
        if is_last {
            break;
        }
        if is_behind_call {
            distinct.push(Point { stops, instructions: 0 });
        }
        before = now;
    }
    child.kill();
    drop(stage);
    let mut intervals = Vec::new();
    for stops in changing {
        let (stage, mut child) = start();
        if run_to_point(&mut child, Point { stops, instructions: 0 }) == Reached::Point {
            let look = Look::new(stage.as_ref());
            intervals.push((stops, stores_of_interval(&mut child, &look, stops, &mut distinct)));
        }
        child.kill();
    }
    Points { distinct, intervals }
}

/// Steps through an interval and adds the points behind its stores; how many instructions it has.
///
/// A batch on its way into the log is stored in many steps, byte by byte in the worst case, and nobody looks at it yet. Of such a run of
/// stores, to a log and to nothing else, points are kept ever further apart.
fn stores_of_interval(child: &mut Child, look: &Look, stops: u32, distinct: &mut Vec<Point>) -> u32 {
    let mut maps = look.maps();
    let (mut instructions, mut log_stores) = (0, 0_u32);
    while !child.is_at_system_call() && !is_over(child.resume(Resume::OneInstruction)) {
        instructions += 1;
        let changed = maps.iter_mut().filter_map(Watched::look_again).fold(Changed::Nothing, Changed::max);
        log_stores = match changed {
            Changed::Nothing => continue,
            Changed::Log => log_stores + 1,
            Changed::Other => 0,
        };
        if changed == Changed::Other || log_stores.is_power_of_two() {
            distinct.push(Point { stops, instructions });
        }
    }
    instructions
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Changed {
    Nothing,
    Log,
    Other,
}

/// A mapped file and what was in it.
struct Watched {
    kind: Changed,
    map: Words,
    seen: Vec<u8>,
}

impl Watched {
    fn look_again(&mut self) -> Option<Changed> {
        if self.seen == self.map.bytes() {
            return None;
        }
        self.seen.copy_from_slice(self.map.bytes());
        Some(self.kind)
    }
}

/// Counts the instructions of each interval between system calls, in one run from the first to the last.
pub fn count_instructions(child: &mut Child) -> Vec<(u32, u32)> {
    let mut intervals = Vec::new();
    let (mut stops, mut instructions) = (0, 0);
    loop {
        if child.is_at_system_call() {
            intervals.push((stops, instructions));
            for _ in 0..2 {
                if is_over(child.resume(Resume::ToSystemCall)) {
                    return intervals;
                }
            }
            stops += 2;
            instructions = 0;
        } else if is_over(child.resume(Resume::OneInstruction)) {
            return intervals;
        } else {
            instructions += 1;
        }
    }
}

/// What other processes can see of a directory.
struct Look {
    files: Vec<PathBuf>,
}

impl Look {
    fn new(directory: &Path) -> Self {
        let mut files = Vec::new();
        for folder in [directory.to_path_buf(), directory.join("t-0")] {
            let Ok(entries) = fs::read_dir(folder) else { continue };
            files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()));
        }
        files.sort();
        Self { files }
    }

    /// Names and bytes.
    fn all(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for path in &self.files {
            path.hash(&mut hasher);
            fs::read(path).unwrap_or_default().hash(&mut hasher);
        }
        hasher.finish()
    }

    /// The files, mapped: what can change without a system call.
    fn maps(&self) -> Vec<Watched> {
        let watch = |path: &PathBuf| {
            let file = File::open(path).ok()?;
            let count = file.metadata().ok()?.len() as usize / 8;
            let is_log = path.extension().is_some_and(|extension| extension == "log");
            let map = (count > 0).then(|| Words::map_read_only(&file, count))?;
            let seen = map.bytes().to_vec();
            Some(Watched { kind: if is_log { Changed::Log } else { Changed::Other }, map, seen })
        };
        self.files.iter().filter_map(watch).collect()
    }
}
