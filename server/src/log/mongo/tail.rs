//! The tail: one change stream over all rooms.

use futures_util::{StreamExt, stream};
use mongodb::bson::doc;

use super::{EventRecord, Store};
use crate::log::{ReadError, StoredEvent, Tail};

impl Store {
    /// A stream from now on. What was inserted before it began but has no majority yet would be in neither the stream
    /// nor a read, so the tail is handed out once a majority has it.
    pub(super) async fn tail(&self) -> Result<Tail, ReadError> {
        let changes = self
            .events
            .watch()
            .pipeline([doc! { "$match": { "operationType": "insert" } }])
            .await?;
        self.settle().await?;
        let store = self.clone();
        let read = move |change: mongodb::change_stream::event::ChangeStreamEvent<EventRecord>| {
            store.saw(change.cluster_time);
            let record = change
                .full_document
                .ok_or_else(|| ReadError::Corrupt("an insert without a document".into()))?;
            record.read()
        };
        let events = changes.map(move |change| -> Result<StoredEvent, ReadError> { read(change?) });
        let ended = stream::once(async { Err(ReadError::Unavailable("the change stream ended".to_owned())) });
        // Up to the first error, that one included: the stream is not to be trusted after it.
        let until_error = events.chain(ended).scan(false, |failed, event| {
            let over = std::mem::replace(failed, event.is_err());
            std::future::ready((!over).then_some(event))
        });
        Ok(until_error.boxed())
    }
}
