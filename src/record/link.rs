//! The four fields of a batch header that lead to the next batch: all that a walk to an offset needs of most batches.

use super::BatchHeader;

/// Where the next batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLink {
    /// Bytes of this one.
    pub size: usize,
    /// Offset behind it.
    pub next_offset: i64,
}

/// The link of the batch at the start of `bytes`, if it is of magic 2, begins with exactly `base_offset` and lies in
/// `bytes` whole. Says nothing about why it is not: [`BatchHeader::parse`] does.
#[must_use]
#[inline]
pub fn batch_link(bytes: &[u8], base_offset: i64) -> Option<BatchLink> {
    let head = bytes.first_chunk::<{ BatchHeader::SIZE }>()?;
    let [b0, b1, b2, b3, b4, b5, b6, b7, l0, l1, l2, l3, _, _, _, _, magic, ..] = *head;
    let [.., d0, d1, d2, d3] = *head.first_chunk::<27>()?;
    let length = i32::from_be_bytes([l0, l1, l2, l3]);
    let last_offset_delta = i32::from_be_bytes([d0, d1, d2, d3]);
    let size = BatchHeader::PREFIX + usize::try_from(length).ok()?;
    let is_link = i64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7]) == base_offset
        && magic == 2
        && (BatchHeader::SIZE..=bytes.len()).contains(&size)
        && last_offset_delta >= 0;
    let next_offset = base_offset.saturating_add(i64::from(last_offset_delta)).saturating_add(1);
    is_link.then_some(BatchLink { size, next_offset })
}

#[cfg(test)]
mod tests {
    use super::{BatchLink, batch_link};
    use crate::record::{BatchBuilder, BatchHeader, stamp};

    fn batch() -> Vec<u8> {
        let mut builder = BatchBuilder::default();
        for value in [&b"one"[..], b"two", b"three"] {
            builder.add(0, None, Some(value), &[]).unwrap();
        }
        let bytes = builder.finish(0).unwrap();
        stamp(bytes, 500, 0);
        bytes.to_vec()
    }

    #[test]
    fn it_agrees_with_the_header() {
        let bytes = batch();
        let header = BatchHeader::parse(&bytes).unwrap();
        let link = BatchLink { size: header.size(), next_offset: header.next_offset() };
        assert_eq!(batch_link(&bytes, 500), Some(link));
        assert_eq!(batch_link(&bytes, 499), None);
        for cut in 0..bytes.len() {
            assert_eq!(batch_link(&bytes[..cut], 500), None);
        }
    }

    #[test]
    fn whatever_it_follows_the_header_parses_to_the_same() {
        let bytes = batch();
        for at in 0..27 {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged.resize(2000, 0);
                damaged[at] ^= 1 << bit;
                if let Some(link) = batch_link(&damaged, 500) {
                    let header = BatchHeader::parse(&damaged).unwrap();
                    assert_eq!((link.size, link.next_offset), (header.size(), header.next_offset()));
                }
            }
        }
    }
}
