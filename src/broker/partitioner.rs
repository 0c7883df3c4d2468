//! Which partition a key belongs to: murmur2 as the Java client has it. (to be implemented)

/// `toPositive(murmur2(key)) % partition_count`; `None` for a count below 1.
#[must_use]
pub fn partition_for_key(_key: &[u8], _partition_count: i32) -> Option<i32> {
    todo!()
}
