//! Events, short to write.

use std::sync::Arc;

use readrealm_protocol::{BookId, ClientMessageId, Content, Seq, Timestamp, UserId, Username};
use readrealm_server::log::event::{Edited, EventKind, Posted};
use readrealm_server::log::{Append, EventId, Payload, ReadLimit, StoredEvent};

/// Room for everything a test may read.
pub(crate) const ALL: ReadLimit = ReadLimit {
    events: 10_000,
    bytes: 64 * 1024 * 1024,
};

/// The time of the event at position 0.
const START: i64 = 1_710_513_120_000;

pub(crate) fn book(id: u64) -> BookId {
    BookId::try_from(id).expect("a book id")
}

pub(crate) fn seq(position: u64) -> Seq {
    Seq::try_from(position).expect("a position")
}

pub(crate) fn user(id: &str) -> UserId {
    UserId::try_from(id).expect("a user id")
}

pub(crate) fn key(key: &str) -> ClientMessageId {
    ClientMessageId::try_from(key).expect("a key")
}

pub(crate) fn append(book: BookId, events: impl IntoIterator<Item = StoredEvent>) -> Append {
    Append {
        book,
        events: Arc::from_iter(events),
    }
}

/// A post of the user `ann`, its key being `name` and its words too.
pub(crate) fn post(book: BookId, at: u64, name: &str) -> StoredEvent {
    post_by(book, at, name, "ann")
}

pub(crate) fn post_by(book: BookId, at: u64, name: &str, by: &str) -> StoredEvent {
    let payload = Payload::Posted(Posted {
        username: Username::try_from(by).expect("a name"),
        content: Content::try_from(name).expect("words"),
        client_message_id: Some(key(name)),
    });
    event(
        book,
        at,
        at,
        EventId::new(book, EventKind::Post, Some(&key(name)), &user(by)),
        by,
        payload,
    )
}

pub(crate) fn edit(book: BookId, at: u64, place: u64, words: &str) -> StoredEvent {
    let payload = Payload::Edited(Edited {
        user_id: user("ann"),
        username: Username::try_from("ann").expect("a name"),
        content: Content::try_from(words).expect("words"),
        created_at: time(place),
        client_message_id: None,
        revision: 1,
    });
    event(
        book,
        at,
        place,
        EventId::new(book, EventKind::Edit, None, &user("ann")),
        "ann",
        payload,
    )
}

pub(crate) fn delete(book: BookId, at: u64, place: u64) -> StoredEvent {
    let id = EventId::new(book, EventKind::Delete, None, &user("ann"));
    event(book, at, place, id, "ann", Payload::Deleted)
}

pub(crate) fn event(book: BookId, at: u64, place: u64, id: EventId, by: &str, payload: Payload) -> StoredEvent {
    StoredEvent {
        id,
        book,
        seq: seq(at),
        place: seq(place),
        at: time(at),
        by: user(by),
        payload,
    }
}

/// The time of the event at a position.
pub(crate) fn time(position: u64) -> Timestamp {
    Timestamp::from_millis(START + position.cast_signed())
}

/// Posts at the positions `from..=to`, each in its own words.
pub(crate) fn posts(book: BookId, from: u64, to: u64) -> Vec<StoredEvent> {
    (from..=to).map(|at| post(book, at, &format!("m{at}"))).collect()
}
