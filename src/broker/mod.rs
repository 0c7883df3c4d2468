//! A data directory: its topics and partitions, their configuration, who may use it. Knows no C and no socket.

pub mod conf;
pub mod directory;
pub mod folders;
mod io_threads;
pub mod metadata;
pub mod partitioner;
pub mod properties;
mod shared;
mod topics;

pub use conf::Conf;
pub use directory::{Directory, IoRoles, Log, OpenMode, capability};
pub use partitioner::partition_for_key;
