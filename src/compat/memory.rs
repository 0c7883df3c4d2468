//! The pool: blocks of one size from one piece of memory. Threads may share it.
//!
//! A block is in use from `pool_alloc` to `pool_free`; one bit each tells, so that a block that is given back twice, or
//! was never one, is refused and not handed out to two owners.

use std::alloc::{Layout, alloc, dealloc};
use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::guard::entry;
use super::shim;

/// Block sizes are a multiple of this.
const GRAIN: usize = 8;
/// What malloc aligns to.
const ALIGNMENT: usize = 16;

/// What a pointer to a pool points to, for those outside: nothing that they could use.
#[repr(C)]
#[derive(Debug)]
pub struct MemoryPool {
    _private: [u8; 0],
}

/// A pool.
#[derive(Debug)]
struct Pool {
    /// As a number: the pool moves between threads, the memory does not.
    memory: usize,
    layout: Layout,
    block_size: usize,
    blocks: Mutex<Blocks>,
}

#[derive(Debug)]
struct Blocks {
    count: usize,
    /// Those from here on were never handed out.
    fresh: usize,
    /// Those that came back, the last one first.
    free: Vec<usize>,
    /// A bit for each block that is in use.
    used: Vec<u64>,
}

/// Pools that `pool_create` made and nobody destroyed, with their block sizes: a pool of the program's own module is
/// not among them, and how large its blocks are nobody can tell.
static POOLS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

fn pools() -> MutexGuard<'static, Vec<(usize, usize)>> {
    POOLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The size of a pool's blocks; `None` where the pool is not the library's.
pub(super) fn block_size(pool: *const MemoryPool) -> Option<usize> {
    pools().iter().find(|(address, _)| *address == pool.addr()).map(|(_, size)| *size)
}

impl Pool {
    fn new(block_size: usize, count: usize) -> Option<Self> {
        let block_size = block_size.max(1).checked_next_multiple_of(GRAIN)?;
        let layout = Layout::from_size_align(block_size.checked_mul(count)?.max(GRAIN), ALIGNMENT).ok()?;
        let words = count.div_ceil(64);
        let mut used = Vec::new();
        used.try_reserve_exact(words).ok()?;
        // SAFETY: the size is not 0.
        let memory = unsafe { alloc(layout) };
        if memory.is_null() {
            return None;
        }
        used.resize(words, 0);
        let blocks = Mutex::new(Blocks { count, fresh: 0, free: Vec::new(), used });
        Some(Self { memory: memory.expose_provenance(), layout, block_size, blocks })
    }

    fn blocks(&self) -> MutexGuard<'_, Blocks> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<usize> {
        let mut blocks = self.blocks();
        let index = blocks.free.pop().or_else(|| {
            let fresh = blocks.fresh;
            (fresh < blocks.count).then(|| {
                blocks.fresh += 1;
                fresh
            })
        })?;
        *blocks.used.get_mut(index / 64)? |= 1 << (index % 64);
        Some(self.memory + index * self.block_size)
    }

    /// Whether it was a block in use.
    fn give_back(&self, address: usize) -> Option<()> {
        let distance = address.checked_sub(self.memory)?;
        let index = (distance % self.block_size == 0).then_some(distance / self.block_size)?;
        let mut blocks = self.blocks();
        // The room for it is there before the bit is gone: where memory is out, the block stays in use.
        blocks.free.try_reserve(1).ok()?;
        let word = blocks.used.get_mut(index / 64).filter(|word| **word & (1 << (index % 64)) != 0)?;
        *word &= !(1 << (index % 64));
        blocks.free.push(index);
        Some(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let memory: *mut u8 = std::ptr::with_exposed_provenance_mut(self.memory);
        // SAFETY: allocated with this layout, and the pool's user gave up all of its blocks with it.
        unsafe { dealloc(memory, self.layout) };
    }
}

/// `MemoryPool *pool_create(size_t block_size, size_t block_count)`: NULL where there is not that much memory.
#[unsafe(no_mangle)]
pub extern "C" fn pool_create(block_size: usize, block_count: usize) -> *mut MemoryPool {
    entry("pool_create", std::ptr::null_mut(), || {
        let Some(pool) = Pool::new(block_size, block_count) else { return std::ptr::null_mut() };
        let block_size = pool.block_size;
        let pool: *mut MemoryPool = Box::into_raw(Box::new(pool)).cast();
        pools().push((pool.addr(), block_size));
        pool
    })
}

/// `void *pool_alloc(MemoryPool *)`: a block, or NULL after a line on standard error.
///
/// # Safety
/// `pool` is NULL or came from `pool_create` and is not destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pool_alloc(pool: *mut MemoryPool) -> *mut c_void {
    entry("pool_alloc", std::ptr::null_mut(), || {
        // SAFETY: this function's contract.
        match unsafe { pool.cast::<Pool>().as_ref() }.and_then(Pool::take) {
            Some(address) => std::ptr::with_exposed_provenance_mut(address),
            None => {
                let reason = if pool.is_null() { "pool_alloc: no pool" } else { "Memory pool is out of memory!" };
                shim::complain(format_args!("{reason}"));
                std::ptr::null_mut()
            }
        }
    })
}

/// `void pool_free(MemoryPool *, void *)`: gives a block back; NULL is nothing to give back.
///
/// # Safety
/// As `pool_alloc`. Nobody uses the block any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pool_free(pool: *mut MemoryPool, block: *mut c_void) {
    entry("pool_free", (), || {
        if block.is_null() {
            return;
        }
        // SAFETY: this function's contract.
        if unsafe { pool.cast::<Pool>().as_ref() }.and_then(|pool| pool.give_back(block.expose_provenance())).is_none()
        {
            shim::complain(format_args!("pool_free: {block:p} is not a block in use of this pool"));
        }
    });
}

/// `void pool_destroy(MemoryPool *)`: frees the pool with all its blocks; NULL is no pool.
///
/// # Safety
/// As `pool_alloc`. Nobody uses the pool or a block of it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pool_destroy(pool: *mut MemoryPool) {
    entry("pool_destroy", (), || {
        let mut pools = pools();
        let place = pools.iter().position(|(address, _)| *address == pool.addr());
        if let Some(place) = place {
            pools.swap_remove(place);
            drop(pools);
            // SAFETY: listed, so it came from pool_create and was not destroyed; this function's contract for the rest.
            drop(unsafe { Box::from_raw(pool.cast::<Pool>()) });
        } else if !pool.is_null() {
            shim::complain(format_args!("pool_destroy: {pool:p} is not a pool"));
        }
    });
}
