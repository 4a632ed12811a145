//! Where revocations are kept: beside the log, in the same store, so that every node and every restart knows them.
//!
//! [`Revocations`] is the contract. Nodes look for what has changed twice a second ([`follow`]): no stream of changes
//! has to be open, and none that is being opened again delays what was revoked. What stands is bounded; one that has
//! ended is forgotten.

mod follow;
mod memory;
mod mongo;
mod sqlite;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use readrealm_protocol::Timestamp;

pub use follow::{Following, follow};

use crate::auth::revoked::{Revocation, Subject};
use crate::log::open::{OpenError, StoreUrl};

/// Revocations that may stand at a time: every node has them in memory. One more is refused.
pub const MOST: u64 = 500_000;

/// How long one that has ended is kept, so that every node hears of its end.
const KEPT: Duration = Duration::from_hours(1);

/// Why a revocation was not made, lifted or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// As many stand as may.
    #[error("{MOST} revocations stand, which is as many as may: lift some, or give them an end")]
    Full,
    /// The store gave no answer. What was asked may be done all the same: ask again.
    #[error("the revocations are out of reach: {0}")]
    Unavailable(String),
}

/// What is new since a moment, and the moment to ask from next.
pub type Changes = (Vec<Revocation>, i64);

/// The revocations of one store.
#[async_trait]
pub trait Revocations: Send + Sync + fmt::Debug {
    /// Makes a revocation; it is durable once answered. Where one of the same stands, the later time and the later end
    /// count: it is never made weaker. Making it again changes nothing.
    async fn revoke(&self, revocation: &Revocation) -> Result<(), RevocationError>;

    /// Ends a revocation now. Returns whether it stood.
    async fn lift(&self, subject: &Subject) -> Result<bool, RevocationError>;

    /// At most `limit` of those that stand, after a subject, in the order of [`Subject`]'s text.
    async fn list(&self, after: Option<&Subject>, limit: u32) -> Result<Vec<Revocation>, RevocationError>;

    /// All that was changed since, those that were lifted among them, and perhaps some again; with `None` all that
    /// stand. Answers within two seconds or fails.
    async fn changes(&self, since: Option<i64>) -> Result<Changes, RevocationError>;

    /// What time it is by the clock that all who make revocations here have in common.
    async fn now(&self) -> Result<Timestamp, RevocationError> {
        Ok(Timestamp::now())
    }

    /// Lets go of the store.
    async fn close(&self) {}
}

/// The revocations of a store, made where there are none yet; the log must be there.
pub async fn open(store: &StoreUrl) -> Result<Arc<dyn Revocations>, OpenError> {
    Ok(match store {
        StoreUrl::Memory => Arc::new(memory::InMemory::default()),
        StoreUrl::Sqlite(path) => Arc::new(sqlite::InSqlite::open(path).await?),
        StoreUrl::Mongo(url) => Arc::new(mongo::InMongo::open(url).await?),
    })
}

/// One that ended before this is forgotten.
fn forgotten_before() -> Timestamp {
    let kept = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(Timestamp::now().as_millis().saturating_sub(kept))
}
