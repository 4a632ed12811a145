//! Samples of one measure, and what they come to.

use std::time::Duration;

/// Times taken of the same thing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    /// Adds one.
    pub(crate) fn push(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// All of these in one.
    pub(crate) fn joined<'a>(all: impl Iterator<Item = &'a mut Self>) -> Self {
        Self(all.flat_map(|samples| samples.0.drain(..)).collect())
    }

    /// The sample that so many per cent are not above, in microseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(index).map_or(f64::NAN, |sample| sample.as_secs_f64() * 1e6)
    }
}
