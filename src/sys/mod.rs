//! Every system call, mapping and instruction of a special processor, behind safe types. Knows no Kafka noun.

pub mod affinity;
#[cfg(feature = "compat")]
pub mod by_path;
#[cfg(feature = "compat")]
pub mod c_heap;
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
#[cfg(feature = "compat")]
pub mod host;
mod list;
pub mod lock;
mod map;
pub mod notify;
mod page;
pub mod random;
#[cfg(feature = "compat")]
mod scratch_memory;
pub mod shield;
#[cfg(feature = "compat")]
pub mod socket;
pub mod transfer;
pub mod word;

pub use descriptor::share_of_limit;
pub use dir::{Dir, DirEntry, Stat};
pub use file::{Access, File, Identity};
pub use map::{ReadMap, WriteMap};
pub use page::SharedPage;
#[cfg(feature = "compat")]
pub use scratch_memory::ScratchMemory;

#[cfg(test)]
pub(crate) mod testing;
