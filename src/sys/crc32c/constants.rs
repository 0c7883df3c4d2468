//! What a part of a message is multiplied by, so that it counts as if it lay at the message's end.
//!
//! Numbers are polynomials over one bit, as CRC-32C has them: the lowest bit is the highest power. A carry-less product
//! of two 64-bit numbers comes out one power too low for its 128 bits, so each constant has one power less.

/// CRC-32C's polynomial without x^32, which is implied.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// How many lanes of 16 bytes the table reaches back.
pub(super) const LANE_COUNT: usize = 28;

/// For a lane of 16 bytes with `LANE_COUNT - 1 - n` lanes behind it, entry `n`: the multipliers of its first and of its
/// last eight bytes. So any four entries in a row are those of four lanes in a row.
#[repr(align(64))]
pub(super) struct Multipliers(pub(super) [[u64; 2]; LANE_COUNT]);

/// The only one.
pub(super) static MULTIPLIERS: Multipliers = Multipliers(multipliers());

/// Multipliers of a lane with `behind` lanes behind it.
pub(super) const fn behind(behind: usize) -> [u64; 2] {
    multipliers()[LANE_COUNT - 1 - behind]
}

const fn multipliers() -> [[u64; 2]; LANE_COUNT] {
    let mut table = [[0; 2]; LANE_COUNT];
    let mut power = one_over_x();
    let mut lane = LANE_COUNT;
    while lane > 0 {
        lane -= 1;
        // In the upper half, where the highest bit is x^0.
        table[lane][1] = (power as u64) << 32;
        power = times_x_64(power);
        table[lane][0] = (power as u64) << 32;
        power = times_x_64(power);
    }
    table
}

const fn times_x(number: u32) -> u32 {
    if number & 1 == 1 { (number >> 1) ^ POLYNOMIAL } else { number >> 1 }
}

const fn times_x_64(mut number: u32) -> u32 {
    let mut count = 0;
    while count < 64 {
        number = times_x(number);
        count += 1;
    }
    number
}

/// What times x is 1.
const fn one_over_x() -> u32 {
    let one = 0x8000_0000;
    let number = ((one ^ POLYNOMIAL) << 1) | 1;
    assert!(times_x(number) == one);
    number
}
