//! The form an event is stored in: one document for every engine, and a line of an export.

use readrealm_protocol::{BookId, Seq, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::upcast::Data;
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

/// The same to be written: borrowed from its event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecordRef<'a, At> {
    #[serde(rename = "_id")]
    id: &'a str,
    book_id: BookId,
    seq: Seq,
    place: Seq,
    #[serde(rename = "type")]
    kind: &'a str,
    v: u32,
    at: At,
    by: &'a UserId,
    data: Data<'a>,
}

impl<'a, At: TimeForm> RecordRef<'a, At> {
    pub(super) fn new(event: &'a StoredEvent) -> Self {
        Self {
            id: event.id.as_str(),
            book_id: event.book,
            seq: event.seq,
            place: event.place,
            kind: event.payload.kind(),
            v: event.payload.version(),
            at: At::from_timestamp(event.at),
            by: &event.by,
            data: Data(&event.payload),
        }
    }
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

#[cfg(test)]
mod tests {
    use mongodb::bson::{
        Bson, DateTime, Document, deserialize_from_slice, serialize_to_bson, serialize_to_raw_document_buf,
    };

    use super::*;
    use crate::log::event::{Edited, EventKind, Posted};

    fn event(payload: Payload) -> StoredEvent {
        let (book, by) = (BookId::from(7_u32), UserId::try_from("ann").unwrap());
        StoredEvent {
            id: EventId::new(book, EventKind::Post, None, &by),
            book,
            seq: Seq::from(9_u32),
            place: Seq::from(8_u32),
            at: Timestamp::from_millis(1_710_513_120_123),
            by,
            payload,
        }
    }

    #[test]
    fn what_is_borrowed_is_written_as_what_is_owned() {
        let (username, content) = ("Ann".try_into().unwrap(), "words \u{1f600} \"\n".try_into().unwrap());
        let posted = Posted {
            username,
            content,
            client_message_id: Some("k-1".try_into().unwrap()),
        };
        let edited = Edited {
            user_id: "ann".try_into().unwrap(),
            username: posted.username.clone(),
            content: posted.content.clone(),
            created_at: Timestamp::from_millis(5),
            client_message_id: None,
            revision: 100,
        };
        let unknown = Payload::Unknown {
            kind: "MessagePinned".to_owned(),
            version: 3,
            data: serde_json::json!({"by": [1, 2.5, null, {"deep": true}]}),
        };
        for payload in [
            Payload::Posted(posted),
            Payload::Edited(edited),
            Payload::Deleted,
            unknown,
        ] {
            let event = event(payload);
            let owned = serialize_to_bson(&Record::<DateTime>::new(&event)).unwrap();
            let raw = serialize_to_raw_document_buf(&RecordRef::<DateTime>::new(&event)).unwrap();
            let borrowed: Document = deserialize_from_slice(raw.as_bytes()).unwrap();
            assert_eq!(Bson::Document(borrowed), owned);
            let read: Record<DateTime> = deserialize_from_slice(raw.as_bytes()).unwrap();
            assert_eq!(read.read().unwrap(), event);
            let owned = serde_json::to_value(Record::<Timestamp>::new(&event)).unwrap();
            assert_eq!(
                serde_json::to_value(RecordRef::<Timestamp>::new(&event)).unwrap(),
                owned
            );
        }
    }
}
