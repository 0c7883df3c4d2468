//! What lies at a place of a log file: a batch, an entry of an older format, the end, or damage. Decides about bytes, not about what is to be done.
//!
//! A batch is whole if its length fits the file, its magic is 2, its CRC holds, and its offsets go on from what came before and stay within
//! 31 bits of the segment's base. Base offset, length, epoch and magic lie outside the CRC, so an entry of magic 0 or 1 is only
//! believed by its own CRC, and a jump in offsets only together with what follows it (see `segment_scan`).

use super::window::Window;
use crate::error::Result;
use crate::record::{BatchHeader, Checksum, EntryHeader, crc32c, scan_entry};

/// Whether a batch's checksum is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crc {
    /// It is, and a wrong one is damage.
    Check,
    /// Only lengths and offsets are looked at.
    Skip,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole v2 batch.
    Batch(BatchHeader),
    /// A whole entry of magic 0 or 1.
    Old(EntryHeader),
    /// The file ends here.
    End,
    /// Bytes that are neither, and why.
    Bad(String),
}

/// Where an entry is looked for, and which offsets it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Position in the file.
    pub position: u64,
    /// Base offset of the segment.
    pub base_offset: i64,
    /// First offset behind what came before.
    pub next_offset: i64,
}

const MAGIC_AT: usize = 16;
const CRC_COVERS_FROM: u64 = 21;
const OLD_CRC_AT: u64 = 12;
const OLD_CRC_COVERS_FROM: u64 = 16;

/// Looks at one place.
pub(super) fn look(window: &mut Window<'_>, place: Place, crc: Crc) -> Result<Found> {
    let rest = window.len().saturating_sub(place.position);
    if rest == 0 {
        return Ok(Found::End);
    }
    let bytes = window.bytes(place.position, BatchHeader::SIZE)?;
    let entry = match scan_entry(bytes) {
        Ok(entry) => entry,
        Err(error) => return Ok(Found::Bad(error.to_string())),
    };
    let header = BatchHeader::parse(bytes);
    if entry.size as u64 > rest {
        return Ok(Found::Bad(format!("batch of {} bytes, {rest} are there", entry.size)));
    }
    if let Some(reason) = offsets_wrong(place, &entry) {
        return Ok(Found::Bad(reason));
    }
    let Ok(header) = header else {
        return Ok(match has_old_crc(window, place.position, &entry)? {
            true => Found::Old(entry),
            false => Found::Bad(format!("record format magic {} with a wrong CRC", entry.magic)),
        });
    };
    if crc == Crc::Check
        && let Some(found) = wrong_crc(window, place.position, &header)?
    {
        return Ok(Found::Bad(format!("CRC-32C {found:#010x}, expected {:#010x}", header.crc)));
    }
    Ok(Found::Batch(header))
}

/// Offsets that step back, or leave the 31 bits that an index entry has for them.
fn offsets_wrong(place: Place, entry: &EntryHeader) -> Option<String> {
    if entry.base_offset < place.next_offset {
        return Some(format!("offset {} steps back, expected {} or more", entry.base_offset, place.next_offset));
    }
    // The greatest offset of all leaves none behind it.
    let relative = entry.last_offset.checked_sub(place.base_offset).filter(|_| entry.last_offset < i64::MAX);
    if relative.is_none_or(|relative| !(0..=i64::from(i32::MAX)).contains(&relative)) {
        return Some(format!(
            "last offset {} is too far from the segment's base {}",
            entry.last_offset, place.base_offset
        ));
    }
    i32::try_from(place.position).is_err().then(|| format!("position {} is beyond 31 bits", place.position))
}

/// The checksum found, where it is not the header's. The batch lies within the file.
fn wrong_crc(window: &mut Window<'_>, position: u64, header: &BatchHeader) -> Result<Option<u32>> {
    let size = header.size();
    let bytes = window.bytes(position, size)?;
    let found = match bytes.get(CRC_COVERS_FROM as usize..size) {
        Some(covered) => Some(crc32c(covered)),
        // Larger than a window: summed piece by piece.
        None => window.checksum(Checksum::Crc32c, position + CRC_COVERS_FROM, position + size as u64)?,
    };
    Ok(match found {
        Some(found) => (found != header.crc).then_some(found),
        None => Some(0),
    })
}

fn has_old_crc(window: &mut Window<'_>, position: u64, entry: &EntryHeader) -> Result<bool> {
    let stated = window.bytes(position + OLD_CRC_AT, 4)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
    let end = position + entry.size as u64;
    let found = window.checksum(Checksum::Crc32, position + OLD_CRC_COVERS_FROM, end)?;
    Ok(stated.is_some() && stated == found)
}

/// Whether a v2 batch with a right CRC starts at `position`, whatever its offsets are.
pub(super) fn is_whole_batch(window: &mut Window<'_>, position: u64) -> Result<Option<BatchHeader>> {
    let bytes = window.bytes(position, BatchHeader::SIZE)?;
    let Ok(header) = BatchHeader::parse(bytes) else { return Ok(None) };
    if header.size() as u64 > window.len().saturating_sub(position) {
        return Ok(None);
    }
    Ok(wrong_crc(window, position, &header)?.is_none().then_some(header))
}

/// What a search behind damage came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A whole batch is there.
    At(u64),
    /// There is none.
    Nothing,
    /// Too much of the file only looks like one for all of it to be tried.
    Unknown,
}

/// The first whole batch of a segment behind the damage at `from`: where the damaged length points, else wherever one is found byte by byte.
///
/// The length goes first, so that a batch that somebody stored as a value inside the damaged one is not taken for the log's own.
pub(super) fn next_whole_batch(window: &mut Window<'_>, base_offset: i64, from: u64) -> Result<Next> {
    let prefix = window.bytes(from, BatchHeader::PREFIX)?.first_chunk::<{ BatchHeader::PREFIX }>().copied();
    if let Some([.., l0, l1, l2, l3]) = prefix
        && let Ok(length) = u64::try_from(i32::from_be_bytes([l0, l1, l2, l3]))
    {
        let next = from + BatchHeader::PREFIX as u64 + length;
        match try_whole_batch(window, next)? {
            Next::Nothing => {}
            found => return Ok(found),
        }
    }
    let mut position = from + 1;
    while position + BatchHeader::SIZE as u64 <= window.len() {
        let bytes = window.bytes(position, BatchHeader::SIZE)?;
        let Some(starts) = bytes.len().checked_sub(BatchHeader::SIZE) else { break };
        let magics = bytes.get(MAGIC_AT..=MAGIC_AT + starts).unwrap_or_default();
        let Some(skip) = magics.iter().position(|byte| *byte == 2) else {
            position += starts as u64 + 1;
            continue;
        };
        let is_likely = bytes.get(skip..).is_some_and(|bytes| looks_like_header(bytes, base_offset));
        position += skip as u64;
        if is_likely {
            match try_whole_batch(window, position)? {
                Next::Nothing => {}
                found => return Ok(found),
            }
        }
        position += 1;
    }
    Ok(Next::Nothing)
}

/// Whether a whole batch is at `position`, within what a search may sum for nothing.
fn try_whole_batch(window: &mut Window<'_>, position: u64) -> Result<Next> {
    if is_whole_batch(window, position)?.is_some() {
        return Ok(Next::At(position));
    }
    let size = BatchHeader::parse(window.bytes(position, BatchHeader::SIZE)?).map_or(0, |header| header.size() as u64);
    let summed = if size <= window.len().saturating_sub(position) { size } else { 0 };
    Ok(if window.spend(summed) { Next::Nothing } else { Next::Unknown })
}

/// What keeps the search from summing up megabytes for every byte that happens to be 2.
fn looks_like_header(bytes: &[u8], base_offset: i64) -> bool {
    BatchHeader::parse(bytes).is_ok_and(|header| {
        let relative = header.base_offset.checked_sub(base_offset);
        relative.is_some_and(|relative| (0..=i64::from(i32::MAX)).contains(&relative))
            && header.attributes.0 & !0x7f == 0
            && header.attributes.codec().is_ok()
            && header.record_count <= header.last_offset_delta.saturating_add(1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Attributes;
    use crate::storage::testing::Folder;
    use crate::storage::window::WINDOW;
    use crate::sys::Access;

    /// A batch around any bytes; nothing here looks at records.
    fn batch(base_offset: i64, records: &[u8]) -> Vec<u8> {
        let header = BatchHeader {
            base_offset,
            batch_length: 49 + records.len() as i32,
            partition_leader_epoch: 0,
            crc: 0,
            attributes: Attributes(0),
            last_offset_delta: 0,
            base_timestamp: 1,
            max_timestamp: 1,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: 1,
        };
        let mut bytes = vec![0; BatchHeader::SIZE];
        header.write(bytes.first_chunk_mut().unwrap());
        bytes.extend_from_slice(records);
        let crc = crc32c(&bytes[21..]).to_be_bytes();
        bytes[17..21].copy_from_slice(&crc);
        bytes
    }

    fn with_window<T>(content: &[u8], check: impl FnOnce(&mut Window<'_>) -> T) -> T {
        let folder = Folder::new("scan");
        folder.write("a.log", content);
        let file = folder.dir.open_file("a.log", Access::Read).unwrap();
        check(&mut Window::new(&file).unwrap())
    }

    #[test]
    fn a_batch_larger_than_a_window_is_summed_piece_by_piece() {
        let mut bytes = batch(5, &vec![2; 2 * WINDOW + 99]);
        let place = Place { position: 0, base_offset: 0, next_offset: 5 };
        let found = with_window(&bytes, |window| look(window, place, Crc::Check).unwrap());
        assert!(matches!(found, Found::Batch(header) if header.base_offset == 5));
        *bytes.last_mut().unwrap() ^= 1;
        let found = with_window(&bytes, |window| look(window, place, Crc::Check).unwrap());
        assert!(matches!(found, Found::Bad(reason) if reason.contains("CRC")));
        assert!(matches!(with_window(&bytes, |window| look(window, place, Crc::Skip).unwrap()), Found::Batch(_)));
    }

    /// Headers of 61 bytes that each claim all the rest of the file.
    fn headers_to_the_end(count: usize) -> Vec<u8> {
        let len = count * BatchHeader::SIZE;
        let mut bytes = vec![9; BatchHeader::SIZE];
        for start in (BatchHeader::SIZE..len).step_by(BatchHeader::SIZE) {
            let mut head = batch(1, b"");
            head[17] ^= 1;
            head[8..12].copy_from_slice(&((len - start - BatchHeader::PREFIX) as i32).to_be_bytes());
            bytes.extend_from_slice(&head);
        }
        bytes
    }

    #[test]
    fn a_search_among_headers_that_all_lie_is_given_up() {
        let bytes = [headers_to_the_end(150_000), batch(2, b"last")].concat();
        let found = with_window(&bytes, |window| next_whole_batch(window, 0, 0).unwrap());
        assert_eq!(found, Next::Unknown);
        let bytes = [headers_to_the_end(500), batch(2, b"last")].concat();
        let found = with_window(&bytes, |window| next_whole_batch(window, 0, 0).unwrap());
        assert_eq!(found, Next::At(500 * BatchHeader::SIZE as u64));
    }

    #[test]
    fn the_next_whole_batch_is_the_log_s_own_and_is_found_across_windows() {
        let inner = batch(0, b"inner");
        let mut damaged = batch(0, &[inner.clone(), vec![9; 3 * WINDOW]].concat());
        *damaged.last_mut().unwrap() ^= 1;
        let next = damaged.len();
        let content = [damaged.clone(), batch(1, b"next")].concat();
        let found = with_window(&content, |window| next_whole_batch(window, 0, 0).unwrap());
        assert_eq!(found, Next::At(next as u64), "the length of the damaged batch points at it");
        // Without a length to go by it is found byte by byte, at whatever place.
        for shift in [0, 1, 60, 61, 62] {
            let content = [vec![2; WINDOW - shift], batch(7, b"next"), vec![2; 100]].concat();
            let found = with_window(&content, |window| next_whole_batch(window, 0, 0).unwrap());
            assert_eq!(found, Next::At((WINDOW - shift) as u64));
        }
        assert_eq!(with_window(&damaged[..50], |window| next_whole_batch(window, 0, 0).unwrap()), Next::Nothing);
        let found = with_window(&vec![2; 4 * WINDOW], |window| next_whole_batch(window, 0, 0).unwrap());
        assert_eq!(found, Next::Nothing);
    }
}
