//! The old collection, as Mongoose left it.

use std::collections::BTreeMap;

use futures_util::{Stream, StreamExt, TryStreamExt};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::error::Error;
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection};
use readrealm_protocol::BookId;
use rustc_hash::FxHashSet;

use super::convert::{book_of, text};
use crate::admin::AdminError;

/// Documents of one answer.
const BATCH: u32 = 1_000;

/// The collection that messages come from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    messages: Collection<Document>,
}

/// A document, and its time where one can be told.
#[derive(Debug)]
pub(super) struct Found {
    /// As stored.
    pub(super) document: Document,
    /// Its `createdAt`, or the time of its `_id`.
    pub(super) at: Option<DateTime>,
}

/// How rooms are written in the collection.
#[derive(Debug, Default)]
pub(super) struct Spellings {
    /// The values of `bookId` that mean each room.
    pub(super) rooms: BTreeMap<BookId, Vec<Bson>>,
    /// The values that mean none.
    pub(super) none: Vec<Bson>,
}

impl Source {
    /// Reaches the collection `name` in the database that `url` names. Fails where there is none.
    pub(super) async fn open(url: &str, name: &str) -> Result<Self, AdminError> {
        let mut options = ClientOptions::parse(url).await.map_err(failed)?;
        options.app_name.get_or_insert_with(|| "readrealm-server".to_owned());
        let Some(database) = options.default_database.clone() else {
            return Err(AdminError::refused(
                "--from must name a database, as mongodb://localhost/readrealm",
            ));
        };
        let client = Client::with_options(options).map_err(failed)?;
        let database = client.database(&database);
        let there = database.list_collection_names().filter(doc! { "name": name });
        if there.await.map_err(failed)?.is_empty() {
            return Err(AdminError::refused(format!(
                "there is no collection {name} in the database {} of --from",
                database.name()
            )));
        }
        let messages = database.collection(name);
        Ok(Self { messages })
    }

    /// How many documents there are, more or less.
    pub(super) async fn size(&self) -> Result<u64, AdminError> {
        self.messages.estimated_document_count().await.map_err(failed)
    }

    /// Whether an index finds the documents of a room.
    pub(super) async fn has_index(&self) -> bool {
        let leads = |index: &mongodb::IndexModel| index.keys.keys().next().is_some_and(|field| field == "bookId");
        match self.messages.list_indexes().await {
            Ok(indexes) => indexes
                .try_any(|index| std::future::ready(leads(&index)))
                .await
                .unwrap_or(false),
            Err(_) => false,
        }
    }

    /// Every value of `bookId`.
    pub(super) async fn spellings(&self) -> Result<Spellings, AdminError> {
        let group = doc! { "$group": { "_id": "$bookId" } };
        let mut values = self
            .messages
            .aggregate([group])
            .allow_disk_use(true)
            .await
            .map_err(failed)?;
        let mut spellings = Spellings::default();
        while let Some(value) = values.try_next().await.map_err(failed)? {
            let value = value.get("_id").cloned().unwrap_or(Bson::Null);
            match book_of(&value) {
                Some(book) => spellings.rooms.entry(book).or_default().push(value),
                None => spellings.none.push(value),
            }
        }
        Ok(spellings)
    }

    /// The documents of a room, by time and `_id`. The database sorts them, on its disk where they are many.
    pub(super) async fn room(
        &self,
        spellings: &[Bson],
    ) -> Result<impl Stream<Item = Result<Found, AdminError>> + use<>, AdminError> {
        let date = |field: &str| doc! { "$convert": { "input": field, "to": "date", "onError": null, "onNull": null } };
        let at = doc! { "$ifNull": [date("$createdAt"), date("$_id")] };
        let pipeline = [
            doc! { "$match": { "bookId": { "$in": spellings } } },
            doc! { "$project": { "_id": 0, "document": "$$ROOT", "at": at } },
            doc! { "$sort": { "at": 1, "document._id": 1 } },
        ];
        let found = self.messages.aggregate(pipeline).allow_disk_use(true).batch_size(BATCH);
        let found = found.await.map_err(failed)?;
        Ok(found.map(|found| {
            let found = found.map_err(failed)?;
            Ok(Found {
                at: found.get_datetime("at").ok().copied(),
                document: found.get_document("document").cloned().unwrap_or_default(),
            })
        }))
    }

    /// The documents with this very `bookId`.
    pub(super) async fn with_book(
        &self,
        value: &Bson,
    ) -> Result<impl Stream<Item = Result<Document, AdminError>> + use<>, AdminError> {
        let find = self
            .messages
            .find(doc! { "bookId": { "$eq": value } })
            .batch_size(BATCH);
        Ok(find.await.map_err(failed)?.map_err(failed))
    }

    /// The document of this `_id`.
    pub(super) async fn document(&self, id: &Bson) -> Result<Option<Document>, AdminError> {
        self.messages.find_one(doc! { "_id": id }).await.map_err(failed)
    }

    /// Whether there is a document for each of these keys (at most a thousand), in whatever type its `_id` is written.
    pub(super) async fn has_all(&self, keys: &[&str]) -> Result<bool, AdminError> {
        let typed = |key: &&str| {
            let id = ObjectId::parse_str(key).ok().map(Bson::from);
            let number = key.parse::<i64>().ok().map(Bson::from);
            [Some(Bson::from(*key)), id, number]
        };
        let ids: Vec<Bson> = keys.iter().flat_map(typed).flatten().collect();
        let find = self.messages.find(doc! { "_id": { "$in": ids } });
        let found = find.projection(doc! { "_id": 1 }).await.map_err(failed)?;
        let found: FxHashSet<String> = found
            .try_filter_map(|document| std::future::ready(Ok(document.get("_id").and_then(text))))
            .try_collect()
            .await
            .map_err(failed)?;
        Ok(keys.iter().all(|key| found.contains(*key)))
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: Error) -> AdminError {
    AdminError::refused(format!("the messages cannot be read: {}", error.kind))
}
