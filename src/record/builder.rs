//! Encodes records into a v2 batch: header space first, records behind it, compression and CRC at the end.

use super::{BatchError, Compression, TimestampType};

/// Builds one batch at a time in a buffer that is kept for the next.
///
/// No allocation once the buffer has grown to what batches need. Offsets inside are 0, 1, 2, ...; base offset and leader epoch are stamped by who appends.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    _todo: (),
}

impl BatchBuilder {
    /// An empty builder.
    #[must_use]
    pub fn new(_compression: Compression, _timestamp_type: TimestampType) -> Self {
        todo!()
    }
    /// Empties it, keeps the buffers, takes the settings for the next batch.
    pub fn reset(&mut self, _compression: Compression, _timestamp_type: TimestampType) {
        todo!()
    }
    /// Adds a record. `headers` is Kafka's header fields without the count (see [`super::headers`]), checked here. On `Err` the batch is as before.
    pub fn add(
        &mut self,
        _timestamp: i64,
        _key: Option<&[u8]>,
        _value: Option<&[u8]>,
        _headers: &[u8],
    ) -> Result<(), BatchError> {
        todo!()
    }
    /// Records so far.
    #[must_use]
    pub fn record_count(&self) -> usize {
        todo!()
    }
    /// Bytes of the batch so far, uncompressed, header included.
    #[must_use]
    pub fn size(&self) -> usize {
        todo!()
    }
    /// Upper bound of the bytes that `add` of such a record would need on top of `size()`.
    #[must_use]
    pub fn record_size_max(_key_len: usize, _value_len: usize, _headers_len: usize) -> usize {
        todo!()
    }
    /// Compresses, fills in the header (base offset 0, leader epoch -1, no producer) and the CRC; the whole batch, writable for `stamp`.
    ///
    /// An empty batch is `Malformed`. With LogAppendTime the caller's `append_time_ms` is put into max timestamp.
    pub fn finish(&mut self, _append_time_ms: i64) -> Result<&mut [u8], BatchError> {
        todo!()
    }
}
