//! A 4,096-byte page of a file, mapped shared, seen as atomic words.

use std::sync::atomic::{AtomicU32, AtomicU64};

use super::{Access, File};
use crate::error::Result;

/// The mapped page. Each byte must be used as one width only, which the layouts over it ensure. Not inherited by a forked child where it is writable.
#[derive(Debug)]
pub struct SharedPage {
    _todo: (),
}

impl SharedPage {
    /// Bytes of the page.
    pub const BYTES: usize = 4096;
    /// Maps the first 4,096 bytes; a shorter file is an error (never touched beyond its end). `access` Read gives a page whose words may only be loaded.
    pub fn map(_file: &File, _access: Access) -> Result<Self> {
        todo!()
    }
    /// Whether stores are allowed. Storing into a page mapped for reading is a fault: layouts check this first.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        todo!()
    }
    /// The page as 32-bit words.
    #[must_use]
    #[inline]
    pub fn u32s(&self) -> &[AtomicU32; Self::BYTES / 4] {
        todo!()
    }
    /// The page as 64-bit words.
    #[must_use]
    #[inline]
    pub fn u64s(&self) -> &[AtomicU64; Self::BYTES / 8] {
        todo!()
    }
}
