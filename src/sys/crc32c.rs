//! CRC-32C by the processor's own instructions, where it has them.
//!
//! Here is which way this processor can go, and the constants that all of them share; the ways are in `crc32c/`. What a
//! CRC-32C is, and how it is done without such instructions, is not this room's business: `record` has that.

#[cfg(any(target_arch = "x86_64", test))]
mod constants;
#[cfg(target_arch = "aarch64")]
#[path = "crc32c/arm.rs"]
mod ways;
#[cfg(target_arch = "x86_64")]
#[path = "crc32c/x86.rs"]
mod ways;
#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
#[path = "crc32c/none.rs"]
mod ways;

/// The register after `bytes`, beginning with `state`: all ones at first, and the checksum is the complement of the
/// last. `None` where the processor has no instructions for it.
#[inline]
#[must_use]
pub fn update(state: u32, bytes: &[u8]) -> Option<u32> {
    ways::update(state, bytes)
}

#[cfg(test)]
mod tests {
    use super::ways;

    /// A name, and what continues a checksum.
    pub(super) type Way = (&'static str, fn(u32, &[u8]) -> u32);

    /// The definition, bit by bit.
    fn slow(state: u32, bytes: &[u8]) -> u32 {
        bytes.iter().fold(state, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 })
        })
    }

    #[test]
    fn every_way_of_this_processor_equals_the_definition() {
        let bytes: Vec<u8> = (0..2500u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for (name, way) in ways::all() {
            for length in 0..2300 {
                let part = &bytes[length % 67..][..length];
                for state in [u32::MAX, 0, 0x1234_5678] {
                    assert_eq!(way(state, part), slow(state, part), "{name}, length {length}, state {state:#x}");
                }
            }
        }
    }
}
