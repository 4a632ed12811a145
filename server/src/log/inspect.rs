//! The log as its operator looks at it: what it holds, sound or not, without serving and without changing it.
//!
//! Beside [`EventLog`](super::EventLog), which rooms live on: nothing here takes a lock or a lease, makes an index or
//! a file, or needs what it reads to be right. A server may write meanwhile.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use readrealm_protocol::{BookId, Seq};

use super::mongo::MongoReader;
use super::open::{OpenError, StoreUrl};
use super::record::Record;
use super::sqlite::SqliteReader;
use super::{EventId, Head, Page, PageQuery, ReadError, ReadLimit, StoredEvent};

/// What a log says of itself, as far as it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The format of what it stores.
    pub format: Option<i64>,
    /// Its epoch.
    pub epoch: Option<String>,
    /// Whether no import is to replace it.
    pub owns_epoch: bool,
}

/// An event as it is stored, be it sound or not.
#[derive(Debug, Clone, PartialEq)]
pub struct RawEvent {
    /// Its id, where it has one that is a text.
    pub id: Option<String>,
    /// Its room, where that is one.
    pub book: Option<BookId>,
    /// Its position, where that is one.
    pub seq: Option<Seq>,
    /// The event, or why it is none.
    pub record: Result<Record, String>,
}

/// Stored events, by room and position. Ends after the first error.
pub type RawEvents = BoxStream<'static, Result<RawEvent, ReadError>>;

/// A log that is looked at.
#[async_trait]
pub trait LogReader: Send + Sync + fmt::Debug {
    /// What the log says of itself.
    async fn about(&self) -> Result<About, ReadError>;

    /// What the log's promises rest on and is not there, each as a sentence.
    async fn defects(&self) -> Result<Vec<String>, ReadError>;

    /// The first room with events after `after`, in the order of numbers.
    async fn next_book(&self, after: Option<BookId>) -> Result<Option<BookId>, ReadError>;

    /// Every stored event of a room, or of the log, by room and position. Of each room it brings a prefix, though a
    /// server may go on writing. Memory is bounded by a page, however long the log is.
    fn scan(&self, book: Option<BookId>) -> RawEvents;

    /// Ids that more than one event bears, and how many do; at most `limit` of them.
    async fn repeated_ids(&self, book: Option<BookId>, limit: usize) -> Result<Vec<(String, u64)>, ReadError>;

    /// As [`EventLog::head`](super::EventLog::head).
    async fn head(&self, book: BookId) -> Result<Head, ReadError>;

    /// As [`EventLog::read_forward`](super::EventLog::read_forward).
    async fn read_forward(&self, book: BookId, after: Seq, limit: ReadLimit) -> Result<Vec<StoredEvent>, ReadError>;

    /// As [`EventLog::read_page`](super::EventLog::read_page).
    async fn read_page(&self, book: BookId, query: PageQuery) -> Result<Page, ReadError>;

    /// As [`EventLog::read_latest`](super::EventLog::read_latest).
    async fn read_latest(&self, book: BookId, places: &[Seq]) -> Result<Vec<StoredEvent>, ReadError>;

    /// As [`EventLog::read_ids`](super::EventLog::read_ids).
    async fn read_ids(&self, ids: &[EventId]) -> Result<Vec<StoredEvent>, ReadError>;
}

/// Opens a log to look at it. Fails where there is none, and makes none.
pub async fn open_reader(url: &StoreUrl) -> Result<Arc<dyn LogReader>, OpenError> {
    Ok(match url {
        StoreUrl::Memory => return Err(OpenError::in_memory()),
        StoreUrl::Sqlite(path) => Arc::new(SqliteReader::open(path).await?),
        StoreUrl::Mongo(url) => Arc::new(MongoReader::open(url).await?),
    })
}
