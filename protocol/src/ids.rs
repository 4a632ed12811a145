//! Identifiers and positions. Each is a newtype over a private field, made only through its validation,
//! which serde goes through as well.

use std::{fmt, str::FromStr, sync::Arc};

use crate::limits::{
    CLIENT_MESSAGE_ID_CHARS, CONTENT_CHARS, FRAME_BYTES, MAX_SAFE_INTEGER, USER_ID_CHARS, USERNAME_CHARS,
};

/// A value outside its bounds; the text names the value and its rule, and never repeats what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub &'static str);

macro_rules! integer {
    ($(#[$doc:meta])* $name:ident, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        #[cfg(feature = "json")]
        crate::text::serde_as_integer!($name, $rule);

        impl $name {
            /// The number itself.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl TryFrom<u64> for $name {
            type Error = Invalid;

            fn try_from(value: u64) -> Result<Self, Invalid> {
                if value <= MAX_SAFE_INTEGER { Ok(Self(value)) } else { Err(Invalid($rule)) }
            }
        }

        impl From<u32> for $name {
            fn from(value: u32) -> Self {
                Self(value.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

integer!(
    /// The book whose room is meant: an integer 0..=2^53-1, the `id` of the Books API.
    BookId,
    "bookId must be an integer from 0 to 2^53-1"
);
integer!(
    /// A position in a room's one order: events stand at 1, 2, 3… without holes, and 0 is before the first.
    Seq,
    "a position must be an integer from 0 to 2^53-1"
);
integer!(
    /// A client's number for a request; the one answer to it carries it back.
    RequestId,
    "id must be an integer from 0 to 2^53-1"
);

impl Seq {
    /// Before the first event of a room.
    pub const ZERO: Self = Self(0);

    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The position `count` events after this one.
    #[must_use]
    pub const fn plus(self, count: usize) -> Self {
        Self(self.0 + count as u64)
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($inner);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Invalid;

            fn try_from(value: &str) -> Result<Self, Invalid> {
                let check: fn(&str) -> Option<&str> = $check;
                check(value).map(|text| Self(text.into())).ok_or(Invalid($rule))
            }
        }

        #[cfg(feature = "json")]
        crate::text::serde_as_text!($name, |text| $name::try_from(text), $rule, $name::as_str);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text!(
    /// Who somebody is: 1..=128 characters, none of them a control character.
    UserId,
    Arc<str>,
    "userId must be 1 to 128 characters without control characters",
    |text| (bounded(text, USER_ID_CHARS) && printable(text)).then_some(text)
);
text!(
    /// A display name: 1..=64 characters after trimming, none of them a control character.
    Username,
    Arc<str>,
    "username must be 1 to 64 characters without control characters",
    |text| Some(text.trim()).filter(|text| bounded(text, USERNAME_CHARS) && printable(text))
);
text!(
    /// A client's key for a send, which makes it idempotent for ever: `[A-Za-z0-9_-]{1,64}`.
    ClientMessageId,
    Box<str>,
    "clientMessageId must be 1 to 64 characters of A-Z a-z 0-9 _ -",
    |text| (bounded(text, CLIENT_MESSAGE_ID_CHARS)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')))
    .then_some(text)
);
text!(
    /// The words of a message: 1..=4000 characters, held trimmed.
    Content,
    Box<str>,
    "content must be 1 to 4000 characters after trimming",
    |text| Some(text.trim()).filter(|text| bounded(text, CONTENT_CHARS))
);
text!(
    /// Names one log, from its creation on: a position is meaningful only together with it.
    Epoch,
    Arc<str>,
    "epoch must fit a frame",
    |text| (text.len() <= FRAME_BYTES).then_some(text)
);

fn bounded(text: &str, most: usize) -> bool {
    // No character takes more than 4 bytes, so most texts are judged by their length alone.
    !text.is_empty() && text.len() <= most * 4 && (text.len() <= most || text.chars().count() <= most)
}

fn printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

impl Username {
    /// The name shown for a user who gave none: the user id, cut to the bound of a name.
    pub fn from_user_id(user_id: &UserId) -> Self {
        let cut: String = user_id.as_str().trim().chars().take(USERNAME_CHARS).collect();
        Self::try_from(cut.as_str()).unwrap_or_else(|_| Self("?".into()))
    }
}

/// Names a message for ever: the string `"<bookId>-<seq>"`, `seq` being the place of its post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// The room of the message.
    pub book_id: BookId,
    /// The place of its post.
    pub place: Seq,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.book_id, self.place)
    }
}

const MESSAGE_ID_RULE: &str = "messageId must be \"<bookId>-<seq>\"";

impl FromStr for MessageId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const RULE: Invalid = Invalid(MESSAGE_ID_RULE);
        let number = |part: &str| -> Result<u64, Invalid> {
            // One spelling for each id: no sign, no leading zero.
            let plain = part == "0" || !part.starts_with(['0', '+']);
            plain.then(|| part.parse().ok()).flatten().ok_or(RULE)
        };
        let (book, place) = text.split_once('-').ok_or(RULE)?;
        let (book, place) = (number(book)?, number(place)?);
        if place == 0 {
            return Err(RULE);
        }
        Ok(Self {
            book_id: BookId::try_from(book).map_err(|_| RULE)?,
            place: Seq::try_from(place).map_err(|_| RULE)?,
        })
    }
}

#[cfg(feature = "json")]
crate::text::serde_as_text!(MessageId, str::parse, MESSAGE_ID_RULE, ToString::to_string);
