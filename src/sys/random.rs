//! Random bytes from the kernel (getrandom).

use crate::error::Result;

/// 16 random bytes.
pub fn random_16() -> Result<[u8; 16]> {
    todo!()
}
