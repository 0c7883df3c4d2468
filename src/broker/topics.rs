//! Creation, deletion and listing of topics. Under the gate.
//!
//! A topic exists if its partition 0 does: folders are made with the highest number first and removed with partition 0 first, so that what a crash leaves half
//! made or half removed is recognised without any page, and finished by who comes next.

use serde_json::{Value, json};

use super::folders::{PartitionFolder, check_topic_name, collide, partition_folders};
use super::metadata::{self, TopicId};
use super::shared::Shared;
use super::{Conf, properties};
use crate::error::{Error, Result};
use crate::storage::leader_epoch::LeaderEpochs;
use crate::storage::names::SegmentFile;
use crate::storage::open;
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
    let _gate = member.gate()?;
    let root = member.root();
    let folders = partition_folders(root)?;
    if folders.iter().any(|folder| folder.topic == name && folder.partition == 0) {
        return Err(Error::TopicExists { name: name.to_owned() });
    }
    if let Some(other) = folders.iter().find(|folder| collide(&folder.topic, name)) {
        let reason = format!("{} exists, and . and _ are one character in Kafka's metric names", other.topic);
        return Err(Error::InvalidTopic { name: name.to_owned(), reason });
    }
    for left in folders.iter().filter(|folder| folder.topic == name) {
        remove_folder(root, left)?;
    }
    let id = TopicId::random()?;
    for partition in (0..partition_count).rev() {
        let folder = PartitionFolder { topic: name.to_owned(), partition };
        if let Err(error) = create_partition(root, &folder, id, conf, session) {
            for made in partition..partition_count {
                let made = PartitionFolder { topic: name.to_owned(), partition: made };
                if root.stat(&made.name())?.is_some() {
                    remove_folder(root, &made)?;
                }
            }
            return Err(error);
        }
    }
    root.sync()
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
    let _gate = member.gate()?;
    let root = member.root();
    let folders: Vec<_> = partition_folders(root)?.into_iter().filter(|folder| folder.topic == name).collect();
    if !folders.iter().any(|folder| folder.partition == 0) {
        for left in &folders {
            remove_folder(root, left)?;
        }
        return Err(Error::UnknownPartition { topic: name.to_owned(), partition: 0 });
    }
    for folder in &folders {
        open::mark_deleted(member, &folder.name())?;
    }
    for folder in &folders {
        remove_folder(root, folder)?;
    }
    shared.logs().retain(|(topic, _), _| topic != name);
    root.sync()
}

/// Renames a folder to what Kafka calls one that is being deleted, and removes it.
fn remove_folder(root: &Dir, folder: &PartitionFolder) -> Result<()> {
    let suffix: String = random::random_16()?.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut topic = folder.topic.as_str();
    // Kafka cuts the topic so that the name fits into 255 bytes.
    let tail = format!("-{}.{suffix}-delete", folder.partition);
    topic = &topic[..topic.len().min(255 - tail.len())];
    let doomed = format!("{topic}{tail}");
    root.rename(&folder.name(), &doomed)?;
    let dir = root.open_dir(&doomed)?;
    for entry in dir.list()? {
        if let Some(name) = entry.name.to_str() {
            dir.unlink(name)?;
        }
    }
    root.remove_dir(&doomed)
}

/// Topics with their partitions and configuration.
pub fn list(root: &Dir) -> Result<Value> {
    let folders = partition_folders(root)?;
    let mut topics = Vec::new();
    for first in folders.iter().filter(|folder| folder.partition == 0) {
        let partitions = folders.iter().filter(|folder| folder.topic == first.topic).count();
        let dir = root.open_dir(&first.name())?;
        let conf = properties::read(&dir)?.unwrap_or_default();
        let config: serde_json::Map<String, Value> =
            conf.topic_values().into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
        let id = metadata::read_topic_id(&dir)?.map(|id| id.to_string());
        topics.push(json!({ "name": first.topic, "partitions": partitions, "id": id, "config": config }));
    }
    Ok(json!({ "topics": topics }))
}
