//! A folder of its own for each test of this room, removed at the end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::Dir;

/// An open temporary folder.
#[derive(Debug)]
pub(crate) struct Folder {
    /// The folder.
    pub(crate) dir: Dir,
    path: PathBuf,
}

impl Folder {
    /// Makes one; `name` tells whose it is if it is left behind.
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ckafka-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self { dir: Dir::open(&path).unwrap(), path }
    }

    /// The bytes of a file.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path.join(name)).unwrap()
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path.join(name), content).unwrap();
    }

    /// Names of all files, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.dir.list().unwrap().into_iter().map(|entry| entry.name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
