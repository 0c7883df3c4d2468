//! Creation, deletion and listing of topics. Under the gate.
//!
//! A topic exists if its partition 0 does: folders are made with the highest number first and removed with partition 0 first, so that who looks on never sees a
//! topic that is half there. What is under way stands in `ckafka.intent`, durably, before the first folder is touched: whoever comes next finishes it. The names
//! of folders alone do not tell a half-made topic from one of a broker whose partition 0 lives on another machine.

use super::folders::{PartitionFolder, check_topic_name, collide, partition_folders};
use super::metadata::{self, TopicId};
use super::shared::Shared;
use super::{Conf, properties};
use crate::broken::{self, Point, Rule};
use crate::error::{Error, Result};
use crate::json::{Json, ToJson};
use crate::storage::leader_epoch::LeaderEpochs;
use crate::storage::names::SegmentFile;
use crate::storage::open;
use crate::storage::session::Wait;
use crate::sys::{Dir, clock, random};

/// The most partitions that one call makes.
pub const PARTITIONS_MAX: i32 = 100_000;

/// Makes a topic of `partition_count` partitions with `conf`.
pub fn create(shared: &Shared, name: &str, partition_count: i32, conf: &Conf) -> Result<()> {
    check_topic_name(name)?;
    if name == "__cluster_metadata" {
        return Err(Error::InvalidTopic {
            name: name.to_owned(),
            reason: "reserved for a cluster's own log".to_owned(),
        });
    }
    if !(1..=PARTITIONS_MAX).contains(&partition_count) {
        let expected = format!("1 to {PARTITIONS_MAX}");
        return Err(Error::InvalidPartitionCount { found: partition_count, expected });
    }
    conf.log_config()?;
    let member = shared.member();
    let session = member.seat()?.0.session();
    let _gate = member.gate(Wait::MayBreak)?;
    let root = member.root();
    let tell = |folder: &str| open::mark_deleted(member, folder);
    finish_intent(root, &tell)?;
    let folders = partition_folders(root)?;
    if folders.iter().any(|folder| folder.topic == name && folder.partition == 0) {
        return Err(Error::TopicExists { name: name.to_owned() });
    }
    if let Some(other) = folders.iter().find(|folder| collide(&folder.topic, name)) {
        let reason = format!("{} exists, and . and _ are one character in Kafka's metric names", other.topic);
        return Err(Error::InvalidTopic { name: name.to_owned(), reason });
    }
    let left: Vec<_> = folders.into_iter().filter(|folder| folder.topic == name).collect();
    for folder in &left {
        // Not one that was made here: a broker's, whose partition 0 is on another machine.
        if properties::read(&root.open_dir(&folder.name())?)?.is_none() {
            return Err(Error::TopicExists { name: name.to_owned() });
        }
    }
    refuse_folders_within(root, &left)?;
    write_intent(root, Intent::Create, name)?;
    left.iter().try_for_each(|folder| remove_folder(root, folder))?;
    let id = TopicId::random()?;
    let made = (0..partition_count).rev().try_for_each(|partition| {
        if partition < partition_count - 1 {
            broken::pass(Point::TopicHalfMade);
        }
        create_partition(root, &PartitionFolder { topic: name.to_owned(), partition }, id, conf, session)
    });
    // The folders are durable before the intent goes: a power cut must not take the one and leave the other.
    if let Err(error) = made.and_then(|()| root.sync()) {
        finish_intent(root, &tell)?;
        return Err(error);
    }
    clear_intent(root)
}

fn create_partition(root: &Dir, folder: &PartitionFolder, id: TopicId, conf: &Conf, session: [u64; 2]) -> Result<()> {
    let dir = root.create_dir(&folder.name())?;
    metadata::write_topic_id(&dir, id)?;
    properties::write(&dir, conf)?;
    let mut epochs = LeaderEpochs::default();
    epochs.assign(0, 0);
    epochs.write(&dir)?;
    for kind in [SegmentFile::TimeIndex, SegmentFile::Index, SegmentFile::Log] {
        dir.create_file(&kind.name(0))?;
    }
    let control = open::create_page(&dir)?;
    open::fill_new_page(&control, session, clock::now_ms());
    dir.sync()
}

/// Removes a topic; readers that have it open keep what they have mapped and are told.
pub fn delete(shared: &Shared, name: &str) -> Result<()> {
    check_topic_name(name)?;
    let member = shared.member();
    member.seat()?;
    let gate = member.gate(Wait::MayBreak)?;
    let root = member.root();
    let tell = |folder: &str| open::mark_deleted(member, folder);
    finish_intent(root, &tell)?;
    let folders: Vec<_> = partition_folders(root)?.into_iter().filter(|folder| folder.topic == name).collect();
    if !folders.iter().any(|folder| folder.partition == 0) {
        return Err(Error::UnknownPartition { topic: name.to_owned(), partition: 0 });
    }
    refuse_folders_within(root, &folders)?;
    match write_intent(root, Intent::Delete, name) {
        // Room is what the deletion is to give: then nobody can be told, and a crash leaves folders that nobody lists.
        Ok(()) | Err(Error::DiskFull { .. }) => {}
        Err(error) => return Err(error),
    }
    // From here on the topic goes, if not by this call then by the next one.
    remove_folders(root, name, &tell)?;
    clear_intent(root)?;
    drop(gate);
    shared.forget_deleted();
    Ok(())
}

/// Says which topic is being made or removed. One at a time, since the gate is held for it.
const INTENT: &str = "ckafka.intent";
const INTENT_SIZE_MAX: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intent {
    Create,
    Delete,
}

fn write_intent(root: &Dir, intent: Intent, name: &str) -> Result<()> {
    if broken::is(Rule::Intent) {
        return Ok(());
    }
    let verb = match intent {
        Intent::Create => "create",
        Intent::Delete => "delete",
    };
    root.replace(INTENT, "ckafka.intent.tmp", format!("{verb} {name}\n").as_bytes())
}

fn clear_intent(root: &Dir) -> Result<()> {
    root.unlink(INTENT)?;
    root.sync()
}

/// Finishes what a crash or an error left half done: either way the topic's folders go. A topic that was being made was never told to anybody.
///
/// `tell` says in the page of a folder that it goes: who waits for an append in it, or died before it came to that, has left some that nobody was told of.
pub fn finish_intent(root: &Dir, tell: &dyn Fn(&str) -> Result<()>) -> Result<()> {
    let Some(content) = root.read_small(INTENT, INTENT_SIZE_MAX)? else { return Ok(()) };
    let text = String::from_utf8_lossy(&content);
    let name = ["create ", "delete "].iter().find_map(|verb| text.strip_suffix('\n')?.strip_prefix(verb));
    let Some(name) = name.filter(|name| check_topic_name(name).is_ok()) else {
        let reason = format!("{text:?}; expected create or delete, and a topic's name");
        return Err(Error::Corrupt { path: root.path().join(INTENT), position: 0, reason });
    };
    remove_folders(root, name, tell)?;
    remove_doomed(root)?;
    clear_intent(root)
}

/// Removes all folders of a topic, in order of partitions, durably; before the first of them goes, who has one open is told of each.
fn remove_folders(root: &Dir, name: &str, tell: &dyn Fn(&str) -> Result<()>) -> Result<()> {
    let folders: Vec<_> = partition_folders(root)?.into_iter().filter(|folder| folder.topic == name).collect();
    folders.iter().try_for_each(|folder| tell(&folder.name()))?;
    for folder in &folders {
        remove_folder(root, folder)?;
        broken::pass(Point::TopicHalfRemoved);
    }
    root.sync()
}

/// Folders that were renamed to go, and have not gone.
fn remove_doomed(root: &Dir) -> Result<()> {
    for entry in root.list()?.iter().filter(|entry| entry.is_dir) {
        if let Some(name) = entry.name.to_str().filter(|name| name.ends_with(DOOMED)) {
            empty_and_remove(root, name)?;
        }
    }
    Ok(())
}

/// Kafka's ending of folders that are being removed; a broker removes them, too.
const DOOMED: &str = "-delete";

/// Renames a folder to what Kafka calls one that is being deleted, and removes it.
fn remove_folder(root: &Dir, folder: &PartitionFolder) -> Result<()> {
    let suffix: String = random::random_16()?.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut topic = folder.topic.as_str();
    // Kafka cuts the topic so that the name fits into 255 bytes.
    let tail = format!("-{}.{suffix}{DOOMED}", folder.partition);
    topic = &topic[..topic.len().min(255 - tail.len())];
    let doomed = format!("{topic}{tail}");
    root.rename(&folder.name(), &doomed)?;
    empty_and_remove(root, &doomed)
}

fn empty_and_remove(root: &Dir, doomed: &str) -> Result<()> {
    let dir = root.open_dir(doomed)?;
    for entry in dir.list()? {
        dir.unlink_entry(&entry)?;
    }
    root.remove_dir(doomed)
}

/// A partition is files: a folder in one is somebody's, and a removal that stopped at it would have to be finished before the directory opens again.
fn refuse_folders_within(root: &Dir, folders: &[PartitionFolder]) -> Result<()> {
    for folder in folders {
        let dir = root.open_dir(&folder.name())?;
        if let Some(stranger) = dir.list()?.iter().find(|entry| entry.is_dir) {
            let reason = format!("{} holds the folder {:?}, which is not removed", dir.path().display(), stranger.name);
            return Err(Error::Busy { what: "topic", reason });
        }
    }
    Ok(())
}

/// Topics with their partitions and configuration.
pub fn list(root: &Dir) -> Result<Json> {
    let folders = partition_folders(root)?;
    let mut topics = Vec::new();
    for first in folders.iter().filter(|folder| folder.partition == 0) {
        let partitions = folders.iter().filter(|folder| folder.topic == first.topic).count();
        match describe(root, first, partitions) {
            Ok(topic) => topics.push(topic),
            // Removed since the folders were listed.
            Err(_) if root.stat(&first.name())?.is_none() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Json::object(&[("topics", &topics)]))
}

fn describe(root: &Dir, first: &PartitionFolder, partitions: usize) -> Result<Json> {
    let dir = root.open_dir(&first.name())?;
    let conf = properties::read(&dir)?.unwrap_or_default();
    let config: Vec<(&str, &str)> = conf.topic_values();
    let config: Vec<(&str, &dyn ToJson)> = config.iter().map(|(key, value)| (*key, value as &dyn ToJson)).collect();
    let id = metadata::read_topic_id(&dir)?.map(|id| id.to_string());
    Ok(Json::object(&[
        ("name", &first.topic),
        ("partitions", &partitions),
        ("id", &id),
        ("config", &Json::object(&config)),
    ]))
}
