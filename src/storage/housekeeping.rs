//! What a folder holds, and the leftovers in it: unfinished compaction of a broker, segments on their way out, temporary files of ours.
//!
//! | file                       | what it is                                     | what becomes of it                                        |
//! | -------------------------- | ---------------------------------------------- | --------------------------------------------------------- |
//! | `*.deleted`                | a segment that retention took                  | removed                                                   |
//! | `*.cleaned`                | output of compaction, unfinished               | removed, and with it each `.swap` at or above its base     |
//! | `*.swap`                   | output of compaction, finished                 | takes the place of the segments that it was made from      |
//! | an index without its log   |                                                | removed                                                   |
//! | `ckafka.*.tmp`, `ckafka.next*` | ours, unfinished                           | removed                                                   |

use std::collections::BTreeSet;

use super::names::{NEXT, SegmentFile};
use super::scan::Crc;
use super::scan::{Found, Place, look};
use super::window::Window;
use crate::error::Result;
use crate::json::Json;
use crate::sys::{Access, Dir};

const DELETED: &str = ".deleted";
const CLEANED: &str = ".cleaned";
const SWAP: &str = ".swap";
/// A segment's own files. Snapshots belong to offsets, not to segments.
pub(super) const SEGMENT_FILES: [SegmentFile; 4] =
    [SegmentFile::Log, SegmentFile::Index, SegmentFile::TimeIndex, SegmentFile::TxnIndex];

/// The names in a folder. Those that are not UTF-8 are nobody's business here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listing {
    names: BTreeSet<String>,
}

impl Listing {
    /// Reads the folder.
    pub(super) fn read(dir: &Dir) -> Result<Self> {
        let mut names = BTreeSet::new();
        // Not collected: that sorts first, by code of its own.
        for entry in dir.list()?.into_iter().filter(|entry| entry.is_file) {
            if let Ok(name) = entry.name.into_string() {
                names.insert(name);
            }
        }
        Ok(Self { names })
    }

    /// The offsets in the names of one kind, ascending.
    pub(super) fn offsets(&self, kind: SegmentFile) -> Vec<i64> {
        let mut offsets: Vec<i64> = self.names.iter().filter_map(|name| kind.parse(name)).collect();
        offsets.sort_unstable();
        offsets.dedup();
        offsets
    }

    /// Whether a file is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Files of segments that carry `suffix` behind their proper name: the kind, the base offset, the name.
    fn with_suffix(&self, suffix: &str) -> Vec<(SegmentFile, i64, String)> {
        let named = |name: &String| {
            let inner = name.strip_suffix(suffix)?;
            let kinds = SEGMENT_FILES.iter().chain(&[SegmentFile::Snapshot]);
            kinds.copied().find_map(|kind| Some((kind, kind.parse(inner)?, name.clone())))
        };
        self.names.iter().filter_map(named).collect()
    }
}

/// Clears the folder of leftovers. Repeatable after a crash at any point. What a user may want to know goes into the report.
pub(super) fn tidy(dir: &Dir) -> Result<Vec<Json>> {
    let mut report = Vec::new();
    let listing = Listing::read(dir)?;
    let mut removed = 0;
    let ours =
        |name: &&String| NEXT.contains(&name.as_str()) || (name.starts_with("ckafka.") && name.ends_with(".tmp"));
    for name in listing.names.iter().filter(ours) {
        dir.unlink(name)?;
        removed += 1;
    }
    for (_, _, name) in listing.with_suffix(DELETED) {
        dir.unlink(&name)?;
        removed += 1;
    }
    let cleaned = listing.with_suffix(CLEANED);
    // A split writes several outputs: until all are finished none may take its place.
    let unfinished_from = cleaned.iter().map(|(_, base, _)| *base).min().unwrap_or(i64::MAX);
    let (finished, unfinished): (Vec<_>, Vec<_>) =
        listing.with_suffix(SWAP).into_iter().partition(|(_, base, _)| *base < unfinished_from);
    for (_, _, name) in unfinished.iter().chain(&cleaned) {
        dir.unlink(name)?;
        removed += 1;
    }
    if !finished.is_empty() {
        report.push(finish_swap(dir, &listing, &finished)?);
        removed += 1;
    }
    removed += remove_orphans(dir)?;
    if removed > 0 {
        dir.sync()?;
    }
    Ok(report)
}

/// Puts the output of compaction in the place of what it was made from. `finished` is in the order of the names.
fn finish_swap(dir: &Dir, listing: &Listing, finished: &[(SegmentFile, i64, String)]) -> Result<Json> {
    let logs: Vec<_> = finished.iter().filter(|(kind, _, _)| *kind == SegmentFile::Log).collect();
    let mut ranges = Vec::new();
    for (_, base, name) in &logs {
        match end_offset(dir, *base, name)? {
            Some(end) => ranges.push(*base..end),
            // Removing what it was made from on the word of a damaged file would lose records.
            None => {
                let reason = "it is damaged; the segments that it was made from stay";
                return Ok(Json::object(&[("event", &"swap left"), ("file", &name), ("reason", &reason)]));
            }
        }
    }
    let start = ranges.iter().map(|range| range.start).min();
    let end = ranges.iter().map(|range| range.end).max();
    if let (Some(start), Some(end)) = (start, end) {
        for kind in SEGMENT_FILES {
            for base in listing.offsets(kind).into_iter().filter(|base| (start..end).contains(base)) {
                dir.unlink(&kind.name(base))?;
            }
        }
        dir.sync()?;
    }
    // The logs last: as long as one has not its name the next recovery knows that the swap is unfinished.
    let others = finished.iter().filter(|(kind, _, _)| *kind != SegmentFile::Log);
    for (kind, base, name) in others.chain(logs) {
        dir.rename(name, &kind.name(*base))?;
    }
    Ok(Json::object(&[("event", &"swap finished"), ("files", &finished.len())]))
}

/// The offset behind the last batch of a log file, `None` where the file does not end with a batch.
fn end_offset(dir: &Dir, base_offset: i64, name: &str) -> Result<Option<i64>> {
    let file = dir.open_file(name, Access::Read)?;
    let mut window = Window::new(&file)?;
    let mut place = Place { position: 0, base_offset, next_offset: base_offset };
    loop {
        match look(&mut window, place, Crc::Check)? {
            Found::End => return Ok(Some(place.next_offset)),
            Found::Bad(_) => return Ok(None),
            Found::Batch(header) => {
                place.position += header.size() as u64;
                place.next_offset = header.next_offset();
            }
            Found::Old(entry) => {
                place.position += entry.size as u64;
                place.next_offset = entry.last_offset.saturating_add(1);
            }
        }
    }
}

fn remove_orphans(dir: &Dir) -> Result<u64> {
    let listing = Listing::read(dir)?;
    let logs = listing.offsets(SegmentFile::Log);
    let mut removed = 0;
    for kind in [SegmentFile::Index, SegmentFile::TimeIndex, SegmentFile::TxnIndex] {
        for base in listing.offsets(kind) {
            if logs.binary_search(&base).is_err() {
                dir.unlink(&kind.name(base))?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}
