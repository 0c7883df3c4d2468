//! The control page of a partition: `ckafka.control`, 4,096 bytes, mapped by every process that uses the partition.
//!
//! Host byte order. Every field has one width. Derived data: evidence only in the session that wrote it.
//!
//! ```text
//!    0 u64 magic "CKCTRL01"      8 u32 page version      12 u32 recovered in this session: 1, or 2 with a rewrite due before the first sync
//!   16 2 x u64 session id
//!   64 u32 append word
//!  128 u64 published end       136 u32 armed: somebody sleeps for the end     140 u32 polled: bit 0 for the end, bit 1 for durable
//!  144 u64 prepared end        152 u64 roll generation   160 u32 failed (errno, sticky)   164 u32 next segment ready
//!  168 u64 prepared base       176 u32 deleted (sticky)
//!  192 tail state, first copy (13 x u64)                 320 tail state, second copy
//!  448 u32 grow word
//!  512 u32 sync word           520 u64 durable end       528 u32 armed: somebody sleeps for durable
//!  576 u64 log start           584 u64 recovery point    592 u64 last stable offset (-1: the end)   600 u64 high watermark (-1: the end)
//!  640 u64 takeovers           648 u64 takeovers of grow 656 u64 rolls     664 u64 growths
//! 1024 256 x u32 announcements of syncs, by slot
//! 4095 u8  written to wake pollers, never read
//! ```

use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};

use super::tail::TailState;
use crate::error::{Error, Result};
use crate::sys::word::Owner;
use crate::sys::{Access, File, SharedPage, futex};

/// Version of the layout above.
pub const VERSION: u32 = 1;
const MAGIC: u64 = u64::from_le_bytes(*b"CKCTRL01");
const POKE_POSITION: u64 = 4095;

mod at {
    //! Word numbers: 64-bit ones count in 8 bytes, 32-bit ones in 4.
    pub const MAGIC: usize = 0;
    pub const VERSION: usize = 2;
    pub const RECOVERED: usize = 3;
    pub const SESSION: [usize; 2] = [2, 3];
    pub const APPEND: usize = 16;
    pub const PUBLISHED: usize = 16;
    pub const ARMED: usize = 34;
    pub const POLLED: usize = 35;
    pub const PREPARED_END: usize = 18;
    pub const ROLL_GENERATION: usize = 19;
    pub const FAILED: usize = 40;
    pub const NEXT_READY: usize = 41;
    pub const PREPARED_BASE: usize = 21;
    pub const DELETED: usize = 44;
    pub const STATES: [usize; 2] = [24, 40];
    pub const GROW: usize = 112;
    pub const SYNC: usize = 128;
    pub const DURABLE: usize = 65;
    pub const DURABLE_ARMED: usize = 132;
    pub const LOG_START: usize = 72;
    pub const RECOVERY_POINT: usize = 73;
    pub const LAST_STABLE: usize = 74;
    pub const HIGH_WATERMARK: usize = 75;
    pub const COUNTERS: usize = 80;
    pub const ANNOUNCEMENTS: usize = 256;
}

/// What a poller waits for: bits of the polled word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollBit {
    /// The published end moved.
    End = 1,
    /// The durable end moved.
    Durable = 2,
}

/// What a sync after recovery finds in the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstSync {
    /// Pages whose state the kernel knows.
    Plain = 1,
    /// Pages that a session before may have failed to write while the kernel holds them for clean: they are rewritten in place first.
    Rewrite = 2,
}

/// Events that the page counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// The append word was taken from the dead.
    Takeovers = 0,
    /// The grow word was taken from the dead.
    GrowTakeovers = 1,
    /// Segments rolled.
    Rolls = 2,
    /// Pieces grown.
    Growths = 3,
}

/// The mapped page, typed.
#[derive(Debug)]
pub struct ControlPage {
    page: SharedPage,
    file: File,
}

impl ControlPage {
    /// Maps the page of an open control file. Access Read gives a page that only the loading methods may be used on.
    pub fn map(file: File, access: Access) -> Result<Self> {
        Ok(Self { page: SharedPage::map(&file, access)?, file })
    }

    /// The file that is mapped.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether this process may arm, wake and write.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.page.is_writable()
    }

    #[inline]
    fn word(&self, n: usize) -> &AtomicU32 {
        &self.page.u32s()[n]
    }

    #[inline]
    fn long(&self, n: usize) -> &AtomicU64 {
        &self.page.u64s()[n]
    }

    /// Makes the page one of session `session`, all else zero: nobody holds a word, nothing is recovered. Only under the gate.
    pub fn initialise(&self, session: [u64; 2]) {
        for long in self.page.u64s() {
            long.store(0, Relaxed);
        }
        self.word(at::VERSION).store(VERSION, Relaxed);
        self.long(at::SESSION[0]).store(session[0], Relaxed);
        self.long(at::SESSION[1]).store(session[1], Relaxed);
        self.long(at::MAGIC).store(MAGIC, SeqCst);
    }

    /// The session that the page belongs to; `None` where it was never initialised or is not a control page at all.
    pub fn session(&self) -> Result<Option<[u64; 2]>> {
        if self.long(at::MAGIC).load(Acquire) != MAGIC {
            return Ok(None);
        }
        Ok(Some([self.long(at::SESSION[0]).load(Acquire), self.long(at::SESSION[1]).load(Acquire)]))
    }

    /// Refuses a page of another layout version.
    pub fn check_version(&self) -> Result<()> {
        let found = self.word(at::VERSION).load(Relaxed);
        if self.long(at::MAGIC).load(Acquire) == MAGIC && found != VERSION {
            let reason = format!("control page version {found}, this library has {VERSION}");
            return Err(Error::Version { path: self.file.path().to_path_buf(), reason });
        }
        Ok(())
    }

    /// Whether the partition was recovered in the page's session.
    #[must_use]
    #[inline]
    pub fn is_recovered(&self) -> bool {
        self.word(at::RECOVERED).load(Acquire) != 0
    }

    /// Marks it recovered.
    pub fn set_recovered(&self, first_sync: FirstSync) {
        self.word(at::RECOVERED).store(first_sync as u32, SeqCst);
    }

    /// What the next sync has to do first.
    #[must_use]
    pub fn first_sync(&self) -> FirstSync {
        if self.word(at::RECOVERED).load(Acquire) == FirstSync::Rewrite as u32 {
            FirstSync::Rewrite
        } else {
            FirstSync::Plain
        }
    }

    /// The rewrite is done and synced.
    pub fn rewritten(&self) {
        let _ = self.word(at::RECOVERED).compare_exchange(
            FirstSync::Rewrite as u32,
            FirstSync::Plain as u32,
            SeqCst,
            SeqCst,
        );
    }

    /// The append word.
    #[must_use]
    #[inline]
    pub fn append_word(&self) -> &AtomicU32 {
        self.word(at::APPEND)
    }

    /// The grow word.
    #[must_use]
    #[inline]
    pub fn grow_word(&self) -> &AtomicU32 {
        self.word(at::GROW)
    }

    /// The sync word.
    #[must_use]
    pub fn sync_word(&self) -> &AtomicU32 {
        self.word(at::SYNC)
    }

    /// Log end offset: every batch whose base offset is below it is whole.
    #[must_use]
    #[inline]
    pub fn published_end(&self) -> i64 {
        self.long(at::PUBLISHED).load(Acquire).cast_signed()
    }

    /// Publishes a new end, ordered before the look at the armed bits that follows (an exchange is a full fence), and wakes who armed.
    #[inline]
    pub fn publish(&self, end: i64) {
        self.long(at::PUBLISHED).swap(end.cast_unsigned(), SeqCst);
        if self.word(at::ARMED).load(Relaxed) | self.word(at::POLLED).load(Relaxed) != 0 {
            self.wake_end();
        }
    }

    /// Wakes everybody who armed for the end.
    #[cold]
    pub fn wake_end(&self) {
        if self.word(at::ARMED).swap(0, SeqCst) != 0 {
            futex::wake(self.word(at::ARMED), i32::MAX);
        }
        self.poke(PollBit::End);
    }

    /// Wakes everybody, armed or not: after an owner that may have died between clearing a bit and waking.
    pub fn wake_everybody(&self) {
        for word in [at::ARMED, at::DURABLE_ARMED] {
            self.word(word).swap(0, SeqCst);
            futex::wake(self.word(word), i32::MAX);
        }
        self.word(at::POLLED).swap(0, SeqCst);
        // A failed poke is made good by the poller's time slice.
        let _ = self.file.write_at(&[1], POKE_POSITION);
    }

    fn poke(&self, bit: PollBit) {
        let mask = bit as u32;
        if self.word(at::POLLED).load(Relaxed) & mask != 0 && self.word(at::POLLED).fetch_and(!mask, SeqCst) & mask != 0
        {
            // A failed poke is made good by the poller's time slice.
            let _ = self.file.write_at(&[1], POKE_POSITION);
        }
    }

    /// Asks to be woken when the end moves; the caller re-reads the end before it sleeps on `armed_word` holding 1.
    pub fn arm_end(&self) {
        self.word(at::ARMED).store(1, SeqCst);
        fence(SeqCst);
    }

    /// What a waiter for the end sleeps on.
    #[must_use]
    pub fn armed_word(&self) -> &AtomicU32 {
        self.word(at::ARMED)
    }

    /// Asks for a byte to be written to the file when what `bit` names moves.
    pub fn arm_poll(&self, bit: PollBit) {
        self.word(at::POLLED).fetch_or(bit as u32, SeqCst);
        fence(SeqCst);
    }

    /// End of what is on disk.
    #[must_use]
    #[inline]
    pub fn durable_end(&self) -> i64 {
        self.long(at::DURABLE).load(Acquire).cast_signed()
    }

    /// Moves the durable end forward, never back. Who waits is woken by `wake_durable`, once the sync word is free again.
    pub fn advance_durable(&self, end: i64) {
        self.long(at::DURABLE).fetch_max(end.cast_unsigned(), SeqCst);
    }

    /// Wakes everybody who waits for the durable end.
    pub fn wake_durable(&self) {
        if self.word(at::DURABLE_ARMED).swap(0, SeqCst) != 0 {
            futex::wake(self.word(at::DURABLE_ARMED), i32::MAX);
        }
        self.poke(PollBit::Durable);
    }

    /// Asks to be woken when the durable end moves, and what to sleep on while it holds 1.
    pub fn arm_durable(&self) -> &AtomicU32 {
        let word = self.word(at::DURABLE_ARMED);
        word.store(1, SeqCst);
        fence(SeqCst);
        word
    }

    /// Sets both ends: recovery only, under the append word.
    pub fn set_ends(&self, published: i64, durable: i64) {
        self.long(at::DURABLE).store(durable.cast_unsigned(), SeqCst);
        self.long(at::PUBLISHED).store(published.cast_unsigned(), SeqCst);
    }

    /// How far the active segment is zeroed; appends stay below.
    #[must_use]
    #[inline]
    pub fn prepared_end(&self) -> u64 {
        self.long(at::PREPARED_END).load(Acquire)
    }

    /// Which segment `prepared_end` is about.
    #[must_use]
    pub fn prepared_base(&self) -> i64 {
        self.long(at::PREPARED_BASE).load(Acquire).cast_signed()
    }

    /// Sets how far segment `base` is zeroed. Only under the grow word.
    pub fn set_prepared(&self, base: i64, end: u64) {
        self.long(at::PREPARED_BASE).store(base.cast_unsigned(), SeqCst);
        self.long(at::PREPARED_END).store(end, SeqCst);
    }

    /// Moves with every change of the list of segments.
    #[must_use]
    #[inline]
    pub fn roll_generation(&self) -> u64 {
        self.long(at::ROLL_GENERATION).load(Acquire)
    }

    /// Tells everybody to list the folder again; the new generation.
    pub fn bump_roll_generation(&self) -> u64 {
        self.long(at::ROLL_GENERATION).fetch_add(1, SeqCst) + 1
    }

    /// The errno that ended this log for the session, 0 none.
    #[must_use]
    #[inline]
    pub fn failed(&self) -> u32 {
        self.word(at::FAILED).load(Acquire)
    }

    /// Latches a failure; the first one stays. Wakes all waiters.
    pub fn fail(&self, errno: i32) {
        let _ = self.word(at::FAILED).compare_exchange(0, errno.unsigned_abs().max(1), SeqCst, SeqCst);
        self.wake_end();
        self.wake_durable();
    }

    /// Whether the topic was deleted.
    #[must_use]
    #[inline]
    pub fn is_deleted(&self) -> bool {
        self.word(at::DELETED).load(Acquire) != 0
    }

    /// Says that the topic is deleted, bumps the roll generation and wakes everybody.
    pub fn set_deleted(&self) {
        self.word(at::DELETED).store(1, SeqCst);
        self.bump_roll_generation();
        self.wake_end();
        self.wake_durable();
    }

    /// Either sticky word in one look: what an append checks under the lock.
    #[must_use]
    #[inline]
    pub fn is_stopped(&self) -> bool {
        self.failed() != 0 || self.is_deleted()
    }

    /// Whether the prepared segment is whole.
    #[must_use]
    pub fn next_ready(&self) -> bool {
        self.word(at::NEXT_READY).load(Acquire) != 0
    }

    /// Sets or clears that flag, under the grow word.
    pub fn set_next_ready(&self, ready: u32) {
        self.word(at::NEXT_READY).store(ready, SeqCst);
    }

    /// The copy of the tail state that the published end selects, with its number; `None` where neither names it (a page that was never filled).
    #[must_use]
    #[inline]
    pub fn current_tail(&self, published_end: i64) -> Option<(usize, TailState)> {
        let first = self.load_tail(0);
        if first.end_offset == published_end {
            return Some((0, first));
        }
        let second = self.load_tail(1);
        (second.end_offset == published_end).then_some((1, second))
    }

    /// One copy of the tail state.
    #[must_use]
    #[inline]
    pub fn load_tail(&self, copy: usize) -> TailState {
        let at = at::STATES[copy & 1];
        let word = |n: usize| self.long(at + n).load(Relaxed);
        TailState {
            end_offset: word(0).cast_signed(),
            position: word(1),
            base_offset: word(2).cast_signed(),
            offset_entries: word(3),
            time_entries: word(4),
            last_time_entry_timestamp: word(5).cast_signed(),
            last_time_entry_offset: word(6).cast_signed(),
            bytes_since_entry: word(7),
            max_timestamp: word(8).cast_signed(),
            max_timestamp_offset: word(9).cast_signed(),
            first_timestamp: word(10).cast_signed(),
            created_ms: word(11).cast_signed(),
            leader_epoch: word(12) as i32,
        }
    }

    /// Fills a copy: the idle one before an append, both at recovery. Only under the append word.
    #[inline]
    pub fn store_tail(&self, copy: usize, tail: &TailState) {
        let at = at::STATES[copy & 1];
        let store = |n: usize, value: u64| self.long(at + n).store(value, Relaxed);
        store(0, tail.end_offset.cast_unsigned());
        store(1, tail.position);
        store(2, tail.base_offset.cast_unsigned());
        store(3, tail.offset_entries);
        store(4, tail.time_entries);
        store(5, tail.last_time_entry_timestamp.cast_unsigned());
        store(6, tail.last_time_entry_offset.cast_unsigned());
        store(7, tail.bytes_since_entry);
        store(8, tail.max_timestamp.cast_unsigned());
        store(9, tail.max_timestamp_offset.cast_unsigned());
        store(10, tail.first_timestamp.cast_unsigned());
        store(11, tail.created_ms.cast_unsigned());
        store(12, u64::from(tail.leader_epoch.cast_unsigned()));
    }

    /// Base and byte position of the published end, for who does not hold the append word: retried until no publish came between.
    /// `None` after a few tries.
    #[must_use]
    pub fn active_extent(&self) -> Option<(i64, u64, i64)> {
        for _ in 0..16 {
            let end = self.published_end();
            let tail = self.current_tail(end);
            fence(Acquire);
            if self.published_end() == end {
                return tail.map(|(_, tail)| (tail.base_offset, tail.position, end));
            }
        }
        None
    }

    /// First offset that readers may ask for.
    #[must_use]
    pub fn log_start(&self) -> i64 {
        self.long(at::LOG_START).load(Acquire).cast_signed()
    }

    /// Moves it, before anything below is unlinked.
    pub fn set_log_start(&self, offset: i64) {
        self.long(at::LOG_START).store(offset.cast_unsigned(), SeqCst);
    }

    /// First offset not known to be synced, as last written to the checkpoint.
    #[must_use]
    pub fn recovery_point(&self) -> i64 {
        self.long(at::RECOVERY_POINT).load(Acquire).cast_signed()
    }

    /// Sets it.
    pub fn set_recovery_point(&self, offset: i64) {
        self.long(at::RECOVERY_POINT).store(offset.cast_unsigned(), SeqCst);
    }

    /// First offset of the earliest open transaction, `None` where there is none: then the end.
    #[must_use]
    pub fn open_transaction(&self) -> Option<i64> {
        let offset = self.long(at::LAST_STABLE).load(Acquire).cast_signed();
        (offset >= 0).then_some(offset)
    }

    /// Sets it, and the high watermark to the end (there is one replica).
    pub fn set_open_transaction(&self, offset: Option<i64>) {
        self.long(at::LAST_STABLE).store(offset.unwrap_or(-1).cast_unsigned(), SeqCst);
        self.long(at::HIGH_WATERMARK).store(u64::MAX, SeqCst);
    }

    /// Counts an event.
    pub fn count(&self, counter: Counter) {
        self.long(at::COUNTERS + counter as usize).fetch_add(1, Relaxed);
    }

    /// Reads a counter.
    #[must_use]
    pub fn counter(&self, counter: Counter) -> u64 {
        self.long(at::COUNTERS + counter as usize).load(Relaxed)
    }

    /// The announcement of slot `slot`: 0, or the owner that has a sync under way or died with one.
    #[must_use]
    pub fn announcement(&self, slot: u8) -> &AtomicU32 {
        self.word(at::ANNOUNCEMENTS + usize::from(slot))
    }

    /// Announces a sync of `owner`.
    pub fn announce(&self, owner: Owner) {
        self.announcement(owner.slot()).store(owner.bits(), SeqCst);
    }

    /// Withdraws it, after the result was latched.
    pub fn withdraw(&self, owner: Owner) {
        self.announcement(owner.slot()).store(0, SeqCst);
    }
}
