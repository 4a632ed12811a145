//! Frames on their way out: encoded once, then shared by reference count with every socket.

use bytes::Bytes;
use readrealm_protocol::codec;
use readrealm_protocol::ids::{RequestId, Seq};
use readrealm_protocol::server::{Ack, ErrorReply};
use serde::Serialize;

/// The text of one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(Bytes);

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
        Self(codec::encode(event, id, seq, data).into())
    }

    /// The bytes of the text, which are UTF-8.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// Bytes of the text.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no text, which no frame made here is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where a room puts the frames for one of its members.
pub trait Deliver: Send + Sync {
    /// Queues a frame and returns at once. What happens when the queue is full is the receiver's policy.
    fn deliver(&self, frame: Frame);
}
