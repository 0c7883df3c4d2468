//! A data directory: its topics and partitions, their configuration, who may use it. Knows no C and no socket.

pub mod conf;
pub mod directory;
pub mod metadata;
pub mod partitioner;
pub mod properties;

pub use conf::Conf;
pub use directory::{Directory, IoRoles, Log, OpenMode};
pub use partitioner::partition_for_key;
