//! Directories against what std and the host's own view of the file system say.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;
use crate::sys::testing::{Scratch, in_own_process};

fn names(dir: &Dir) -> Vec<(String, bool, bool)> {
    let entries = dir.list().unwrap().into_iter();
    let mut names: Vec<_> = entries.map(|e| (e.name.into_string().unwrap(), e.is_dir, e.is_file)).collect();
    names.sort();
    names
}

fn mkfifo(path: &Path) {
    nix::unistd::mkfifo(path, Mode::from_bits_truncate(0o600)).unwrap();
}

#[test]
fn the_list_tells_files_folders_and_the_rest_apart() {
    let scratch = Scratch::new();
    let dir = scratch.dir();
    dir.create_file("file").unwrap();
    dir.create_dir("folder").unwrap();
    std::os::unix::fs::symlink("file", scratch.path().join("link")).unwrap();
    mkfifo(&scratch.path().join("pipe"));
    let expected = [("file", false, true), ("folder", true, false), ("link", false, false), ("pipe", false, false)];
    let expected: Vec<_> = expected.into_iter().map(|(name, dir, file)| (name.to_owned(), dir, file)).collect();
    assert_eq!(names(&dir), expected);
    assert_eq!(names(&dir), expected, "a second list starts from the front");
}

#[test]
fn links_pipes_and_folders_are_not_opened_as_files() {
    let scratch = Scratch::new();
    let dir = scratch.dir();
    dir.create_file("file").unwrap();
    dir.create_dir("folder").unwrap();
    std::os::unix::fs::symlink("file", scratch.path().join("link")).unwrap();
    mkfifo(&scratch.path().join("pipe"));
    for name in ["folder", "link", "pipe"] {
        // A pipe without a writer would hang an ordinary open for reading.
        let text = dir.open_file(name, Access::Read).unwrap_err().to_string();
        assert!(text.contains(name), "{text}");
        assert!(dir.create_file(name).is_err());
    }
    assert!(dir.open_dir("link").is_err() && dir.open_dir("file").is_err());
}

#[test]
fn what_is_missing_is_none_or_an_error_as_asked() {
    let scratch = Scratch::new();
    let dir = scratch.dir();
    assert!(dir.open_file_if_there("a", Access::Read).unwrap().is_none());
    assert!(dir.stat("a").unwrap().is_none());
    assert!(dir.read_small("a", 10).unwrap().is_none());
    assert!(!dir.unlink("a").unwrap());
    assert!(matches!(dir.open_file("a", Access::Read), Err(Error::Io { operation: "open", .. })));
    dir.open_or_create_file("a").unwrap().write_at(b"kept", 0).unwrap();
    assert_eq!(dir.open_or_create_file("a").unwrap().len().unwrap(), 4);
    assert_eq!(dir.create_file("a").unwrap().len().unwrap(), 0);
    assert!(dir.unlink("a").unwrap());
    assert!(!scratch.path().join("a").exists());
}

#[test]
fn names_cannot_leave_the_directory() {
    let dir = Scratch::new().dir();
    for name in ["", ".", "..", "a/b", "/etc/passwd", "a\0b"] {
        assert!(matches!(dir.open_or_create_file(name), Err(Error::InvalidArgument { .. })), "{name:?}");
        assert!(matches!(dir.rename("a", name), Err(Error::InvalidArgument { .. })), "{name:?}");
        assert!(dir.open_dir(name).is_err() && dir.stat(name).is_err() && dir.unlink(name).is_err());
    }
}

#[test]
fn a_renamed_directory_stays_the_one_that_was_opened() {
    let scratch = Scratch::new();
    let folder = scratch.dir().create_dir("before").unwrap();
    let identity = folder.identity().unwrap();
    scratch.dir().rename("before", "after").unwrap();
    scratch.dir().create_dir("before").unwrap();
    folder.create_file("file").unwrap();
    assert!(scratch.path().join("after/file").exists() && !scratch.path().join("before/file").exists());
    assert_eq!(scratch.dir().open_dir("after").unwrap().identity().unwrap(), identity);
    assert!(scratch.dir().remove_dir("after").is_err(), "not empty");
    scratch.dir().remove_dir("before").unwrap();
}

#[test]
fn new_files_take_mode_and_group_of_the_directory() {
    let scratch = Scratch::new();
    for mode in [0o770, 0o777, 0o750, 0o700] {
        let path = scratch.path().join(format!("{mode:o}"));
        std::fs::create_dir(&path).unwrap();
        // Only root may give a file to any group; others keep their own.
        let given = std::os::unix::fs::chown(&path, None, Some(12_345)).is_ok();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let dir = Dir::open(&path).unwrap();
        dir.create_file("file").unwrap();
        dir.create_dir("folder").unwrap();
        let file = std::fs::metadata(path.join("file")).unwrap();
        let folder = std::fs::metadata(path.join("folder")).unwrap();
        assert_eq!((file.mode() & 0o7777, folder.mode() & 0o7777), (mode & 0o666, mode), "of {mode:o}");
        assert_eq!(dir.stat("file").unwrap().unwrap().mode, mode & 0o666);
        if given {
            assert_eq!((file.gid(), folder.gid()), (12_345, 12_345));
        }
    }
}

#[test]
fn a_file_that_was_there_keeps_its_mode() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path().join("file"), b"x").unwrap();
    std::fs::set_permissions(scratch.path().join("file"), std::fs::Permissions::from_mode(0o640)).unwrap();
    scratch.dir().open_or_create_file("file").unwrap();
    assert_eq!(std::fs::metadata(scratch.path().join("file")).unwrap().mode() & 0o777, 0o640);
}

#[test]
fn stat_agrees_with_the_host() {
    let scratch = Scratch::new();
    scratch.dir().create_file("file").unwrap().write_at(&[1; 77], 0).unwrap();
    let stat = scratch.dir().stat("file").unwrap().unwrap();
    let host = std::fs::metadata(scratch.path().join("file")).unwrap();
    let modified = host.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!((stat.len, stat.modified_ms), (77, modified.as_millis() as i64));
}

#[test]
fn open_or_create_makes_one_level() {
    let scratch = Scratch::new();
    let path = scratch.path().join("data");
    let identity = Dir::open_or_create(&path).unwrap().identity().unwrap();
    assert_eq!(Dir::open_or_create(&path).unwrap().identity().unwrap(), identity);
    assert!(Dir::open_or_create(&scratch.path().join("no/such")).is_err());
    std::fs::write(scratch.path().join("file"), b"").unwrap();
    let text = Dir::open_or_create(&scratch.path().join("file")).unwrap_err().to_string();
    assert!(text.contains("file") && text.contains("Not a directory"), "{text}");
}

#[test]
fn small_files_are_read_up_to_the_limit() {
    let scratch = Scratch::new();
    scratch.dir().create_file("file").unwrap().write_at(b"0123456789", 0).unwrap();
    assert_eq!(scratch.dir().read_small("file", 10).unwrap().unwrap(), b"0123456789");
    let text = scratch.dir().read_small("file", 9).unwrap_err().to_string();
    assert!(text.contains("10 bytes") && text.contains("at most 9"), "{text}");
    // 1 TiB without a block of data: refused by its size, before anything is allocated.
    scratch.dir().create_file("large").unwrap().set_len(1 << 40).unwrap();
    assert!(scratch.dir().read_small("large", 1 << 20).is_err());
}

#[test]
fn replacing_is_whole_or_not_at_all() {
    let scratch = Scratch::new();
    let dir = scratch.dir();
    dir.replace("file", "file.tmp", b"one").unwrap();
    // What a crash left of the temporary does not shine through.
    std::fs::write(scratch.path().join("file.tmp"), b"something longer").unwrap();
    dir.replace("file", "file.tmp", b"two").unwrap();
    assert_eq!(std::fs::read(scratch.path().join("file")).unwrap(), b"two");
    assert!(!scratch.path().join("file.tmp").exists());
    dir.create_dir("folder").unwrap();
    assert!(dir.replace("folder", "folder.tmp", b"three").is_err(), "a folder is not replaced by a file");
    assert!(!scratch.path().join("folder.tmp").exists());
    assert!(scratch.path().join("folder").is_dir());
}

#[test]
fn a_lack_of_descriptors_names_the_limit() {
    in_own_process("sys::dir::tests::a_lack_of_descriptors_names_the_limit", || {
        let scratch = Scratch::new();
        let dir = scratch.dir();
        dir.create_file("file").unwrap();
        let limit = libc::rlimit { rlim_cur: 40, rlim_max: 40 };
        // SAFETY: a valid limit for this process.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        let mut open = Vec::new();
        let text = loop {
            match dir.open_file("file", Access::Read) {
                Ok(file) => open.push(file),
                Err(error) => break error.to_string(),
            }
        };
        assert!(!open.is_empty() && text.contains("RLIMIT_NOFILE is 40"), "{text}");
        assert!(dir.list().unwrap_err().to_string().contains("RLIMIT_NOFILE is 40"));
    });
}
