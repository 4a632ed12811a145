//! Counters that many threads move at once, and none waits for: each thread has a cache line of its own.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Cache lines of one counter. Threads beyond share them.
const STRIPES: usize = 8;

/// A part of a counter, alone on its cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Stripe(AtomicU64);

/// A number that only grows.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<[Stripe; STRIPES]>);

impl Tally {
    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0[stripe()].0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed)).sum()
    }
}

/// Where the calling thread counts.
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<Option<usize>> = const { Cell::new(None) };
    }
    OWN.with(|own| {
        own.get().unwrap_or_else(|| {
            let stripe = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
            own.set(Some(stripe));
            stripe
        })
    })
}

impl EncodeMetric for Tally {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_counter::<NoLabelSet, u64, u64>(&self.get(), None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

/// A [`Tally`] for each of a few values of one label. All are there from the beginning, so that a rate over them is never
/// without a value, and no other can come: what clients send never becomes a label.
#[derive(Debug, Clone)]
pub struct Tallies {
    label: &'static str,
    values: Arc<[(&'static str, Tally)]>,
}

impl Tallies {
    /// Nothing was counted yet.
    pub fn new(label: &'static str, values: impl IntoIterator<Item = &'static str>) -> Self {
        let values = values.into_iter().map(|value| (value, Tally::default())).collect();
        Self { label, values }
    }

    /// One more of that value. One that the metric does not have is not counted.
    pub fn inc(&self, value: &str) {
        let tally = self.values.iter().find(|(known, _)| *known == value);
        debug_assert!(tally.is_some(), "{} has no value {value}", self.label);
        if let Some((_, tally)) = tally {
            tally.inc();
        }
    }
}

impl EncodeMetric for Tallies {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (value, tally) in &*self.values {
            encoder
                .encode_family(&[(self.label, *value)])?
                .encode_counter::<NoLabelSet, u64, u64>(&tally.get(), None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_threads_count_adds_up() {
        let tally = Tally::default();
        std::thread::scope(|threads| {
            for _ in 0..20 {
                threads.spawn(|| (0..1_000).for_each(|_| tally.add(3)));
            }
        });
        assert_eq!(tally.get(), 60_000);
    }
}
