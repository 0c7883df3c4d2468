//! What is wrong with bytes that should be a record batch. No place: who holds the bytes knows where they lie.

/// Why bytes are not a valid batch, with position relative to the batch's first byte, expected and found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end before the batch does.
    #[error("{needed} bytes needed, {found} there")]
    Truncated {
        /// Bytes that the batch or its header takes.
        needed: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The length field is impossible.
    #[error("batch length {found}, expected at least {least}")]
    Length {
        /// The field's value.
        found: i32,
        /// The smallest legal value.
        least: i32,
    },
    /// Magic 0 or 1 where v2 is needed.
    #[error("record format magic {magic}, expected 2")]
    OldMagic {
        /// 0 or 1.
        magic: i8,
    },
    /// Not a magic that Kafka has ever written.
    #[error("record format magic {found}, expected 0 to 2")]
    UnknownMagic {
        /// The byte found.
        found: i8,
    },
    /// The checksum differs.
    #[error("CRC-32C {found:#010x}, expected {expected:#010x}")]
    Crc {
        /// What the header says.
        expected: u32,
        /// What the bytes give.
        found: u32,
    },
    /// A field breaks the format.
    #[error("{reason} at byte {position}")]
    Malformed {
        /// Position within the batch, or within its decompressed records.
        position: u64,
        /// Which rule, expected and found.
        reason: String,
    },
    /// Codec number 5, 6 or 7.
    #[error("codec number {found}, expected 0 to 4")]
    UnknownCodec {
        /// The number.
        found: i16,
    },
    /// The codec is not compiled in.
    #[error("compression {codec} is not built into this library")]
    CodecMissing {
        /// Kafka's name.
        codec: &'static str,
    },
    /// The compressed bytes are damaged.
    #[error("{codec}: {reason}")]
    Compression {
        /// Kafka's name.
        codec: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// Decompressed records would be larger than the caller's limit.
    #[error("decompressed records exceed {limit} bytes")]
    OutputLimit {
        /// The limit.
        limit: usize,
    },
    /// More records or bytes than one batch holds (2^31-1).
    #[error("batch is full: {reason}")]
    TooLarge {
        /// Which limit.
        reason: &'static str,
    },
}
