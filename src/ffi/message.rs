//! The text of a thread's last failure. Written on failure only; a call that succeeds does not come near it.

use std::cell::RefCell;
use std::ffi::c_char;
use std::fmt::{self, Write};

/// Longer texts are cut.
const SIZE_MAX: usize = 4096;

thread_local! {
    /// UTF-8 and a closing zero; empty before the first failure. Kept for the next text.
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
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
    // A thread that is ending, or a signal handler that interrupted this very function, goes without a text.
    let _ = TEXT.try_with(|text| {
        let Ok(mut text) = text.try_borrow_mut() else { return };
        text.clear();
        // Where memory is out the number has to say it alone. Once it is there, no write goes past it.
        if text.try_reserve_exact(SIZE_MAX).is_err() {
            return;
        }
        // A text that was cut is a text too.
        let _ = CText(&mut text).write_fmt(format_args!("{function}: {reason}"));
        text.push(0);
    });
}

/// The text, valid until the next failure on this thread.
pub(super) fn get() -> *const c_char {
    let text = TEXT.try_with(|text| match text.try_borrow() {
        Ok(text) if !text.is_empty() => text.as_ptr().cast(),
        _ => c"".as_ptr(),
    });
    text.unwrap_or(c"".as_ptr())
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
        set("f", format_args!("{}", "ä".repeat(5000)));
        assert!(text().len() < SIZE_MAX && text().ends_with('ä'));
    }
}
