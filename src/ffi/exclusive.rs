//! What one thread at a time may use: a second one is told so, and does not wait.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const FREE: u8 = 0;
const IN_USE: u8 = 1;
const POISONED: u8 = 2;

/// A value with a mark that says whether somebody is at it.
#[derive(Debug)]
pub(crate) struct Exclusive<T> {
    mark: AtomicU8,
    value: UnsafeCell<T>,
}

// SAFETY: the mark lets one thread at a time reach the value, so sharing it is sending it to and fro.
unsafe impl<T: Send> Sync for Exclusive<T> {}

/// The right to use the value.
#[derive(Debug)]
pub(crate) struct ExclusiveGuard<'a, T> {
    of: &'a Exclusive<T>,
    mark_after: u8,
}

/// Why the value was not had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Another thread is at it, or this one further out.
    InUse,
    /// A call panicked while at it.
    Poisoned,
}

impl<T> Exclusive<T> {
    /// Nobody is at it.
    pub(crate) fn new(value: T) -> Self {
        Self { mark: AtomicU8::new(FREE), value: UnsafeCell::new(value) }
    }

    /// Takes it.
    #[inline]
    pub(crate) fn take(&self) -> Result<ExclusiveGuard<'_, T>, Taken> {
        match self.mark.compare_exchange(FREE, IN_USE, Acquire, Relaxed) {
            Ok(_) => Ok(ExclusiveGuard { of: self, mark_after: FREE }),
            Err(POISONED) => Err(Taken::Poisoned),
            Err(_) => Err(Taken::InUse),
        }
    }
}

impl<T> ExclusiveGuard<'_, T> {
    /// Lets nobody have it from now on.
    pub(crate) fn poison(&mut self) {
        self.mark_after = POISONED;
    }
}

impl<T> Deref for ExclusiveGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the mark was taken, so this guard alone reaches the value.
        unsafe { &*self.of.value.get() }
    }
}

impl<T> DerefMut for ExclusiveGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the mark was taken, so this guard alone reaches the value.
        unsafe { &mut *self.of.value.get() }
    }
}

impl<T> Drop for ExclusiveGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.of.mark.store(self.mark_after, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_none_after_a_panic() {
        let value = Exclusive::new(1);
        let mut first = value.take().expect("free");
        *first += 1;
        assert_eq!(value.take().err(), Some(Taken::InUse));
        drop(first);
        let mut second = value.take().expect("free again");
        assert_eq!(*second, 2);
        second.poison();
        drop(second);
        assert_eq!(value.take().err(), Some(Taken::Poisoned));
    }
}
