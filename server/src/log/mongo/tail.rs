//! The tail: one change stream over all rooms.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use mongodb::bson::doc;
use mongodb::change_stream::event::ChangeStreamEvent;
use tokio::time::timeout;

use super::{EventRecord, Store};
use crate::log::{ReadError, StoredEvent, Tail};

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
            .await?;
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

    fn tailed(&self, change: ChangeStreamEvent<EventRecord>) -> Result<StoredEvent, ReadError> {
        self.saw(change.cluster_time);
        let record = change
            .full_document
            .ok_or_else(|| ReadError::Corrupt("an insert without a document".into()))?;
        record.read()
    }
}
