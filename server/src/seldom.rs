//! What would fill the log if it were told each time: told at once, then once a minute, with how often it was.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the log is told.
const TOLD: Duration = Duration::from_mins(1);

/// One thing that happens again and again.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<Untold>);

#[derive(Debug, Default)]
struct Untold {
    /// When the log was told last.
    told: Option<Instant>,
    /// How often it happened since.
    count: u64,
}

impl Seldom {
    /// It has not happened yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Untold { told: None, count: 0 }))
    }

    /// It has happened. Where the log is to be told: how often since it was told last, this time among them.
    pub fn to_tell(&self) -> Option<u64> {
        self.to_tell_at(Instant::now())
    }

    fn to_tell_at(&self, now: Instant) -> Option<u64> {
        let mut untold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        untold.count += 1;
        if untold.told.is_some_and(|told| now.duration_since(told) < TOLD) {
            return None;
        }
        untold.told = Some(now);
        Some(std::mem::take(&mut untold.count))
    }
}

/// A log line of this level for what happens at one place again and again, with `count`, how often: see [`Seldom`].
macro_rules! seldom {
    ($level:ident, $($line:tt)+) => {{
        static TOLD: $crate::seldom::Seldom = $crate::seldom::Seldom::new();
        if let Some(count) = TOLD.to_tell() {
            tracing::$level!(count, $($line)+);
        }
    }};
}
pub(crate) use seldom;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_once_a_minute_however_often_it_happens() {
        let (seldom, now) = (Seldom::new(), Instant::now());
        assert_eq!(seldom.to_tell_at(now), Some(1));
        assert!((0..10_000).all(|_| seldom.to_tell_at(now + TOLD / 2).is_none()));
        assert_eq!(seldom.to_tell_at(now + TOLD), Some(10_001));
        assert_eq!(seldom.to_tell_at(now + 2 * TOLD), Some(1));
    }
}
