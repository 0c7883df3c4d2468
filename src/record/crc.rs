//! CRC-32C (Castagnoli), by hardware instructions where the processor has them.
//!
//! One function, so that the choice of implementation is made in one place. Short inputs decide: a batch of one small
//! record is 150 bytes, and its checksum is a large part of its append.

/// CRC-32C of `bytes`; of "123456789" it is 0xe3069283.
#[inline]
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    /// The definition, bit by bit.
    fn slow(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 })
        })
    }

    #[test]
    fn published_check_values() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        // RFC 3720, B.4: 32 zeroes, 32 ones, 0 to 31.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
    }

    #[test]
    fn every_length_and_alignment_equals_the_definition() {
        let bytes: Vec<u8> = (0..1500u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for length in 0..1400 {
            let start = length % 67;
            let part = &bytes[start..start + length];
            assert_eq!(crc32c(part), slow(part), "length {length}");
        }
    }
}
