//! The five codecs of a batch.

use super::BatchError;

/// Codec numbers as bits 0 to 2 of the attributes have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Codec {
    /// Not compressed.
    #[default]
    None = 0,
    /// RFC 1952, one member.
    Gzip = 1,
    /// Xerial framing, or one raw block.
    Snappy = 2,
    /// LZ4 frame.
    Lz4 = 3,
    /// Zstandard frames.
    Zstd = 4,
}

/// A codec and its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compression {
    /// Which.
    pub codec: Codec,
    /// Kafka's level for it (`compression.gzip.level` -1 or 1..=9, `compression.lz4.level` 1..=17, `compression.zstd.level` -131072..=22); `None`: Kafka's default.
    pub level: Option<i32>,
}

impl Codec {
    /// Kafka's name: none, gzip, snappy, lz4, zstd.
    #[must_use]
    pub fn name(self) -> &'static str {
        todo!()
    }
    /// The inverse of `name` (also `uncompressed` for none).
    #[must_use]
    pub fn from_name(_name: &str) -> Option<Self> {
        todo!()
    }
    /// Whether it is compiled in.
    #[must_use]
    pub fn is_available(self) -> bool {
        todo!()
    }
}

impl Compression {
    /// Appends `records` compressed to `out` (no-op copy for none).
    pub fn compress(self, _records: &[u8], _out: &mut Vec<u8>) -> Result<(), BatchError> {
        todo!()
    }
}

/// Decompresses the record area of a batch into `out` (cleared first). Refuses, before it allocates, output beyond `limit` bytes.
pub fn decompress(_codec: Codec, _compressed: &[u8], _limit: usize, _out: &mut Vec<u8>) -> Result<(), BatchError> {
    todo!()
}
