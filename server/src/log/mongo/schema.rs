//! The collections: their concerns and indexes, and the proof at start-up that they are what the log's promises rest
//! on.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::TryStreamExt;
use mongodb::{
    Client, Database, IndexModel,
    bson::{Bson, Document, Timestamp, doc},
    error::{Error, ErrorKind},
    options::{
        Acknowledgment, ClientOptions, CollectionOptions, IndexOptions, ReadConcern, ReadPreference, ReturnDocument,
        SelectionCriteria, WriteConcern,
    },
};
use readrealm_protocol::Epoch;

use super::Store;
use super::link::Answers;
use crate::log::engine::new_epoch;
use crate::log::open::OpenError;
use crate::log::record::FORMAT;

/// The document in `meta` that is about the log itself.
pub(super) const LOG: &str = "log";

/// Its field that says that no import is to replace the epoch.
pub(super) const OWN_EPOCH: &str = "ownEpoch";

/// The database of a URL that names none.
const DATABASE: &str = "readrealm";

/// Finding a server takes at most so long, unless the URL says otherwise: rooms wait for it.
const SERVER_SELECTION: Duration = Duration::from_secs(5);

/// A write that no majority has by then is looked up, unless the URL says otherwise.
const WRITE_CONCERN_TIME: Duration = Duration::from_secs(3);

/// How many nodes may write.
pub(super) enum Topology {
    /// Many: a replica set, or a sharded cluster.
    Shared,
    /// One: there are no change streams.
    Standalone,
}

/// Positions, and the compare-and-swap of every append.
pub(super) fn by_seq() -> Document {
    doc! { "bookId": 1, "seq": 1 }
}

/// The order in which pages are read: a message and its changes side by side.
pub(super) fn by_place() -> Document {
    doc! { "bookId": 1, "place": 1, "seq": 1 }
}

/// How the database is reached.
pub(super) struct Connector {
    options: ClientOptions,
    database: String,
    concerns: CollectionOptions,
}

impl Connector {
    async fn new(url: &str) -> Result<Self, Error> {
        let mut options = ClientOptions::parse(url).await?;
        options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
        options.app_name.get_or_insert_with(|| "readrealm-server".to_owned());
        let given = options.write_concern.as_ref().and_then(|concern| concern.w_timeout);
        let durable = WriteConcern::builder()
            .w(Acknowledgment::Majority)
            .journal(true)
            .w_timeout(given.unwrap_or(WRITE_CONCERN_TIME))
            .build();
        let concerns = CollectionOptions::builder()
            .write_concern(durable)
            .read_concern(ReadConcern::majority())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        Ok(Self {
            database: options.default_database.clone().unwrap_or_else(|| DATABASE.to_owned()),
            options,
            concerns,
        })
    }

    /// The collections over connections of their own, of which none is there yet.
    pub(super) fn store(self: &Arc<Self>, seen: Arc<Mutex<Option<Timestamp>>>) -> Result<Store, Error> {
        let client = Client::with_options(self.options.clone())?;
        let database = client.database(&self.database);
        Ok(Store {
            events: database.collection_with_options("events", self.concerns.clone()),
            meta: database.collection_with_options("meta", self.concerns.clone()),
            client,
            seen,
            answers: Answers::default(),
            connector: Arc::clone(self),
        })
    }
}

pub(super) async fn connect(url: &str) -> Result<(Store, Topology), OpenError> {
    let connector = Arc::new(Connector::new(url).await.map_err(failed)?);
    let store = connector.store(Arc::default()).map_err(failed)?;
    let hello = store
        .client
        .database("admin")
        .run_command(doc! { "hello": 1 })
        .await
        .map_err(failed)?;
    let shared = hello.contains_key("setName") || hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid");
    let topology = if shared { Topology::Shared } else { Topology::Standalone };
    Ok((store, topology))
}

/// Makes what is missing, and checks what is there. Returns the epoch.
pub(super) async fn prepare(store: &Store) -> Result<Epoch, OpenError> {
    check_owner(store).await?;
    let log = log_document(store).await.map_err(failed)?;
    check_format(&log)?;
    for (keys, unique) in [(by_seq(), true), (by_place(), false)] {
        let options = IndexOptions::builder().unique(unique).build();
        let index = IndexModel::builder().keys(keys).options(options).build();
        match store.events.create_index(index).await {
            Ok(_) => {}
            // There is one of the same fields with another name or other options: reading back tells what it is worth.
            Err(error) if matches!(command_code(&error), Some(85 | 86)) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    check_indexes(store).await?;
    let epoch = log.get_str("epoch").unwrap_or_default();
    match Epoch::try_from(epoch) {
        Ok(name) if !epoch.is_empty() => Ok(name),
        _ => Err(OpenError::Unsound(format!(
            "document {LOG:?} of collection meta has no epoch"
        ))),
    }
}

/// Refuses the events of another program: those of a log came after the document about it. So they are looked for first.
async fn check_owner(store: &Store) -> Result<(), OpenError> {
    let any = store.events.clone_with_type::<Document>();
    let holds_some = any.find_one(doc! {}).await.map_err(failed)?.is_some();
    let log = store.meta.find_one(doc! { "_id": LOG });
    if holds_some && log.await.map_err(failed)?.is_none() {
        return Err(OpenError::Unsound(format!(
            "collection {} is not empty, and {} has no document {LOG:?}: it is another program's, or that was lost",
            store.events.namespace(),
            store.meta.namespace(),
        )));
    }
    Ok(())
}

/// Refuses what a newer server wrote.
pub(super) fn check_format(log: &Document) -> Result<(), OpenError> {
    let found = log.get("format").and_then(integer).unwrap_or(0);
    if found > FORMAT {
        return Err(OpenError::NewerFormat { found, known: FORMAT });
    }
    Ok(())
}

/// The document about the log, made by whichever node is first.
async fn log_document(store: &Store) -> Result<Document, Error> {
    let make = doc! { "$setOnInsert": { "epoch": new_epoch().as_str(), "format": FORMAT } };
    loop {
        let log = store.meta.find_one_and_update(doc! { "_id": LOG }, make.clone());
        match log.upsert(true).return_document(ReturnDocument::After).await {
            Ok(log) => return Ok(log.unwrap_or_default()),
            // Another node was first by a hair: now the document is there.
            Err(error) if command_code(&error) == Some(11000) => {}
            Err(error) => return Err(error),
        }
    }
}

async fn check_indexes(store: &Store) -> Result<(), OpenError> {
    let missing = missing_indexes(store).await.map_err(failed)?;
    missing
        .into_iter()
        .next()
        .map_or(Ok(()), |defect| Err(OpenError::Unsound(defect)))
}

/// The indexes that are not there, or do not serve, each as a sentence. An append relies on the first to be unique,
/// whoever made it.
pub(super) async fn missing_indexes(store: &Store) -> Result<Vec<String>, Error> {
    let database: Database = store.client.database(&store.events.namespace().db);
    let list = database
        .run_cursor_command(doc! { "listIndexes": store.events.name() })
        .await;
    let found: Vec<Document> = match list {
        Ok(list) => list.try_collect().await?,
        // There is no such collection.
        Err(error) if command_code(&error) == Some(26) => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut missing = Vec::new();
    for (keys, unique) in [(by_seq(), true), (by_place(), false)] {
        let serves = |index: &Document| {
            same_keys(index, &keys)
                && (!unique || index.get_bool("unique").unwrap_or(false))
                && ["partialFilterExpression", "sparse", "collation", "hidden"]
                    .iter()
                    .all(|option| !index.contains_key(option))
        };
        if !found.iter().any(serves) {
            let kind = if unique { "unique index" } else { "index" };
            let fields: Vec<_> = keys.keys().map(String::as_str).collect();
            let events = store.events.namespace();
            missing.push(format!("collection {events} has no {kind} on ({})", fields.join(", ")));
        }
    }
    Ok(missing)
}

/// Shells write an index's directions as other kinds of numbers than drivers do.
fn same_keys(index: &Document, keys: &Document) -> bool {
    let Ok(found) = index.get_document("key") else {
        return false;
    };
    found.len() == keys.len()
        && found
            .iter()
            .zip(keys)
            .all(|(found, key)| found.0 == key.0 && integer(found.1) == integer(key.1))
}

pub(super) fn integer(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(value) => Some(i64::from(*value)),
        Bson::Int64(value) => Some(*value),
        #[allow(
            clippy::cast_possible_truncation,
            reason = "small whole numbers, as a shell writes them"
        )]
        Bson::Double(value) => Some(*value as i64),
        _ => None,
    }
}

fn command_code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        _ => None,
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn failed(error: Error) -> OpenError {
    OpenError::Failed(error.kind.to_string())
}
