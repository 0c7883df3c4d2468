//! C API: senders: a log goes to a descriptor as it lies.

use std::ffi::c_int;
use std::sync::Arc;

use super::args::{limit, out, start};
use super::boundary::{close, on, on_exclusive};
use super::codes::ckafka_err_t;
use super::directory::hand_over;
use super::error::Failure;
use super::exclusive::Exclusive;
use super::memory::boxed;
use super::object::{Object, OpenSender};
use super::types::{ckafka_log_t, ckafka_sender_t};
use crate::broker::Log;
use crate::error::Error;
use crate::storage::sender::{SendStop, Sender};

/// Opens a sender of a log, at the batch that holds `start`: an offset, or one of CKAFKA_START_*.
///
/// The handle belongs to the caller: ckafka_sender_close. One thread at a time may use it (another one gets
/// CKAFKA_ERR__BUSY). It keeps the log open, also after ckafka_log_close.
///
/// Errors: CKAFKA_ERR_OFFSET_OUT_OF_RANGE, CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION (deleted).
///
/// # Safety
/// `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_sender_open(
    log: *mut ckafka_log_t,
    start: i64,
    out: *mut *mut ckafka_sender_t,
) -> ckafka_err_t {
    on::<Log>("ckafka_sender_open", log, |log| {
        // SAFETY: this function's contract.
        let out = unsafe { self::out(out, "out") }?;
        let sender = Sender::open(Arc::clone(log), self::start(start)?)?;
        let object = OpenSender { sender: Exclusive::new(sender), _log: log.clone() };
        hand_over(Object::Sender(boxed(object, "a sender")?), &out)
    })
}

/// Sends record batches to a socket, pipe or file, inside the kernel where it can, and moves behind what went.
///
/// Whole batches go, at most `max_bytes` of them but at least one, and none that is not published; where the descriptor
/// took a part of a batch, the next call goes on inside it. `flags` is 0. The descriptor stays the caller's, and may be non-blocking. `sent_out` gets the bytes that
/// went, 0 at the end of the log. No SIGPIPE is raised.
///
/// Errors: CKAFKA_ERR__AGAIN (poll the descriptor for writing) and CKAFKA_ERR__INTERRUPTED (a signal, or a failure
/// after some bytes, which the next call reports), both with `sent_out` written: those bytes are gone;
/// CKAFKA_ERR__CLOSED (the peer is gone), CKAFKA_ERR__IO,
/// CKAFKA_ERR__DISK_FULL (of the target), CKAFKA_ERR_OFFSET_OUT_OF_RANGE (retention was faster),
/// CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION (deleted). ckafka_sender_position tells what went before them.
///
/// # Safety
/// `sent_out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_send(
    s: *mut ckafka_sender_t,
    out_fd: c_int,
    max_bytes: u64,
    flags: u32,
    sent_out: *mut u64,
) -> ckafka_err_t {
    on_sender("ckafka_send", s, |sender| {
        let max_bytes = limit(max_bytes, "max_bytes")?;
        // SAFETY: this function's contract.
        let sent_out = unsafe { out(sent_out, "sent_out") }?;
        if flags != 0 {
            return Err(Failure::argument("flags", flags, "0"));
        }
        if out_fd < 0 {
            return Err(Failure::argument("out_fd", out_fd, "an open descriptor"));
        }
        let outcome = sender.send(out_fd, max_bytes)?;
        sent_out.write(outcome.sent);
        match outcome.stop {
            SendStop::Done => Ok(()),
            SendStop::WouldBlock => Err(Error::WouldBlock.into()),
            SendStop::Interrupted => Err(Error::Interrupted { what: "the descriptor to take bytes".into() }.into()),
        }
    })
}

fn on_sender(
    function: &'static str,
    s: *const ckafka_sender_t,
    call: impl FnOnce(&mut Sender) -> Result<(), Failure>,
) -> ckafka_err_t {
    on_exclusive(function, s, |object: &OpenSender| &object.sender, call)
}

/// Where a sender is: the base offset of the batch that the next byte belongs to, and how many bytes of that batch have
/// gone.
///
/// # Safety
/// `offset` and `bytes_into_batch` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ckafka_sender_position(
    s: *const ckafka_sender_t,
    offset: *mut i64,
    bytes_into_batch: *mut u64,
) -> ckafka_err_t {
    on_sender("ckafka_sender_position", s, |sender| {
        // SAFETY: this function's contract.
        let (offset, bytes_into_batch) =
            unsafe { (out(offset, "offset")?, out(bytes_into_batch, "bytes_into_batch")?) };
        let position = sender.position();
        offset.write(position.0);
        bytes_into_batch.write(position.1);
        Ok(())
    })
}

/// Closes a sender. The descriptors it sent to stay as they are.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_sender_close(s: *mut ckafka_sender_t) -> ckafka_err_t {
    close::<OpenSender>("ckafka_sender_close", s, |_| Ok(()))
}
