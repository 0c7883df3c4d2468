//! What a record of the harness says: who appended it, its number, the batch it came in, and bytes that follow from these.
//!
//! ```text
//! 0 u32 writer   4 u32 place in the batch   8 u64 sequence   16 u64 first sequence of the batch   24 u32 records in the batch
//! 28 ...  bytes that follow from writer and sequence, and so does their number
//! ```

use super::dice::mix;

const FIXED: usize = 28;
/// Writers of short records only.
pub const SHORT_WRITERS: [usize; 3] = [4, 5, 6];
/// Timestamps of a writer's records rise by one from here.
pub const TIME_ZERO: i64 = 1_700_000_000_000;

/// What a record says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Says {
    pub writer: u32,
    pub index: u32,
    pub sequence: u64,
    pub first: u64,
    pub count: u32,
}

impl Says {
    /// Record `index` of the batch of which this is the first.
    pub fn nth(self, index: usize) -> Self {
        Self { index: index as u32, sequence: self.first + index as u64, ..self }
    }

    fn seed(self) -> u64 {
        mix(self.sequence ^ u64::from(self.writer) << 48)
    }

    /// Most are short, a few are of many pages; of some writers all are short.
    fn filler_len(self) -> usize {
        let seed = self.seed();
        match seed % 256 {
            _ if SHORT_WRITERS.contains(&(self.writer as usize)) => (seed >> 8) as usize % 160,
            0 => (seed >> 8) as usize % 30_000,
            1..=8 => (seed >> 8) as usize % 2_000,
            _ => (seed >> 8) as usize % 160,
        }
    }

    /// The value.
    pub fn write(self, into: &mut Vec<u8>) {
        into.clear();
        into.extend_from_slice(&self.writer.to_le_bytes());
        into.extend_from_slice(&self.index.to_le_bytes());
        into.extend_from_slice(&self.sequence.to_le_bytes());
        into.extend_from_slice(&self.first.to_le_bytes());
        into.extend_from_slice(&self.count.to_le_bytes());
        let (mut state, len) = (self.seed(), FIXED + self.filler_len());
        while into.len() < len {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            into.extend_from_slice(&state.to_le_bytes());
        }
        into.truncate(len);
    }

    pub fn timestamp(self) -> i64 {
        TIME_ZERO + self.sequence as i64
    }

    /// What a value says; `None` where it is not, byte by byte, what its writer wrote. `scratch` is room to compare in.
    pub fn read(value: &[u8], scratch: &mut Vec<u8>) -> Option<Self> {
        let fixed: &[u8; FIXED] = value.first_chunk()?;
        let short = |at: usize| u32::from_le_bytes(std::array::from_fn(|n| fixed[at + n]));
        let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|n| fixed[at + n]));
        let says = Self { writer: short(0), index: short(4), sequence: long(8), first: long(16), count: short(24) };
        says.write(scratch);
        (scratch == value).then_some(says)
    }
}

/// What a follower adds to the sum of a chunk for a record.
pub fn trace(offset: u64, timestamp: i64, value: &[u8]) -> u64 {
    let mut hash = mix(offset ^ (timestamp as u64).rotate_left(32));
    let (eights, rest) = value.as_chunks::<8>();
    for eight in eights {
        hash = (hash ^ u64::from_le_bytes(*eight)).wrapping_mul(0x9fb2_1c65_1e98_df25).rotate_left(29);
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    mix(hash)
}
