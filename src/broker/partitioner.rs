//! Which partition a key belongs to: murmur2 as the Java client has it (`org.apache.kafka.common.utils.Utils.murmur2`, from Austin Appleby's MurmurHash2).

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;

/// murmur2 of `bytes`, as the signed number that Java shows.
#[must_use]
pub fn murmur2(bytes: &[u8]) -> i32 {
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ hash >> 15).cast_signed()
}

/// `toPositive(murmur2(key)) % partition_count`; `None` for a count below 1.
#[must_use]
pub fn partition_for_key(key: &[u8], partition_count: i32) -> Option<i32> {
    (partition_count > 0).then(|| (murmur2(key) & i32::MAX) % partition_count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_that_kafka_publishes() {
        // org.apache.kafka.common.utils.UtilsTest.testMurmur2
        let vectors: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in vectors {
            assert_eq!(murmur2(key), hash, "{}", String::from_utf8_lossy(key));
        }
        assert_eq!(partition_for_key(b"foobar", 0), None);
        assert_eq!(partition_for_key(b"foobar", 7), Some((-790_332_482i32 & i32::MAX) % 7));
    }
}
