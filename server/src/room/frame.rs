//! Frames on their way out: encoded once, then shared by reference count with every socket.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use readrealm_protocol::codec;
use readrealm_protocol::ids::{RequestId, Seq};
use readrealm_protocol::server::{Ack, ErrorReply};
use serde::Serialize;

/// One frame.
#[derive(Debug, Clone)]
pub struct Frame(Arc<Encoded>);

#[derive(Debug)]
struct Encoded {
    /// The frame as this protocol has it, which is UTF-8.
    text: Bytes,
    /// The request it answers.
    id: Option<RequestId>,
    /// The same in the words of another transport, as a type of its own, once one of its clients was told.
    translation: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Frame {
    /// Encodes what is told unasked.
    pub fn event<T: Serialize>(event: &str, data: &T) -> Self {
        Self::encode(event, None, None, data)
    }

    /// Encodes an event at its position.
    pub fn sequenced<T: Serialize>(event: &str, seq: Seq, data: &T) -> Self {
        Self::encode(event, None, Some(seq), data)
    }

    /// Encodes an answer that carries data, which is told with and without the number of a request.
    pub fn answer<T: Serialize>(event: &str, id: Option<RequestId>, data: &T) -> Self {
        Self::encode(event, id, None, data)
    }

    /// Encodes the `ack` of a request; `None` where its sender awaits none.
    pub fn ack(id: Option<RequestId>, ack: &Ack) -> Option<Self> {
        id.map(|id| Self::encode("ack", Some(id), None, ack))
    }

    /// Encodes an error, which is told with and without a request.
    pub fn error(id: Option<RequestId>, reply: &ErrorReply) -> Self {
        Self::encode("error", id, None, reply)
    }

    fn encode<T: Serialize>(event: &str, id: Option<RequestId>, seq: Option<Seq>, data: &T) -> Self {
        Self(Arc::new(Encoded {
            text: codec::encode(event, id, seq, data).into(),
            id,
            translation: OnceLock::new(),
        }))
    }

    /// The bytes of the text, which are UTF-8.
    pub fn bytes(&self) -> &Bytes {
        &self.0.text
    }

    /// The text.
    pub fn text(&self) -> &str {
        str::from_utf8(&self.0.text).unwrap_or_default()
    }

    /// The request it answers.
    pub fn id(&self) -> Option<RequestId> {
        self.0.id
    }

    /// The frame in the words of the other transport there is: made when first asked for, and shared as the frame is.
    pub fn translated<T: Any + Clone + Send + Sync>(&self, translate: impl Fn(&str) -> T) -> T {
        let made = self.0.translation.get_or_init(|| Box::new(translate(self.text())));
        // Of another type it would be a second transport's, which has to look after itself.
        made.downcast_ref().cloned().unwrap_or_else(|| translate(self.text()))
    }

    /// Bytes of the text.
    pub fn len(&self) -> usize {
        self.0.text.len()
    }

    /// Whether there is no text, which no frame made here is.
    pub fn is_empty(&self) -> bool {
        self.0.text.is_empty()
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Frame {}

/// Where a room puts the frames for one of its members.
pub trait Deliver: Send + Sync {
    /// Queues a frame and returns at once. What happens when the queue is full is the receiver's policy.
    fn deliver(&self, frame: Frame);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_frame_is_translated_once_however_many_share_it() {
        let frame = Frame::event("typing", &true);
        let (times, shared) = (Cell::new(0), frame.clone());
        let translate = |text: &str| {
            times.set(times.get() + 1);
            Bytes::from(format!("2{text}"))
        };
        for frame in [&frame, &shared, &frame] {
            assert_eq!(frame.translated(translate), r#"2{"event":"typing","data":true}"#);
        }
        assert_eq!(times.get(), 1);
        assert_eq!(
            frame.translated(str::len),
            frame.len(),
            "of another type it is made anew"
        );
    }
}
