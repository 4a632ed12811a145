//! Stored events: what the log holds, kept apart from the wire types so that each may change without the other.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use readrealm_protocol::{
    BookId, Change, ClientMessageId, Content, Message, MessageId, Seq, Timestamp, UserId, Username,
};
use serde::{Deserialize, Serialize};

/// One event of a room, at its position.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Unique in the log for ever: what makes a send idempotent.
    pub id: EventId,
    /// The room.
    pub book: BookId,
    /// The position in the room.
    pub seq: Seq,
    /// The position of the post this event belongs to; its own for a post.
    pub place: Seq,
    /// When, by the appending node's clock; never before the event at the position before it.
    pub at: Timestamp,
    /// Who did it.
    pub by: UserId,
    /// What was done.
    pub payload: Payload,
}

/// An event that is held in several places at once, and copied to none: one of an append, or one that came alone.
#[derive(Clone)]
pub struct SharedEvent {
    events: Arc<[StoredEvent]>,
    index: usize,
}

impl SharedEvent {
    /// Each event of an append.
    pub fn all_of(events: &Arc<[StoredEvent]>) -> impl Iterator<Item = Self> + use<'_> {
        (0..events.len()).map(|index| Self {
            events: Arc::clone(events),
            index,
        })
    }
}

impl From<StoredEvent> for SharedEvent {
    fn from(event: StoredEvent) -> Self {
        Self {
            events: Arc::new([event]),
            index: 0,
        }
    }
}

impl Deref for SharedEvent {
    type Target = StoredEvent;

    fn deref(&self) -> &StoredEvent {
        &self.events[self.index]
    }
}

impl PartialEq for SharedEvent {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for SharedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The `_id` of an event: `"<bookId>/<kind>/<key>/<userId>"`. The user id stands last, so that no value of it can
/// imitate another id.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(Box<str>);

/// What an event id is for: a key counts for one kind of request alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A post.
    Post,
    /// An edit.
    Edit,
    /// A delete.
    Delete,
}

impl EventId {
    /// The id of what `user` asked for under `key`; where the client gave no key, one that no other request has.
    pub fn new(book: BookId, kind: EventKind, key: Option<&ClientMessageId>, user: &UserId) -> Self {
        let kind = match kind {
            EventKind::Post => "post",
            EventKind::Edit => "edit",
            EventKind::Delete => "delete",
        };
        let chance;
        let key = if let Some(key) = key {
            key.as_str()
        } else {
            // No client key has a "~".
            chance = format!("~{:032x}", rand::random::<u128>());
            &chance
        };
        Self([book.to_string().as_str(), kind, key, user.as_str()].join("/").into())
    }

    /// The id as it stands in the log.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What an event did. Each is stored as a type, a version and data; see [`super::upcast`].
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// `MessagePosted`.
    Posted(Posted),
    /// `MessageEdited`.
    Edited(Edited),
    /// `MessageDeleted`.
    Deleted,
    /// An event of a newer server: it has its position, and is not shown.
    Unknown {
        /// Its type.
        kind: String,
        /// Its version.
        version: u32,
        /// Its data, as stored.
        data: serde_json::Value,
    },
}

/// Data of `MessagePosted`, version 1. The author is the event's `by`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Posted {
    /// The author's display name.
    pub username: Username,
    /// The words.
    pub content: Content,
    /// The key its author's client gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
}

/// Data of `MessageEdited`, version 1. It holds the whole message, so that no reader needs the post to show it:
/// the newest event at a place is the message as it is (ADR 0002).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Edited {
    /// The author of the post, whoever edited it.
    pub user_id: UserId,
    /// The author's display name at the time of the post.
    pub username: Username,
    /// The new words.
    pub content: Content,
    /// When it was posted.
    pub created_at: Timestamp,
    /// The key of the post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
    /// The how-manieth edit of the message this is, from 1.
    pub revision: u32,
}

impl StoredEvent {
    /// Bytes this event counts for against the bounds of batches and reads.
    pub fn weight(&self) -> usize {
        let words = match &self.payload {
            Payload::Posted(posted) => posted.content.as_str().len(),
            Payload::Edited(edited) => edited.content.as_str().len(),
            Payload::Deleted | Payload::Unknown { .. } => 0,
        };
        self.id.as_str().len() + words + 128
    }

    /// The id of the message it belongs to.
    pub fn message_id(&self) -> MessageId {
        MessageId {
            book_id: self.book,
            place: self.place,
        }
    }

    /// What it does to the message at its place; `None` where it is of an unknown type.
    pub fn change(&self) -> Option<Change<Message>> {
        match &self.payload {
            Payload::Posted(posted) => Some(Change::Posted(Message {
                id: self.message_id(),
                seq: self.place,
                book_id: self.book,
                user_id: self.by.clone(),
                username: posted.username.clone(),
                content: posted.content.clone(),
                created_at: self.at,
                updated_at: self.at,
                client_message_id: posted.client_message_id.clone(),
            })),
            Payload::Edited(edited) => Some(Change::Edited(Message {
                id: self.message_id(),
                seq: self.place,
                book_id: self.book,
                user_id: edited.user_id.clone(),
                username: edited.username.clone(),
                content: edited.content.clone(),
                created_at: edited.created_at,
                updated_at: self.at,
                client_message_id: edited.client_message_id.clone(),
            })),
            Payload::Deleted => Some(Change::Deleted),
            Payload::Unknown { .. } => None,
        }
    }

    /// The same event at another position, as a writer gives it after a conflict.
    #[must_use]
    pub fn renumbered(mut self, seq: Seq, at: Timestamp) -> Self {
        if self.place == self.seq {
            self.place = seq;
        }
        self.seq = seq;
        self.at = at;
        self
    }
}
