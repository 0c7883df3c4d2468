//! Folders made fresh for a test, copied, listed and compared.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

/// A folder of one test; removed when the test is over, kept where it failed.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// An empty folder, named after the test.
    pub fn new(name: &str) -> Self {
        Self::under(Path::new(env!("CARGO_TARGET_TMPDIR")), name)
    }

    /// An empty folder in a place that every user may pass through.
    pub fn for_any_user(name: &str) -> Self {
        Self::under(&std::env::temp_dir(), &format!("ckafka-test-{}-{name}", std::process::id()))
    }

    fn under(place: &Path, name: &str) -> Self {
        let path = place.join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("scratch folder");
        Self(path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path below it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// The file system in memory, where there is one with so many bytes to be had: containers often have a small one.
pub fn memory(room: u64) -> Option<&'static Path> {
    let memory = Path::new("/dev/shm");
    let has_room =
        nix::sys::statvfs::statvfs(memory).is_ok_and(|it| it.blocks_available() * it.fragment_size() >= room);
    has_room.then_some(memory)
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    mode: u32,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    bytes: Vec<u8>,
}

/// Everything below a folder, and itself: modes, inodes, times and bytes.
pub fn listing(folder: &Path) -> BTreeMap<PathBuf, Listed> {
    let mut listed = BTreeMap::new();
    for path in walk(folder) {
        let meta = fs::symlink_metadata(&path).expect("entry has metadata");
        let bytes = if meta.is_file() { fs::read(&path).expect("file is readable") } else { Vec::new() };
        let entry = Listed {
            mode: meta.mode(),
            inode: meta.ino(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
            bytes,
        };
        listed.insert(path, entry);
    }
    listed
}

/// Fails with the names of what differs between two listings.
#[track_caller]
pub fn assert_unchanged(before: &BTreeMap<PathBuf, Listed>, after: &BTreeMap<PathBuf, Listed>) {
    let names = |a: &BTreeMap<PathBuf, Listed>, b: &BTreeMap<PathBuf, Listed>| -> Vec<PathBuf> {
        a.iter().filter(|(path, entry)| b.get(*path) != Some(entry)).map(|(path, _)| path.clone()).collect()
    };
    let (gone, new) = (names(before, after), names(after, before));
    assert!(gone.is_empty() && new.is_empty(), "changed or gone: {gone:#?}; changed or new: {new:#?}");
}

/// The folder and all paths below it, in order.
pub fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut paths = vec![folder.to_path_buf()];
    let mut at = 0;
    while at < paths.len() {
        if fs::symlink_metadata(&paths[at]).expect("entry has metadata").is_dir() {
            let entries = fs::read_dir(&paths[at]).expect("folder is readable");
            let below: Vec<PathBuf> = entries.map(|entry| entry.expect("entry is readable").path()).collect();
            paths.extend(below);
        }
        at += 1;
    }
    paths.sort();
    paths
}

/// Copies a folder with all that is in it, as `cp -a` does but for the times.
pub fn copy(from: &Path, to: &Path) {
    for path in walk(from) {
        let target = to.join(path.strip_prefix(from).expect("below the folder"));
        let meta = fs::symlink_metadata(&path).expect("entry has metadata");
        if meta.is_dir() {
            fs::create_dir_all(&target).expect("folder is made");
        } else if meta.is_symlink() {
            symlink(fs::read_link(&path).expect("link is readable"), &target).expect("link is made");
        } else {
            fs::copy(&path, &target).expect("file is copied");
        }
    }
}

/// Changes the bytes of a file in place.
pub fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    change(&mut bytes);
    fs::write(path, bytes).expect("file is writable");
}

/// Names in a folder, in order.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("entry is readable").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

/// Base offsets of the segments in a partition's folder, in order.
pub fn segment_bases(partition: &Path) -> Vec<i64> {
    let names = names(partition);
    let bases = names.iter().filter_map(|name| name.strip_suffix(".log"));
    bases.map(|digits| digits.parse().expect("a segment's name is its base offset")).collect()
}

/// The path of a segment's file.
pub fn segment_file(partition: &Path, base_offset: i64, kind: &str) -> PathBuf {
    partition.join(format!("{base_offset:020}.{kind}"))
}
