//! Where a run takes place: a data directory with one partition, its settings, and the board beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ckafka::Result;
use ckafka::broker::{Conf, Directory, Log, OpenMode};

use super::board::Board;
use super::process::{Child, Ended};

/// What the files lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// Syncs cost nothing, so that processes meet more often.
    Memory,
    Disk,
}

/// A data directory `data` and a board beside it; both go with the value.
pub struct Stage {
    home: PathBuf,
    data: PathBuf,
    settings: Vec<(&'static str, String)>,
    pub board: Board,
}

impl Stage {
    /// A new directory with topic `t`, made by a process of its own, which closed it.
    pub fn new(ground: Ground, settings: &[(&'static str, String)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let memory = Path::new("/dev/shm");
        let root = match ground {
            Ground::Memory if has_room(memory) => memory,
            _ => Path::new(env!("CARGO_TARGET_TMPDIR")),
        };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let home = root.join(format!("ckafka-kill-{}-{number}", std::process::id()));
        fs::create_dir(&home).expect("a folder for the run");
        let board = Board::new(&home.join("board"));
        let stage = Self { data: home.join("data"), home, settings: settings.to_vec(), board };
        let made = Child::fork(|| stage.make().map_or_else(|error| stage.give_up(&error), |()| 0)).wait();
        stage.expect_good(made);
        stage
    }

    fn make(&self) -> Result<()> {
        let directory = Directory::open(self.data(), &self.conf()?, OpenMode::Create)?;
        directory.create_topic("t", 1, &self.conf()?)?;
        directory.close()
    }

    fn give_up(&self, error: &ckafka::Error) -> i32 {
        self.board.place(0).complain(&error.to_string());
        3
    }

    fn expect_good(&self, event: super::process::Event) {
        if event != super::process::Event::Ended(Ended::Exit(0)) {
            panic!("{event:?}: {}", self.board.place(0).complaint().unwrap_or_default());
        }
    }

    fn conf(&self) -> Result<Conf> {
        let mut conf = Conf::new();
        conf.set("ckafka.filesystem.check", "false")?;
        for (key, value) in &self.settings {
            conf.set(key, value)?;
        }
        Ok(conf)
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The partition's folder.
    pub fn partition(&self) -> PathBuf {
        self.data.join("t-0")
    }

    /// Whether the last session ended in order.
    pub fn is_marked_clean(&self) -> bool {
        self.data().join(".kafka_cleanshutdown").exists()
    }

    /// Opens directory and partition in the calling process.
    pub fn open(&self, mode: OpenMode) -> Result<(Arc<Directory>, Log)> {
        let directory = Directory::open(self.data(), &self.conf()?, mode)?;
        let log = directory.open_log("t", 0)?;
        Ok((directory, log))
    }

    /// Keeps the files for who looks into a failure; says where.
    pub fn keep(self) -> PathBuf {
        let home = self.home.clone();
        std::mem::forget(self);
        home
    }
}

/// Whether a file system has room for a run; those in memory that containers have often do not.
fn has_room(path: &Path) -> bool {
    nix::sys::statvfs::statvfs(path).is_ok_and(|it| it.blocks_available() * it.fragment_size() > 1 << 30)
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.home);
    }
}
