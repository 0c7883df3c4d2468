//! C API: threads: binding them to cores, and those that the library runs on request.

use std::sync::Arc;

use super::boundary::{boundary, on};
use super::codes::ckafka_err_t;
use super::error::Failure;
use super::types::{CKAFKA_IO_FLUSH, CKAFKA_IO_PRETOUCH, ckafka_t};
use crate::broker::{Directory, IoRoles};
use crate::sys::affinity;

const _: () = assert!(CKAFKA_IO_FLUSH == IoRoles::FLUSH && CKAFKA_IO_PRETOUCH == IoRoles::PRETOUCH);

/// Binds the calling thread to one core, counted from 0.
///
/// Errors: CKAFKA_ERR__INVALID_ARG for a core that this machine or process does not have; the message names those it
/// has.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_pin_thread(cpu: i32) -> ckafka_err_t {
    boundary("ckafka_pin_thread", || {
        let cpu = usize::try_from(cpu).map_err(|_| Failure::argument("cpu", cpu, "a core, counted from 0"))?;
        Ok(affinity::pin_current_thread(cpu)?)
    })
}

/// Starts threads of the library that work for all logs of a directory until it is closed: CKAFKA_IO_* bits.
///
/// A role that runs already stays as it is. Each thread is bound to the core that ckafka.flush.cpu or
/// ckafka.pretouch.cpu names, and takes no signal of the program. The library starts no thread otherwise.
///
/// Errors: CKAFKA_ERR__INVALID_ARG (no role, an unknown one, or a core that is not there), CKAFKA_ERR__READONLY,
/// CKAFKA_ERR__IO.
#[unsafe(no_mangle)]
pub extern "C" fn ckafka_io_threads_start(h: *mut ckafka_t, roles: u32) -> ckafka_err_t {
    on::<Arc<Directory>>("ckafka_io_threads_start", h, |directory| {
        if roles == 0 || roles & !(CKAFKA_IO_FLUSH | CKAFKA_IO_PRETOUCH) != 0 {
            return Err(Failure::argument("roles", roles, "CKAFKA_IO_FLUSH, CKAFKA_IO_PRETOUCH or both"));
        }
        Ok(directory.start_io_threads(IoRoles(roles))?)
    })
}
