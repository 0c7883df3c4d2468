//! What to say about a key that is not there: the ones that may have been meant.

use super::table::KEYS;

/// More would hide the right one.
const SUGGESTIONS_MAX: usize = 3;
/// Longer keys are nobody's slip, and comparing takes the product of the lengths.
const KEY_LEN_MAX: usize = 64;

/// Why an unknown key is refused, with close matches, or with all keys where none is close.
pub(super) fn unknown_key(key: &str) -> String {
    let mut close: Vec<(usize, &str)> = Vec::new();
    for name in KEYS.iter().map(|known| known.name) {
        if let Some(distance) = distance(key, name).filter(|distance| *distance <= name.len() / 4) {
            let at = close.partition_point(|closer| *closer < (distance, name));
            close.insert(at, (distance, name));
        }
    }
    close.truncate(SUGGESTIONS_MAX);
    if close.is_empty() {
        let all: Vec<&str> = KEYS.iter().map(|known| known.name).collect();
        return format!("unknown key; the keys are {}", all.join(", "));
    }
    let names: Vec<&str> = close.iter().map(|(_, name)| *name).collect();
    format!("unknown key; did you mean {}?", names.join(" or "))
}

/// How many letters have to be changed, added or left out to get from one to the other, `_` and `.` being one letter,
/// and a missing `ckafka.` costing nothing.
fn distance(key: &str, known: &str) -> Option<usize> {
    if key.len() > KEY_LEN_MAX {
        return None;
    }
    let key = key.replace(['_', '-'], ".").to_ascii_lowercase();
    let full = edits(&key, &known.replace('_', "."));
    let short = known.strip_prefix("ckafka.").map(|known| edits(&key, known));
    Some(short.map_or(full, |short| short.min(full)))
}

fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, from) in from.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (above, to) in row.iter_mut().skip(1).zip(to.bytes()) {
            let changed = diagonal + usize::from(from != to);
            diagonal = *above;
            left = changed.min(diagonal + 1).min(left + 1);
            *above = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_the_key_and_nonsense_finds_all() {
        for (slip, meant) in [
            ("segment.byte", "segment.bytes"),
            ("Segment_Bytes", "segment.bytes"),
            ("flush.message", "flush.messages"),
            ("on.corrupt", "ckafka.on.corrupt"),
        ] {
            let said = unknown_key(slip);
            assert!(said.contains("did you mean") && said.contains(meant), "{slip}: {said}");
        }
        assert!(unknown_key("linger.ms").contains("flush.ms"), "{}", unknown_key("linger.ms"));
        assert_eq!((edits("kitten", "sitting"), edits("", "abc"), edits("abc", "abc")), (3, 3, 0));
    }
}
