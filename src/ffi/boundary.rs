//! The line between C and the library: no panic crosses it, every failure becomes a number and a text.
//!
//! Entry points have one of these shapes: [`boundary`] for calls without a handle, [`on`] for calls with one,
//! [`on_exclusive`] for readers and senders, [`close`]. A call that panics poisons its handle. None of them is a cancellation point.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::codes::{CKAFKA_ERR__BAD_HANDLE, CKAFKA_ERR__FORKED, CKAFKA_ERR__PANIC, CKAFKA_OK, ckafka_err_t};
use super::error::{Failure, Outcome};
use super::exclusive::{Exclusive, ExclusiveGuard};
use super::handle::{Closed, Pin};
use super::message;
use super::object::{HANDLES, Noun, Object, Span};
use super::slot::Refusal;
use crate::error::Error;
use crate::sys::cancel::NoCancellation;

/// Makes a call without a handle.
#[inline]
pub(crate) fn boundary(function: &'static str, call: impl FnOnce() -> Outcome) -> ckafka_err_t {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        inject_panic(function);
        call()
    }));
    match caught {
        Ok(outcome) => finish(function, outcome),
        Err(payload) => panicked(function, payload),
    }
}

/// Like [`boundary`], for calls that return something else; `fallback` where it fails.
pub(crate) fn boundary_or<T>(function: &'static str, fallback: T, call: impl FnOnce() -> Outcome<T>) -> T {
    let mut result = fallback;
    boundary(function, || {
        result = call()?;
        Ok(())
    });
    result
}

/// Makes a call with the object of a handle.
#[inline]
pub(crate) fn on<N: Noun>(
    function: &'static str,
    handle: *const N::Handle,
    call: impl FnOnce(&N) -> Outcome,
) -> ckafka_err_t {
    let _whole = (N::UNCANCELLED == Span::Call).then(NoCancellation::begin);
    on_brief(function, handle, call)
}

/// The same for what only looks at memory: it reaches no cancellation point, so it need not be kept from one, which
/// takes longer than such a call. Whoever leaves an object last frees it under a guard of its own.
#[inline]
pub(crate) fn on_brief<N: Noun>(
    function: &'static str,
    handle: *const N::Handle,
    call: impl FnOnce(&N) -> Outcome,
) -> ckafka_err_t {
    let pin = match HANDLES.pin(handle.addr() as u64) {
        Ok(pin) => pin,
        Err(refusal) => return refused(function, refusal, N::NAME),
    };
    let Some(object) = N::of(&pin) else { return refused(function, Refusal::Unknown, N::NAME) };
    let caught = catch_unwind(AssertUnwindSafe(|| {
        inject_panic(function);
        call(object)
    }));
    match caught {
        Ok(outcome) => finish(function, outcome),
        Err(payload) => {
            pin.poison();
            panicked(function, payload)
        }
    }
}

/// Makes a call with an object that one thread at a time may use.
#[inline]
pub(crate) fn on_exclusive<N: Noun, T>(
    function: &'static str,
    handle: *const N::Handle,
    part: impl FnOnce(&N) -> &Exclusive<T>,
    call: impl FnOnce(&mut T) -> Outcome,
) -> ckafka_err_t {
    on(function, handle, |object: &N| {
        let mut value = part(object).take().map_err(|taken| Failure::taken(taken, N::NAME))?;
        call(&mut value)
    })
}

/// Makes a call with a value behind a plain pointer that was taken by the caller.
pub(crate) fn on_taken<T>(
    function: &'static str,
    mut value: ExclusiveGuard<'_, T>,
    call: impl FnOnce(&mut T) -> Outcome,
) -> ckafka_err_t {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        inject_panic(function);
        call(&mut value)
    }));
    match caught {
        Ok(outcome) => finish(function, outcome),
        Err(payload) => {
            value.poison();
            panicked(function, payload)
        }
    }
}

/// Closes a handle: `prepare` first, which may refuse with `Busy` (then it stays open). With every other outcome the
/// handle is gone, and its object once the last call has left it.
pub(crate) fn close<N: Noun>(
    function: &'static str,
    handle: *const N::Handle,
    prepare: impl FnOnce(&N) -> Outcome,
) -> ckafka_err_t {
    let _whole = NoCancellation::begin();
    let pin = match HANDLES.pin_to_close(handle.addr() as u64) {
        Ok(pin) => pin,
        Err(refusal) => return refused(function, refusal, N::NAME),
    };
    let Some(object) = N::of(&pin) else { return refused(function, Refusal::Unknown, N::NAME) };
    if pin.is_inherited() {
        return ended(function, &pin, Ok(()), N::NAME);
    }
    let caught = catch_unwind(AssertUnwindSafe(|| {
        inject_panic(function);
        prepare(object)
    }));
    match caught {
        Ok(Err(busy @ Failure::Library(Error::Busy { .. }))) => failed(function, &busy),
        Ok(outcome) => ended(function, &pin, outcome, N::NAME),
        Err(payload) => {
            pin.poison();
            // The panic is what is reported, whoever closes.
            let _ = pin.close();
            panicked(function, payload)
        }
    }
}

fn ended(function: &'static str, pin: &Pin<'_, Object>, outcome: Outcome, noun: &'static str) -> ckafka_err_t {
    match pin.close() {
        Err(refusal) => refused(function, refusal, noun),
        Ok(Closed::Inherited) => failed(function, &Failure::Library(Error::Forked)),
        Ok(Closed::Done) => finish(function, outcome),
    }
}

/// Makes a call from what may be a signal handler: no text, no memory, no lock. `N` other than the handle's is refused.
pub(crate) fn in_signal<N: Noun>(
    function: &'static str,
    handle: *const N::Handle,
    call: impl FnOnce(&N),
) -> ckafka_err_t {
    let visited = HANDLES.visit_in_signal(handle.addr() as u64, |object| {
        // Caught inside the visit, which has to be left in order.
        catch_unwind(AssertUnwindSafe(|| {
            inject_panic(function);
            N::of(object).map(call)
        }))
    });
    match visited {
        Ok(Ok(Some(()))) => CKAFKA_OK,
        Ok(Err(_)) | Err(Refusal::Poisoned) => CKAFKA_ERR__PANIC,
        Err(Refusal::Forked) => CKAFKA_ERR__FORKED,
        Ok(Ok(None)) | Err(Refusal::Unknown) => CKAFKA_ERR__BAD_HANDLE,
    }
}

#[inline]
fn finish(function: &'static str, outcome: Outcome) -> ckafka_err_t {
    match outcome {
        Ok(()) => CKAFKA_OK,
        Err(failure) => {
            let code = failure.code();
            message::set_unwritten(function, failure);
            code
        }
    }
}

/// Reports a failure: its text for people, its number for programs.
#[cold]
pub(crate) fn failed(function: &'static str, failure: &Failure) -> ckafka_err_t {
    message::set(function, format_args!("{failure}"));
    failure.code()
}

#[cold]
fn refused(function: &'static str, refusal: Refusal, noun: &'static str) -> ckafka_err_t {
    failed(function, &Failure::refused(refusal, noun))
}

#[cold]
fn panicked(function: &'static str, payload: Box<dyn Any + Send>) -> ckafka_err_t {
    let reason = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given");
    message::set(function, format_args!("panic inside the library: {reason}"));
    CKAFKA_ERR__PANIC
}

/// Panics if the environment names this function; for tests of this file, absent from ordinary builds.
#[cfg(feature = "inject-panic")]
fn inject_panic(function: &str) {
    let is_meant = std::env::var("CKAFKA_INJECT_PANIC").is_ok_and(|name| name == function);
    assert!(!is_meant, "asked for by CKAFKA_INJECT_PANIC");
}

#[cfg(not(feature = "inject-panic"))]
#[inline]
fn inject_panic(_function: &str) {}
