//! Batches and sparse indexes by Kafka's rules, written down a second time and apart from the library, so that the two can be compared.
//!
//! Where a batch keeps what: base offset at byte 0 (8 bytes), length less 12 at 8 (4), last offset delta at 23 (4), largest
//! timestamp at 35 (8), all big-endian.

/// One batch of a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    pub base_offset: i64,
    pub last_offset: i64,
    pub position: u64,
    pub size: u64,
    pub max_timestamp: i64,
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}

/// The batches of a log file, which holds nothing else: no zero tail, no torn end.
pub fn batches(bytes: &[u8]) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut position = 0;
    while position < bytes.len() {
        let batch = &bytes[position..];
        assert!(batch.len() >= 61, "{} bytes at position {position}", batch.len());
        let size = i32_at(batch, 8) as usize + 12;
        assert!(size >= 61 && size <= batch.len(), "a batch of {size} bytes at position {position} of {}", bytes.len());
        let base_offset = i64_at(batch, 0);
        batches.push(Batch {
            base_offset,
            last_offset: base_offset + i64::from(i32_at(batch, 23)),
            position: position as u64,
            size: size as u64,
            max_timestamp: i64_at(batch, 35),
        });
        position += size;
    }
    batches
}

/// The two indexes of a closed segment, by the rule that brokers' files keep: on each append, if the bytes since the last entry, not counting this
/// batch, are more than the interval, an entry (last offset of this batch, its position) is added and the count set to 0; then this batch is counted.
/// At the same moments the time index gets (largest timestamp so far, last offset of the batch that holds it) if that timestamp is greater than
/// the last entry's, and so it does once more at the end.
pub fn indexes(base_offset: i64, batches: &[Batch], interval_bytes: u64) -> (Vec<u8>, Vec<u8>) {
    let (mut offsets, mut times) = (Vec::new(), Vec::new());
    let mut bytes_since_entry = 0;
    let (mut largest, mut largest_at) = (-1_i64, 0_i64);
    let mut last_entry = -1_i64;
    let mut add_time = |largest: i64, largest_at: i64| {
        if largest > last_entry {
            times.extend_from_slice(&largest.to_be_bytes());
            times.extend_from_slice(&((largest_at - base_offset) as i32).to_be_bytes());
            last_entry = largest;
        }
    };
    for batch in batches {
        if batch.max_timestamp > largest {
            (largest, largest_at) = (batch.max_timestamp, batch.last_offset);
        }
        if bytes_since_entry > interval_bytes {
            offsets.extend_from_slice(&((batch.last_offset - base_offset) as i32).to_be_bytes());
            offsets.extend_from_slice(&(batch.position as i32).to_be_bytes());
            add_time(largest, largest_at);
            bytes_since_entry = 0;
        }
        bytes_since_entry += batch.size;
    }
    add_time(largest, largest_at);
    (offsets, times)
}

/// Bytes from hexadecimal digits; blanks are passed over.
pub fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("a byte"))
        .collect()
}
