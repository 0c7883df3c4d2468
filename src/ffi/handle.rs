//! The handle table: numbers dressed as pointers, looked up without a lock, never dereferenced.
//!
//! A handle is, from the top: a mark (11 bits) that no address of a program has, the generation of its place (30), the
//! number of the place (20), and three zeroes. Whatever else a caller passes is refused by comparison alone.
//!
//! Places are made in chunks of 1,024 and never given back, so looking at one is always sound; at most 1,048,576
//! objects are open at a time. Empty places form a list whose head carries a counter against reuse in between.
//! Everything here is lock-free: a forked child or a signal handler finds no lock held by a thread that is not there.

use std::alloc::{Layout, alloc_zeroed};
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};

use super::memory::boxed;
use super::slot::{Closing, GENERATION_MAX, Left, LeftInSignal, Refusal, Slot};
use crate::sys::cancel::NoCancellation;
use crate::sys::fork;

const CHUNK_SLOTS: usize = 1024;
const CHUNKS: usize = 1024;
const MARK: u64 = 0b101_1010_0110 << 53;
const MARK_MASK: u64 = 0x7FF << 53;
const GENERATION_SHIFT: u32 = 23;
const INDEX_SHIFT: u32 = 3;
const INDEX_MASK: u64 = (CHUNK_SLOTS * CHUNKS - 1) as u64;
/// End of a list of places, whose links are each one more than an index: so an empty table takes no room in the library's file.
const NONE: u32 = 0;

type Chunk<T> = [Slot<T>; CHUNK_SLOTS];

/// Objects behind handles.
pub(crate) struct Table<T> {
    chunks: [AtomicPtr<Chunk<T>>; CHUNKS],
    /// Places below this were used once.
    used: AtomicU32,
    /// Empty places: counter in the high half, first place in the low half.
    free: AtomicU64,
    /// Places that are to be emptied, left behind by callers who may not free memory.
    left_behind: AtomicU32,
    owns: PhantomData<T>,
}

/// A call inside an object; the object lives at least as long.
pub(crate) struct Pin<'t, T: Send + Sync> {
    table: &'t Table<T>,
    slot: &'t Slot<T>,
    index: u32,
    object: *const T,
}

/// Where no object could be put.
#[derive(Debug)]
pub(crate) struct Full;

/// What became of a close.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The handle is gone; the object goes when the last call leaves it.
    Done,
    /// Gone, but its owner is the parent of this process: the object is left as it is.
    Inherited,
}

impl<T: Send + Sync> Table<T> {
    /// An empty table.
    pub(crate) const fn new() -> Self {
        Self {
            chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
            used: AtomicU32::new(0),
            free: AtomicU64::new(NONE as u64),
            left_behind: AtomicU32::new(NONE),
            owns: PhantomData,
        }
    }

    /// Takes an object in and gives its handle. `Err` where the table is full or memory is out; the object is dropped.
    pub(crate) fn insert(&self, object: T) -> Result<u64, Full> {
        self.bury();
        let object = boxed(object, "what is behind a handle").map_err(|_| Full)?;
        let index = self.take_free().or_else(|| self.take_new()).ok_or(Full)?;
        let slot = self.slot(index).ok_or(Full)?;
        let generation = slot.fill(Box::into_raw(object), fork::generation());
        Ok(MARK | u64::from(generation) << GENERATION_SHIFT | u64::from(index) << INDEX_SHIFT)
    }

    /// Goes into the object of a handle.
    #[inline]
    pub(crate) fn pin(&self, handle: u64) -> Result<Pin<'_, T>, Refusal> {
        let (index, generation, slot) = self.find(handle)?;
        match slot.enter(generation, fork::generation()) {
            Ok(object) => Ok(Pin { table: self, slot, index, object }),
            Err(refusal) => Err(self.refuse(index, slot, refusal)),
        }
    }

    /// Goes into the object of a handle that is to be closed, which a panic or a fork does not prevent.
    ///
    /// What others left behind goes first, as it may be what keeps this object in use.
    pub(crate) fn pin_to_close(&self, handle: u64) -> Result<Pin<'_, T>, Refusal> {
        self.bury();
        let (index, generation, slot) = self.find(handle)?;
        match slot.enter_to_close(generation) {
            Ok(object) => Ok(Pin { table: self, slot, index, object }),
            Err(refusal) => Err(self.refuse(index, slot, refusal)),
        }
    }

    /// Calls `visit` with the object of a handle; frees no memory and takes no lock, so a signal handler may do it.
    /// `visit` must not panic: the object would never be freed.
    pub(crate) fn visit_in_signal<R>(&self, handle: u64, visit: impl FnOnce(&T) -> R) -> Result<R, Refusal> {
        let (index, generation, slot) = self.find(handle)?;
        let visited = slot.enter(generation, fork::generation()).map(|object| {
            // SAFETY: the place is not emptied while this call is counted in it.
            visit(unsafe { &*object })
        });
        if slot.leave_in_signal() == LeftInSignal::StaysCounted {
            self.leave_behind(index, slot);
        }
        visited
    }

    fn leave_behind(&self, index: u32, slot: &Slot<T>) {
        let mut head = self.left_behind.load(Acquire);
        loop {
            slot.next.store(head, Relaxed);
            match self.left_behind.compare_exchange_weak(head, index + 1, AcqRel, Acquire) {
                Ok(_) => return,
                Err(seen) => head = seen,
            }
        }
    }

    #[cold]
    fn refuse(&self, index: u32, slot: &Slot<T>, refusal: Refusal) -> Refusal {
        self.finish(index, slot.leave());
        refusal
    }

    #[inline]
    fn find(&self, handle: u64) -> Result<(u32, u32, &Slot<T>), Refusal> {
        if handle & (MARK_MASK | 0b111) != MARK {
            return Err(Refusal::Unknown);
        }
        // The masks leave 20 and 30 bits.
        let index = (handle >> INDEX_SHIFT & INDEX_MASK) as u32;
        let generation = (handle >> GENERATION_SHIFT) as u32 & GENERATION_MAX;
        let slot = self.slot(index).ok_or(Refusal::Unknown)?;
        Ok((index, generation, slot))
    }

    #[inline]
    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        let chunk = self.chunks.get(index as usize / CHUNK_SLOTS)?.load(Acquire);
        // SAFETY: a chunk is NULL or whole, initialised, and never freed.
        let chunk = unsafe { chunk.as_ref() }?;
        chunk.get(index as usize % CHUNK_SLOTS)
    }

    fn take_free(&self) -> Option<u32> {
        let mut head = self.free.load(Acquire);
        loop {
            // The low half.
            let index = (head as u32).checked_sub(1)?;
            let next = self.slot(index)?.next.load(Relaxed);
            let new = (head >> 32).wrapping_add(1) << 32 | u64::from(next);
            match self.free.compare_exchange_weak(head, new, AcqRel, Acquire) {
                Ok(_) => return Some(index),
                Err(seen) => head = seen,
            }
        }
    }

    fn give_free(&self, index: u32) {
        let Some(slot) = self.slot(index) else { return };
        if slot.generation() == GENERATION_MAX {
            return;
        }
        let mut head = self.free.load(Acquire);
        loop {
            slot.next.store(head as u32, Relaxed);
            let new = (head >> 32).wrapping_add(1) << 32 | u64::from(index + 1);
            match self.free.compare_exchange_weak(head, new, AcqRel, Acquire) {
                Ok(_) => return,
                Err(seen) => head = seen,
            }
        }
    }

    fn take_new(&self) -> Option<u32> {
        let mut index = self.used.load(Relaxed);
        loop {
            let chunk = self.chunks.get(index as usize / CHUNK_SLOTS)?;
            if chunk.load(Acquire).is_null() {
                make_chunk(chunk)?;
            }
            match self.used.compare_exchange_weak(index, index + 1, AcqRel, Relaxed) {
                Ok(_) => return Some(index),
                Err(seen) => index = seen,
            }
        }
    }

    /// Frees what a place gave up.
    fn finish(&self, index: u32, left: Left<T>) {
        let Left::Emptied(object) = left else { return };
        let is_inherited = self.slot(index).is_some_and(|slot| slot.is_inherited(fork::generation()));
        if !object.is_null() && !is_inherited {
            // SAFETY: it came from `Box::into_raw` in `insert`, and emptying gave it to this caller alone.
            let object = unsafe { Box::from_raw(object) };
            // A panic while it is dropped must not reach the host; the memory is then lost.
            drop(catch_unwind(AssertUnwindSafe(|| drop(object))));
        }
        self.give_free(index);
    }

    /// Does for others what a signal handler could not.
    fn bury(&self) {
        let mut link = self.left_behind.swap(NONE, AcqRel);
        while let Some(index) = link.checked_sub(1)
            && let Some(slot) = self.slot(index)
        {
            link = slot.next.load(Relaxed);
            // The visitor that was left counted goes out now.
            self.finish(index, slot.leave_for_other());
        }
    }
}

/// Makes a chunk; another thread may be first, which is as good.
#[cold]
fn make_chunk<T>(place: &AtomicPtr<Chunk<T>>) -> Option<()> {
    let layout = Layout::new::<Chunk<T>>();
    // SAFETY: the layout is not of size 0.
    let chunk: *mut Chunk<T> = unsafe { alloc_zeroed(layout) }.cast();
    if chunk.is_null() {
        return None;
    }
    if place.compare_exchange(ptr::null_mut(), chunk, AcqRel, Acquire).is_err() {
        // SAFETY: allocated above with this layout, and nobody else has seen it.
        unsafe { std::alloc::dealloc(chunk.cast(), layout) };
    }
    Some(())
}

impl<T: Send + Sync> Pin<'_, T> {
    /// Remembers that a call panicked inside.
    pub(crate) fn poison(&self) {
        self.slot.poison();
    }

    /// Ends the handle. `Err`: another call did already.
    pub(crate) fn close(&self) -> Result<Closed, Refusal> {
        match self.slot.close() {
            Closing::Theirs => Err(Refusal::Unknown),
            Closing::Ours if self.is_inherited() => Ok(Closed::Inherited),
            Closing::Ours => Ok(Closed::Done),
        }
    }

    /// Whether it was opened before this process was forked off.
    pub(crate) fn is_inherited(&self) -> bool {
        self.slot.is_inherited(fork::generation())
    }
}

impl<T: Send + Sync> Deref for Pin<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the place is not emptied while this pin is counted in it.
        unsafe { &*self.object }
    }
}

impl<T: Send + Sync> Drop for Pin<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let left @ Left::Emptied(_) = self.slot.leave() {
            // The object goes now, and closes what it has open.
            let _whole = NoCancellation::begin();
            self.table.finish(self.index, left);
        }
    }
}

#[cfg(test)]
mod tests;
