//! Random numbers that can be had again.

/// SplitMix64: the same seed gives the same numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed in the environment variable, or a new one.
    pub(crate) fn seed(variable: &str) -> u64 {
        use std::hash::{BuildHasher, RandomState};
        match std::env::var(variable) {
            Ok(text) => text.parse().expect("the seed is a number"),
            Err(_) => RandomState::new().hash_one(variable),
        }
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
