//! Taking turns with other nodes that write the same room. Who has just won a position would win the next as well: it
//! knows it first, while the one that lost is still reading. So the winner waits for one to three times as long as an append
//! takes, and the loser goes at once. A room whose readers are all at one node never waits. Pure: it is told the time.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// So long after another node's event a room counts as written by several.
const CONTESTED: Duration = Duration::from_secs(2);

/// The longest turn that is left to others, in milliseconds.
const LONGEST: u64 = 1_000;

/// Whose turn it is in one room.
#[derive(Debug, Default)]
pub(super) struct Turns {
    contested_until: Option<Instant>,
    began: Option<Instant>,
    others_until: Option<Instant>,
}

impl Turns {
    /// Another node has written here, or stands where this one wanted to write.
    pub(super) fn contested(&mut self, now: Instant) {
        self.contested_until = Some(now + CONTESTED);
    }

    /// An append begins.
    pub(super) fn begin(&mut self, now: Instant) {
        self.began = Some(now);
        self.others_until = None;
    }

    /// All of it was written: where others write too, or may (a writer that loses each time is not heard of), the next
    /// turn is theirs, for a time drawn from these milliseconds.
    pub(super) fn written(&mut self, now: Instant, is_shared: bool, draw: impl Fn(RangeInclusive<u64>) -> Duration) {
        if !is_shared && self.contested_until.is_none_or(|until| until < now) {
            return;
        }
        let took = self
            .began
            .map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        let took = u64::try_from(took.as_millis()).unwrap_or(LONGEST).clamp(1, LONGEST);
        self.others_until = Some(now + draw(took..=(took * 3)));
    }

    /// Until when the turn is left to others.
    pub(super) fn others_until(&self, now: Instant) -> Option<Instant> {
        self.others_until.filter(|until| *until > now)
    }
}
