//! The rooms and arrows of docs/ARCHITECTURE.md and the checkable rules of how libckafka is written, enforced.
//!
//! Every source file of the project is read as text; nothing is compiled. Each finding names its file and line, the
//! rule, and the room in which the line would be right. Adding an exception means adding it here, in the open.
//!
//! - `source`: a file with comments and strings told apart from code;
//! - `rooms`: who may use whom, and which outside names belong to one room alone;
//! - `rust`: rules for Rust; `text`: rules for every file, whatever its language;
//! - `proof`: each rule is fed a line that breaks it, so that a rule that sees nothing is noticed.

#[path = "tidy/proof.rs"]
mod proof;
#[path = "tidy/rooms.rs"]
mod rooms;
#[path = "tidy/rust.rs"]
mod rust;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/text.rs"]
mod text;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// One line that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// File, relative to the project.
    pub path: String,
    /// Line, counted from 1.
    pub line: usize,
    /// What is wrong, and where the line belongs.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Findings in one file, given its path in the project and its text.
pub fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut report = |line: usize, message: String| findings.push(Finding { path: path.to_owned(), line, message });
    text::check(path, text, &mut report);
    if path.ends_with(".rs") {
        let source = source::Source::new(path, text);
        rust::check(&source, &mut report);
        rooms::check(&source, &mut report);
    }
    findings.sort();
    findings
}

/// Folders whose bytes are not ours to judge, or are made by a build.
const NOT_OURS: [&str; 6] = [".git", "target", "build", "tests/golden", "c-examples/data", "fuzz/corpus"];
const LANGUAGES: [&str; 11] = ["rs", "c", "h", "cpp", "hpp", "py", "sh", "md", "toml", "yml", "mk"];
const NAMED_FILES: [&str; 3] = ["Makefile", "preflight", "run"];

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let language = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    LANGUAGES.contains(&language) || NAMED_FILES.contains(&name) || path.starts_with("scripts")
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(root.join(folder)).expect("folder of the project is readable");
    for entry in entries {
        let entry = entry.expect("entry is readable");
        let path = folder.join(entry.file_name());
        let kind = entry.file_type().expect("type is known");
        if kind.is_dir() && !NOT_OURS.iter().any(|skipped| path == Path::new(skipped)) {
            if !path.ends_with("target") && !path.ends_with("__pycache__") && !path.starts_with(".venv") {
                collect(root, &path, files);
            }
        } else if kind.is_file() && is_ours(&path) {
            files.push(path);
        }
    }
}

#[test]
fn project_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(root, Path::new(""), &mut files);
    assert!(files.iter().any(|path| path == Path::new("src/lib.rs")), "the walk misses src/lib.rs: {files:?}");
    files.sort();
    let findings: Vec<String> = files
        .iter()
        .flat_map(|path| {
            let text = fs::read(root.join(path)).expect("file is readable");
            check(&path.to_string_lossy(), &String::from_utf8_lossy(&text))
        })
        .map(|finding| finding.to_string())
        .collect();
    assert!(findings.is_empty(), "{} findings in {} files:\n{}", findings.len(), files.len(), findings.join("\n"));
}
