//! What a member asks a room to append, before it has a position.

use std::sync::Arc;

use readrealm_protocol::{BookId, ClientMessageId, Content, Seq, Timestamp, UserId};

use crate::log::event::{Edited, EventId, EventKind, Payload, Posted, StoredEvent};
use readrealm_protocol::server::User;

/// A post, an edit or a delete on its way to the log.
#[derive(Debug, Clone)]
pub struct Request {
    /// The id of the event it becomes.
    pub id: EventId,
    /// Who asks.
    pub user: Arc<User>,
    /// Whether the user may change the messages of others.
    pub moderator: bool,
    /// What is asked.
    pub action: Action,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A new message.
    Post {
        /// Its words.
        content: Content,
        /// The client's key.
        key: Option<ClientMessageId>,
    },
    /// New words for the message at a place.
    Edit {
        /// The message.
        place: Seq,
        /// The words.
        content: Content,
    },
    /// The message at a place is withdrawn.
    Delete {
        /// The message.
        place: Seq,
    },
}

impl Request {
    /// A request of `user`, who is no moderator, in the room of `book`, idempotent under `key`.
    pub fn new(book: BookId, user: Arc<User>, key: Option<&ClientMessageId>, action: Action) -> Self {
        let kind = match action {
            Action::Post { .. } => EventKind::Post,
            Action::Edit { .. } => EventKind::Edit,
            Action::Delete { .. } => EventKind::Delete,
        };
        Self {
            id: EventId::new(book, kind, key, &user.user_id),
            user,
            moderator: false,
            action,
        }
    }

    /// The same, of a user who may change the messages of others, or may not.
    #[must_use]
    pub fn by_moderator(mut self, moderator: bool) -> Self {
        self.moderator = moderator;
        self
    }

    /// The place it changes; `None` for a post.
    pub fn target(&self) -> Option<Seq> {
        match self.action {
            Action::Post { .. } => None,
            Action::Edit { place, .. } | Action::Delete { place } => Some(place),
        }
    }

    /// Whether `event`, which bears this request's id, is what it asks for.
    pub fn is_met_by(&self, event: &StoredEvent) -> bool {
        match (&self.action, &event.payload) {
            (Action::Post { content, .. }, Payload::Posted(posted)) => *content == posted.content,
            (Action::Edit { place, content }, Payload::Edited(edited)) => {
                *place == event.place && *content == edited.content
            }
            (Action::Delete { place }, Payload::Deleted) => *place == event.place,
            _ => false,
        }
    }

    /// The event of a post.
    pub fn posted(&self, book: BookId, seq: Seq, at: Timestamp) -> Option<StoredEvent> {
        let Action::Post { content, key } = &self.action else {
            return None;
        };
        let username = self.user.username.clone();
        let payload = Payload::Posted(Posted {
            username,
            content: content.clone(),
            client_message_id: key.clone(),
        });
        Some(self.event(book, seq, seq, at, payload))
    }

    /// The event of an edit or a delete of the message that `latest` is the newest event of.
    pub fn changed(&self, latest: &StoredEvent, seq: Seq, at: Timestamp) -> Result<StoredEvent, Refusal> {
        let (author, username, created_at, key, revisions) = match &latest.payload {
            Payload::Posted(posted) => (&latest.by, &posted.username, latest.at, &posted.client_message_id, 0),
            Payload::Edited(edited) => (
                &edited.user_id,
                &edited.username,
                edited.created_at,
                &edited.client_message_id,
                edited.revision,
            ),
            Payload::Deleted | Payload::Unknown { .. } => return Err(Refusal::NotFound),
        };
        if *author != self.user.user_id && !self.moderator {
            return Err(Refusal::Forbidden);
        }
        let payload = match &self.action {
            Action::Edit { content, .. } => {
                if revisions as usize >= readrealm_protocol::limits::EDITS_PER_MESSAGE {
                    return Err(Refusal::TooManyEdits);
                }
                Payload::Edited(Edited {
                    user_id: author.clone(),
                    username: username.clone(),
                    content: content.clone(),
                    created_at,
                    client_message_id: key.clone(),
                    revision: revisions + 1,
                })
            }
            Action::Delete { .. } => Payload::Deleted,
            Action::Post { .. } => return Err(Refusal::NotFound),
        };
        Ok(self.event(latest.book, seq, latest.place, at, payload))
    }

    fn event(&self, book: BookId, seq: Seq, place: Seq, at: Timestamp, payload: Payload) -> StoredEvent {
        let by: UserId = self.user.user_id.clone();
        StoredEvent {
            id: self.id.clone(),
            book,
            seq,
            place,
            at,
            by,
            payload,
        }
    }

    /// Bytes it counts for while it waits.
    pub fn weight(&self) -> usize {
        let words = match &self.action {
            Action::Post { content, .. } | Action::Edit { content, .. } => content.as_str().len(),
            Action::Delete { .. } => 0,
        };
        words + self.id.as_str().len() + 128
    }
}

/// Why a change to a message is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such message, or it was deleted.
    NotFound,
    /// It is somebody else's.
    Forbidden,
    /// It has as many edits as a message may have.
    TooManyEdits,
}
