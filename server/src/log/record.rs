//! The form an event is stored in: one document for every engine, and a line of an export.

use readrealm_protocol::{BookId, Seq, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{EventId, Payload, ReadError, StoredEvent};

/// The format of what is stored, in every engine and in exports. What has a newer one is refused.
pub const FORMAT: i64 = 1;

/// A stored event, `{_id, bookId, seq, place, type, v, at, by, data}`. `At` is the engine's own form of a time; as
/// JSON it is ISO 8601.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record<At = Timestamp> {
    /// The event's id.
    #[serde(rename = "_id")]
    pub id: String,
    /// The room.
    pub book_id: BookId,
    /// The position in the room.
    pub seq: Seq,
    /// The position of the post it belongs to.
    pub place: Seq,
    /// How `data` is to be read, together with `v`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The version of `type`.
    pub v: u32,
    /// When.
    pub at: At,
    /// Who.
    pub by: UserId,
    /// What, in the form that `type` and `v` say.
    pub data: Value,
}

/// An engine's form of a time.
pub trait TimeForm {
    /// This time in that form.
    fn from_timestamp(at: Timestamp) -> Self;
    /// The time it stands for.
    fn timestamp(&self) -> Timestamp;
}

impl TimeForm for Timestamp {
    fn from_timestamp(at: Timestamp) -> Self {
        at
    }

    fn timestamp(&self) -> Timestamp {
        *self
    }
}

impl<At: TimeForm> Record<At> {
    /// The form `event` is stored in.
    pub fn new(event: &StoredEvent) -> Self {
        Self {
            id: event.id.as_str().to_owned(),
            book_id: event.book,
            seq: event.seq,
            place: event.place,
            kind: event.payload.kind().to_owned(),
            v: event.payload.version(),
            at: At::from_timestamp(event.at),
            by: event.by.clone(),
            data: event.payload.data(),
        }
    }

    /// The event, brought to the newest version of its type.
    pub fn read(self) -> Result<StoredEvent, ReadError> {
        Ok(StoredEvent {
            id: EventId::from_stored(&self.id),
            book: self.book_id,
            seq: self.seq,
            place: self.place,
            at: self.at.timestamp(),
            by: self.by,
            payload: Payload::read(&self.kind, self.v, self.data)?,
        })
    }
}
