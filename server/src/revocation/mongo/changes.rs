//! What has changed, in the order of the time that the server gave it, and of `_id` within a millisecond.
//!
//! That order is not quite the one in which changes come to be seen: one has its time before a majority has it, and another
//! primary's clock may be behind. So what has changed of late is read again and again behind the reader, a page at a time: all
//! of it with every question where that is no more than a page, and round by round where it is.

use futures_util::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::error::Error;

use super::{InMongo, revocation};
use crate::revocation::{Mark, Page, Place};

/// So far back what has changed is read again.
const OVERLAP_MILLIS: i64 = 60_000;

/// A clock that goes back by more has others before it than those that are read again.
const STEP_MILLIS: i64 = OVERLAP_MILLIS / 2;

impl InMongo {
    /// The next page, and one of what is read again: asked for together, as each answer may take a good part of the time there is.
    pub(super) async fn read(&self, after: &Mark, limit: u32) -> Result<Page, Error> {
        let recent = || {
            after
                .clock
                .map(|before| Place::at(before.saturating_sub(OVERLAP_MILLIS)))
        };
        let again = after.again.clone().or_else(recent);
        let read_again = async {
            match &again {
                Some(place) => self.changed(place, limit).await,
                None => Ok(Vec::new()),
            }
        };
        let (now, new, old) = tokio::try_join!(self.clock(), self.changed(&after.read, limit), read_again)?;
        let now = now.timestamp_millis();
        if after
            .clock
            .is_some_and(|before| now < before.saturating_sub(STEP_MILLIS))
        {
            // By another primary's clock what has changed since may be anywhere: all of it is new.
            return Ok(Page {
                news: Vec::new(),
                mark: Mark {
                    clock: Some(now),
                    ..Mark::default()
                },
                is_last: false,
            });
        }
        let is_full = |page: &[Document]| page.len() >= limit as usize;
        let read = new.iter().rev().find_map(place).unwrap_or_else(|| after.read.clone());
        Ok(Page {
            // Where nothing says how to go on, there is nothing to go on with.
            is_last: !is_full(&new) || read == after.read,
            mark: Mark {
                read,
                again: old.last().and_then(place).filter(|_| is_full(&old)),
                clock: Some(now),
            },
            news: new.iter().chain(&old).filter_map(revocation).collect(),
        })
    }

    /// At most so many that changed after a place.
    async fn changed(&self, after: &Place, limit: u32) -> Result<Vec<Document>, Error> {
        let at = DateTime::from_millis(after.change);
        // A bound above, so that what is no time is none of them.
        let later = doc! { "changed": { "$gt": at, "$lte": DateTime::MAX } };
        let beside = doc! { "changed": at, "_id": { "$gt": &after.id } };
        let collection = self.collection();
        let found = collection
            .find(doc! { "$or": [beside, later] })
            .sort(doc! { "changed": 1, "_id": 1 })
            .limit(i64::from(limit))
            // All in one answer.
            .batch_size(limit.saturating_add(1));
        found.await?.try_collect().await
    }
}

fn place(document: &Document) -> Option<Place> {
    Some(Place {
        change: document.get_datetime("changed").ok()?.timestamp_millis(),
        id: document.get_str("_id").ok()?.to_owned(),
    })
}
