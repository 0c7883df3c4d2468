//! Bytes of Kafka's record batches (magic 2): encode, decode, check, compress. Pure: no file, clock, thread or unsafe.

mod batch;
mod builder;
mod codec;
mod crc;
mod encode;
mod error;
pub mod headers;
mod legacy;
mod link;
mod marker;
mod records;
pub mod varint;

pub use batch::{Attributes, BatchHeader, TimestampType, check_crc, stamp, stamp_append_time};
pub use builder::BatchBuilder;
pub use codec::{Codec, Compression, Compressor, Decompressor, decompress};
pub use crc::{Checksum, crc32c};
pub use error::BatchError;
pub use legacy::{EntryHeader, scan_entry};
pub use link::{BatchLink, batch_link};
pub use marker::{ControlMarker, MARKER_BATCH_SIZE, TransactionEnd, control_marker, marker_batch};
pub use records::{RecordIter, RecordRef};
