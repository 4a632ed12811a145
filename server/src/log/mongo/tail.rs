//! The tail: one change stream over all rooms.

use std::fmt::Display;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use mongodb::bson::{RawBsonRef, RawDocumentBuf, deserialize_from_slice, doc};
use readrealm_protocol::{BookId, Seq};
use tokio::time::timeout;

use super::{EventRecord, Store};
use crate::log::record::TimeForm;
use crate::log::{ReadError, Tail, Tailed};

/// How long the server may keep a request for events that are not there yet.
const AWAIT: Duration = Duration::from_secs(1);

/// Without an answer for so long the stream is not to be trusted any more: its connection may be gone without a word.
const SILENCE: Duration = Duration::from_secs(5);

impl Store {
    /// A stream from now on. What was inserted before it began but has no majority yet would be in neither the stream
    /// nor a read, so the tail is handed out once a majority has it.
    pub(super) async fn tail(&self) -> Result<Tail, ReadError> {
        let changes = self
            .events
            .watch()
            .pipeline([doc! { "$match": { "operationType": "insert" } }])
            .max_await_time(AWAIT)
            .await?
            .with_type::<RawDocumentBuf>();
        self.settle().await?;
        let store = self.clone();
        // Up to the first error, that one included: the stream is not to be trusted after it.
        let events = stream::try_unfold((changes, store), |(mut changes, store)| async move {
            loop {
                let Ok(next) = timeout(SILENCE, changes.next_if_any()).await else {
                    store.answers.failed_to_come(SILENCE);
                    return Err(ReadError::Unavailable("the change stream is silent".to_owned()));
                };
                match next? {
                    Some(change) => {
                        let event = store.tailed(change)?;
                        return Ok(Some((event, (changes, store))));
                    }
                    // It has a connection of its own, which says nothing of the others.
                    None if changes.is_alive() => {}
                    None => return Err(ReadError::Unavailable("the change stream ended".to_owned())),
                }
            }
        });
        Ok(events.boxed())
    }

    /// Reads no more of a change than where its event stands: most are this node's own, and known.
    fn tailed(&self, change: RawDocumentBuf) -> Result<Tailed, ReadError> {
        let corrupt = |error: &dyn Display| ReadError::Corrupt(format!("a change: {error}"));
        let cluster_time = change.get("clusterTime").map_err(|error| corrupt(&error))?;
        self.saw(cluster_time.and_then(RawBsonRef::as_timestamp));
        let event = change.get_document("fullDocument").map_err(|error| corrupt(&error))?;
        let number = |name| match event.get(name) {
            Ok(Some(value)) => value.as_i64().or(value.as_i32().map(i64::from)).map(i64::cast_unsigned),
            _ => None,
        };
        let book = number("bookId").and_then(|book| BookId::try_from(book).ok());
        let seq = number("seq").and_then(|seq| Seq::try_from(seq).ok());
        let at = event.get_datetime("at").map_err(|error| corrupt(&error))?.timestamp();
        let (Some(book), Some(seq)) = (book, seq) else {
            return Err(corrupt(&"an event without a room or a position"));
        };
        Ok(Tailed::stored((book, seq, at), move || {
            let event = change.get_document("fullDocument").map_err(|error| corrupt(&error))?;
            let record: EventRecord = deserialize_from_slice(event.as_bytes()).map_err(|error| corrupt(&error))?;
            record.read()
        }))
    }
}
