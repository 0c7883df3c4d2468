//! CRC-32C on x86-64: the `crc32` instruction for a few bytes, carry-less multiplication for more.
//!
//! A message is a sum of its parts, each multiplied by a power of x: what lies behind it. So each lane of 16 bytes is
//! multiplied by the remainder of its power, on its own and beside all others, and what has to be done one after the other
//! is only the remainder of the sum. Long messages go through four running sums first.

use std::arch::x86_64::{
    __m128i, __m512i, _mm_clmulepi64_si128, _mm_crc32_u8, _mm_crc32_u16, _mm_crc32_u32, _mm_crc32_u64,
    _mm_cvtsi32_si128, _mm_cvtsi128_si64, _mm_extract_epi64, _mm_loadu_si128, _mm_set_epi64x, _mm_setzero_si128,
    _mm_xor_si128, _mm512_add_epi8, _mm512_broadcast_i32x4, _mm512_castsi512_si128, _mm512_clmulepi64_epi128,
    _mm512_extracti32x4_epi32, _mm512_loadu_si512, _mm512_maskz_loadu_epi8, _mm512_maskz_permutexvar_epi8,
    _mm512_set1_epi8, _mm512_setzero_si512, _mm512_ternarylogic_epi64, _mm512_xor_si512, _mm512_zextsi128_si512,
};
use std::array;
use std::sync::atomic::{AtomicU8, Ordering};

use super::constants::{LANE_COUNT, MULTIPLIERS, behind};

const LANE: usize = 16;
const BLOCK: usize = 64;
/// Below these the `crc32` instruction alone is faster than lanes, and than blocks.
const NARROW_LEAST: usize = 80;
const WIDE_LEAST: usize = 32;
/// Three inputs of a bit, and the exclusive or of them: bit n of this is the result for the inputs n.
const XOR_OF_THREE: i32 = 0x96;
const IOTA: [u8; BLOCK] = {
    let mut iota = [0; BLOCK];
    let mut at = 0;
    while at < BLOCK {
        iota[at] = at as u8;
        at += 1;
    }
    iota
};

const UNKNOWN: u8 = 0;
const NONE: u8 = 1;
const NARROW: u8 = 2;
const WIDE: u8 = 3;
static WAY: AtomicU8 = AtomicU8::new(UNKNOWN);

#[inline]
pub(super) fn update(state: u32, bytes: &[u8]) -> Option<u32> {
    match WAY.load(Ordering::Relaxed) {
        // SAFETY: `find` saw each feature that `wide` is compiled with.
        WIDE => Some(unsafe { wide(state, bytes) }),
        // SAFETY: `find` saw each feature that `narrow` is compiled with.
        NARROW => Some(unsafe { narrow(state, bytes) }),
        UNKNOWN => {
            WAY.store(find(), Ordering::Relaxed);
            update(state, bytes)
        }
        _ => None,
    }
}

/// Asks the processor, and the system, which has to keep the wide registers.
#[cold]
fn find() -> u8 {
    let is_narrow = is_x86_feature_detected!("sse4.2") && is_x86_feature_detected!("pclmulqdq");
    let is_wide = is_narrow
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("vpclmulqdq");
    if is_wide {
        WIDE
    } else if is_narrow {
        NARROW
    } else {
        NONE
    }
}

/// The ways that this processor can go, for tests.
#[cfg(test)]
pub(super) fn all() -> Vec<super::tests::Way> {
    let mut all: Vec<super::tests::Way> = Vec::new();
    if find() >= NARROW {
        // SAFETY: `find` saw its features.
        all.push(("narrow", |state, bytes| unsafe { narrow(state, bytes) }));
    }
    if find() >= WIDE {
        // SAFETY: `find` saw its features.
        all.push(("wide", |state, bytes| unsafe { wide(state, bytes) }));
    }
    all
}

/// By the `crc32` instruction, at most eight bytes at a time, each waiting for the one before.
#[target_feature(enable = "sse4.2")]
#[inline]
fn serial(state: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut state =
        words.iter().fold(u64::from(state), |state, word| _mm_crc32_u64(state, u64::from_le_bytes(*word))) as u32;
    let mut rest = rest;
    if let Some((four, behind)) = rest.split_first_chunk::<4>() {
        state = _mm_crc32_u32(state, u32::from_le_bytes(*four));
        rest = behind;
    }
    if let Some((two, behind)) = rest.split_first_chunk::<2>() {
        state = _mm_crc32_u16(state, u16::from_le_bytes(*two));
        rest = behind;
    }
    if let Some(byte) = rest.first() {
        state = _mm_crc32_u8(state, *byte);
    }
    state
}

/// The register after a message whose sum is this, beginning with 0.
#[target_feature(enable = "sse4.2")]
#[inline]
fn remainder(sum: __m128i) -> u32 {
    let first = _mm_crc32_u64(0, _mm_cvtsi128_si64(sum).cast_unsigned());
    _mm_crc32_u64(first, _mm_extract_epi64::<1>(sum).cast_unsigned()) as u32
}

#[target_feature(enable = "sse4.2")]
#[inline]
fn lane(bytes: &[u8; LANE]) -> __m128i {
    // SAFETY: 16 bytes are there to be read; they need no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// The two products of a lane with its multipliers.
#[target_feature(enable = "sse4.2,pclmulqdq")]
#[inline]
fn product(lane: __m128i, multipliers: __m128i) -> __m128i {
    _mm_xor_si128(_mm_clmulepi64_si128::<0x00>(lane, multipliers), _mm_clmulepi64_si128::<0x11>(lane, multipliers))
}

/// In lanes of 16 bytes.
#[target_feature(enable = "sse4.2,pclmulqdq")]
fn narrow(state: u32, bytes: &[u8]) -> u32 {
    if bytes.len() < NARROW_LEAST {
        return serial(state, bytes);
    }
    let (head, lanes) = bytes.as_rchunks::<LANE>();
    let state = _mm_cvtsi32_si128(serial(state, head).cast_signed());
    let mut sum = _mm_setzero_si128();
    let Some((first, mut lanes)) = lanes.split_first() else { return 0 };
    let first = _mm_xor_si128(lane(first), state);
    if lanes.len() >= LANE_COUNT {
        let [m0, m1] = const { behind(4) };
        let by_four = _mm_set_epi64x(m1.cast_signed(), m0.cast_signed());
        let mut sums = [first, lane(&lanes[0]), lane(&lanes[1]), lane(&lanes[2])];
        let (fours, rest) = lanes[3..].as_chunks::<4>();
        for four in fours {
            sums = array::from_fn(|n| _mm_xor_si128(product(sums[n], by_four), lane(&four[n])));
        }
        for (n, running) in sums.into_iter().enumerate() {
            sum = _mm_xor_si128(sum, product(running, multipliers(rest.len() + 3 - n)));
        }
        lanes = rest;
    } else {
        sum = product(first, multipliers(lanes.len()));
    }
    // The other instruction has nothing to do meanwhile: it takes the last lanes.
    let count = lanes.len() - lanes.len() * 2 / 5;
    for (n, bytes) in lanes[..count].iter().enumerate() {
        sum = _mm_xor_si128(sum, product(lane(bytes), multipliers(lanes.len() - 1 - n)));
    }
    serial(0, lanes[count..].as_flattened()) ^ remainder(sum)
}

/// The multipliers of a lane with `behind` lanes behind it.
#[target_feature(enable = "sse4.2")]
#[inline]
fn multipliers(behind: usize) -> __m128i {
    let [first, last] = MULTIPLIERS.0[LANE_COUNT - 1 - behind];
    _mm_set_epi64x(last.cast_signed(), first.cast_signed())
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,vpclmulqdq,pclmulqdq,sse4.2")]
#[inline]
fn block(bytes: &[u8; BLOCK]) -> __m512i {
    // SAFETY: 64 bytes are there to be read; they need no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// The products of a block's four lanes, added to a sum.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,vpclmulqdq,pclmulqdq,sse4.2")]
#[inline]
fn wide_product(block: __m512i, multipliers: __m512i, sum: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<XOR_OF_THREE>(
        _mm512_clmulepi64_epi128::<0x00>(block, multipliers),
        _mm512_clmulepi64_epi128::<0x11>(block, multipliers),
        sum,
    )
}

/// The multipliers of a block's lanes with `behind` blocks behind it.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,vpclmulqdq,pclmulqdq,sse4.2")]
#[inline]
fn wide_multipliers(behind: usize) -> __m512i {
    let fours = const { MULTIPLIERS.0.as_chunks::<4>().0 };
    let four = &fours[fours.len() - 1 - behind];
    // SAFETY: four entries of 16 bytes are there to be read.
    unsafe { _mm512_loadu_si512(four.as_ptr().cast()) }
}

/// In blocks of 64 bytes; a message that is no multiple of that has zeroes before it, which change nothing.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,vpclmulqdq,pclmulqdq,sse4.2")]
fn wide(state: u32, bytes: &[u8]) -> u32 {
    if bytes.len() < WIDE_LEAST {
        return serial(state, bytes);
    }
    // The state goes into the first four bytes, so they must not be in two blocks.
    let tail_size = if bytes.len() % BLOCK < 4 { bytes.len() % BLOCK } else { 0 };
    let (bytes, tail) = bytes.split_at(bytes.len() - tail_size);
    let head_size = (bytes.len() - 1) % BLOCK + 1;
    let (head, behind_head) = bytes.split_at(head_size);
    let (mut blocks, _) = behind_head.as_chunks::<BLOCK>();
    let first = match bytes.first_chunk::<BLOCK>() {
        Some(bytes) => block(bytes),
        // SAFETY: only bytes of `head` are read, as the mask has no others.
        None => unsafe { _mm512_maskz_loadu_epi8(u64::MAX >> (BLOCK - head_size), head.as_ptr().cast()) },
    };
    let first = _mm512_xor_si512(first, _mm512_zextsi128_si512(_mm_cvtsi32_si128(state.cast_signed())));
    let places = _mm512_add_epi8(block(&IOTA), _mm512_set1_epi8(head_size as i8));
    let first = _mm512_maskz_permutexvar_epi8(u64::MAX << (BLOCK - head_size), places, first);

    let mut sum = _mm512_setzero_si512();
    if blocks.len() > 6 {
        let by_four = _mm512_broadcast_i32x4(multipliers(16));
        let mut sums = [first, block(&blocks[0]), block(&blocks[1]), block(&blocks[2])];
        let (fours, rest) = blocks[3..].as_chunks::<4>();
        for four in fours {
            sums = array::from_fn(|n| wide_product(sums[n], by_four, block(&four[n])));
        }
        for (n, running) in sums.into_iter().enumerate() {
            sum = wide_product(running, wide_multipliers(rest.len() + 3 - n), sum);
        }
        blocks = rest;
    } else {
        sum = wide_product(first, wide_multipliers(blocks.len()), sum);
    }
    for (n, bytes) in blocks.iter().enumerate() {
        sum = wide_product(block(bytes), wide_multipliers(blocks.len() - 1 - n), sum);
    }
    let [one, two, three] =
        [_mm512_extracti32x4_epi32::<1>(sum), _mm512_extracti32x4_epi32::<2>(sum), _mm512_extracti32x4_epi32::<3>(sum)];
    let sum = _mm_xor_si128(_mm_xor_si128(_mm512_castsi512_si128(sum), one), _mm_xor_si128(two, three));
    serial(remainder(sum), tail)
}
