//! The control page as an onlooker reads it, by the layout that docs/FORMAT.md gives and without the library.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;

use super::process::{Words, is_byte_free};

/// Words of the page.
pub const PAGE_WORDS: usize = 512;

/// A partition's page and the slots of its directory.
pub struct Page {
    words: Words,
    slots: Words,
    slots_file: File,
}

/// Owner of a word that has died with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadOwner(pub u32);

impl Page {
    /// Looks at partition 0 of topic `t`; `None` where there is no page yet.
    pub fn open(directory: &Path) -> Option<Self> {
        let file = File::open(directory.join("t-0/ckafka.control")).ok()?;
        let slots_file = File::open(directory.join("ckafka.slots")).ok()?;
        let whole = |file: &File| file.metadata().is_ok_and(|metadata| metadata.len() >= 4096);
        (whole(&file) && whole(&slots_file)).then(|| Self {
            words: Words::map_read_only(&file, PAGE_WORDS),
            slots: Words::map_read_only(&slots_file, PAGE_WORDS),
            slots_file,
        })
    }

    fn short(&self, at: usize) -> u32 {
        let long = self.words.get()[at / 8].load(SeqCst);
        (long >> (at % 8 * 8)) as u32
    }

    fn long(&self, at: usize) -> u64 {
        self.words.get()[at / 8].load(SeqCst)
    }

    pub fn append_word(&self) -> u32 {
        self.short(64)
    }

    pub fn grow_word(&self) -> u32 {
        self.short(448)
    }

    pub fn sync_word(&self) -> u32 {
        self.short(512)
    }

    pub fn published_end(&self) -> u64 {
        self.long(128)
    }

    /// Bytes of the active segment below the published end: of the copy of the tail state that the end selects.
    pub fn published_position(&self) -> u64 {
        let copies = [192, 320];
        copies.iter().find(|at| self.long(**at) == self.published_end()).map_or(0, |at| self.long(at + 8))
    }

    pub fn durable_end(&self) -> u64 {
        self.long(520)
    }

    /// Takeovers, takeovers of grow, rolls, growths: of the session.
    pub fn counters(&self) -> [u64; 4] {
        std::array::from_fn(|n| self.long(640 + 8 * n))
    }

    /// One line for who looks for the reason of a failure.
    pub fn describe(&self) -> String {
        format!(
            "append {:#x} grow {:#x} sync {:#x} published {} durable {} prepared {} of base {} generation {} failed {}",
            self.append_word(),
            self.grow_word(),
            self.sync_word(),
            self.published_end(),
            self.durable_end(),
            self.long(144),
            self.long(168),
            self.long(152),
            self.short(160),
        )
    }

    /// The owner of the append word, if it is dead: its byte is free, or its slot was taken anew.
    pub fn dead_appender(&self) -> Option<DeadOwner> {
        let word = self.append_word() & !(1 << 31);
        if word == 0 {
            return None;
        }
        let slot = u64::from(word & 0xff);
        let generations = self.slots.get()[128 + slot as usize / 2].load(SeqCst);
        let generation = (generations >> (slot % 2 * 32)) as u32 & 0x7f_ffff;
        (generation != word >> 8 || is_byte_free(&self.slots_file, slot)).then_some(DeadOwner(word))
    }
}
