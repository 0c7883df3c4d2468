//! Publishing and waking: who sleeps for an end arms a bit, re-reads the end and sleeps; who moves the end tests and clears the bit and wakes.
//!
//! The end is stored by an exchange, so that it is ordered before the look at the bits. Arming is a bit and never a count: a killed
//! reader would leave a count too high. Clearing it counts the word on, so that who armed before and is about to sleep finds another word also where somebody
//! else has armed meanwhile.

use std::sync::atomic::Ordering::{Release, SeqCst};
use std::sync::atomic::{AtomicU32, fence};
use std::time::Duration;

use super::{ControlPage, at};
use crate::broken::{self, Point, Rule};
use crate::sys::futex::{self, Wake};

const POKE_POSITION: u64 = 4095;
/// The lowest bit of an armed word; the others count how often it was cleared.
const ARMED: u32 = 1;

/// What an armed word held when this waiter armed it: it looks again, and sleeps while the word still holds that.
#[derive(Debug)]
#[must_use]
pub struct Armed<'a> {
    word: &'a AtomicU32,
    held: u32,
}

impl<'a> Armed<'a> {
    fn arm(word: &'a AtomicU32) -> Self {
        let held = word.fetch_or(ARMED, SeqCst) | ARMED;
        fence(SeqCst);
        Self { word, held }
    }

    /// Sleeps until the bit is cleared, at most for `slice`.
    #[must_use]
    pub fn sleep(&self, slice: Duration) -> Wake {
        broken::pass(Point::WaitArmed);
        futex::wait(self.word, self.held, Some(slice))
    }
}

/// Clears the bit; whether it was set, and there are sleepers to be woken. Who finds it cleared by another leaves the waking to that one, which comes later.
fn disarm(word: &AtomicU32) -> bool {
    let seen = word.load(SeqCst);
    let next = if broken::is(Rule::ArmedSequence) { 0 } else { seen.wrapping_add(1) };
    seen & ARMED != 0 && word.compare_exchange(seen, next, SeqCst, SeqCst).is_ok()
}

/// What a poller waits for: bits of the polled word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollBit {
    /// The published end moved.
    End = 1,
    /// The durable end moved.
    Durable = 2,
}

impl ControlPage {
    /// Publishes a new end, ordered before the look at the armed bits that follows (exchange and look are both of the one order of all such
    /// accesses, as the arming is), and wakes who armed.
    #[inline]
    pub fn publish(&self, end: i64) {
        if broken::is(Rule::PublishFence) || cfg!(feature = "unshared-words") {
            self.long(at::PUBLISHED).store(end.cast_unsigned(), Release);
        } else {
            self.long(at::PUBLISHED).swap(end.cast_unsigned(), SeqCst);
        }
        broken::pass(Point::AppendPublished);
        if self.word(at::ARMED).load(SeqCst) & ARMED | self.word(at::POLLED).load(SeqCst) != 0 {
            self.wake_end();
        }
    }

    /// Wakes everybody who armed for the end.
    #[cold]
    pub fn wake_end(&self) {
        if disarm(self.word(at::ARMED)) {
            broken::pass(Point::WakeCleared);
            futex::wake(self.word(at::ARMED), i32::MAX);
        }
        self.poke(PollBit::End);
    }

    /// Wakes everybody, armed or not: after an owner that may have died between clearing a bit and waking.
    pub fn wake_everybody(&self) {
        for word in [at::ARMED, at::DURABLE_ARMED] {
            disarm(self.word(word));
            futex::wake(self.word(word), i32::MAX);
        }
        self.word(at::POLLED).swap(0, SeqCst);
        // A failed poke is made good by the poller's time slice.
        let _ = self.file.write_at(&[1], POKE_POSITION);
    }

    fn poke(&self, bit: PollBit) {
        let mask = bit as u32;
        if self.word(at::POLLED).load(SeqCst) & mask != 0 && self.word(at::POLLED).fetch_and(!mask, SeqCst) & mask != 0
        {
            // A failed poke is made good by the poller's time slice.
            let _ = self.file.write_at(&[1], POKE_POSITION);
        }
    }

    /// Asks to be woken when the end moves; the caller re-reads the end before it sleeps.
    pub fn arm_end(&self) -> Armed<'_> {
        Armed::arm(self.word(at::ARMED))
    }

    /// Asks for a byte to be written to the file when what `bit` names moves.
    pub fn arm_poll(&self, bit: PollBit) {
        self.word(at::POLLED).fetch_or(bit as u32, SeqCst);
        fence(SeqCst);
    }

    /// Wakes everybody who waits for the durable end.
    pub fn wake_durable(&self) {
        if disarm(self.word(at::DURABLE_ARMED)) {
            futex::wake(self.word(at::DURABLE_ARMED), i32::MAX);
        }
        self.poke(PollBit::Durable);
    }

    /// Asks to be woken when the durable end moves; the caller re-reads it before it sleeps.
    pub fn arm_durable(&self) -> Armed<'_> {
        Armed::arm(self.word(at::DURABLE_ARMED))
    }

    /// Latches a failure; the first one stays. Wakes all waiters.
    pub fn fail(&self, errno: i32) {
        let _ = self.word(at::FAILED).compare_exchange(0, errno.unsigned_abs().max(1), SeqCst, SeqCst);
        self.wake_end();
        self.wake_durable();
    }

    /// Says that the topic is deleted, bumps the roll generation and wakes everybody.
    pub fn set_deleted(&self) {
        self.word(at::DELETED).store(1, SeqCst);
        self.bump_roll_generation();
        self.wake_end();
        self.wake_durable();
    }
}
