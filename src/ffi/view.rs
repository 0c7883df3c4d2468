//! C API: views: the memory and the tables of records that were read.

use std::ffi::c_void;
use std::mem::size_of;
use std::ptr;
use std::sync::Arc;

use super::args::{Out, bytes, limit, out, owned, reference};
use super::boundary::boundary;
use super::codes::ckafka_err_t;
use super::error::{Failure, Outcome};
use super::types::{ckafka_columns_t, ckafka_rec_t, ckafka_view_t};
use crate::storage::view::View;

/// Gives a view to the caller, who releases it.
pub(super) fn hand_over_view(view: Arc<View>, out: &Out<*mut ckafka_view_t>) {
    out.write(Arc::into_raw(view).cast_mut().cast());
}

/// Makes a call with a view.
///
/// # Safety
/// `view` is NULL or came from `hand_over_view` and is not released for the last time.
unsafe fn on_view(
    function: &'static str,
    view: *const ckafka_view_t,
    call: impl FnOnce(&View) -> Outcome,
) -> ckafka_err_t {
    boundary(function, || {
        // SAFETY: this function's contract.
        call(unsafe { reference::<View>(view.cast(), "view") }?)
    })
}

/// The memory that all positions in a view's tables refer to: the batches as they lie in the page cache, or
/// decompressed records. Read-only.
///
/// Valid until the view is released for the last time. Any thread. With ckafka.read.mode=map, touching a
/// page that the disk cannot give is a SIGBUS; with copy it is not.
///
/// # Safety
/// `view` is NULL or not released. `ptr` and `len` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_view_base(
    view: *const ckafka_view_t,
    ptr: *mut *const c_void,
    len: *mut usize,
) -> ckafka_err_t {
    let call = |view: &View| {
        // SAFETY: this function's contract.
        let (ptr, len) = unsafe { (out(ptr, "ptr")?, out(len, "len")?) };
        write_bytes(view.base(), &ptr, &len);
        Ok(())
    };
    // SAFETY: this function's contract.
    unsafe { on_view("ckafka_view_base", view, call) }
}

fn write_bytes(bytes: &[u8], ptr: &Out<*const c_void>, len: &Out<usize>) {
    ptr.write(bytes.as_ptr().cast());
    len.write(bytes.len());
}

/// The records of a view, in order of their offsets: `n` rows. Read-only.
///
/// Valid until the view is released for the last time. Any thread. Control records, records below the offset that was
/// fetched from and, under read_committed, those of aborted transactions are not in it.
///
/// Errors: CKAFKA_ERR__CORRUPT, CKAFKA_ERR_CORRUPT_MESSAGE (records of a batch that do not parse).
///
/// # Safety
/// `view` is NULL or not released. `recs` and `n` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_view_records(
    view: *const ckafka_view_t,
    recs: *mut *const ckafka_rec_t,
    n: *mut usize,
) -> ckafka_err_t {
    let call = |view: &View| {
        // SAFETY: this function's contract.
        let (recs, n) = unsafe { (out(recs, "recs")?, out(n, "n")?) };
        let rows = view.rows()?;
        recs.write(rows.as_ptr().cast());
        n.write(rows.len());
        Ok(())
    };
    // SAFETY: this function's contract.
    unsafe { on_view("ckafka_view_records", view, call) }
}

/// The same records by columns: one array a field. Read-only, valid as ckafka_view_records says.
///
/// Set `out->struct_size` to sizeof(ckafka_columns_t) before the call; the other fields are filled in.
///
/// # Safety
/// `view` is NULL or not released. `out` is NULL or readable and writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_view_columns(view: *const ckafka_view_t, out: *mut ckafka_columns_t) -> ckafka_err_t {
    let call = |view: &View| {
        // SAFETY: this function's contract; the size is read by itself, as older programs have a shorter struct.
        let struct_size = unsafe { self::out(out.cast::<u32>(), "out") }?.read();
        if (struct_size as usize) < size_of::<ckafka_columns_t>() {
            return Err(Failure::argument("struct_size", struct_size, "sizeof(ckafka_columns_t)"));
        }
        // SAFETY: this function's contract, and the size says that the whole struct is there.
        let out = unsafe { self::out(out, "out") }?;
        let columns = view.columns()?;
        out.write(ckafka_columns_t {
            struct_size,
            reserved: 0,
            count: columns.offsets().len(),
            offsets: columns.offsets().as_ptr(),
            timestamps: columns.timestamps().as_ptr(),
            key_pos: columns.key_positions().as_ptr().cast(),
            val_pos: columns.value_positions().as_ptr().cast(),
            hdr_pos: columns.headers_positions().as_ptr().cast(),
            key_len: columns.key_lens().as_ptr(),
            val_len: columns.value_lens().as_ptr(),
            hdr_len: columns.headers_lens().as_ptr(),
        });
        Ok(())
    };
    // SAFETY: this function's contract.
    unsafe { on_view("ckafka_view_columns", view, call) }
}

/// The batches of a view exactly as they lie on disk. Read-only, valid until the view is released for the last time.
///
/// # Safety
/// `view` is NULL or not released. `ptr` and `len` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_view_raw(
    view: *const ckafka_view_t,
    ptr: *mut *const c_void,
    len: *mut usize,
) -> ckafka_err_t {
    let call = |view: &View| {
        // SAFETY: this function's contract.
        let (ptr, len) = unsafe { (out(ptr, "ptr")?, out(len, "len")?) };
        write_bytes(view.raw(), &ptr, &len);
        Ok(())
    };
    // SAFETY: this function's contract.
    unsafe { on_view("ckafka_view_raw", view, call) }
}

/// Counts one more owner of a view: one more ckafka_view_release is needed. Any thread.
///
/// # Safety
/// `view` is NULL or not released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_view_retain(view: *mut ckafka_view_t) -> ckafka_err_t {
    let call = |view: &View| {
        // SAFETY: the view came from `Arc::into_raw`, and its owner is still counted.
        unsafe { Arc::increment_strong_count(ptr::from_ref(view)) };
        Ok(())
    };
    // SAFETY: this function's contract.
    unsafe { on_view("ckafka_view_retain", view, call) }
}

/// Gives a view back. With its last owner its memory and its tables go. Any thread. NULL is a no-op.
///
/// # Safety
/// `view` is NULL or not released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_view_release(view: *mut ckafka_view_t) {
    if !view.is_null() {
        boundary("ckafka_view_release", || {
            // SAFETY: by contract from `Arc::into_raw`, by an owner who is still counted.
            drop(unsafe { Arc::from_raw(owned(view.cast::<View>(), "view")?.as_ptr().cast_const()) });
            Ok(())
        });
    }
}

/// Makes a view of batches that arrived from elsewhere, for example from a socket. Needs no log. Any thread.
///
/// The bytes are copied. One call takes one view's worth: a run of uncompressed batches, or one compressed batch.
/// `consumed_out` says how many bytes that was: call again with the rest. Where `bytes` hold no whole batch,
/// `consumed_out` is 0 and `out` gets NULL: read more first. `max_out` limits the memory of the view, whatever the
/// bytes claim. CRCs are checked. The view belongs to the caller: ckafka_view_release.
///
/// Errors: CKAFKA_ERR_CORRUPT_MESSAGE, CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, CKAFKA_ERR_MESSAGE_TOO_LARGE (more
/// than `max_out`), CKAFKA_ERR_UNSUPPORTED_COMPRESSION_TYPE.
///
/// # Safety
/// `bytes` is NULL or readable for `len` bytes. `out` and `consumed_out` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_view_decode(
    bytes: *const c_void,
    len: usize,
    max_out: usize,
    out: *mut *mut ckafka_view_t,
    consumed_out: *mut usize,
) -> ckafka_err_t {
    boundary("ckafka_view_decode", || {
        // SAFETY: this function's contract.
        let (bytes, out, consumed_out) = unsafe {
            (self::bytes(bytes, len, "bytes")?, self::out(out, "out")?, self::out(consumed_out, "consumed_out")?)
        };
        let (view, consumed) = View::decode(bytes, limit(max_out, "max_out")?)?;
        if consumed == 0 {
            out.write(ptr::null_mut());
        } else {
            hand_over_view(view, &out);
        }
        consumed_out.write(consumed);
        Ok(())
    })
}
