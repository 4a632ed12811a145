//! Reads: from the primary, of what a majority has, each by the index made for it.

use mongodb::{
    bson::{DateTime, Document, doc},
    options::Hint,
};
use readrealm_protocol::{BookId, Seq};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::schema::{by_place, by_seq};
use super::{EventRecord, READ_TIME, Store};
use crate::log::engine::Budget;
use crate::log::page::PageFold;
use crate::log::record::TimeForm;
use crate::log::{EventId, Head, Page, PageQuery, ReadError, ReadLimit, StoredEvent};

/// Events a read asks for at a time.
const BATCH: u32 = 1_000;

#[derive(Deserialize)]
struct HeadRecord {
    seq: Seq,
    at: DateTime,
}

impl Store {
    pub(super) async fn head(&self, book: BookId) -> Result<Head, ReadError> {
        let mut session = self.session().await?;
        let heads = self.events.clone_with_type::<HeadRecord>();
        let last = heads
            .find_one(doc! { "bookId": integer(book.get()) })
            .sort(doc! { "seq": -1 });
        let last = last
            .projection(doc! { "_id": 0, "seq": 1, "at": 1 })
            .hint(Hint::Keys(by_seq()))
            .max_time(READ_TIME);
        let last = last.session(&mut session).await?;
        self.answered(session.operation_time());
        Ok(last.map_or(Head::EMPTY, |last| Head {
            seq: last.seq,
            at: last.at.timestamp(),
        }))
    }

    pub(super) async fn forward(
        &self,
        book: BookId,
        after: Seq,
        limit: ReadLimit,
    ) -> Result<Vec<StoredEvent>, ReadError> {
        let mut session = self.session().await?;
        let most = u32::try_from(limit.events.max(1)).unwrap_or(u32::MAX);
        let filter = doc! { "bookId": integer(book.get()), "seq": { "$gt": integer(after.get()) } };
        let find = self
            .events
            .find(filter)
            .sort(doc! { "seq": 1 })
            .hint(Hint::Keys(by_seq()))
            .max_time(READ_TIME);
        let find = find.limit(i64::from(most)).batch_size(most.min(BATCH));
        let mut cursor = find.session(&mut session).await?;
        let mut budget = Budget::new(limit);
        let mut events = Vec::new();
        while let Some(record) = cursor.next(&mut session).await {
            let event = record?.read()?;
            if !budget.admits(&event) {
                break;
            }
            events.push(event);
        }
        self.answered(session.operation_time());
        Ok(events)
    }

    pub(super) async fn page(&self, book: BookId, query: PageQuery) -> Result<Page, ReadError> {
        let at = match query.at {
            Some(at) => at,
            None => self.head(book).await?.seq,
        };
        let mut session = self.session().await?;
        let mut fold = PageFold::new(at, query.limit);
        // Where the next piece ends, without it.
        let mut end = (query.end(at), Seq::ZERO);
        // A message more than asked for tells whether there are more; few are edited.
        let mut size = u32::try_from(query.limit + query.limit / 4 + 1)
            .unwrap_or(u32::MAX)
            .min(BATCH);
        loop {
            let find = self
                .events
                .find(doc! {})
                .sort(doc! { "bookId": -1, "place": -1, "seq": -1 });
            let find = find.hint(Hint::Keys(by_place())).min(bound(book, Seq::ZERO, Seq::ZERO));
            let find = find
                .max(bound(book, end.0, end.1))
                .limit(i64::from(size))
                .batch_size(size);
            let mut cursor = find.max_time(READ_TIME).session(&mut session).await?;
            let mut brought = 0;
            while let Some(record) = cursor.next(&mut session).await {
                let event = record?.read()?;
                brought += 1;
                end = (event.place, event.seq);
                if fold.push(&event) {
                    break;
                }
            }
            if fold.is_full() || brought < size {
                self.answered(session.operation_time());
                return Ok(fold.finish(book));
            }
            size = BATCH.min(size * 2);
        }
    }

    pub(super) async fn latest(&self, book: BookId, places: &[Seq]) -> Result<Vec<StoredEvent>, ReadError> {
        let mut session = self.session().await?;
        let places: Vec<_> = places.iter().map(|place| integer(place.get())).collect();
        let pipeline = [
            doc! { "$match": { "bookId": integer(book.get()), "place": { "$in": places } } },
            doc! { "$sort": { "place": -1, "seq": -1 } },
            doc! { "$group": { "_id": "$place", "event": { "$first": "$$ROOT" } } },
            doc! { "$replaceRoot": { "newRoot": "$event" } },
        ];
        let aggregate = self.events.aggregate(pipeline).with_type::<EventRecord>();
        let aggregate = aggregate
            .hint(Hint::Keys(by_place()))
            .batch_size(BATCH)
            .max_time(READ_TIME);
        let mut cursor = aggregate.session(&mut session).await?;
        let mut events = Vec::new();
        while let Some(record) = cursor.next(&mut session).await {
            events.push(record?.read()?);
        }
        self.answered(session.operation_time());
        Ok(events)
    }

    /// The events that have these ids.
    pub(super) async fn of_ids(
        &self,
        ids: impl Iterator<Item = &str>,
    ) -> Result<FxHashMap<EventId, StoredEvent>, ReadError> {
        let mut session = self.session().await?;
        let ids: Vec<_> = ids.collect();
        let find = self
            .events
            .find(doc! { "_id": { "$in": ids } })
            .batch_size(BATCH)
            .max_time(READ_TIME);
        let mut cursor = find.session(&mut session).await?;
        let mut known = FxHashMap::default();
        while let Some(record) = cursor.next(&mut session).await {
            let event = record?.read()?;
            known.insert(event.id.clone(), event);
        }
        self.answered(session.operation_time());
        Ok(known)
    }

    /// The event at a position.
    pub(super) async fn at(&self, book: BookId, seq: Seq) -> Result<Option<StoredEvent>, ReadError> {
        let mut session = self.session().await?;
        let filter = doc! { "bookId": integer(book.get()), "seq": integer(seq.get()) };
        let find = self
            .events
            .find_one(filter)
            .hint(Hint::Keys(by_seq()))
            .max_time(READ_TIME);
        let record = find.session(&mut session).await?;
        self.answered(session.operation_time());
        record.map(EventRecord::read).transpose()
    }
}

/// A key of the index by place.
fn bound(book: BookId, place: Seq, seq: Seq) -> Document {
    doc! { "bookId": integer(book.get()), "place": integer(place.get()), "seq": integer(seq.get()) }
}

/// Ids and positions are below 2^53.
pub(super) fn integer(value: u64) -> i64 {
    value.cast_signed()
}
