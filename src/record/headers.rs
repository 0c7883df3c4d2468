//! Record headers: the fields of Kafka's header array without the count in front.
//!
//! ```text
//! per header:  varint nameLength (never null)  UTF-8 name  varint valueLength, -1 null  value
//! ```
//!
//! Names may repeat and may be empty. That they are UTF-8 is asked of those who write ([`append`] takes a `&str`) and not
//! of what is read: a broker checks it neither.

use super::{BatchError, varint};

/// Checks fields and counts them.
pub fn count(fields: &[u8]) -> Result<i32, BatchError> {
    let mut position = 0;
    let mut count = 0_i32;
    while next(fields, &mut position)?.is_some() {
        // Each header takes two bytes or more, so the count fits wherever the fields fit a batch.
        count = count.checked_add(1).ok_or(BatchError::TooLarge { reason: "more than 2^31-1 headers" })?;
    }
    Ok(count)
}

/// Appends one header to `out`.
///
/// On `Err` (a name or value of 2^31 bytes or more) `out` is as before.
pub fn append(out: &mut Vec<u8>, name: &str, value: Option<&[u8]>) -> Result<(), BatchError> {
    let value_len = value.map_or(0, <[u8]>::len);
    if name.len().max(value_len) > i32::MAX as usize {
        return Err(BatchError::TooLarge { reason: "header name or value longer than 2^31-1 bytes" });
    }
    append_varint(out, name.len() as i64);
    out.extend_from_slice(name.as_bytes());
    match value {
        None => append_varint(out, -1),
        Some(value) => {
            append_varint(out, value.len() as i64);
            out.extend_from_slice(value);
        }
    }
    Ok(())
}

/// Bytes that one header takes.
#[must_use]
pub fn size(name_len: usize, value_len: Option<usize>) -> usize {
    let value_size = value_len.map_or(1, |len| varint::size_i64(len as i64) + len);
    varint::size_i64(name_len as i64) + name_len + value_size
}

/// Takes the header at `*position` and moves it behind; `None` at the end.
///
/// On `Err` the position is where it was.
#[expect(clippy::type_complexity, reason = "name and nullable value, borrowed")]
pub fn next<'a>(fields: &'a [u8], position: &mut usize) -> Result<Option<(&'a [u8], Option<&'a [u8]>)>, BatchError> {
    if *position >= fields.len() {
        return Ok(None);
    }
    let mut at = *position;
    let name_len = varint::read_i32(fields, &mut at)?;
    let Some(name) = take(fields, &mut at, name_len) else {
        return Err(malformed(*position, "header name", name_len));
    };
    let value_len = varint::read_i32(fields, &mut at)?;
    let value = if value_len == -1 {
        None
    } else {
        match take(fields, &mut at, value_len) {
            Some(value) => Some(value),
            None => return Err(malformed(*position, "header value", value_len)),
        }
    };
    *position = at;
    Ok(Some((name, value)))
}

/// The next `len` bytes, if `len` is not negative and they are there.
fn take<'a>(fields: &'a [u8], at: &mut usize, len: i32) -> Option<&'a [u8]> {
    let end = at.checked_add(usize::try_from(len).ok()?)?;
    let bytes = fields.get(*at..end)?;
    *at = end;
    Some(bytes)
}

fn append_varint(out: &mut Vec<u8>, value: i64) {
    let mut bytes = [0; 10];
    let mut position = 0;
    varint::write_i64(&mut bytes, &mut position, value);
    out.extend_from_slice(&bytes[..position]);
}

#[cold]
fn malformed(position: usize, what: &str, len: i32) -> BatchError {
    BatchError::Malformed {
        position: position as u64,
        reason: format!("{what} of length {len} does not fit the headers"),
    }
}

#[cfg(test)]
mod tests {
    use super::{append, count, next, size};

    #[test]
    fn what_is_appended_comes_back_in_order() {
        let long = vec![7; 300];
        let headers: [(&str, Option<&[u8]>); 5] =
            [("h", Some(b"x")), ("", None), ("h", Some(b"")), ("ü", Some(&long)), ("null", None)];
        let mut fields = Vec::new();
        let mut sizes = 0;
        for (name, value) in headers {
            append(&mut fields, name, value).unwrap();
            sizes += size(name.len(), value.map(<[u8]>::len));
        }
        assert_eq!(fields.len(), sizes);
        assert_eq!(count(&fields).unwrap(), 5);
        let mut position = 0;
        for (name, value) in headers {
            assert_eq!(next(&fields, &mut position).unwrap(), Some((name.as_bytes(), value)));
        }
        assert_eq!(next(&fields, &mut position).unwrap(), None);
        assert_eq!(count(b"").unwrap(), 0);
    }

    #[test]
    fn the_worked_header() {
        let mut fields = Vec::new();
        append(&mut fields, "h", Some(b"x")).unwrap();
        assert_eq!(fields, [0x02, b'h', 0x02, b'x']);
    }

    #[test]
    fn a_null_name_a_negative_length_and_cuts_are_refused() {
        assert!(count(&[0x01, 0x00]).is_err(), "null name");
        assert!(count(&[0x00, 0x03]).is_err(), "value length -2");
        let mut fields = Vec::new();
        append(&mut fields, "name", Some(b"value")).unwrap();
        for cut in 1..fields.len() {
            let mut position = 0;
            assert!(next(&fields[..cut], &mut position).is_err(), "cut at {cut}");
            assert_eq!(position, 0);
        }
    }
}
