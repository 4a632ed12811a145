//! Wrong secrets: slowed by their address, and told of in the log, which they cannot flood. The right one is never kept waiting: else
//! whoever shares an address with the operator could keep them from revoking.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use readrealm_protocol::ErrorCode;
use readrealm_protocol::server::ErrorReply;

use crate::connection::limits;
use crate::pace::AddressPaces;

/// How many wrong secrets of an address are answered at once a second, and how many more before that.
const GUESSES: (u32, u32) = (1, 10);

/// How long any others wait for their answer.
const SLOWED: Duration = Duration::from_secs(1);

/// How often the log tells of wrong secrets.
const TOLD: Duration = Duration::from_mins(1);

/// Who guesses how often, and what the log knows of it.
#[derive(Debug)]
pub(super) struct Guesses {
    paces: AddressPaces,
    /// When the log was told last, and how many there were since.
    untold: Mutex<(Option<Instant>, u64)>,
}

impl Guesses {
    /// Nobody has guessed yet.
    pub(super) fn new() -> Self {
        Self {
            paces: AddressPaces::new(GUESSES.0, GUESSES.1),
            untold: Mutex::default(),
        }
    }

    /// How one from there is refused, soon or not so soon.
    pub(super) async fn refuse(&self, address: IpAddr) -> ErrorReply {
        if let Some(count) = self.to_tell(Instant::now()) {
            tracing::warn!(count, %address, "a wrong admin secret was shown; this is told once a minute");
        }
        let Err(wait) = self.paces.take(address) else {
            return ErrorReply::new(
                ErrorCode::Unauthorized,
                "the admin secret is needed: Authorization: Bearer …",
            );
        };
        tokio::time::sleep(SLOWED).await;
        limits::refused("this address shows wrong secrets", wait)
    }

    /// How many there were, this one among them, where the log is to be told.
    fn to_tell(&self, now: Instant) -> Option<u64> {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        untold.1 += 1;
        if untold.0.is_some_and(|told| now.duration_since(told) < TOLD) {
            return None;
        }
        untold.0 = Some(now);
        Some(std::mem::take(&mut untold.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_once_a_minute_however_many_there_are() {
        let (guesses, now) = (Guesses::new(), Instant::now());
        assert_eq!(guesses.to_tell(now), Some(1));
        assert!((0..10_000).all(|_| guesses.to_tell(now + TOLD / 2).is_none()));
        assert_eq!(guesses.to_tell(now + TOLD), Some(10_001));
    }
}
