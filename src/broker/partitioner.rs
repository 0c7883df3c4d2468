//! Which partition a key belongs to: murmur2 as Kafka's Java client has it. No state: what null keys do is the caller's.

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;

/// `toPositive(murmur2(key)) % partition_count`; `None` for a count below 1.
#[must_use]
pub fn partition_for_key(key: &[u8], partition_count: i32) -> Option<i32> {
    if partition_count < 1 {
        return None;
    }
    // Java's toPositive clears the sign bit, it does not negate.
    Some((murmur2(key) & i32::MAX) % partition_count)
}

/// MurmurHash2, 32 bits, with Kafka's seed, as the signed number that Java has.
fn murmur2(data: &[u8]) -> i32 {
    // Java's array length is an i32; a longer key cannot come from there.
    let mut hash = SEED ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut mixed = word.iter().rev().fold(0, |word: u32, byte| word << 8 | u32::from(*byte));
        mixed = mixed.wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> 24;
        mixed = mixed.wrapping_mul(MULTIPLIER);
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed;
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        hash ^= tail.iter().rev().fold(0, |tail: u32, byte| tail << 8 | u32::from(*byte));
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^= hash >> 15;
    hash as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_kafkas_own_test() {
        let published: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in published {
            assert_eq!(murmur2(key), hash, "{}", key.escape_ascii());
        }
    }

    #[test]
    fn partitions_are_within_the_count() {
        assert_eq!(partition_for_key(b"21", 1), Some(0));
        assert_eq!(partition_for_key(b"21", 1 << 30), Some((-973_932_308 & i32::MAX) % (1 << 30)));
        assert!(partition_for_key(b"", 7).is_some_and(|partition| (0..7).contains(&partition)));
        assert_eq!((partition_for_key(b"21", 0), partition_for_key(b"21", -1)), (None, None));
    }
}
