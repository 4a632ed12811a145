//! A look into the collections beside live nodes: no index is made, no lease taken.

use std::fmt;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::Collection;
use mongodb::bson::{self, Document, RawBsonRef, RawDocumentBuf, doc};
use readrealm_protocol::{BookId, Seq};

use super::{EventRecord, READ_TIME, Store, read::integer, schema};
use crate::log::inspect::{About, LogReader, RawEvent, RawEvents};
use crate::log::open::OpenError;
use crate::log::record::{Record, TimeForm};
use crate::log::{EventId, Head, Page, PageQuery, ReadError, ReadLimit, StoredEvent};

/// Events a scan asks for at a time.
const BATCH: u32 = 1_000;

/// A MongoDB log that is looked at.
#[derive(Clone)]
pub struct MongoReader {
    store: Store,
}

impl MongoReader {
    /// Opens the log at a URL to look into it. Fails where there is none, or a newer server wrote it.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let (store, _) = schema::connect(url).await?;
        let reader = Self { store };
        let failed = |error: ReadError| OpenError::Failed(error.to_string());
        let log = reader.log_document().await.map_err(failed)?;
        let events = reader.raw_events().find_one(doc! {}).await.map_err(schema::failed)?;
        if log.is_none() && events.is_none() {
            let database = reader.store.events.namespace().db;
            return Err(OpenError::Missing(format!("MongoDB database {database}")));
        }
        schema::check_format(&log.unwrap_or_default())?;
        Ok(reader)
    }

    fn raw_events(&self) -> Collection<RawDocumentBuf> {
        self.store.events.clone_with_type()
    }

    async fn log_document(&self) -> Result<Option<Document>, ReadError> {
        let find = self.store.meta.find_one(doc! { "_id": schema::LOG });
        Ok(find.max_time(READ_TIME).await?)
    }

    /// By room and position, whether or not the index that helps is there.
    async fn open_scan(&self, book: Option<BookId>) -> Result<RawEvents, ReadError> {
        let filter = book.map_or_else(Document::new, |book| doc! { "bookId": integer(book.get()) });
        let events = self.raw_events();
        let find = events.find(filter).sort(schema::by_seq());
        let cursor = find.allow_disk_use(true).batch_size(BATCH).await?;
        Ok(cursor.map(|document| Ok(raw(&document?))).boxed())
    }
}

/// Straight from its bytes: on the way over a `Document`, some maps are taken for other things.
fn raw(document: &RawDocumentBuf) -> RawEvent {
    let number = |name: &str| document.get(name).ok().flatten().and_then(whole);
    RawEvent {
        id: document.get_str("_id").ok().map(str::to_owned),
        book: number("bookId").and_then(|book| BookId::try_from(book).ok()),
        seq: number("seq").and_then(|seq| Seq::try_from(seq).ok()),
        record: bson::deserialize_from_slice::<EventRecord>(document.as_bytes())
            .map(|record| Record {
                id: record.id,
                book_id: record.book_id,
                seq: record.seq,
                place: record.place,
                kind: record.kind,
                v: record.v,
                at: record.at.timestamp(),
                by: record.by,
                data: record.data,
            })
            .map_err(|error| error.to_string()),
    }
}

fn whole(value: RawBsonRef<'_>) -> Option<u64> {
    match value {
        RawBsonRef::Int32(value) => u64::try_from(value).ok(),
        RawBsonRef::Int64(value) => u64::try_from(value).ok(),
        _ => None,
    }
}

impl fmt::Debug for MongoReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoReader")
            .field("events", &self.store.events.namespace())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl LogReader for MongoReader {
    async fn about(&self) -> Result<About, ReadError> {
        let log = self.log_document().await?.unwrap_or_default();
        Ok(About {
            format: log.get("format").and_then(schema::integer),
            epoch: log.get_str("epoch").ok().map(str::to_owned),
            owns_epoch: log.get_bool(schema::OWN_EPOCH).unwrap_or(false),
        })
    }

    async fn defects(&self) -> Result<Vec<String>, ReadError> {
        Ok(schema::missing_indexes(&self.store).await?)
    }

    async fn next_book(&self, after: Option<BookId>) -> Result<Option<BookId>, ReadError> {
        let after = after.map_or(-1, |book| integer(book.get()));
        let events = self.raw_events();
        let find = events.find_one(doc! { "bookId": { "$gt": after } });
        let find = find.sort(schema::by_seq()).projection(doc! { "_id": 0, "bookId": 1 });
        let Some(first) = find.max_time(READ_TIME).await? else {
            return Ok(None);
        };
        let book = first.get("bookId").ok().flatten().and_then(whole);
        let book = book.and_then(|book| BookId::try_from(book).ok());
        book.map(Some)
            .ok_or_else(|| ReadError::Corrupt(format!("the room of {first:?} is none")))
    }

    fn scan(&self, book: Option<BookId>) -> RawEvents {
        let this = self.clone();
        stream::once(async move { this.open_scan(book).await })
            .try_flatten()
            .boxed()
    }

    /// A collection's `_id` is unique; in a sharded one, an id of two shards is of two rooms, and disagrees with one.
    async fn repeated_ids(&self, _: Option<BookId>, _: usize) -> Result<Vec<(String, u64)>, ReadError> {
        Ok(Vec::new())
    }

    async fn head(&self, book: BookId) -> Result<Head, ReadError> {
        self.store.in_time(self.store.head(book)).await
    }

    async fn read_forward(&self, book: BookId, after: Seq, limit: ReadLimit) -> Result<Vec<StoredEvent>, ReadError> {
        self.store.in_time(self.store.forward(book, after, limit)).await
    }

    async fn read_page(&self, book: BookId, query: PageQuery) -> Result<Page, ReadError> {
        self.store.in_time(self.store.page(book, query)).await
    }

    async fn read_latest(&self, book: BookId, places: &[Seq]) -> Result<Vec<StoredEvent>, ReadError> {
        self.store.in_time(self.store.latest(book, places)).await
    }

    async fn read_ids(&self, ids: &[EventId]) -> Result<Vec<StoredEvent>, ReadError> {
        let known = self
            .store
            .in_time(self.store.of_ids(ids.iter().map(EventId::as_str)))
            .await?;
        Ok(known.into_values().collect())
    }
}
