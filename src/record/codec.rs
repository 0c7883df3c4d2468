//! The five codecs of a batch: their names, levels and limits, and the way to each.
//!
//! The record area of a batch is one compressed stream. Every decoder keeps three promises: output beyond the caller's
//! limit is refused and never allocated, whatever the input claims; the stream is there whole, with nothing behind it;
//! and no input panics. [`Compressor`] and [`Decompressor`] keep what a codec needs between calls; [`Compression::compress`]
//! and [`decompress`] are for the single call.

#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "lz4")]
mod xxh32;
#[cfg(feature = "zstd")]
mod zstd;
#[cfg(feature = "zstd")]
mod zstd_bound;

use std::fmt;
use std::ops::RangeInclusive;

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
    /// Kafka's level for it (`compression.gzip.level` -1 or 1..=9, `compression.lz4.level` 1..=17,
    /// `compression.zstd.level` -131072..=22); `None`: Kafka's default. The level of lz4 is checked and has no effect: its
    /// encoder has one, the fastest.
    pub level: Option<i32>,
}

impl Codec {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// Kafka's name: none, gzip, snappy, lz4, zstd.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The inverse of `name` (also `uncompressed` for none).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "uncompressed" => Some(Self::None),
            _ => Self::ALL.into_iter().find(|codec| codec.name() == name),
        }
    }

    /// Whether it is compiled in.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::None => true,
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Snappy => cfg!(feature = "snappy"),
            Self::Lz4 => cfg!(feature = "lz4"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }

    /// Kafka's levels, and its default; `None` for a codec without levels. Gzip's 0 is not one of them.
    #[must_use]
    pub fn levels(self) -> Option<(RangeInclusive<i32>, i32)> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some((-1..=9, -1)),
            Self::Lz4 => Some((1..=17, 9)),
            Self::Zstd => Some((-131_072..=22, 3)),
        }
    }

    /// Whether Kafka has this level for it.
    #[must_use]
    pub fn has_level(self, level: i32) -> bool {
        self.levels().is_some_and(|(range, _)| range.contains(&level)) && !(self == Self::Gzip && level == 0)
    }
}

impl Compression {
    /// Appends `records` compressed to `out` (no-op copy for none).
    pub fn compress(self, records: &[u8], out: &mut Vec<u8>) -> Result<(), BatchError> {
        Compressor::default().compress(self, records, out)
    }

    /// The level to use, or why it cannot be.
    fn level(self) -> Result<i32, BatchError> {
        match (self.level, self.codec.levels()) {
            (None, Some((_, default))) => Ok(default),
            (None, None) => Ok(0),
            (Some(level), _) if self.codec.has_level(level) => Ok(level),
            (Some(level), Some((range, _))) => {
                Err(failed(self.codec, format!("level {level}, expected {} to {}", range.start(), range.end())))
            }
            (Some(level), None) => Err(failed(self.codec, format!("level {level}, but it has no levels"))),
        }
    }
}

/// Compresses, and keeps what the codecs allocate for the next call.
#[derive(Default)]
pub struct Compressor {
    #[cfg(feature = "gzip")]
    gzip: gzip::Encoder,
    #[cfg(feature = "snappy")]
    snappy: snappy::Encoder,
    #[cfg(feature = "lz4")]
    lz4: lz4::Encoder,
    #[cfg(feature = "zstd")]
    zstd: zstd::Encoder,
}

impl Compressor {
    /// Appends `records` compressed to `out` (no-op copy for none). On `Err` what was in `out` before is still there,
    /// perhaps with a part behind it.
    pub fn compress(&mut self, compression: Compression, records: &[u8], out: &mut Vec<u8>) -> Result<(), BatchError> {
        let level = compression.level()?;
        let _ = level; // Not every set of features has a codec with levels.
        match compression.codec {
            Codec::None => {
                reserve(Codec::None, out, records.len())?;
                out.extend_from_slice(records);
                Ok(())
            }
            #[cfg(feature = "gzip")]
            Codec::Gzip => self.gzip.compress(level, records, out),
            #[cfg(feature = "snappy")]
            Codec::Snappy => self.snappy.compress(records, out),
            #[cfg(feature = "lz4")]
            Codec::Lz4 => self.lz4.compress(records, out),
            #[cfg(feature = "zstd")]
            Codec::Zstd => self.zstd.compress(level, records, out),
            #[cfg(not(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd")))]
            codec => Err(BatchError::CodecMissing { codec: codec.name() }),
        }
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Compressor").finish_non_exhaustive()
    }
}

/// Decompresses, and keeps what the codecs allocate for the next call.
#[derive(Default)]
pub struct Decompressor {
    #[cfg(feature = "gzip")]
    gzip: gzip::Decoder,
    #[cfg(feature = "zstd")]
    zstd: zstd::Decoder,
}

impl Decompressor {
    /// Decompresses the record area of a batch into `out` (cleared first).
    ///
    /// Refuses, before it allocates, output beyond `limit` bytes: `out` never grows to more than one byte above it. On `Err`
    /// the content of `out` means nothing.
    pub fn decompress(
        &mut self,
        codec: Codec,
        compressed: &[u8],
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), BatchError> {
        out.clear();
        match codec {
            Codec::None if compressed.len() > limit => Err(BatchError::OutputLimit { limit }),
            Codec::None => {
                reserve(Codec::None, out, compressed.len())?;
                out.extend_from_slice(compressed);
                Ok(())
            }
            #[cfg(feature = "gzip")]
            Codec::Gzip => self.gzip.decompress(compressed, limit, out),
            #[cfg(feature = "snappy")]
            Codec::Snappy => snappy::decompress(compressed, limit, out),
            #[cfg(feature = "lz4")]
            Codec::Lz4 => lz4::decompress(compressed, limit, out),
            #[cfg(feature = "zstd")]
            Codec::Zstd => self.zstd.decompress(compressed, limit, out),
            #[cfg(not(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd")))]
            codec => Err(BatchError::CodecMissing { codec: codec.name() }),
        }
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Decompressor").finish_non_exhaustive()
    }
}

/// Decompresses the record area of a batch into `out` (cleared first). Refuses, before it allocates, output beyond
/// `limit` bytes.
pub fn decompress(codec: Codec, compressed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
    Decompressor::default().decompress(codec, compressed, limit, out)
}

/// Room for `additional` bytes, no more; a refused allocation is an error and not the end of the process.
fn reserve(codec: Codec, out: &mut Vec<u8>, additional: usize) -> Result<(), BatchError> {
    out.try_reserve_exact(additional).map_err(|_| failed(codec, format!("no memory for {additional} bytes")))
}

/// The codec's complaint.
#[cold]
fn failed(codec: Codec, reason: String) -> BatchError {
    BatchError::Compression { codec: codec.name(), reason }
}

#[cfg(test)]
mod tests {
    use super::{Codec, Compression, decompress};
    use crate::record::BatchError;

    #[test]
    fn names_are_kafkas() {
        for codec in Codec::ALL {
            assert_eq!(Codec::from_name(codec.name()), Some(codec));
        }
        assert_eq!(Codec::from_name("uncompressed"), Some(Codec::None));
        assert_eq!(Codec::from_name("GZIP"), None);
        assert_eq!(Codec::ALL.map(|codec| codec as u8), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn levels_outside_kafkas_are_refused() {
        let refused = [
            (Codec::None, 1),
            (Codec::Gzip, 0),
            (Codec::Gzip, 10),
            (Codec::Gzip, -2),
            (Codec::Snappy, 1),
            (Codec::Lz4, 0),
            (Codec::Lz4, 18),
            (Codec::Zstd, 23),
            (Codec::Zstd, -131_073),
        ];
        for (codec, level) in refused {
            let result = Compression { codec, level: Some(level) }.compress(b"x", &mut Vec::new());
            assert!(matches!(result, Err(BatchError::Compression { .. })), "{codec:?} {level}");
        }
    }

    #[test]
    fn none_is_a_copy_within_the_limit() {
        let mut out = vec![1, 2, 3];
        assert_eq!(decompress(Codec::None, b"abc", 3, &mut out), Ok(()));
        assert_eq!(out, b"abc");
        assert_eq!(decompress(Codec::None, b"abc", 2, &mut out), Err(BatchError::OutputLimit { limit: 2 }));
    }

    #[test]
    fn a_missing_codec_is_named() {
        for codec in Codec::ALL.into_iter().filter(|codec| !codec.is_available()) {
            let missing = Err(BatchError::CodecMissing { codec: codec.name() });
            assert_eq!(decompress(codec, b"", 9, &mut Vec::new()), missing);
            assert_eq!(Compression { codec, level: None }.compress(b"", &mut Vec::new()), missing);
        }
    }
}
