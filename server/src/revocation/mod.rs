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

pub use follow::{Following, follow, follow_by};

use crate::auth::revoked::{Revocation, Subject};
use crate::log::open::{OpenError, StoreUrl};

/// Revocations that may stand at a time: every node has them in memory. One more is refused; one that stands may be renewed.
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

/// How far somebody has read what changes. The default is before everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// The last that was read.
    read: Place,
    /// Where a store whose changes are not seen in their order is being read again; `None` where that begins anew.
    again: Option<Place>,
    /// What time it was by the clock that gives changes their times, in milliseconds since 1970.
    clock: Option<i64>,
}

impl Mark {
    /// Where changes have numbers, and are seen in their order.
    fn at(change: i64) -> Self {
        Self {
            read: Place::at(change),
            ..Self::default()
        }
    }
}

/// A change has a number or time, never 0, and those that have the same are ordered by their subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place {
    change: i64,
    id: String,
}

impl Place {
    fn at(change: i64) -> Self {
        Self {
            change,
            id: String::new(),
        }
    }
}

/// A part of what has changed.
#[derive(Debug)]
pub struct Page {
    /// Those that changed, as they are now, the lifted ones among them; perhaps some that are known.
    pub news: Vec<Revocation>,
    /// Where the next page begins.
    pub mark: Mark,
    /// Whether nothing lies behind it yet.
    pub is_last: bool,
}

/// The revocations of one store.
#[async_trait]
pub trait Revocations: Send + Sync + fmt::Debug {
    /// Makes a revocation; it is durable once answered. Where one of the same stands, the later time and the later end
    /// count: it is never made weaker. Making it again changes nothing. Returns what stands then, which is what a node is to learn.
    async fn revoke(&self, revocation: &Revocation) -> Result<Revocation, RevocationError>;

    /// Ends a revocation now. Returns whether it stood.
    async fn lift(&self, subject: &Subject) -> Result<bool, RevocationError>;

    /// At most `limit` of those that stand, after a subject, in the order of [`Subject`]'s text.
    async fn list(&self, after: Option<&Subject>, limit: u32) -> Result<Vec<Revocation>, RevocationError>;

    /// What others have changed since, in the order of the changes: at most `limit` that are new, which is at least 1, and as
    /// many that may be known. From the default mark on all that stand, and those that ended less than an hour ago. However
    /// many there are, a page answers within its time or fails: a second, or five for the first of all.
    async fn changes(&self, after: &Mark, limit: u32) -> Result<Page, RevocationError>;

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
