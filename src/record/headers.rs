//! Record headers: the fields of Kafka's header array without the count in front.

use super::BatchError;

/// Checks fields and counts them.
pub fn count(_fields: &[u8]) -> Result<i32, BatchError> {
    todo!()
}
/// Appends one header to `out`.
pub fn append(_out: &mut Vec<u8>, _name: &str, _value: Option<&[u8]>) -> Result<(), BatchError> {
    todo!()
}
/// Bytes that one header takes.
#[must_use]
pub fn size(_name_len: usize, _value_len: Option<usize>) -> usize {
    todo!()
}
/// Takes the header at `*position` and moves it behind; `None` at the end.
#[expect(clippy::type_complexity, reason = "name and nullable value, borrowed")]
pub fn next<'a>(_fields: &'a [u8], _position: &mut usize) -> Result<Option<(&'a [u8], Option<&'a [u8]>)>, BatchError> {
    todo!()
}
