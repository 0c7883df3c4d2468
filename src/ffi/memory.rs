//! Memory for what callers own: asked for in a way that can fail.

use super::error::Failure;
use crate::error::Error;

/// A value in memory of its own; `Err` where there is none to be had, which drops the value.
pub(super) fn boxed<T>(value: T, what: &'static str) -> Result<Box<T>, Failure> {
    let mut place = Vec::new();
    place.try_reserve_exact(1).map_err(|_| Error::OutOfMemory { what, bytes: size_of::<T>() })?;
    place.push(value);
    let slice = Box::into_raw(place.into_boxed_slice());
    // SAFETY: a slice of one value, so memory of the size and alignment of that value, owned by nobody else now.
    Ok(unsafe { Box::from_raw(slice.cast::<T>()) })
}

#[cfg(test)]
mod tests {
    use super::boxed;

    #[test]
    fn the_value_is_kept_whole_and_dropped_once() {
        let shared = std::rc::Rc::new(7);
        let kept = boxed((1u8, std::rc::Rc::clone(&shared)), "a test").unwrap_or_else(|_| unreachable!());
        assert_eq!((kept.0, *kept.1), (1, 7));
        drop(kept);
        assert_eq!(std::rc::Rc::strong_count(&shared), 1);
        boxed((), "nothing").unwrap_or_else(|_| unreachable!());
    }
}
