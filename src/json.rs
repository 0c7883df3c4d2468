//! JSON text for reports and statistics. Written here, read nowhere in the library.
//!
//! A value is made as its text, once: nobody asks a report for one of its fields. Leaf module: every room may use it.

use std::fmt::{self, Write};

/// A JSON value, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(String);

/// What can stand in JSON.
pub trait ToJson {
    /// Adds its text.
    fn write_to(&self, out: &mut String);
}

impl Json {
    /// An object of these members, in this order. No name may come twice.
    #[must_use]
    pub fn object(members: &[(&str, &dyn ToJson)]) -> Self {
        let mut text = String::from("{");
        for (name, value) in members {
            separate(&mut text);
            write_member(&mut text, name, *value);
        }
        text.push('}');
        Self(text)
    }

    /// The same object with one member more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &dyn ToJson) -> Self {
        self.0.pop();
        separate(&mut self.0);
        write_member(&mut self.0, name, value);
        self.0.push('}');
        self
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A comma, unless what comes next is the first in its object or list.
fn separate(text: &mut String) {
    if !text.ends_with(['{', '[']) {
        text.push(',');
    }
}

fn write_member(out: &mut String, name: &str, value: &dyn ToJson) {
    name.write_to(out);
    out.push(':');
    value.write_to(out);
}

fn write(out: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = out.write_fmt(text);
}

impl ToJson for Json {
    fn write_to(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

impl ToJson for str {
    fn write_to(&self, out: &mut String) {
        out.push('"');
        for character in self.chars() {
            match character {
                '"' | '\\' => out.extend(['\\', character]),
                '\0'..'\x20' => write(out, format_args!("\\u{:04x}", u32::from(character))),
                _ => out.push(character),
            }
        }
        out.push('"');
    }
}

impl ToJson for String {
    fn write_to(&self, out: &mut String) {
        self.as_str().write_to(out);
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn write_to(&self, out: &mut String) {
        (**self).write_to(out);
    }
}

impl ToJson for i64 {
    fn write_to(&self, out: &mut String) {
        write(out, format_args!("{self}"));
    }
}

impl ToJson for u64 {
    fn write_to(&self, out: &mut String) {
        write(out, format_args!("{self}"));
    }
}

impl ToJson for i32 {
    fn write_to(&self, out: &mut String) {
        i64::from(*self).write_to(out);
    }
}

impl ToJson for usize {
    fn write_to(&self, out: &mut String) {
        (*self as u64).write_to(out);
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn write_to(&self, out: &mut String) {
        match self {
            Some(value) => value.write_to(out),
            None => out.push_str("null"),
        }
    }
}

impl ToJson for [Json] {
    fn write_to(&self, out: &mut String) {
        out.push('[');
        for value in self {
            separate(out);
            value.write_to(out);
        }
        out.push(']');
    }
}

impl ToJson for Vec<Json> {
    fn write_to(&self, out: &mut String) {
        self.as_slice().write_to(out);
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    /// A reader of JSON that is not ours finds in the text what was put in.
    #[test]
    fn another_reader_finds_what_was_written() {
        let texts: String = ('\0'..'\u{80}').chain(['ä', '\u{2028}', '😀']).collect();
        let inner = Json::object(&[("n", &i64::MIN), ("m", &u64::MAX)]);
        let written = Json::object(&[
            ("text", &texts),
            ("ends in {", &"{"),
            ("none", &None::<i64>),
            ("some", &Some("x")),
            ("list", &vec![inner.clone(), Json::object(&[])]),
            ("empty", &Vec::new()),
            ("inner", &inner),
        ])
        .with("last", &-1)
        .to_string();
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        let expected = serde_json::json!({
            "text": texts, "ends in {": "{", "none": null, "some": "x", "list": [{"n": i64::MIN, "m": u64::MAX}, {}],
            "empty": [], "inner": {"n": i64::MIN, "m": u64::MAX}, "last": -1,
        });
        assert_eq!(read, expected);
        assert_eq!(Json::object(&[]).with("a", &1).to_string(), r#"{"a":1}"#);
    }
}
