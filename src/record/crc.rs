//! The checksums of Kafka's files: CRC-32C of batches, and zlib's CRC-32, which old message sets have.
//!
//! CRC-32C is done by the processor's own instructions where it has them. Short inputs decide: a batch of one small record
//! is 150 bytes, and its checksum is a large part of its append.

/// CRC-32C of `bytes`; of "123456789" it is 0xe3069283.
#[inline]
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    Checksum::Crc32c.over([bytes])
}

/// A kind of checksum, of what arrives in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Castagnoli's polynomial: of batches.
    Crc32c,
    /// The polynomial of zlib and Ethernet: of message sets with magic 0 and 1.
    Crc32,
}

impl Checksum {
    /// The state before the first part.
    pub const START: u32 = u32::MAX;

    /// The state after one more part.
    #[inline]
    #[must_use]
    pub fn update(self, state: u32, part: &[u8]) -> u32 {
        match self {
            Self::Crc32c => crate::sys::crc32c::update(state, part).unwrap_or_else(|| by_table(&CRC32C, state, part)),
            Self::Crc32 => by_table(&CRC32, state, part),
        }
    }

    /// The checksum that a state stands for.
    #[inline]
    #[must_use]
    pub fn finish(self, state: u32) -> u32 {
        !state
    }

    #[inline]
    fn over<'a>(self, parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
        self.finish(parts.into_iter().fold(Self::START, |state, part| self.update(state, part)))
    }
}

/// What a byte does to the state. One byte at a time, as a processor without instructions for CRC-32C is rare, and so are
/// message sets: larger tables would be as large as what they make faster.
type Table = [u32; 256];

static CRC32C: Table = table(0x82f6_3b78);
static CRC32: Table = table(0xedb8_8320);

const fn table(polynomial: u32) -> Table {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut state = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            state = if state & 1 == 1 { (state >> 1) ^ polynomial } else { state >> 1 };
            bit += 1;
        }
        table[byte] = state;
        byte += 1;
    }
    table
}

fn by_table(table: &Table, state: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(state, |state, byte| (state >> 8) ^ table[usize::from(state.to_le_bytes()[0] ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::{CRC32, CRC32C, Checksum, by_table, crc32c};

    /// The definition, bit by bit.
    fn slow(polynomial: u32, bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ polynomial } else { crc >> 1 })
        })
    }

    #[test]
    fn published_check_values() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(Checksum::Crc32.over([&b"12345"[..], b"", b"6789"]), 0xcbf4_3926);
        // RFC 3720, B.4: 32 zeroes, 32 ones, 0 to 31, 31 to 0, and an iSCSI read command.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
        assert_eq!(crc32c(&(0..32).rev().collect::<Vec<u8>>()), 0x113f_db5c);
        let mut command = [0; 48];
        for (at, byte) in [(0, 0x01), (1, 0xc0), (16, 0x14), (22, 0x04), (27, 0x14), (31, 0x18), (32, 0x28), (40, 0x02)]
        {
            command[at] = byte;
        }
        assert_eq!(crc32c(&command), 0xd996_3a56);
    }

    #[test]
    fn every_length_and_alignment_equals_the_definition() {
        let bytes: Vec<u8> = (0..1500u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for length in 0..1400 {
            let part = &bytes[length % 67..][..length];
            assert_eq!(crc32c(part), slow(0x82f6_3b78, part), "length {length}");
            assert_eq!(!by_table(&CRC32C, u32::MAX, part), slow(0x82f6_3b78, part), "by table, length {length}");
            assert_eq!(!by_table(&CRC32, u32::MAX, part), slow(0xedb8_8320, part), "CRC-32, length {length}");
        }
    }

    /// Another's work, on lengths and places that nobody chose.
    #[test]
    fn random_parts_equal_another_implementation() {
        let bytes: Vec<u8> = (0..6000u32).map(|n| (n.wrapping_mul(2_246_822_519) >> 11) as u8).collect();
        let mut dice = 0x9e37_79b9_u32;
        let mut next = |below: usize| {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (dice >> 8) as usize % below
        };
        for _ in 0..20_000 {
            let part = &bytes[next(128)..][..next(5001)];
            let (front, back) = part.split_at(next(part.len() + 1));
            assert_eq!(crc32c(part), crc_fast::crc32_iscsi(part), "length {}", part.len());
            let sum = Checksum::Crc32c.over([front, back]);
            assert_eq!(sum, crc_fast::crc32_iscsi(part), "lengths {} and {}", front.len(), back.len());
        }
    }
}
