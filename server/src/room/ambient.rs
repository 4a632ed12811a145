//! What a node takes from its surroundings: the time of day, and chance. Handed in, so that a simulation of nodes can be
//! run twice and be the same.

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::time::Duration;

use rand::RngExt;
use readrealm_protocol::Timestamp;

/// Where a node is.
pub trait Ambient: Debug + Send + Sync {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// A pause of so many milliseconds, drawn at random: what failed together shall not be tried again together.
    fn pause(&self, millis: RangeInclusive<u64>) -> Duration;
}

/// The system's clock, and the process's own randomness.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Ambient for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn pause(&self, millis: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(rand::rng().random_range(millis))
    }
}
