//! Random bytes from the kernel (getrandom).

use std::path::Path;

use nix::errno::Errno;

use super::errno::retry;
use crate::error::{Error, Result};

/// 16 random bytes.
pub fn random_16() -> Result<[u8; 16]> {
    let mut bytes = [0_u8; 16];
    let count = retry(|| {
        // SAFETY: the buffer is valid for its 16 bytes.
        Errno::result(unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) })
    });
    match count {
        // Up to 256 bytes come whole or not at all.
        Ok(16) => Ok(bytes),
        Ok(_) => Err(Error::io("getrandom", Path::new("the kernel"), Errno::EIO.into())),
        Err(errno) => Err(Error::io("getrandom", Path::new("the kernel"), errno.into())),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn draws_differ() {
        let mut drawn: Vec<_> = (0..64).map(|_| super::random_16().unwrap()).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 64);
        // In 1,024 bytes nearly every value turns up: a constant or half-filled buffer would not pass.
        let mut seen = [false; 256];
        drawn.iter().flatten().for_each(|&byte| seen[usize::from(byte)] = true);
        assert!(seen.iter().filter(|&&seen| seen).count() > 200);
    }
}
