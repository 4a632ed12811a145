//! How fast a connection is refused what it asks: a refusal costs this side a frame and the peer nothing, and no other budget counts it.

use std::time::Duration;

use tokio::time::Instant;

/// Refusals of a connection that may come at once…
const AT_ONCE: u32 = 200;

/// …and one more in this time, which is 100 a second.
const EACH: Duration = Duration::from_millis(10);

/// The budget of one connection.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// When it is full again.
    full_at: Option<Instant>,
}

impl Refusals {
    /// Takes one, which is to be had always. Returns how long it is until the next may be.
    pub(super) fn take(&mut self, now: Instant) -> Duration {
        let full_at = self.full_at.map_or(now, |full_at| full_at.max(now)) + EACH;
        self.full_at = Some(full_at);
        (full_at - now).saturating_sub(EACH * AT_ONCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_had_at_once_and_then_a_hundred_a_second() {
        let (mut refusals, start) = (Refusals::default(), Instant::now());
        assert!((0..AT_ONCE).all(|_| refusals.take(start).is_zero()));
        let mut now = start;
        for _ in 0..100 {
            now += refusals.take(now);
        }
        assert_eq!(now - start, Duration::from_secs(1));
        // Full again, and no fuller than full.
        now += Duration::from_mins(1);
        assert!((0..AT_ONCE).all(|_| refusals.take(now).is_zero()));
        assert_eq!(refusals.take(now), EACH);
    }
}
