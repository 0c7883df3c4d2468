//! What an import did, for people and programs: JSON.

use crate::json::Json;
use std::path::{Path, PathBuf};

use super::old_log::{Gap, Time};

/// Gaps that are listed one by one; further ones are only counted.
const LISTED_MAX: usize = 100;

/// What an import did.
pub(super) struct Report {
    path: PathBuf,
    /// Messages that this call appended.
    pub(super) appended: i64,
    /// Messages that the partition had from an earlier call.
    pub(super) already_there: i64,
    times_from_index: u64,
    times_assumed: u64,
    torn: Gaps,
    damaged: Gaps,
}

#[derive(Default)]
struct Gaps {
    count: u64,
    bytes: u64,
    listed: Vec<Json>,
}

impl Gaps {
    fn add(&mut self, gap: Gap, reason: Option<&str>) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(gap.size);
        if self.listed.len() < LISTED_MAX {
            let entry = Json::object(&[("position", &gap.position), ("bytes", &gap.size)]);
            self.listed.push(match reason {
                Some(reason) => entry.with("reason", &reason),
                None => entry,
            });
        }
    }

    fn json(&self) -> Json {
        Json::object(&[("count", &self.count), ("bytes", &self.bytes), ("first", &self.listed)])
    }
}

impl Report {
    /// Of an old log from which nothing was read yet.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            appended: 0,
            already_there: 0,
            times_from_index: 0,
            times_assumed: 0,
            torn: Gaps::default(),
            damaged: Gaps::default(),
        }
    }

    /// Counts where the time of an appended message came from.
    pub(super) fn count_time(&mut self, time: Time) {
        match time {
            Time::FromIndex(_) => self.times_from_index += 1,
            Time::Assumed(_) => self.times_assumed += 1,
        }
    }

    /// Counts the rest of an append that was cut short.
    pub(super) fn torn(&mut self, gap: Gap) {
        self.torn.add(gap, None);
    }

    /// Counts a record that was left out.
    pub(super) fn damaged(&mut self, gap: Gap, reason: &str) {
        self.damaged.add(gap, Some(reason));
    }

    /// All of it.
    pub(super) fn json(&self) -> String {
        Json::object(&[
            ("log", &self.path.to_string_lossy().into_owned()),
            ("appended", &self.appended),
            ("already_there", &self.already_there),
            ("times_from_index", &self.times_from_index),
            ("times_assumed", &self.times_assumed),
            ("torn", &self.torn.json()),
            ("damaged", &self.damaged.json()),
        ])
        .to_string()
    }
}
