//! CRC-32C on aarch64: the `crc32c` instructions, which all but the first of these processors have.

use std::arch::aarch64::{__crc32cb, __crc32cd};
use std::arch::is_aarch64_feature_detected;

#[inline]
pub(super) fn update(state: u32, bytes: &[u8]) -> Option<u32> {
    // SAFETY: the feature that `serial` is compiled with was just seen.
    is_aarch64_feature_detected!("crc").then(|| unsafe { serial(state, bytes) })
}

/// The ways that this processor can go, for tests.
#[cfg(test)]
pub(super) fn all() -> Vec<super::tests::Way> {
    if is_aarch64_feature_detected!("crc") {
        // SAFETY: the feature was just seen.
        vec![("serial", |state, bytes| unsafe { serial(state, bytes) })]
    } else {
        Vec::new()
    }
}

#[target_feature(enable = "crc")]
fn serial(state: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let state = words.iter().fold(state, |state, word| __crc32cd(state, u64::from_le_bytes(*word)));
    rest.iter().fold(state, |state, byte| __crc32cb(state, *byte))
}
