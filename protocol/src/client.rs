//! What a client sends.

use std::fmt;

use crate::ids::{BookId, ClientMessageId, Content, Epoch, Invalid, MessageId, RequestId, Seq, UserId, Username};
use crate::limits::{PAGE_DEFAULT, PAGE_MAX};

/// One frame of a client: an event, and the number under which its answer is awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFrame {
    /// Carried back by the one answer. Without it the request is served and not answered, errors apart.
    pub id: Option<RequestId>,
    /// What is asked.
    pub event: ClientEvent,
}

macro_rules! client_events {
    ($($(#[$doc:meta])* $name:ident($data:ident) = $text:literal,)+) => {
        /// Everything a client can ask for.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum ClientEvent {
            $($(#[$doc])* $name($data),)+
        }

        impl ClientEvent {
            /// The `event` of each.
            pub const NAMES: &[&str] = &[$($text),+];

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
        impl serde::Serialize for ClientEvent {
            /// Its `data` alone; the name stands in the frame.
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$name(data) => data.serialize(serializer),)+ }
            }
        }
    };
}

client_events! {
    /// Who this is: the first frame where auth is on, and again at any time to refresh. Answer: `authenticated`.
    Authenticate(Authenticate) = "authenticate",
    /// Enter a room. Answer: `previousMessages`, or `resumed` where the position given can be served.
    JoinRoom(JoinRoom) = "joinRoom",
    /// Leave a room. Answer: an empty `ack`.
    LeaveRoom(LeaveRoom) = "leaveRoom",
    /// Post. Answer: `ack` once durable, after the sender's own `message` event.
    Message(PostMessage) = "message",
    /// Change the words of a message. Answer: `ack` once durable.
    EditMessage(EditMessage) = "editMessage",
    /// Withdraw a message. Answer: `ack` once durable.
    DeleteMessage(DeleteMessage) = "deleteMessage",
    /// Older messages. Answer: `messagesPage`.
    LoadPrevious(LoadPrevious) = "loadPrevious",
    /// The user is writing, or has stopped. No answer; ends by itself after
    /// [`TYPING_SECS`](crate::limits::TYPING_SECS).
    Typing(SetTyping) = "typing",
}

/// Data of `authenticate`.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct Authenticate {
    /// A signed JWT.
    pub token: String,
}

impl fmt::Debug for Authenticate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticate { token: … }")
    }
}

/// Data of `joinRoom`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct JoinRoom {
    /// The room.
    pub book_id: BookId,
    /// Who joins, where auth is off. With auth on the token says it.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    pub user_id: Option<UserId>,
    /// The name shown, where auth is off; the user id where it is left out.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    pub username: Option<Username>,
    /// The position up to which the client has everything.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    pub after: Option<Seq>,
    /// The log that `after` is a position of.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    pub epoch: Option<Epoch>,
}

/// Data of `leaveRoom`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct LeaveRoom {
    /// The room.
    pub book_id: BookId,
}

/// Data of `message`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct PostMessage {
    /// The room.
    pub book_id: BookId,
    /// The words.
    pub content: Content,
    /// Makes the send idempotent for ever, per room and user.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    pub client_message_id: Option<ClientMessageId>,
}

/// Data of `editMessage`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct EditMessage {
    /// The room.
    pub book_id: BookId,
    /// The message.
    pub message_id: MessageId,
    /// Its new words.
    pub content: Content,
    /// Makes the edit idempotent for ever, per room and user.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    pub client_message_id: Option<ClientMessageId>,
}

/// Data of `deleteMessage`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct DeleteMessage {
    /// The room.
    pub book_id: BookId,
    /// The message.
    pub message_id: MessageId,
    /// Makes the delete idempotent for ever, per room and user.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    pub client_message_id: Option<ClientMessageId>,
}

/// Data of `loadPrevious`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct LoadPrevious {
    /// The room.
    pub book_id: BookId,
    /// The `seq` of a message; the page holds those posted before it.
    pub before: Seq,
    /// How many at most.
    #[cfg_attr(feature = "json", serde(default))]
    pub limit: PageLimit,
}

/// Messages asked for in one page: 1..=100, 50 where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(u64);

const PAGE_LIMIT_RULE: &str = "limit must be 1 to 100";

#[cfg(feature = "json")]
crate::text::serde_as_integer!(PageLimit, PAGE_LIMIT_RULE);

impl PageLimit {
    /// The number itself.
    #[allow(clippy::cast_possible_truncation, reason = "at most 100")]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(PAGE_DEFAULT as u64)
    }
}

impl TryFrom<u64> for PageLimit {
    type Error = Invalid;

    fn try_from(value: u64) -> Result<Self, Invalid> {
        if (1..=PAGE_MAX as u64).contains(&value) {
            Ok(Self(value))
        } else {
            Err(Invalid(PAGE_LIMIT_RULE))
        }
    }
}

/// Data of a client's `typing`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct SetTyping {
    /// The room.
    pub book_id: BookId,
    /// Whether the user is writing.
    pub typing: bool,
}
