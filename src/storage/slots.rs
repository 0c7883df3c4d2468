//! The slot page of a directory: `ckafka.slots`, 4,096 bytes, mapped by every process that writes in it.
//!
//! Host byte order. Byte n of the *file* is locked exclusively by whoever has slot n: that lock is the slot's life.
//!
//! ```text
//!    0 u64 magic "CKSLOT01"     8 u32 page version     12 u32 flags: 1 the directory was clean when the session began,
//!                                                       2 the kernel is the one of the session before
//!   16 2 x u64 session id      32 2 x u64 boot id
//! 1024 256 x u32 generations: how often each slot was taken
//! ```

use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};

use crate::broken::{self, Rule};
use crate::error::{Error, Result};
use crate::sys::word::Owner;
use crate::sys::{Access, Dir, File, Identity, SharedPage, filesystem, fork, lock, random};

/// The file's name.
pub const SLOTS: &str = "ckafka.slots";
/// Writers that a directory takes at once.
pub const SLOT_COUNT: u32 = 256;

const MAGIC: u64 = u64::from_le_bytes(*b"CKSLOT01");
const VERSION: u32 = 1;
const VERSION_AT: usize = 2;
const FLAGS_AT: usize = 3;
const SESSION_AT: usize = 2;
const BOOT_AT: usize = 4;
const GENERATIONS_AT: usize = 256;
const FLAG_CLEAN: u32 = 1;
const FLAG_SAME_BOOT: u32 = 2;

/// How the directory was found when the session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// The clean marker was there.
    Clean,
    /// It was not, or the directory is new.
    Unclean,
}

/// The mapped slot page.
#[derive(Debug)]
pub struct SlotPage {
    page: SharedPage,
    /// A forked child lets go of the file; before it, since fields drop in their order.
    _released: fork::Released,
    file: File,
}

impl SlotPage {
    /// Opens and maps the page; `None` where the file is missing or shorter than a page.
    pub fn open(dir: &Dir, access: Access) -> Result<Option<Self>> {
        let Some(file) = dir.open_file_if_there(SLOTS, access)? else { return Ok(None) };
        if file.len()? < SharedPage::BYTES as u64 {
            return Ok(None);
        }
        Ok(Some(Self::over(file, access)?))
    }

    fn over(file: File, access: Access) -> Result<Self> {
        Ok(Self { page: SharedPage::map(&file, access)?, _released: fork::release_in_child(&file)?, file })
    }

    /// Begins a session: draws its id, remembers how it began. Only for who is alone under the gate.
    pub fn begin_session(dir: &Dir, beginning: Beginning) -> Result<Self> {
        let slots = match Self::open(dir, Access::ReadWrite)? {
            Some(slots) => slots,
            None => {
                let file = dir.open_or_create_file(SLOTS)?;
                file.reserve(0..SharedPage::BYTES as u64)?;
                file.zero(0..SharedPage::BYTES as u64)?;
                Self::over(file, Access::ReadWrite)?
            }
        };
        slots.refuse_strangers()?;
        let is_ours = slots.is_ours() && slots.version() == VERSION;
        let boot = halves(filesystem::boot_id());
        // Without a page of ours nothing tells which kernel wrote the cached pages: then they are rewritten too.
        let same_boot = !is_ours || [slots.long(BOOT_AT), slots.long(BOOT_AT + 1)] == boot;
        if !is_ours {
            slots.page.u64s().iter().for_each(|long| long.store(0, Relaxed));
        }
        let session = halves(random::random_16()?);
        let flags =
            if beginning == Beginning::Clean { FLAG_CLEAN } else { 0 } | if same_boot { FLAG_SAME_BOOT } else { 0 };
        slots.page.u32s()[VERSION_AT].store(VERSION, Relaxed);
        slots.page.u32s()[FLAGS_AT].store(flags, Relaxed);
        for n in 0..2 {
            slots.page.u64s()[SESSION_AT + n].store(session[n], SeqCst);
            slots.page.u64s()[BOOT_AT + n].store(boot[n], Relaxed);
        }
        slots.page.u64s()[0].store(MAGIC, SeqCst);
        Ok(slots)
    }

    /// Refuses to begin beside writers that are alive: they hold the lock file that stood here before somebody removed it.
    fn refuse_strangers(&self) -> Result<()> {
        if broken::is(Rule::AloneMeansNoSlot) {
            return Ok(());
        }
        for slot in 0..SLOT_COUNT {
            if !lock::is_free(&self.file, u64::from(slot))? {
                let holder = format!("the living writer in slot {slot}, whose lock file was removed under it");
                return Err(Error::Locked { path: self.file.path().to_path_buf(), holder });
            }
        }
        Ok(())
    }

    fn version(&self) -> u32 {
        self.page.u32s()[VERSION_AT].load(Acquire)
    }

    /// Device and inode of the file.
    pub fn identity(&self) -> Result<Identity> {
        self.file.identity()
    }

    fn long(&self, n: usize) -> u64 {
        self.page.u64s()[n].load(Acquire)
    }

    /// Whether the file is a slot page of ours.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.long(0) == MAGIC
    }

    /// Refuses to join a session of another layout version, or one that another kernel has under way.
    pub fn check_joinable(&self) -> Result<()> {
        let path = self.file.path().to_path_buf();
        let version = self.version();
        if !self.is_ours() || version != VERSION {
            let reason = format!("slot page version {version} in use by a living writer, this library has {VERSION}");
            return Err(Error::Version { path, reason });
        }
        if [self.long(BOOT_AT), self.long(BOOT_AT + 1)] != halves(filesystem::boot_id()) {
            let reason = "another kernel has writers in this directory".to_owned();
            return Err(Error::Version { path, reason });
        }
        Ok(())
    }

    /// The session's id.
    #[must_use]
    pub fn session(&self) -> [u64; 2] {
        [self.long(SESSION_AT), self.long(SESSION_AT + 1)]
    }

    /// How the session began.
    #[must_use]
    pub fn beginning(&self) -> Beginning {
        let flags = self.page.u32s()[FLAGS_AT].load(Acquire);
        if flags & FLAG_CLEAN != 0 { Beginning::Clean } else { Beginning::Unclean }
    }

    /// Whether the session before may have left pages in this kernel's cache that its disk lacks.
    #[must_use]
    pub fn same_boot(&self) -> bool {
        self.page.u32s()[FLAGS_AT].load(Acquire) & FLAG_SAME_BOOT != 0
    }

    /// Takes a free slot, raising its generation before anything else; `None` where all are taken.
    pub fn take(&self) -> Result<Option<Owner>> {
        for slot in 0..SLOT_COUNT {
            if lock::try_exclusive(&self.file, u64::from(slot))? {
                let generation = &self.page.u32s()[GENERATIONS_AT + slot as usize];
                let mut next = Owner::next_generation(generation.load(Acquire));
                if broken::is(Rule::SlotGeneration) {
                    next = generation.load(Acquire).max(1);
                }
                generation.store(next, SeqCst);
                return Ok(Some(Owner::new(slot as u8, next)));
            }
        }
        Ok(None)
    }

    /// Lets a slot go.
    pub fn release(&self, owner: Owner) -> Result<()> {
        lock::unlock(&self.file, u64::from(owner.slot()))
    }

    /// Whether an owner of a word has died, by the kernel's word: its slot was taken anew, or nobody holds its byte.
    #[must_use]
    pub fn is_dead(&self, owner: Owner, me: Owner) -> bool {
        let generation = self.page.u32s()[GENERATIONS_AT + usize::from(owner.slot())].load(Acquire);
        if broken::is(Rule::DeathIsAsked) {
            return false;
        }
        if !owner.is_of_generation(generation) {
            return true;
        }
        // A byte of one's own process is alive without asking (the kernel would not report one's own lock).
        owner.slot() != me.slot() && lock::is_free(&self.file, u64::from(owner.slot())).unwrap_or(false)
    }
}

fn halves(bytes: [u8; 16]) -> [u64; 2] {
    let both = u128::from_le_bytes(bytes);
    [both as u64, (both >> 64) as u64]
}
