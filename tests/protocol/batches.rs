//! Values that make batches of a wanted size, or hold a batch themselves.

use ckafka::record::{BatchBuilder, stamp};

/// A batch whose value holds another whole batch, and the size of what comes before that inside the outer one.
pub fn batch_in_a_batch(offset: i64) -> (Vec<u8>, usize) {
    let mut inner = BatchBuilder::default();
    inner.add(1, None, Some(b"nobody appended this"), b"").expect("adds");
    let mut inner = inner.finish(-1).expect("finishes").to_vec();
    stamp(&mut inner, offset, 0);
    let mut value = vec![b'y'; 300];
    value.extend_from_slice(&inner);
    let mut outer = BatchBuilder::default();
    outer.add(1_700_000_000_000, None, Some(&value), b"").expect("adds");
    let outer = outer.finish(-1).expect("finishes").to_vec();
    let at = outer.windows(inner.len()).position(|window| window == inner).expect("it is in there");
    (value, at)
}

/// How long a value makes a batch of exactly `size` bytes.
pub fn value_for_batch_of(size: usize) -> usize {
    let batch_size = |len: usize| {
        let mut builder = BatchBuilder::default();
        builder.add(1_700_000_000_000, None, Some(&vec![b'z'; len]), b"").expect("adds");
        builder.finish(-1).expect("finishes").len()
    };
    (1..size).find(|len| batch_size(*len) == size).expect("a size that can be had")
}

/// As a puppet takes bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
