//! What a server sends.
//!
//! The types that carry messages or frames are generic over them, so that the server can put in JSON it has encoded
//! once already, and a reader gets the typed objects.

use crate::error::ErrorCode;
use crate::ids::{BookId, Epoch, MessageId, RequestId, Seq, UserId, Username};
use crate::message::{Message, Timestamp};

/// One frame of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFrame {
    /// The request this answers.
    pub id: Option<RequestId>,
    /// The event's own position in its room; on sequenced events alone.
    pub seq: Option<Seq>,
    /// What is told.
    pub event: ServerEvent,
}

macro_rules! server_events {
    ($($(#[$doc:meta])* $name:ident($data:ty) = $text:literal,)+) => {
        /// Everything a server can tell.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum ServerEvent {
            $($(#[$doc])* $name($data),)+
        }

        impl ServerEvent {
            /// The `event` of its frame.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => $text,)+ }
            }

            /// The event `name` with `data` read by serde; `None` where there is no such event.
            #[cfg(feature = "json")]
            pub(crate) fn read(name: &str, data: &str) -> Option<Result<Self, serde_json::Error>> {
                match name {
                    $($text => Some(serde_json::from_str(data).map(Self::$name)),)+
                    _ => None,
                }
            }
        }

        #[cfg(feature = "json")]
        impl serde::Serialize for ServerEvent {
            /// Its `data` alone; the name stands in the frame.
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$name(data) => data.serialize(serializer),)+ }
            }
        }
    };
}

server_events! {
    /// Answer to `authenticate`.
    Authenticated(Authenticated) = "authenticated",
    /// Answer to `joinRoom`: the room's newest messages and its position.
    PreviousMessages(PreviousMessages<Message>) = "previousMessages",
    /// Answer to `joinRoom` with a position: what happened since, in pages.
    Resumed(Resumed<SequencedFrame>) = "resumed",
    /// Answer to `loadPrevious`.
    MessagesPage(MessagesPage<Message>) = "messagesPage",
    /// Answer to the other requests.
    Ack(Ack) = "ack",
    /// A message was posted. Sequenced.
    Message(Message) = "message",
    /// A message has new words; this is the whole of it. Sequenced.
    MessageEdited(Message) = "messageEdited",
    /// A message was withdrawn. Sequenced.
    MessageDeleted(MessageDeleted) = "messageDeleted",
    /// A user's first connection entered the room.
    UserJoined(UserMoved) = "userJoined",
    /// A user's last connection left the room.
    UserLeft(UserMoved) = "userLeft",
    /// How many users a large room has, instead of the two above.
    Occupancy(Occupancy) = "occupancy",
    /// A user is writing, or has stopped.
    Typing(UserTyping) = "typing",
    /// A request failed, or a frame could not be read.
    Error(ErrorReply) = "error",
}

/// Data of `authenticated`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct Authenticated {
    /// Who the token says this is.
    pub user_id: UserId,
    /// The name shown.
    pub username: Username,
    /// When the token expires.
    pub expires_at: Timestamp,
    /// The rooms this connection was in and a new token does not open: it has left them, and is told nothing more there.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub left_rooms: Vec<BookId>,
}

/// One user of a room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct User {
    /// Who it is.
    pub user_id: UserId,
    /// The name shown.
    pub username: Username,
}

/// Who is in a room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct Members {
    /// All of its users.
    pub count: usize,
    /// At most [`MEMBERS_LISTED`](crate::limits::MEMBERS_LISTED) of them.
    pub users: Vec<User>,
}

/// Data of `previousMessages`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct PreviousMessages<M> {
    /// The room.
    pub book_id: BookId,
    /// The log that `seq` is a position of.
    pub epoch: Epoch,
    /// The position this state is exactly at; the next sequenced event is the one after it.
    pub seq: Seq,
    /// The newest 50 at most, newest first.
    pub messages: Vec<M>,
    /// Whether there are older ones.
    pub has_more: bool,
    /// Who is here, the joining user included.
    pub members: Members,
}

/// Data of `resumed`: one page of what happened since a position.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct Resumed<F> {
    /// The room.
    pub book_id: BookId,
    /// The log that `seq` is a position of.
    pub epoch: Epoch,
    /// The position after the events of this page.
    pub seq: Seq,
    /// Every sequenced frame after the position given, oldest first, none missing.
    pub events: Vec<F>,
    /// Whether this is the last page; live events come only after it.
    pub complete: bool,
    /// Who is here.
    pub members: Members,
}

/// A sequenced event as it stands in `resumed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequencedFrame {
    /// The event's own position.
    pub seq: Seq,
    /// `message`, `messageEdited` or `messageDeleted`.
    pub event: ServerEvent,
}

/// Data of `messagesPage`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct MessagesPage<M> {
    /// The room.
    pub book_id: BookId,
    /// The position this page is exactly at: the client applies the changes it saw after it once more.
    pub seq: Seq,
    /// Newest first.
    pub messages: Vec<M>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// Data of `ack`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(untagged))]
pub enum Ack {
    /// A post, an edit or a delete is durable.
    Appended(Appended),
    /// Done; there is nothing to tell.
    Done {},
}

/// Where a post, an edit or a delete stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct Appended {
    /// The message.
    pub message_id: MessageId,
    /// The event's own position in its room.
    pub seq: Seq,
    /// The event's time.
    pub created_at: Timestamp,
    /// Whether an earlier request with the same key had done it already.
    pub duplicate: bool,
}

/// Data of `messageDeleted`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct MessageDeleted {
    /// The room.
    pub book_id: BookId,
    /// The message.
    pub message_id: MessageId,
}

/// Data of `userJoined` and `userLeft`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct UserMoved {
    /// The room.
    pub book_id: BookId,
    /// Who it is.
    pub user_id: UserId,
    /// The name shown.
    pub username: Username,
    /// When.
    pub timestamp: Timestamp,
}

/// Data of `occupancy`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct Occupancy {
    /// The room.
    pub book_id: BookId,
    /// Its users.
    pub count: usize,
}

/// Data of a server's `typing`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct UserTyping {
    /// The room.
    pub book_id: BookId,
    /// Who it is.
    pub user_id: UserId,
    /// The name shown.
    pub username: Username,
    /// Whether the user is writing.
    pub typing: bool,
}

/// Data of `error`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
#[error("{code}: {message}")]
pub struct ErrorReply {
    /// What a program acts on.
    pub code: ErrorCode,
    /// What a person reads: one sentence.
    pub message: String,
    /// When the same request may succeed, in milliseconds from now.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    pub retry_after_ms: Option<u64>,
}

impl ErrorReply {
    /// An error without a time to retry after.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after_ms: None,
        }
    }

    /// An error that says when to try again.
    pub fn retry_after(code: ErrorCode, message: impl Into<String>, millis: u64) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after_ms: Some(millis),
        }
    }
}
