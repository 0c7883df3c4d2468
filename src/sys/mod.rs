//! Every system call, mapping and instruction of a special processor, behind safe types. Knows no Kafka noun.

pub mod affinity;
pub mod cancel;
pub mod clock;
pub mod crc32c;
mod descriptor;
mod dir;
mod errno;
mod file;
pub mod filesystem;
pub mod fork;
pub mod futex;
pub mod ground;
#[cfg(feature = "break-rules")]
pub mod halt;
mod list;
pub mod lock;
mod map;
pub mod notify;
mod page;
pub mod random;
pub mod shield;
pub mod transfer;
pub mod word;

pub use descriptor::share_of_limit;
pub use dir::{Dir, DirEntry, Stat};
pub use file::{Access, File, Identity};
pub use map::{ReadMap, WriteMap};
pub use page::SharedPage;

#[cfg(test)]
mod testing;
