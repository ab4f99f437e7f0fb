//! Randomness of the scripts: a number for each (seed, height, validator), without a state.
//!
//! Stateless on purpose: whether a validator misses height 500 must not depend on how many rolls came before, or a
//! late round would change the rest of the chain. SplitMix64's finaliser; nothing here protects a secret.

/// Evenly spread 64 bits for a place in the chain.
pub fn roll(seed: u64, height: i64, seat: usize) -> u64 {
    let place = height.unsigned_abs().wrapping_mul(0x1_0000_01b3) ^ (seat as u64).wrapping_mul(0x9e37_79b9);
    mix(mix(seed ^ 0x5061_6c69_7361_6465) ^ place)
}

/// True `per_million` times in a million.
pub fn hits(seed: u64, height: i64, seat: usize, per_million: u32) -> bool {
    roll(seed, height, seat) % 1_000_000 < u64::from(per_million)
}

fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_met_and_repeats() {
        let hit = |seed| (1..=20_000).filter(|h| hits(seed, *h, 7, 10_000)).count();
        assert!((150..250).contains(&hit(1)), "{} of 20,000 at 1 %", hit(1));
        assert_eq!(hit(1), hit(1));
        assert_ne!(roll(1, 5, 6), roll(1, 6, 5));
    }
}
