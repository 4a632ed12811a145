//! Chance, from a seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A source of chance.
#[derive(Debug)]
pub(super) struct Dice(StdRng);

impl Dice {
    /// The dice of one part of a run. Each part has its own, so that one part's draws do not move another's.
    pub(super) fn new(seed: u64, part: u64) -> Self {
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ part.wrapping_mul(0xd1b5_4a32_d192_ed03);
        Self(StdRng::seed_from_u64(mixed))
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.random_range(low..=high)
    }

    /// An index below `count`.
    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// Whether something that happens so many times in a hundred happens now.
    pub(super) fn per_cent(&mut self, rate: u64) -> bool {
        self.between(1, 100) <= rate
    }

    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A time between these, in milliseconds.
    pub(super) fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    /// Any order of these.
    pub(super) fn shuffled<T: Copy>(&mut self, of: &[T]) -> Vec<T> {
        let mut rest = of.to_vec();
        let mut order = Vec::new();
        while !rest.is_empty() {
            let next = self.below(rest.len());
            order.push(rest.swap_remove(next));
        }
        order
    }
}
