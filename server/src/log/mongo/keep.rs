//! Changes to the collections that are no appends, durable as an append is.

use async_trait::async_trait;
use futures_util::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::error::ErrorKind;
use readrealm_protocol::{BookId, Epoch, Seq};

use super::{MongoLog, read::integer, schema};
use crate::log::ReadError;
use crate::log::keep::{Erased, LogKeeper};
use crate::log::redaction::{REDACTED, VERSION, WORDY};
use crate::log::upcast::DELETED;

/// A node asks for its tail at least once a second. A cursor that nobody asked for longer was left behind by one that
/// is gone.
const LIVE_MS: i64 = 5_000;

/// The server's code for a user who may not see what others do.
const UNAUTHORIZED: i32 = 13;

#[async_trait]
impl LogKeeper for MongoLog {
    /// A node of a replica set has a change stream on the events; a standalone server's is kept away by the lease.
    async fn in_use(&self) -> Result<Option<String>, ReadError> {
        if self.lease.is_some() {
            return Ok(None);
        }
        let admin = self.store.client.database("admin");
        let events = self.store.events.namespace().to_string();
        let current = doc! { "$currentOp": { "allUsers": true, "idleCursors": true } };
        let found = admin.aggregate([current, doc! { "$match": { "ns": &events } }]).await;
        let found: Vec<Document> = match found {
            Ok(cursor) => cursor.try_collect().await?,
            Err(error) if matches!(&*error.kind, ErrorKind::Command(command) if command.code == UNAUTHORIZED) => {
                tracing::warn!("the MongoDB user may not run $currentOp, so nobody looked for live nodes");
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let live = found.iter().filter(|operation| is_live_tail(operation)).count();
        Ok((live > 0).then(|| format!("{live} live readrealm-server(s) follow {events}; stop them first")))
    }

    async fn set_epoch(&self, epoch: &Epoch) -> Result<(), ReadError> {
        let set = doc! { "$set": { "epoch": epoch.as_str() } };
        self.store.meta.update_one(doc! { "_id": schema::LOG }, set).await?;
        Ok(())
    }

    async fn erase(&self, book: BookId, places: &[Seq], names: bool) -> Result<Erased, ReadError> {
        let places: Vec<_> = places.iter().map(|place| integer(place.get())).collect();
        let there = doc! { "bookId": integer(book.get()), "place": { "$in": places } };
        let mut set = doc! { "data.content": REDACTED };
        if names {
            set.insert("data.username", REDACTED);
        }
        let mut wordy = there.clone();
        wordy.extend(doc! { "type": { "$in": WORDY.to_vec() }, "v": i64::from(VERSION) });
        let updated = self.store.events.update_many(wordy, doc! { "$set": set }).await?;

        let mut known = WORDY.to_vec();
        known.push(DELETED);
        let mut unknown = there;
        unknown.insert("$nor", vec![doc! { "type": { "$in": known }, "v": i64::from(VERSION) }]);
        Ok(Erased {
            rewritten: updated.modified_count,
            unknown: self.store.events.count_documents(unknown).await?,
        })
    }

    /// The journal, the oplog and the storage engine's free pages are the database's own, and pass with time.
    async fn scrub(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

fn is_live_tail(operation: &Document) -> bool {
    let Ok(cursor) = operation.get_document("cursor") else {
        return false;
    };
    let stages = cursor
        .get_document("originatingCommand")
        .and_then(|command| command.get_array("pipeline"));
    let is_tail = stages.is_ok_and(|stages| {
        let first = stages.first().and_then(|stage| stage.as_document());
        first.is_some_and(|stage| stage.contains_key("$changeStream"))
    });
    let asked = cursor
        .get_datetime("lastAccessDate")
        .map_or(i64::MAX, |at| at.timestamp_millis());
    is_tail
        && (operation.get_str("type").is_ok_and(|kind| kind == "op")
            || DateTime::now().timestamp_millis() - asked < LIVE_MS)
}
