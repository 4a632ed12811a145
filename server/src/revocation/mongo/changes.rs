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

impl InMongo {
    /// The next page, and one of what is read again.
    pub(super) async fn read(&self, after: &Mark, limit: u32) -> Result<Page, Error> {
        let now = self.clock().await?.timestamp_millis();
        let before = after.clock.unwrap_or(now);
        // By another primary's clock what has changed since may be anywhere: all of it is new.
        let went_back = now < before.saturating_sub(OVERLAP_MILLIS);
        let (read, again) = if went_back {
            (Place::default(), None)
        } else {
            (after.read.clone(), after.again.clone())
        };
        let new = self.changed(&read, None, limit).await?;
        let recent = Place::at(now.min(before).saturating_sub(OVERLAP_MILLIS));
        // What lies in the future was read as it came, and hides nothing of what comes before it.
        let old = self.changed(&again.unwrap_or(recent), Some(now), limit).await?;
        let is_full = |page: &[Document]| page.len() >= limit as usize;
        Ok(Page {
            mark: Mark {
                read: new.last().and_then(place).unwrap_or(read),
                again: old.last().and_then(place).filter(|_| is_full(&old)),
                clock: Some(now),
            },
            is_last: !is_full(&new),
            news: new.iter().chain(&old).filter_map(revocation).collect(),
        })
    }

    /// At most so many that changed after a place, and by a time.
    async fn changed(&self, after: &Place, by: Option<i64>, limit: u32) -> Result<Vec<Document>, Error> {
        let at = DateTime::from_millis(after.change);
        let by = DateTime::from_millis(by.unwrap_or(i64::MAX));
        let later = doc! { "changed": { "$gt": at, "$lte": by } };
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
