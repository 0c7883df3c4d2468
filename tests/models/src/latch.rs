//! A sync that fails: the kernel reports it once a descriptor, and to no descriptor opened after somebody was told. Who may still say *durable*?
//!
//! A page that was not written is clean afterwards, so every later sync succeeds: only the latch, the announcements and
//! writing the same bytes again keep a lost record from being acknowledged.

use loom::sync::atomic::Ordering::SeqCst;
use loom::sync::atomic::{AtomicBool, AtomicU32};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// The rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// None.
    Nothing,
    /// The failure is latched before the mutex of the segment is released.
    LatchUnderMutex,
    /// `durable` moves only after the latch was read again.
    SecondLook,
    /// A sync is announced before it begins.
    Announcement,
    /// An announcement is withdrawn only after the result is latched.
    WithdrawLast,
    /// The announcement of a dead process makes the next one write the bytes again.
    RewriteBehindTheDead,
    /// So does that of a living one, where the descriptor was opened while it stood: its owner may have been told, and not have said so yet.
    RewriteBesideTheLiving,
}

/// What the kernel knows of the last failed write-back.
const UNSEEN: u32 = 1;
const SEEN: u32 = 2;

struct Disk {
    error: AtomicU32,
    /// Whether the record is on the disk.
    holds_record: AtomicBool,
    failed: AtomicBool,
    durable: AtomicBool,
    /// The announcements of two processes; whether these live, the kernel knows.
    announced: [AtomicBool; 2],
    lives: [AtomicBool; 2],
}

impl Disk {
    /// The record was published, its write-back failed, and nobody was told.
    fn new() -> Self {
        Self {
            error: AtomicU32::new(UNSEEN),
            holds_record: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            durable: AtomicBool::new(false),
            announced: std::array::from_fn(|_| AtomicBool::new(false)),
            lives: std::array::from_fn(|_| AtomicBool::new(true)),
        }
    }

    /// A descriptor remembers what was reported before it was opened.
    fn open(&self) -> Descriptor {
        Descriptor { was_seen: self.error.fetch_or(0, SeqCst) == SEEN, reported: AtomicBool::new(false) }
    }

    fn advance(&self, without: Without) {
        if without == Without::SecondLook || !look(&self.failed) {
            self.durable.store(true, SeqCst);
        }
    }

    fn check(&self) {
        assert!(!self.durable.load(SeqCst) || self.holds_record.load(SeqCst), "said to be durable, and lost");
    }
}

/// A look that loom orders against every store: of plain loads it remembers the last alone, and passes orders by.
fn look(bit: &AtomicBool) -> bool {
    bit.fetch_or(false, SeqCst)
}

struct Descriptor {
    was_seen: bool,
    reported: AtomicBool,
}

impl Descriptor {
    /// `Err` once, where the failure came after the opening.
    fn sync(&self, disk: &Disk) -> Result<(), ()> {
        if self.was_seen || self.reported.swap(true, SeqCst) {
            return Ok(());
        }
        disk.error.store(SEEN, SeqCst);
        Err(())
    }
}

/// Two threads of a process sync through one descriptor.
pub fn model_of_threads(without: Without) {
    let disk = Arc::new((Disk::new(), Mutex::new(())));
    let descriptor = Arc::new(disk.0.open());
    let sync = move |disk: &(Disk, Mutex<()>), descriptor: &Descriptor| {
        let guard = disk.1.lock().unwrap();
        if look(&disk.0.failed) {
            return;
        }
        let result = descriptor.sync(&disk.0);
        let guard = (without != Without::LatchUnderMutex).then_some(guard);
        match result {
            Ok(()) => disk.0.advance(without),
            Err(()) => disk.0.failed.store(true, SeqCst),
        }
        drop(guard);
    };
    let other = thread::spawn({
        let (disk, descriptor) = (disk.clone(), descriptor.clone());
        move || sync(&disk, &descriptor)
    });
    sync(&disk, &descriptor);
    other.join().unwrap();
    disk.0.check();
}

/// How the first of two processes goes on once it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It latches and withdraws.
    Lives,
    /// It dies with what it was told.
    Dies,
}

fn sync(disk: &Disk, me: usize, without: Without, fate: Fate) {
    let descriptor = disk.open();
    let other = 1 - me;
    let was_announced = look(&disk.announced[other]);
    if without != Without::Announcement {
        disk.announced[me].store(true, SeqCst);
    }
    let is_dead = look(&disk.announced[other]) && !look(&disk.lives[other]);
    let rewrites = was_announced && without != Without::RewriteBesideTheLiving
        || is_dead && without != Without::RewriteBehindTheDead;
    let result = descriptor.sync(disk);
    if result.is_ok() && rewrites {
        disk.holds_record.store(true, SeqCst);
    }
    if without == Without::WithdrawLast {
        disk.announced[me].store(false, SeqCst);
    }
    if fate == Fate::Dies {
        disk.lives[me].store(false, SeqCst);
        return;
    }
    match result {
        Ok(()) => disk.advance(without),
        Err(()) => disk.failed.store(true, SeqCst),
    }
    disk.announced[me].store(false, SeqCst);
}

/// Two processes sync, each through a descriptor of its own.
pub fn model_of_processes(without: Without, fate: Fate) {
    let disk = Arc::new(Disk::new());
    let other = thread::spawn({
        let disk = disk.clone();
        move || sync(&disk, 0, without, fate)
    });
    sync(&disk, 1, without, Fate::Lives);
    other.join().unwrap();
    disk.check();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{explore, finds};

    #[test]
    fn nothing_lost_is_said_to_be_durable() {
        explore(3, || model_of_threads(Without::Nothing));
        for fate in [Fate::Lives, Fate::Dies] {
            explore(3, move || model_of_processes(Without::Nothing, fate));
        }
    }

    #[test]
    fn threads_need_the_latch_under_the_mutex() {
        assert!(finds("LatchUnderMutex", 3, || model_of_threads(Without::LatchUnderMutex)));
    }

    #[test]
    fn processes_need_each_rule() {
        for without in
            [Without::SecondLook, Without::WithdrawLast, Without::RewriteBesideTheLiving, Without::Announcement]
        {
            assert!(finds(&format!("{without:?}"), 3, move || model_of_processes(without, Fate::Lives)), "{without:?}");
        }
        for without in [Without::Announcement, Without::WithdrawLast] {
            assert!(
                finds(&format!("{without:?} and dies"), 3, move || model_of_processes(without, Fate::Dies)),
                "{without:?}"
            );
        }
    }
}
