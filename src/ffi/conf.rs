//! C API: configuration values. Keys, ranges and defaults are `broker::conf`.

use std::ffi::c_char;
use std::ptr;

use super::args::{out, owned, reference, utf8};
use super::boundary::{boundary, boundary_or};
use super::codes::ckafka_err_t;
use super::error::{Failure, Outcome};
use super::memory::boxed;
use super::types::ckafka_conf_t;
use crate::broker::Conf;
use crate::error::Error;

/// A configuration with every key at its default.
///
/// The caller owns it: ckafka_conf_free. One thread at a time may use it. Calls that take a configuration copy it. NULL
/// if memory is out.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_conf_new() -> *mut ckafka_conf_t {
    boundary_or("ckafka_conf_new", ptr::null_mut(), || Ok(Box::into_raw(boxed(Conf::new(), "a configuration")?).cast()))
}

/// Sets one value. Both texts are copied.
///
/// One configuration may hold keys of directories, topics and readers; each call takes those that concern it.
///
/// Errors: CKAFKA_ERR_INVALID_CONFIG for an unknown key or a value out of range (ckafka_errmsg names the allowed
/// ones), CKAFKA_ERR_UNSUPPORTED_COMPRESSION_TYPE for a codec that is not built in; nothing was changed then.
///
/// # Safety
/// `conf` is NULL or came from ckafka_conf_new or ckafka_conf_dup and is not freed. `key` and `value` are NULL or
/// zero-terminated UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_conf_set(
    conf: *mut ckafka_conf_t,
    key: *const c_char,
    value: *const c_char,
) -> ckafka_err_t {
    boundary("ckafka_conf_set", || {
        // SAFETY: not NULL, aligned; by this function's contract a configuration that nobody else uses meanwhile.
        let conf = unsafe { owned(conf.cast::<Conf>(), "conf")?.as_mut() };
        // SAFETY: this function's contract.
        let (key, value) = unsafe { (utf8(key, "key")?, utf8(value, "value")?) };
        Ok(conf.set(key, value)?)
    })
}

/// Reads one value, or its default, as text.
///
/// `len_inout` holds the size of `buf` before the call, and the length of the text with its closing zero after it.
/// CKAFKA_ERR__TRUNCATED: `buf` is too small and was left alone, `len_inout` says what is needed; `buf` may be NULL
/// with a size of 0 to ask for that. CKAFKA_ERR_INVALID_CONFIG: unknown key.
///
/// # Safety
/// `conf` is NULL or came from ckafka_conf_new or ckafka_conf_dup and is not freed. `key` is NULL or zero-terminated
/// UTF-8. `len_inout` is NULL or readable and writable. `buf` is NULL or writable for that many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_conf_get(
    conf: *const ckafka_conf_t,
    key: *const c_char,
    buf: *mut c_char,
    len_inout: *mut usize,
) -> ckafka_err_t {
    boundary("ckafka_conf_get", || {
        // SAFETY: this function's contract.
        let (conf, key, len) =
            unsafe { (reference::<Conf>(conf.cast(), "conf")?, utf8(key, "key")?, out(len_inout, "len_inout")?) };
        let capacity = len.read();
        if buf.is_null() && capacity != 0 {
            return Err(Failure::Pointer { name: "buf" });
        }
        let value = conf.get(key)?;
        let needed = value.len() + 1;
        len.write(needed);
        if capacity < needed {
            return Err(Error::BufferTooSmall { capacity, needed }.into());
        }
        // SAFETY: `buf` is not NULL, as the capacity is not 0, and is writable for that many bytes by contract.
        unsafe {
            buf.cast::<u8>().copy_from_nonoverlapping(value.as_ptr(), value.len());
            buf.add(value.len()).write(0);
        }
        Ok(())
    })
}

/// A copy of a configuration. The caller owns it: ckafka_conf_free. NULL for NULL, or if memory is out.
///
/// # Safety
/// `conf` is NULL or came from ckafka_conf_new or ckafka_conf_dup and is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_conf_dup(conf: *const ckafka_conf_t) -> *mut ckafka_conf_t {
    boundary_or("ckafka_conf_dup", ptr::null_mut(), || {
        // SAFETY: this function's contract.
        let conf = unsafe { reference::<Conf>(conf.cast(), "conf") }?;
        Ok(Box::into_raw(boxed(conf.try_clone()?, "a configuration")?).cast())
    })
}

/// Frees a configuration. NULL is a no-op.
///
/// # Safety
/// `conf` is NULL or came from ckafka_conf_new or ckafka_conf_dup and is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_conf_free(conf: *mut ckafka_conf_t) {
    if !conf.is_null() {
        boundary("ckafka_conf_free", || {
            // SAFETY: by contract from `Box::into_raw`, and given back once.
            drop(unsafe { Box::from_raw(owned(conf.cast::<Conf>(), "conf")?.as_ptr()) });
            Ok(())
        });
    }
}

/// A configuration that may be NULL: all defaults.
///
/// # Safety
/// `conf` is NULL or came from `ckafka_conf_new` or `ckafka_conf_dup` and is not freed.
pub(super) unsafe fn conf_or_default(conf: *const ckafka_conf_t) -> Outcome<Conf> {
    if conf.is_null() {
        return Ok(Conf::new());
    }
    // SAFETY: this function's contract.
    Ok(unsafe { reference::<Conf>(conf.cast(), "conf") }?.try_clone()?)
}
