//! Chance, from a seed.

use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A source of chance; clones draw from the same one.
#[derive(Debug, Clone)]
pub(crate) struct Dice(Arc<Mutex<StdRng>>);

impl Dice {
    /// The dice of one part of a run. Each part has its own, so that one part's draws do not move another's.
    pub(crate) fn new(seed: u64, part: u64) -> Self {
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ part.wrapping_mul(0xd1b5_4a32_d192_ed03);
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(mixed))))
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&self, low: u64, high: u64) -> u64 {
        self.0.lock().unwrap().random_range(low..=high)
    }

    /// An index below `count`.
    pub(crate) fn below(&self, count: usize) -> usize {
        self.0.lock().unwrap().random_range(0..count)
    }

    /// Whether something that happens so many times in a thousand happens now.
    pub(crate) fn per_mille(&self, rate: u64) -> bool {
        rate > 0 && self.between(1, 1_000) <= rate
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
