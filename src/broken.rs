//! Rules left out on purpose and places to die at, for the tests that show what each rule is for.
//!
//! Without the feature `break-rules` nothing of it is left in the library: every question is a constant. With it, a test process leaves a rule out by
//! [`leave_out`], or arms a place by [`arm`]; nothing is read from the environment.

/// An enum with the list of its variants, by which a test names one to a process that it started.
macro_rules! listed {
    ($(#[$attribute:meta])* pub enum $name:ident { $($(#[$documentation:meta])* $variant:ident,)* }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name { $($(#[$documentation])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
        }
    };
}

listed! {
/// A rule of docs/PROTOCOL.md that can be left out.
pub enum Rule {
    /// Publishing is ordered before the look at the armed bits.
    PublishFence,
    /// Who takes a slot raises its generation, and a word's generation is compared with it.
    SlotGeneration,
    /// A byte of one's own process is alive without asking, another's only by the kernel's word.
    DeathIsAsked,
    /// A grower looks at the prepared end once it has the grow word.
    GrowerLooksUnderWord,
    /// A taker of append first takes grow.
    TakerTakesGrow,
    /// A taker bumps the roll generation before it lists the folder.
    TakerBumpsGeneration,
    /// A taker sets the prepared end from the file.
    TakerSetsPrepared,
    /// A taker finds the active segment by listing, and takes the state for finished where its base is another.
    TakerComparesBase,
    /// A taker cuts both indexes.
    TakerCutsIndexes,
    /// A taker zeroes up to the intended position.
    TakerZeroes,
    /// A taker wakes everybody.
    TakerWakes,
    /// A waiter sleeps in slices.
    SlicedWaits,
    /// An index is never zeroed where its file already has entries of another process.
    IndexLengthIsAsked,
    /// A partition is recovered under its append word.
    RecoveryUnderWord,
    /// A control page is evidence only in its own session.
    SessionOfPage,
    /// A reader compares the session of its page before it believes an end.
    SessionOfReader,
    /// The first sync after a recovery in the same boot, or beside a dead announcement, rewrites.
    RewriteBeforeSync,
    /// A sync is announced before it begins.
    Announcement,
    /// A failure is latched in the page before the mutex is released, and read again before durable moves.
    LatchIsReadAgain,
    /// One thread of a process syncs a partition at a time.
    OneSyncAtATime,
    /// A sync covers every segment from durable on, and moves durable after each.
    DurableMovesBySegment,
    /// The last writer leaves its byte while it still holds the gate.
    LeaveUnderGate,
    /// The clean marker is only written for a directory in which every partition is whole.
    MarkerOnlyIfWhole,
    /// Slot bytes are asked for, too, before a writer believes that it is alone.
    AloneMeansNoSlot,
    /// Appends check the sticky words under the lock.
    StickyWords,
    /// Unwinding runs the takeover before it unlocks.
    PanicMends,
    /// A topic's creation or removal is written down before it begins.
    Intent,
    /// The old segment is trimmed before the new one takes its name.
    RollTrims,
    /// Who inspects files that nobody writes looks behind it whether somebody took them up.
    InspectionLooksAgain,
    /// A lost segment of another session is refused (inode and session at time-outs).
    StaleIsNoticed,
    /// The directory is synced before the first durable acknowledgement in it.
    DirectorySync,
    /// Clearing an armed bit changes the word for good.
    ArmedSequence,
    /// Locks belong to the open file description: two copies of the library in one process exclude each other, and a host that closes the file takes none away.
    DescriptionLocks,
    /// A forked child keeps no lock of its parent's.
    ChildLetsGo,
    /// No thread is cancelled inside a call.
    NoCancellation,
    /// A lock file that was locked is the one at its path.
    LockIsAtPath,
}
}

listed! {
/// A place that a test process can stop, end or panic at.
pub enum Point {
    /// Never passed.
    None,
    /// The append word is held, nothing is touched.
    AppendTaken,
    /// The idle copy of the tail is filled.
    AppendStated,
    /// The batch is copied.
    AppendCopied,
    /// The index entries are put.
    AppendIndexed,
    /// The end is published, nobody is woken yet.
    AppendPublished,
    /// Sleepers are woken, the word is still held.
    AppendWoken,
    /// A roll holds grow, nothing is touched.
    RollTaken,
    /// The ready flag is cleared and the last time entry put.
    RollFlagCleared,
    /// The prepared end is lowered.
    RollLowered,
    /// The old files are trimmed.
    RollTrimmed,
    /// The prepared time index has its name.
    RollTimeIndexNamed,
    /// Both prepared indexes have their names.
    RollIndexesNamed,
    /// The prepared log has its name.
    RollNamed,
    /// The prepared end is the new segment's.
    RollPrepared,
    /// The roll generation is bumped, grow still held.
    RollBumped,
    /// Grow is released, nothing is published into the new segment.
    RollDone,
    /// A piece is reserved and zeroed, the prepared end not moved.
    GrowZeroed,
    /// The prepared end moved.
    GrowMoved,
    /// A growth failed, the file is not yet cut back.
    GrowFailed,
    /// The files of the next segment are made, not flagged.
    NextMade,
    /// A taker holds append and grow.
    TakerTookGrow,
    /// A taker bumped the generation.
    TakerBumped,
    /// A taker cut the indexes.
    TakerCut,
    /// A taker zeroed.
    TakerZeroed,
    /// A taker set the prepared end.
    TakerPrepared,
    /// A sync is announced, not begun.
    SyncAnnounced,
    /// `fdatasync` returned, nothing is latched.
    SyncReturned,
    /// Durable moved, the announcement stands.
    SyncMoved,
    /// Instead of its result `fdatasync` gives EIO (actions: strike; linger before it is told).
    SyncFails,
    /// The session is begun, the gate held.
    SessionBegun,
    /// A recovery holds the append word.
    RecoveryBegun,
    /// A recovery is done, the page not yet filled.
    RecoveryDone,
    /// The last writer out holds the gate.
    CloseBegun,
    /// Its partitions are closed, checkpoints not written.
    CloseTrimmed,
    /// The marker is written, the gate still held.
    CloseMarked,
    /// A topic's folders are half made.
    TopicHalfMade,
    /// A topic's folders are half removed.
    TopicHalfRemoved,
    /// The armed bit is cleared, nobody is woken yet.
    WakeCleared,
    /// A growth ahead of need is due, the grow word not taken.
    GrowDue,
    /// A growth is about to zero.
    GrowBegun,
    /// A reader has found that nobody has a log open, and is about to inspect its files.
    LogUnowned,
    /// A fetch has found its log in order, and has loaded nothing yet.
    FetchChecked,
    /// A waiter has armed and looked again, and is about to sleep.
    WaitArmed,
}
}

listed! {
/// What happens at an armed place.
pub enum Action {
    /// The process is killed.
    Kill,
    /// The process is stopped, until somebody lets it go on.
    Stop,
    /// The thread panics.
    Panic,
    /// The thread sleeps for ever, with what it holds.
    Abandon,
    /// Only [`struck`] tells.
    Strike,
    /// The thread sleeps for a moment, in a call at which it may be cancelled.
    Linger,
}
}

#[cfg(not(feature = "break-rules"))]
mod inert {
    use super::{Point, Rule};

    /// Whether a rule is left out.
    #[inline(always)]
    #[must_use]
    pub const fn is(_rule: Rule) -> bool {
        false
    }

    /// Passes a place.
    #[inline(always)]
    pub const fn pass(_point: Point) {}

    /// Whether a place was armed to strike, and is passed now.
    #[inline(always)]
    #[must_use]
    pub const fn struck(_point: Point) -> bool {
        false
    }
}

#[cfg(feature = "break-rules")]
mod armed {
    use std::sync::atomic::Ordering::SeqCst;
    use std::sync::atomic::{AtomicU32, AtomicU64};

    use super::{Action, Point, Rule};
    use crate::sys::ground::{self, Ground};
    use crate::sys::halt;

    static LEFT_OUT: AtomicU64 = AtomicU64::new(0);
    /// Point, action and how many passes are left: 8, 8 and 16 bits.
    static ARMED: AtomicU32 = AtomicU32::new(0);

    /// Leaves a rule out in this process, for good.
    pub fn leave_out(rule: Rule) {
        match rule {
            Rule::DescriptionLocks => ground::take_away(Ground::DescriptionLocks),
            Rule::ChildLetsGo => ground::take_away(Ground::ReleaseInChild),
            Rule::NoCancellation => ground::take_away(Ground::NoCancellation),
            _ => {}
        }
        LEFT_OUT.fetch_or(1 << rule as u8, SeqCst);
    }

    /// Whether a rule is left out.
    #[inline]
    #[must_use]
    pub fn is(rule: Rule) -> bool {
        LEFT_OUT.load(SeqCst) & 1 << rule as u8 != 0
    }

    /// Arms a place for its `pass`th passing, counted from 1.
    pub fn arm(point: Point, action: Action, pass: u16) {
        ARMED.store(point as u32 | (action as u32) << 8 | u32::from(pass.max(1)) << 16, SeqCst);
    }

    /// Passes a place.
    #[inline]
    pub fn pass(point: Point) {
        if let Some(action) = reached(point) {
            act(action);
        }
    }

    /// Whether a place was armed to strike, and is passed now.
    #[inline]
    #[must_use]
    pub fn struck(point: Point) -> bool {
        reached(point).map(act).is_some()
    }

    fn reached(point: Point) -> Option<u32> {
        let mut seen = ARMED.load(SeqCst);
        loop {
            if seen & 0xff != point as u32 || point == Point::None {
                return None;
            }
            let last = seen >> 16 <= 1;
            let next = if last { 0 } else { seen - (1 << 16) };
            match ARMED.compare_exchange(seen, next, SeqCst, SeqCst) {
                Ok(_) => return last.then_some(seen >> 8 & 0xff),
                Err(other) => seen = other,
            }
        }
    }

    #[cold]
    fn act(action: u32) {
        match action {
            n if n == Action::Kill as u32 => halt::kill(),
            n if n == Action::Stop as u32 => halt::stop(),
            n if n == Action::Panic as u32 => panic!("a panic that a test asked for"),
            n if n == Action::Linger as u32 => std::thread::sleep(std::time::Duration::from_millis(1500)),
            n if n == Action::Abandon as u32 => loop {
                std::thread::sleep(std::time::Duration::from_secs(3600));
            },
            _ => {}
        }
    }
}

#[cfg(feature = "break-rules")]
pub use armed::{arm, is, leave_out, pass, struck};
#[cfg(not(feature = "break-rules"))]
pub use inert::{is, pass, struck};
