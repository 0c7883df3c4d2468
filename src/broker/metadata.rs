//! `partition.metadata`: the topic's id, as Kafka writes it (two lines, no newline at the end).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, Result};
use crate::storage::names::PARTITION_METADATA;
use crate::sys::{Dir, random};

const TEMPORARY: &str = "ckafka.metadata.tmp";

/// A topic's id: 16 bytes, shown as 22 characters of URL-safe base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicId(pub [u8; 16]);

impl TopicId {
    /// A random id; never one of Kafka's reserved ones (0 and 1), nor one whose text begins with a hyphen.
    pub fn random() -> Result<Self> {
        loop {
            let id = Self(random::random_16()?);
            if u128::from_be_bytes(id.0) > 1 && !id.text().starts_with('-') {
                return Ok(id);
            }
        }
    }

    /// The 22 characters.
    #[must_use]
    pub fn text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// Writes the file durably.
pub fn write(folder: &Dir, id: TopicId) -> Result<()> {
    folder.replace(PARTITION_METADATA, TEMPORARY, format!("version: 0\ntopic_id: {}", id.text()).as_bytes())
}

/// Reads the id; `None` where the file is missing.
pub fn read(folder: &Dir) -> Result<Option<TopicId>> {
    let Some(content) = folder.read_small(PARTITION_METADATA, 4096)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&content);
    let id = text.lines().find_map(|line| line.strip_prefix("topic_id:")).map(str::trim);
    let bytes = id.and_then(|id| URL_SAFE_NO_PAD.decode(id).ok()).and_then(|bytes| bytes.try_into().ok());
    match bytes {
        Some(bytes) => Ok(Some(TopicId(bytes))),
        None => Err(Error::Corrupt {
            path: folder.path().join(PARTITION_METADATA),
            position: 0,
            reason: "no line `topic_id: <22 characters of URL-safe base64>`".to_owned(),
        }),
    }
}
