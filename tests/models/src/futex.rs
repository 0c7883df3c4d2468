//! A futex as the kernel does it: the word is looked at again under the lock of its queue.

use loom::sync::atomic::Ordering::{Relaxed, SeqCst};
use loom::sync::atomic::{AtomicU32, fence};
use loom::sync::{Condvar, Mutex};

/// A word that can be slept on.
#[derive(Debug)]
pub struct Futex {
    /// The word.
    pub word: AtomicU32,
    /// The value from which every time slice ends by now; 0 none.
    queue: Mutex<u32>,
    sleepers: Condvar,
}

impl Futex {
    /// With a value.
    #[must_use]
    pub fn new(value: u32) -> Self {
        Self { word: AtomicU32::new(value), queue: Mutex::new(0), sleepers: Condvar::new() }
    }

    /// Sleeps, if the word is `expected`.
    pub fn wait(&self, expected: u32) {
        let queue = self.queue.lock().unwrap();
        fence(SeqCst);
        if self.word.load(Relaxed) == expected && (*queue == 0 || *queue & expected != *queue) {
            drop(self.sleepers.wait(queue).unwrap());
        }
    }

    /// Wakes one sleeper.
    pub fn wake_one(&self) {
        fence(SeqCst);
        let _queue = self.queue.lock().unwrap();
        self.sleepers.notify_one();
    }

    /// From now on the time slices end of those who sleep while the word has all bits of `value`, and of those who come to.
    pub fn end_slices(&self, value: u32) {
        let mut queue = self.queue.lock().unwrap();
        *queue = value;
        self.sleepers.notify_all();
    }

    /// Wakes all.
    pub fn wake_all(&self) {
        fence(SeqCst);
        let _queue = self.queue.lock().unwrap();
        self.sleepers.notify_all();
    }
}
