//! A document of the old collection becomes a post, or the reason why it cannot.

use mongodb::bson::{Bson, DateTime, Document};
use readrealm_protocol::{BookId, ClientMessageId, Content, Timestamp, UserId, Username};

use crate::log::event::{EventKind, Posted};
use crate::log::{EventId, Payload, StoredEvent};

/// A message on its way from the old collection.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Post {
    /// Its `_id`.
    pub(super) original: Bson,
    /// That as text, which makes the id of the event: a message comes over once, however often it is imported.
    pub(super) key: ClientMessageId,
    /// Its author.
    pub(super) user: UserId,
    /// The author's display name.
    pub(super) username: Username,
    /// Its words.
    pub(super) content: Content,
    /// When it was said.
    pub(super) at: Timestamp,
    /// It had no usable name, and has its user id for one.
    pub(super) nameless: bool,
    /// It had no usable `createdAt`, and has the time of its `_id`.
    pub(super) timeless: bool,
}

impl Post {
    /// Reads a document, `at` being its `createdAt`, or the time of its `_id`.
    pub(super) fn read(document: &Document, at: Option<DateTime>) -> Result<Self, &'static str> {
        let text = |name: &str| document.get(name).and_then(text).ok_or("");
        let key = text("_id").map_err(|_| "_id is missing or of another type")?;
        let key = ClientMessageId::try_from(key.as_str()).map_err(|_| "_id is no ObjectId, and cannot be a key")?;
        let user = text("userId").map_err(|_| "userId is missing or of another type")?;
        let user = UserId::try_from(user.as_str()).map_err(|rule| rule.0)?;
        let content = document
            .get_str("content")
            .map_err(|_| "content is missing or no text")?;
        let content = Content::try_from(content).map_err(|rule| rule.0)?;
        let name = document.get_str("username").ok();
        let name = name.and_then(|name| Username::try_from(name).ok());
        let at = at.ok_or("neither createdAt nor _id tells a time")?;
        let millis = at.timestamp_millis();
        if Timestamp::from_millis(millis).as_millis() != millis {
            return Err("createdAt is not in the years 0 to 9999");
        }
        Ok(Self {
            original: document.get("_id").cloned().unwrap_or(Bson::Null),
            key,
            nameless: name.is_none(),
            username: name.unwrap_or_else(|| Username::from_user_id(&user)),
            user,
            content,
            at: Timestamp::from_millis(millis),
            timeless: !matches!(document.get("createdAt"), Some(Bson::DateTime(_))),
        })
    }

    /// The id of its event.
    pub(super) fn id(&self, book: BookId) -> EventId {
        EventId::new(book, EventKind::Post, Some(&self.key), &self.user)
    }

    /// Its event at a position, no earlier than `not_before`.
    pub(super) fn event(&self, book: BookId, seq: readrealm_protocol::Seq, not_before: Timestamp) -> StoredEvent {
        StoredEvent {
            id: self.id(book),
            book,
            seq,
            place: seq,
            at: self.at.max(not_before),
            by: self.user.clone(),
            payload: Payload::Posted(Posted {
                username: self.username.clone(),
                content: self.content.clone(),
                client_message_id: Some(self.key.clone()),
            }),
        }
    }
}

/// A text, an `ObjectId` or a whole number, as text.
pub(super) fn text(value: &Bson) -> Option<String> {
    match value {
        Bson::String(text) => Some(text.clone()),
        Bson::ObjectId(id) => Some(id.to_hex()),
        Bson::Int32(number) => Some(number.to_string()),
        Bson::Int64(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The room that a `bookId` means: a whole number of any kind, or its digits as text.
pub(super) fn book_of(value: &Bson) -> Option<BookId> {
    let number = match value {
        Bson::Int32(number) => u64::try_from(*number).ok(),
        Bson::Int64(number) => u64::try_from(*number).ok(),
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number below 2^53 is held exactly"
        )]
        Bson::Double(number) if number.fract() == 0.0 && (0.0..=9_007_199_254_740_991.0).contains(number) => {
            Some(*number as u64)
        }
        Bson::Decimal128(number) => whole(&number.to_string()),
        Bson::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.and_then(|number| BookId::try_from(number).ok())
}

/// The whole number that a decimal such as `11`, `11.0` or `1.1E+1` is.
fn whole(decimal: &str) -> Option<u64> {
    let (digits, exponent) = decimal.split_once('E').unwrap_or((decimal, "0"));
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let number: u128 = format!("{}{after}", before.trim_start_matches('-')).parse().ok()?;
    if number == 0 {
        return Some(0);
    }
    let exponent = exponent.parse::<i64>().ok()? - i64::try_from(after.len()).ok()?;
    let power = 10_u128.checked_pow(u32::try_from(exponent.abs()).ok()?)?;
    let number = match exponent {
        0.. => number.checked_mul(power)?,
        _ if number.is_multiple_of(power) => number / power,
        _ => return None,
    };
    (!before.starts_with('-')).then(|| u64::try_from(number).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_decimals() {
        let number = |text: &str| book_of(&Bson::Decimal128(text.parse().unwrap())).map(BookId::get);
        for text in ["11", "11.0", "1.1E1", "1.1E+1", "110E-1", "0.11E2"] {
            assert_eq!(number(text), Some(11), "{text}");
        }
        for text in ["0", "-0", "0E+6000", "0.00"] {
            assert_eq!(number(text), Some(0), "{text}");
        }
        for text in [
            "-11",
            "11.5",
            "1E-1",
            "1E+6000",
            "NaN",
            "Infinity",
            "-Infinity",
            "9007199254740992",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
