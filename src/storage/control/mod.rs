//! The control page of a partition: `ckafka.control`, 4,096 bytes, mapped by every process that uses the partition.
//!
//! Host byte order. Every field has one width. Derived data: evidence only in the session that wrote it.
//!
//! ```text
//!    0 u64 magic "CKCTRL01"      8 u32 page version      12 u32 recovered in this session: 1, or 2 with a rewrite due before the first sync
//!   16 2 x u64 session id
//!   64 u32 append word
//!  128 u64 published end       136 u32 armed: bit 0 somebody sleeps for the end, the others count its clearings     140 u32 polled: bit 0 for the end, bit 1 for durable
//!  144 u64 prepared end        152 u64 roll generation   160 u32 failed (errno, sticky)   164 u32 next segment ready
//!  168 u64 prepared base       176 u32 deleted (sticky)
//!  192 tail state, first copy (13 x u64)                 320 tail state, second copy
//!  448 u32 grow word
//!  512 u32 sync word           520 u64 durable end       528 u32 armed: the same for durable
//!  536 u64 durable place: low half of a segment's base offset, above 32 bits of a position below which its bytes are durable
//!  576 u64 log start           584 u64 recovery point    592 u64 last stable offset (-1: the end)   600 u64 high watermark (-1: the end)
//!  640 u64 takeovers           648 u64 takeovers of grow 656 u64 rolls     664 u64 growths     672 u64 rewrites before a sync
//! 1024 256 x u32 announcements of syncs, by slot
//! 4095 u8  written to wake pollers, never read
//! ```

mod state;
mod wake;

use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, fence};

pub use wake::{Armed, PollBit};

use crate::error::{Error, Result};
use crate::storage::tail::TailState;
use crate::sys::word::Owner;
use crate::sys::{Access, File, Identity, SharedPage};

/// Version of the layout above.
pub const VERSION: u32 = 1;
const MAGIC: u64 = u64::from_le_bytes(*b"CKCTRL01");

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
    pub const DURABLE_PLACE: usize = 67;
    pub const LOG_START: usize = 72;
    pub const RECOVERY_POINT: usize = 73;
    pub const LAST_STABLE: usize = 74;
    pub const HIGH_WATERMARK: usize = 75;
    pub const COUNTERS: usize = 80;
    pub const ANNOUNCEMENTS: usize = 256;
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
    /// Segments rewritten before a sync.
    Rewrites = 4,
}

/// The mapped page, typed.
#[derive(Debug)]
pub struct ControlPage {
    page: SharedPage,
    file: File,
    identity: Option<Identity>,
    /// Which copy of the tail state was current when this process looked last: where to look first.
    last_copy: AtomicUsize,
}

impl ControlPage {
    /// Maps the page of an open control file. Access Read gives a page that only the loading methods may be used on.
    pub fn map(file: File, access: Access) -> Result<Self> {
        Ok(Self {
            page: SharedPage::map(&file, access)?,
            identity: file.identity().ok(),
            file,
            last_copy: AtomicUsize::new(0),
        })
    }

    /// The file that is mapped.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Its path, for messages.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        self.file.path()
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
    ///
    /// The roll generation goes on rising: a reader of the session before may have a list by its number.
    pub fn initialise(&self, session: [u64; 2]) {
        let generation = self.roll_generation().wrapping_add(1);
        for long in self.page.u64s() {
            long.store(0, Relaxed);
        }
        self.long(at::ROLL_GENERATION).store(generation, Relaxed);
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

    /// Whether the page still is one of `session`: asked after what was loaded from it.
    #[must_use]
    #[inline]
    pub fn is_of(&self, session: [u64; 2]) -> bool {
        fence(Acquire);
        at::SESSION.iter().zip(session).all(|(at, id)| self.long(*at).load(Acquire) == id)
    }

    /// Device and inode of the file, where they could be asked for.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        self.identity
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

    /// Whether nothing was appended, grown or synced since the partition was recovered or made, and no time entry is due at its close: its files are as long as the page says.
    #[must_use]
    pub fn is_as_recovered(&self) -> bool {
        let end = self.published_end();
        let untouched = |mut tail: TailState| {
            let prepared = (self.prepared_base(), self.prepared_end());
            prepared == (tail.base_offset, tail.position) && tail.take_time_entry().is_none()
        };
        self.first_sync() == FirstSync::Plain
            && self.durable_end() >= end
            && self.load_tail(1).end_offset == -1
            && self.current_tail(end).is_some_and(|(_, tail)| untouched(tail))
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

    /// Up to where the bytes of segment `base` are durable, as far as the page says.
    #[must_use]
    pub fn durable_place(&self, base: i64) -> Option<u64> {
        let place = self.long(at::DURABLE_PLACE).load(Acquire);
        (place as u32 == base as u32).then_some(place >> 32)
    }

    /// Says so; before `durable` moves, so that no later segment is taken for one that has the same low half.
    pub fn set_durable_place(&self, base: i64, position: u64) {
        self.long(at::DURABLE_PLACE).store(position << 32 | u64::from(base as u32), SeqCst);
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

    /// Whether the topic was deleted.
    #[must_use]
    #[inline]
    pub fn is_deleted(&self) -> bool {
        self.word(at::DELETED).load(Acquire) != 0
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

    /// Announces a sync of `owner`; what stood in its place.
    pub fn announce(&self, owner: Owner) -> Option<Owner> {
        Owner::from_word(self.announcement(owner.slot()).swap(owner.bits(), SeqCst))
    }

    /// Withdraws it, after the result was latched.
    pub fn withdraw(&self, owner: Owner) {
        self.announcement(owner.slot()).store(0, SeqCst);
    }
}
