//! A gear hash: a rolling hash whose window is as wide as its word.

/// The bytes that a hash covers. Each byte shifts the hash by one bit, so a byte leaves it after 32 more.
pub(super) const WINDOW: usize = 32;

/// A random number for each byte value. Stored deltas do not depend on them.
static GEAR: [u32; 256] = gear();

/// The hash of a window's bytes.
pub(super) fn hash(window: &[u8]) -> u32 {
    window.iter().fold(0, |hash, byte| roll(hash, *byte))
}

/// The hash of the window that ends with `byte`, one further than the window of `hash`.
#[inline(always)]
pub(super) fn roll(hash: u32, byte: u8) -> u32 {
    (hash << 1).wrapping_add(GEAR[byte as usize])
}

/// Fills the table with random numbers from a `SplitMix64` generator.
const fn gear() -> [u32; 256] {
    let mut table = [0; 256];
    let mut state = 0_u64;
    let mut at = 0;
    while at < table.len() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        table[at] = (mixed >> 32) as u32;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolling_gives_the_hash_of_the_window_alone() {
        let bytes: Vec<u8> = (0..200_u8).map(|byte| byte.wrapping_mul(37)).collect();
        let mut rolled = hash(&bytes[..WINDOW]);
        for end in WINDOW..bytes.len() {
            rolled = roll(rolled, bytes[end]);
            assert_eq!(rolled, hash(&bytes[end + 1 - WINDOW..=end]));
        }
    }
}
