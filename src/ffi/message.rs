//! The text of a thread's last failure. Written on failure only; a call that succeeds does not come near it.

use std::cell::RefCell;
use std::ffi::c_char;
use std::fmt::{self, Write};

use super::error::Failure;

/// Longer texts are cut.
const SIZE_MAX: usize = 4096;

/// A thread's last failure.
struct Message {
    /// UTF-8 and a closing zero; empty before the first failure. Kept for the next text.
    text: Vec<u8>,
    /// A newer failure of a function, whose text nobody asked for yet.
    unwritten: Option<(&'static str, Failure)>,
}

thread_local! {
    static MESSAGE: RefCell<Message> = const { RefCell::new(Message { text: Vec::new(), unwritten: None }) };
}

impl Message {
    fn write(&mut self, function: &str, reason: fmt::Arguments<'_>) {
        self.unwritten = None;
        self.text.clear();
        // Where memory is out the number has to say it alone. What is asked for here no text outgrows.
        if self.text.try_reserve_exact(SIZE_MAX).is_err() {
            return;
        }
        // A text that was cut is a text too.
        let _ = CText(&mut self.text).write_fmt(format_args!("{function}: {reason}"));
        self.text.push(0);
    }
}

/// Collects a C string: zeroes inside are replaced, what is too long is left out.
struct CText<'a>(&'a mut Vec<u8>);

impl Write for CText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.as_bytes().contains(&0) && self.0.len() + text.len() < SIZE_MAX {
            self.0.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        for character in text.chars() {
            let character = if character == '\0' { '\u{FFFD}' } else { character };
            if self.0.len() + character.len_utf8() >= SIZE_MAX {
                return Err(fmt::Error);
            }
            self.0.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }
}

/// Remembers why the call `function` failed.
pub(super) fn set(function: &str, reason: fmt::Arguments<'_>) {
    with(|message| message.write(function, reason));
}

/// The same, but the text is written when it is asked for: who polls for something and finds nothing pays for no text.
#[inline]
pub(super) fn set_unwritten(function: &'static str, failure: Failure) {
    with(|message| message.unwritten = Some((function, failure)));
}

/// The text, valid until the next failure on this thread.
pub(super) fn get() -> *const c_char {
    let mut text = c"".as_ptr();
    with(|message| {
        if let Some((function, failure)) = message.unwritten.take() {
            message.write(function, format_args!("{failure}"));
        }
        if !message.text.is_empty() {
            text = message.text.as_ptr().cast();
        }
    });
    text
}

/// A thread that is ending, or a signal handler that interrupted this very file, goes without a text.
#[inline]
fn with(call: impl FnOnce(&mut Message)) {
    let _ = MESSAGE.try_with(|message| {
        if let Ok(mut message) = message.try_borrow_mut() {
            call(&mut message);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn text() -> String {
        // SAFETY: a C string that nobody changes before it is copied.
        unsafe { CStr::from_ptr(get()) }.to_str().expect("UTF-8").to_owned()
    }

    #[test]
    fn a_thread_has_its_own_last_text() {
        assert_eq!(text(), "");
        set("ckafka_open", format_args!("no \0 such"));
        assert_eq!(text(), "ckafka_open: no \u{FFFD} such");
        std::thread::spawn(|| assert_eq!(text(), "")).join().expect("thread");
        set_unwritten("g", Failure::Pointer { name: "out" });
        let written = text();
        assert!(written.starts_with("g: ") && written.contains("out"), "{written}");
        assert_eq!(text(), written);
        set("f", format_args!("{}", "ä".repeat(5000)));
        assert!(text().len() < SIZE_MAX && text().ends_with('ä'));
    }
}
