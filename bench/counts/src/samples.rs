//! What is measured with: messages as people write them, in a room as full as a window on it is.

use std::sync::Arc;

use readrealm_protocol::server::User;
use readrealm_protocol::{BookId, ClientMessageId, Content, Message, MessageId, Seq, Timestamp, UserId, Username};
use readrealm_server::log::event::{EventKind, Posted};
use readrealm_server::log::{EventId, Page, Payload, StoredEvent};

/// Members of the room that is told.
pub(crate) const CROWD: u32 = 1_000;

const WORDS: &str = "The Cheshire Cat scene is my favourite so far, and the tea party!";

/// The frame of a post, 162 bytes.
pub(crate) fn post(position: u64) -> String {
    let key = key(position);
    format!(r#"{{"event":"message","id":7,"data":{{"bookId":28520,"content":"{WORDS}","clientMessageId":"{key}"}}}}"#)
}

pub(crate) fn book() -> BookId {
    BookId::from(28_520_u32)
}

pub(crate) fn seq(position: u64) -> Seq {
    Seq::try_from(position).expect("a position")
}

pub(crate) fn user(n: u32) -> Arc<User> {
    Arc::new(User {
        user_id: UserId::try_from(&*format!("reader-{n}")).expect("a user id"),
        username: Username::try_from(&*format!("Reader {n}")).expect("a name"),
    })
}

fn key(position: u64) -> ClientMessageId {
    ClientMessageId::try_from(&*format!("4f7c1d2e-{position:04}")).expect("a key")
}

fn time(position: u64) -> Timestamp {
    Timestamp::from_millis(1_710_513_120_000 + position.cast_signed())
}

/// The message that was posted at a position.
pub(crate) fn message(position: u64) -> Message {
    let author = user(1);
    Message {
        id: MessageId {
            book_id: book(),
            place: seq(position),
        },
        seq: seq(position),
        book_id: book(),
        user_id: author.user_id.clone(),
        username: author.username.clone(),
        content: Content::try_from(WORDS).expect("words"),
        created_at: time(position),
        updated_at: time(position),
        client_message_id: Some(key(position)),
    }
}

/// The same as the log has it.
pub(crate) fn event(position: u64) -> StoredEvent {
    let author = user(1);
    StoredEvent {
        id: EventId::new(book(), EventKind::Post, Some(&key(position)), &author.user_id),
        book: book(),
        seq: seq(position),
        place: seq(position),
        at: time(position),
        by: author.user_id.clone(),
        payload: Payload::Posted(Posted {
            username: author.username.clone(),
            content: Content::try_from(WORDS).expect("words"),
            client_message_id: Some(key(position)),
        }),
    }
}

/// The newest hundred messages of a room that stands at a position.
pub(crate) fn page(position: u64) -> Page {
    Page {
        seq: seq(position),
        messages: (0..100).map(|back| message(position - back)).collect(),
        has_more: true,
    }
}
