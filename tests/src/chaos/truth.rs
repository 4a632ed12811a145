//! The log as it is in the database, read past the server.

use std::collections::{BTreeMap, HashMap};

use futures_util::TryStreamExt;
use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{CollectionOptions, ReadConcern};
use readrealm_protocol::{BookId, Seq};

use super::cluster::DATABASE;
use crate::client::valid;

/// One event.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) seq: Seq,
    pub(super) place: Seq,
    pub(super) kind: String,
    pub(super) by: String,
    pub(super) at: i64,
    /// The words, where it has any.
    pub(super) content: Option<String>,
}

/// A room's events, in order, and where they stand.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) events: Vec<Event>,
    /// The indexes of each place's events.
    places: BTreeMap<Seq, Vec<usize>>,
}

/// All rooms.
pub(super) type Truths = HashMap<BookId, Truth>;

/// Reads everything that a majority has.
pub(super) async fn read(client: &Client) -> Result<Truths, String> {
    let options = CollectionOptions::builder()
        .read_concern(ReadConcern::majority())
        .build();
    let database = client.database(DATABASE);
    let events = database.collection_with_options::<Document>("events", options);
    let find = events.find(doc! {}).sort(doc! { "bookId": 1, "seq": 1 });
    let mut cursor = find.await.map_err(|error| error.to_string())?;
    let mut truths = Truths::new();
    while let Some(document) = cursor.try_next().await.map_err(|error| error.to_string())? {
        let book = BookId::try_from(number(&document, "bookId")).expect("a book");
        let event = event(&document);
        let truth = truths.entry(book).or_default();
        truth.places.entry(event.place).or_default().push(truth.events.len());
        truth.events.push(event);
    }
    Ok(truths)
}

fn event(document: &Document) -> Event {
    let text = |key: &str| document.get_str(key).unwrap_or_default().to_owned();
    let content = document
        .get_document("data")
        .ok()
        .and_then(|data| data.get_str("content").ok());
    Event {
        id: text("_id"),
        seq: valid(number(document, "seq")),
        place: valid(number(document, "place")),
        kind: text("type"),
        by: text("by"),
        at: document.get_datetime("at").map_or(0, |at| at.timestamp_millis()),
        content: content.map(str::to_owned),
    }
}

fn number(document: &Document, key: &str) -> u64 {
    match document.get(key) {
        Some(Bson::Int64(number)) => number.unsigned_abs(),
        Some(Bson::Int32(number)) => number.unsigned_abs().into(),
        other => panic!("{key} is {other:?}"),
    }
}

impl Truth {
    pub(super) fn head(&self) -> Seq {
        self.events.last().map_or(Seq::ZERO, |event| event.seq)
    }

    pub(super) fn at(&self, seq: Seq) -> Option<&Event> {
        let index = usize::try_from(seq.get()).ok()?.checked_sub(1)?;
        self.events.get(index).filter(|event| event.seq == seq)
    }

    /// The events of a place, oldest first.
    pub(super) fn of_place(&self, place: Seq) -> impl DoubleEndedIterator<Item = &Event> {
        let indexes = self.places.get(&place).map_or(&[][..], Vec::as_slice);
        indexes.iter().map(|index| &self.events[*index])
    }

    /// The room as it was at a position, newest first, below a place: each message's place and words.
    pub(super) fn newest_first(&self, at: Seq, before: Seq) -> impl Iterator<Item = (Seq, &str)> {
        let places = self.places.range(..before).rev();
        places.filter_map(move |(place, indexes)| {
            let mut newest_first = indexes.iter().rev().map(|index| &self.events[*index]);
            let newest = newest_first.find(|event| event.seq <= at)?;
            Some((*place, newest.content.as_deref()?))
        })
    }
}
