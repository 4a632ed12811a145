//! What can go wrong, as codes a program can act on.

use std::fmt;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// The `code` of an `error` event. Stable: a code keeps its meaning, and new ones may be added.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)+
        }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The code as it stands on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

error_codes! {
    /// Not a frame: no JSON, no object, no `event`, a bad `id`, or nested too deep. Counted, see
    /// [`MALFORMED_FRAMES`](crate::limits::MALFORMED_FRAMES).
    MalformedFrame = "malformed_frame",
    /// The `event` has no meaning in this version.
    UnknownEvent = "unknown_event",
    /// A field of `data` is missing, of another type or out of its bounds; the text names it.
    InvalidData = "invalid_data",
    /// The connection is not in that room: join first.
    NotJoined = "not_joined",
    /// The connection is in [`ROOMS_PER_CONNECTION`](crate::limits::ROOMS_PER_CONNECTION) rooms already.
    TooManyRooms = "too_many_rooms",
    /// Too fast; `retryAfterMs` says when to try again.
    RateLimited = "rate_limited",
    /// The log cannot be reached or is behind, nothing was written; `retryAfterMs` says when to try again.
    Unavailable = "unavailable",
    /// The `clientMessageId` was used before, by the same user in the same room, for other words.
    IdempotencyConflict = "idempotency_conflict",
    /// There is no such message in the room, or it was deleted.
    MessageNotFound = "message_not_found",
    /// The message has [`EDITS_PER_MESSAGE`](crate::limits::EDITS_PER_MESSAGE) edits already.
    TooManyEdits = "too_many_edits",
    /// Not allowed to this user: another's message, or a room outside the token's.
    Forbidden = "forbidden",
    /// The token was refused, or one is needed first.
    Unauthorized = "unauthorized",
    /// The server does not offer this: `authenticate` where auth is off.
    Unsupported = "unsupported",
    /// A fault of the server's own. Nothing is known to be lost; sending again with the same key is safe.
    Internal = "internal",
}

impl ErrorCode {
    /// Whether the same request may succeed later, unchanged.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::Internal)
    }

    /// The code of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(feature = "json")]
crate::text::serde_as_text!(
    ErrorCode,
    |text| ErrorCode::from_name(text).ok_or(crate::ids::Invalid("unknown error code")),
    "code must be the name of an error code",
    |code: &ErrorCode| code.as_str()
);

/// Why the server closes a WebSocket. 4000-4099 ask the client to come back, 4100-4199 tell it not to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// A frame over [`FRAME_BYTES`](crate::limits::FRAME_BYTES) (RFC 6455).
    TooLarge = 1009,
    /// The server is going away; the reason names the delay to reconnect after, as `retry in <n> ms`.
    GoingAway = 4001,
    /// More bytes were waiting for this client than its queue holds; resume by `seq`, nothing is lost.
    SlowConsumer = 4008,
    /// The token expired and no new one came.
    AuthExpired = 4009,
    /// Not this protocol: a binary frame, or too many malformed ones.
    BadProtocol = 4100,
    /// No valid token within the time given.
    Unauthorized = 4101,
    /// Pages of this origin may not connect.
    OriginRefused = 4103,
    /// The user or the token was revoked.
    Revoked = 4104,
}

impl CloseCode {
    /// The number on the wire.
    pub const fn get(self) -> u16 {
        self as u16
    }

    /// Whether a client that was closed with `code` should connect again: all do but 4100-4199, and 1009, which
    /// the same frame would meet again.
    pub const fn reconnects(code: u16) -> bool {
        !matches!(code, 4100..=4199 | 1009)
    }
}
