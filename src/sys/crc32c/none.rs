//! A processor that we know no instructions for.

#[inline]
pub(super) fn update(_state: u32, _bytes: &[u8]) -> Option<u32> {
    None
}

/// The ways that this processor can go, for tests.
#[cfg(test)]
pub(super) fn all() -> Vec<super::tests::Way> {
    Vec::new()
}
