//! Changes to the collections that are no appends, durable as an append is.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::error::ErrorKind;
use readrealm_protocol::{BookId, Epoch, Seq};
use rustc_hash::FxHashMap;

use super::{MongoLog, read::integer, schema};
use crate::log::ReadError;
use crate::log::keep::{Erased, LogKeeper};
use crate::log::redaction::{REDACTED, VERSION, WORDY};
use crate::log::upcast::DELETED;

/// Between two looks at who follows the events. A node asks for its tail at least once a second, so its cursor is used
/// in between; one that a node left behind is not.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// The server's code for a user who may not see what others do.
const UNAUTHORIZED: i32 = 13;

#[async_trait]
impl LogKeeper for MongoLog {
    /// A node of a replica set has a change stream on the events; a standalone server's is kept away by the lease.
    async fn in_use(&self) -> Result<Option<String>, ReadError> {
        if self.lease.is_some() {
            return Ok(None);
        }
        let before = self.tails().await?;
        if before.is_empty() {
            return Ok(None);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        let after = self.tails().await?;
        let live = after
            .iter()
            .filter(|(cursor, used)| before.get(*cursor) != Some(*used))
            .count();
        let events = self.link.store().events.namespace();
        Ok((live > 0).then(|| format!("{live} live readrealm-server(s) follow {events}; stop them first")))
    }

    async fn own_epoch(&self) -> Result<(), ReadError> {
        self.set(doc! { schema::OWN_EPOCH: true }).await
    }

    async fn set_epoch(&self, epoch: &Epoch) -> Result<(), ReadError> {
        self.set(doc! { "epoch": epoch.as_str() }).await
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
        let updated = self
            .link
            .store()
            .events
            .update_many(wordy, doc! { "$set": set })
            .await?;

        let mut known = WORDY.to_vec();
        known.push(DELETED);
        let mut unknown = there;
        unknown.insert("$nor", vec![doc! { "type": { "$in": known }, "v": i64::from(VERSION) }]);
        Ok(Erased {
            rewritten: updated.modified_count,
            unknown: self.link.store().events.count_documents(unknown).await?,
        })
    }

    /// The journal, the oplog and the storage engine's free pages are the database's own, and pass with time.
    async fn scrub(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

impl MongoLog {
    /// Sets fields of the document about the log.
    async fn set(&self, fields: Document) -> Result<(), ReadError> {
        let meta = self.link.store().meta.clone();
        meta.update_one(doc! { "_id": schema::LOG }, doc! { "$set": fields })
            .await?;
        Ok(())
    }

    /// The change streams on the events by anybody: when each was last used, by cursor.
    async fn tails(&self) -> Result<FxHashMap<i64, DateTime>, ReadError> {
        let admin = self.link.store().client.database("admin");
        let current = doc! { "$currentOp": { "allUsers": true, "idleCursors": true } };
        let here = doc! { "$match": { "ns": self.link.store().events.namespace().to_string() } };
        let found: Vec<Document> = match admin.aggregate([current, here]).await {
            Ok(cursor) => cursor.try_collect().await?,
            Err(error) if matches!(&*error.kind, ErrorKind::Command(command) if command.code == UNAUTHORIZED) => {
                tracing::warn!("the MongoDB user may not run $currentOp, so nobody looked for live nodes");
                return Ok(FxHashMap::default());
            }
            Err(error) => return Err(error.into()),
        };
        let cursors = found
            .iter()
            .filter_map(|operation| operation.get_document("cursor").ok());
        let tails = cursors.filter(|cursor| is_tail(cursor));
        Ok(tails
            .filter_map(|cursor| {
                Some((
                    cursor.get_i64("cursorId").ok()?,
                    *cursor.get_datetime("lastAccessDate").ok()?,
                ))
            })
            .collect())
    }
}

fn is_tail(cursor: &Document) -> bool {
    let command = cursor.get_document("originatingCommand");
    let stages = command.and_then(|command| command.get_array("pipeline"));
    let first = stages.ok().and_then(|stages| stages.first()?.as_document());
    first.is_some_and(|stage| stage.contains_key("$changeStream"))
}
