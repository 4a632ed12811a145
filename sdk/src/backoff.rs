//! How long to wait before trying again: a random share of a span that doubles, so that clients cut off together do not
//! come back together.

/// The span before the second attempt, in milliseconds.
const FIRST_MS: f64 = 500.0;

/// The longest span, in milliseconds.
const LONGEST_MS: f64 = 20_000.0;

/// Milliseconds a connection must have lasted for the next wait to start small again: a server that takes connections
/// and drops them at once must not be hammered.
const STABLE_MS: f64 = 60_000.0;

/// A random share of the span after `attempts` failures. `random` is from 0 to 1.
pub(crate) fn full_jitter(attempts: u32, random: f64) -> f64 {
    let span = FIRST_MS * f64::from(1_u32 << attempts.saturating_sub(1).min(6));
    random * span.min(LONGEST_MS)
}

/// The attempts to reach the server since the connection was last stable.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// Counts an attempt. Returns its number, from 1.
    pub(crate) fn next(&mut self) -> u32 {
        self.attempts = self.attempts.saturating_add(1);
        self.attempts
    }

    /// The number of the attempt that is going on, 0 being the first of all.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Takes note that a connection lasted so many milliseconds.
    pub(crate) fn lasted(&mut self, millis: f64) {
        if millis >= STABLE_MS {
            self.attempts = 0;
        }
    }
}

/// When something that failed is due again.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    attempts: u32,
    due: f64,
}

impl Retry {
    /// It failed at `now`; the server may have said for how long to wait.
    pub(crate) fn failed(&mut self, now: f64, retry_after_ms: Option<f64>, random: f64) {
        self.attempts += 1;
        self.due = now
            + retry_after_ms
                .unwrap_or_else(|| full_jitter(self.attempts, random))
                .max(1.0);
    }

    pub(crate) fn due(&self) -> f64 {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, full_jitter};

    #[test]
    fn the_span_doubles_from_half_a_second_to_twenty() {
        let spans: Vec<f64> = (1..=8).map(|attempts| full_jitter(attempts, 1.0)).collect();
        assert_eq!(spans, [500.0, 1e3, 2e3, 4e3, 8e3, 16e3, 20e3, 20e3]);
        let shares = vec![full_jitter(u32::MAX, 0.5), full_jitter(5, 0.0)];
        assert_eq!(shares, [10e3, 0.0]);
    }

    #[test]
    fn only_a_stable_minute_makes_the_waits_short_again() {
        let mut backoff = Backoff::default();
        assert_eq!((backoff.next(), backoff.next()), (1, 2));
        backoff.lasted(59_999.0);
        assert_eq!(backoff.next(), 3);
        backoff.lasted(60_000.0);
        assert_eq!(backoff.next(), 1);
    }
}
