//! The log in MongoDB: a collection `events`, one document each, and a collection `meta` about the log itself.
//!
//! A replica set may be written by many nodes: the unique index on `(bookId, seq)` is their compare-and-swap, and a
//! change stream tells each what the others wrote. A standalone server has no change streams, so a lease keeps it to
//! one node.

mod append;
mod inspect;
mod keep;
mod lease;
mod link;
mod read;
mod schema;
mod tail;

use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use mongodb::{
    Client, ClientSession, Collection,
    bson::{DateTime, Document, Timestamp, doc},
    error::{Error, ErrorKind},
};
use readrealm_protocol::{BookId, Epoch, Seq};

use super::engine::Poison;
use super::open::OpenError;
use super::record::{Record, TimeForm};
use super::{Append, AppendOutcome, EventId, EventLog, Head, Page, PageQuery, ReadError, ReadLimit, StoredEvent, Tail};
pub use inspect::MongoReader;
use lease::Lease;
use link::{Answers, Link};

/// A read that takes longer has failed.
const READ_TIME: Duration = Duration::from_secs(5);

/// A log in MongoDB.
pub struct MongoLog {
    link: Arc<Link>,
    epoch: Epoch,
    poison: Poison,
    /// Held where this process must be the only writer.
    lease: Option<Lease>,
}

impl MongoLog {
    /// Opens the log at a `mongodb://` or `mongodb+srv://` URL, in the database it names (or `readrealm`), making it
    /// where there is none. Fails where an index is missing or not unique, where a newer server wrote the log, or
    /// where the server is a standalone one that another node uses.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let (store, topology) = schema::connect(url).await?;
        let epoch = schema::prepare(&store).await?;
        let (poison, link) = (Poison::new(), Arc::new(Link::new(store)));
        let lease = match topology {
            schema::Topology::Shared => None,
            schema::Topology::Standalone => Some(Lease::acquire(Arc::clone(&link), poison.clone()).await?),
        };
        Ok(Self {
            link,
            epoch,
            poison,
            lease,
        })
    }
}

impl fmt::Debug for MongoLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoLog")
            .field("events", &self.link.store().events.namespace())
            .finish_non_exhaustive()
    }
}

/// The collections, and what this process knows of their time.
#[derive(Clone)]
struct Store {
    client: Client,
    events: Collection<EventRecord>,
    meta: Collection<Document>,
    /// The latest moment of the cluster that an answer to this process rested on. Every read is at least as new, also
    /// when a newly elected primary does not yet know how much of its log a majority has.
    seen: Arc<Mutex<Option<Timestamp>>>,
    answers: Answers,
    connector: Arc<schema::Connector>,
}

/// An event as a document.
type EventRecord = Record<DateTime>;

impl TimeForm for DateTime {
    fn from_timestamp(at: readrealm_protocol::Timestamp) -> Self {
        Self::from_millis(at.as_millis())
    }

    fn timestamp(&self) -> readrealm_protocol::Timestamp {
        readrealm_protocol::Timestamp::from_millis(self.timestamp_millis())
    }
}

impl Store {
    /// A session whose reads see at least what this process has seen.
    async fn session(&self) -> Result<ClientSession, Error> {
        let mut session = self.client.start_session().causal_consistency(true).await?;
        if let Some(seen) = *self.seen.lock().unwrap_or_else(PoisonError::into_inner) {
            session.advance_operation_time(seen);
        }
        Ok(session)
    }

    /// The same over new connections.
    fn anew(&self) -> Result<Self, Error> {
        self.connector.store(Arc::clone(&self.seen))
    }

    /// Bounds a read in time.
    async fn in_time<T>(&self, read: impl Future<Output = Result<T, ReadError>>) -> Result<T, ReadError> {
        let Ok(read) = tokio::time::timeout(READ_TIME, read).await else {
            self.answers.failed_to_come(READ_TIME);
            return Err(ReadError::Unavailable(format!(
                "no answer within {} s",
                READ_TIME.as_secs()
            )));
        };
        read
    }

    /// Notes that an answer came, of a moment that a majority has.
    fn answered(&self, moment: Option<Timestamp>) {
        self.answers.came();
        self.saw(moment);
    }

    /// Remembers a moment that a majority has.
    fn saw(&self, moment: Option<Timestamp>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = (*seen).max(moment);
    }

    /// Resolves once a majority has everything that was written before, by a write that changes nothing: it waits for
    /// its majority like any other. Reads from then on see it all.
    async fn settle(&self) -> Result<(), ReadError> {
        let mut session = self.session().await?;
        let unchanged = doc! { "$set": { "_id": schema::LOG } };
        self.meta
            .update_one(doc! { "_id": schema::LOG }, unchanged)
            .session(&mut session)
            .await?;
        self.answered(session.operation_time());
        Ok(())
    }
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        match *error.kind {
            ErrorKind::Bson(error) => Self::Corrupt(error.to_string()),
            kind => Self::Unavailable(kind.to_string()),
        }
    }
}

#[async_trait]
impl EventLog for MongoLog {
    fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    async fn append(&self, batch: Vec<Append>) -> Vec<AppendOutcome> {
        self.link.store().append(&batch).await
    }

    async fn head(&self, book: BookId) -> Result<Head, ReadError> {
        let store = self.link.store();
        store.in_time(store.head(book)).await
    }

    async fn read_forward(&self, book: BookId, after: Seq, limit: ReadLimit) -> Result<Vec<StoredEvent>, ReadError> {
        let store = self.link.store();
        store.in_time(store.forward(book, after, limit)).await
    }

    async fn read_page(&self, book: BookId, query: PageQuery) -> Result<Page, ReadError> {
        let store = self.link.store();
        store.in_time(store.page(book, query)).await
    }

    async fn read_latest(&self, book: BookId, places: &[Seq]) -> Result<Vec<StoredEvent>, ReadError> {
        let store = self.link.store();
        store.in_time(store.latest(book, places)).await
    }

    async fn read_ids(&self, ids: &[EventId]) -> Result<Vec<StoredEvent>, ReadError> {
        let store = self.link.store();
        let known = store.in_time(store.of_ids(ids.iter().map(EventId::as_str))).await?;
        Ok(known.into_values().collect())
    }

    async fn tail(&self) -> Result<Option<Tail>, ReadError> {
        if self.lease.is_some() {
            return Ok(None);
        }
        let store = self.link.store();
        store.in_time(store.tail()).await.map(Some)
    }

    async fn ready(&self) -> Result<(), ReadError> {
        self.poison.check()?;
        let store = self.link.store();
        store.in_time(store.settle()).await
    }

    async fn poisoned(&self) -> String {
        self.poison.wait().await
    }

    async fn close(&self) {
        if let Some(lease) = &self.lease {
            lease.release().await;
        }
    }
}
