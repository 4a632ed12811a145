//! Wrong secrets: slowed by their address, and told of in the log, which they cannot flood. The right one is never kept waiting: else
//! whoever shares an address with the operator could keep them from revoking.

use std::net::IpAddr;
use std::time::Duration;

use readrealm_protocol::ErrorCode;
use readrealm_protocol::server::ErrorReply;

use crate::connection::limits;
use crate::pace::AddressPaces;
use crate::seldom::Seldom;

/// How many wrong secrets of an address are answered at once a second, and how many more before that.
const GUESSES: (u32, u32) = (1, 10);

/// How long any others wait for their answer.
const SLOWED: Duration = Duration::from_secs(1);

/// Who guesses how often, and what the log knows of it.
#[derive(Debug)]
pub(super) struct Guesses {
    paces: AddressPaces,
    told: Seldom,
}

impl Guesses {
    /// Nobody has guessed yet.
    pub(super) fn new() -> Self {
        Self {
            paces: AddressPaces::new(GUESSES.0, GUESSES.1),
            told: Seldom::new(),
        }
    }

    /// How one from there is refused, soon or not so soon.
    pub(super) async fn refuse(&self, address: IpAddr) -> ErrorReply {
        if let Some(count) = self.told.to_tell() {
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
}
