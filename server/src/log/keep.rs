//! The log as its operator changes it: the few writes that are no appends. Whoever keeps a log holds it as a server
//! does, by SQLite's lock or a standalone MongoDB's lease.

use std::sync::Arc;

use async_trait::async_trait;
use readrealm_protocol::{BookId, Epoch, Seq};

use super::mongo::MongoLog;
use super::open::{OpenError, StoreUrl};
use super::sqlite::SqliteLog;
use super::{EventLog, ReadError};

/// What became of the words at some places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Events that were rewritten; those that held no words any more are not counted.
    pub rewritten: u64,
    /// Events of types or versions that this server does not know, left as they are.
    pub unknown: u64,
}

/// A log that may be changed other than by appends.
#[async_trait]
pub trait LogKeeper: EventLog {
    /// A sign that a server uses this log now, as a sentence; `None` where the log's lock or lease rules that out, or
    /// none is found.
    async fn in_use(&self) -> Result<Option<String>, ReadError>;

    /// Says that the log is to keep its own epoch: from now on no import replaces it.
    async fn own_epoch(&self) -> Result<(), ReadError>;

    /// Gives the log another name. [`EventLog::epoch`] goes on answering the old one until the log is opened again.
    async fn set_epoch(&self, epoch: &Epoch) -> Result<(), ReadError>;

    /// Replaces the words in every event at these places (at most [`BATCH_EVENTS`](super::BATCH_EVENTS)), and with
    /// `names` the display names too. All else of the events stays. Doing it again changes nothing.
    async fn erase(&self, book: BookId, places: &[Seq], names: bool) -> Result<Erased, ReadError>;

    /// Sees to it that what was erased stands nowhere else in what this engine keeps, as far as it can.
    async fn scrub(&self) -> Result<(), ReadError>;
}

/// Opens a log to change it, making it where there is none. Fails where a server holds it alone.
pub async fn open_keeper(url: &StoreUrl) -> Result<Arc<dyn LogKeeper>, OpenError> {
    Ok(match url {
        StoreUrl::Memory => return Err(OpenError::in_memory()),
        StoreUrl::Sqlite(path) => Arc::new(SqliteLog::open(path).await?),
        StoreUrl::Mongo(url) => Arc::new(MongoLog::open(url).await?),
    })
}
