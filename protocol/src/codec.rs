//! Frames to and from their JSON text: `{"event": E, "id": n?, "seq": n?, "data": {...}}`.
//!
//! Decoding takes two steps, envelope then data, so that an error can name the request it belongs to.
//! Unknown fields are ignored everywhere.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, ser::SerializeStruct};
use serde_json::value::RawValue;

use crate::client::{ClientEvent, ClientFrame};
use crate::error::ErrorCode;
use crate::ids::{Invalid, RequestId, Seq};
use crate::limits::NESTING;
use crate::server::{ErrorReply, SequencedFrame, ServerEvent, ServerFrame};

/// A client's frame that could not be read: the `error` to answer with, and the request it answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reply}")]
pub struct DecodeError {
    /// The request's number, where the frame was read far enough to know it.
    pub id: Option<RequestId>,
    /// What to answer.
    pub reply: ErrorReply,
}

impl DecodeError {
    /// Whether the frame counts towards [`MALFORMED_FRAMES`](crate::limits::MALFORMED_FRAMES).
    pub fn is_malformed(&self) -> bool {
        self.reply.code == ErrorCode::MalformedFrame
    }

    fn malformed(message: &str) -> Self {
        Self {
            id: None,
            reply: ErrorReply::new(ErrorCode::MalformedFrame, message),
        }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    /// Read on a server's frames alone: a client has none, and what it puts there is ignored.
    #[serde(borrow, default)]
    seq: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl Envelope<'_> {
    fn request_id(&self) -> Result<Option<RequestId>, serde_json::Error> {
        self.id.map_or(Ok(None), |raw| serde_json::from_str(raw.get()))
    }

    fn seq(&self) -> Result<Option<Seq>, serde_json::Error> {
        self.seq.map_or(Ok(None), |raw| serde_json::from_str(raw.get()))
    }

    fn data(&self) -> &str {
        self.data.map_or("{}", RawValue::get)
    }
}

/// Reads a client's frame.
///
/// ```
/// use readrealm_protocol::{ClientEvent, ErrorCode, codec::decode_client};
///
/// let frame = decode_client(r#"{"event":"leaveRoom","id":7,"data":{"bookId":28520}}"#)?;
/// assert!(matches!(frame.event, ClientEvent::LeaveRoom(leave) if leave.book_id.get() == 28520));
///
/// let error = decode_client(r#"{"event":"leaveRoom","id":7,"data":{"bookId":"28520"}}"#).expect_err("a string");
/// assert_eq!(error.reply.code, ErrorCode::InvalidData);
/// assert_eq!(error.id, frame.id);
/// # Ok::<(), readrealm_protocol::codec::DecodeError>(())
/// ```
pub fn decode_client(text: &str) -> Result<ClientFrame, DecodeError> {
    if nests_deeper_than(text, NESTING) {
        return Err(DecodeError::malformed("the frame nests deeper than 16 levels"));
    }
    // Serde would take an array for an object, its items in the order of the fields.
    if !text.trim_start().starts_with('{') {
        return Err(DecodeError::malformed("not a frame {event, id?, data}: not an object"));
    }
    let envelope: Envelope<'_> = serde_json::from_str(text)
        .map_err(|error| DecodeError::malformed(&format!("not a frame {{event, id?, data}}: {}", explain(&error))))?;
    let id = envelope
        .request_id()
        .map_err(|_| DecodeError::malformed("id must be an integer from 0 to 2^53-1"))?;
    match ClientEvent::read(&envelope.event, envelope.data()) {
        Some(_) if !envelope.data().starts_with('{') => {
            let message = format!("{}: data must be an object", envelope.event);
            Err(DecodeError {
                id,
                reply: ErrorReply::new(ErrorCode::InvalidData, message),
            })
        }
        Some(Ok(event)) => Ok(ClientFrame { id, event }),
        Some(Err(error)) => {
            let message = format!("{}: {}", envelope.event, explain(&error));
            Err(DecodeError {
                id,
                reply: ErrorReply::new(ErrorCode::InvalidData, message),
            })
        }
        None => {
            let shown: String = envelope.event.chars().filter(|c| !c.is_control()).take(32).collect();
            let message = format!("there is no event {shown:?}");
            Err(DecodeError {
                id,
                reply: ErrorReply::new(ErrorCode::UnknownEvent, message),
            })
        }
    }
}

/// Reads a server's frame.
pub fn decode_server(text: &str) -> Result<ServerFrame, serde_json::Error> {
    let envelope: Envelope<'_> = serde_json::from_str(text)?;
    let event = read_server_event(&envelope)?;
    Ok(ServerFrame {
        id: envelope.request_id()?,
        seq: envelope.seq()?,
        event,
    })
}

fn read_server_event(envelope: &Envelope<'_>) -> Result<ServerEvent, serde_json::Error> {
    ServerEvent::read(&envelope.event, envelope.data())
        .unwrap_or_else(|| Err(serde::de::Error::custom("unknown event")))
}

/// The text of a client's frame.
pub fn encode_client(frame: &ClientFrame) -> String {
    encode(frame.event.name(), frame.id, None, &frame.event)
}

/// The text of a server's frame.
pub fn encode_server(frame: &ServerFrame) -> String {
    encode(frame.event.name(), frame.id, frame.seq, &frame.event)
}

/// The text of a frame of any data.
///
/// # Panics
///
/// Where `data` cannot be JSON, which no type of this crate is: their keys are field names.
pub fn encode<T: Serialize>(event: &str, id: Option<RequestId>, seq: Option<Seq>, data: &T) -> String {
    serde_json::to_string(&Frame { event, id, seq, data }).expect("protocol types are JSON")
}

/// A frame of any data, for places where frames stand within others.
#[derive(Debug)]
pub struct Frame<'a, T> {
    /// The name of the event.
    pub event: &'a str,
    /// The request it answers.
    pub id: Option<RequestId>,
    /// The event's own position, on sequenced events.
    pub seq: Option<Seq>,
    /// What is told.
    pub data: &'a T,
}

impl<T: Serialize> Serialize for Frame<'_, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = 2 + usize::from(self.id.is_some()) + usize::from(self.seq.is_some());
        let mut frame = serializer.serialize_struct("Frame", fields)?;
        frame.serialize_field("event", self.event)?;
        if let Some(id) = &self.id {
            frame.serialize_field("id", id)?;
        }
        if let Some(seq) = &self.seq {
            frame.serialize_field("seq", seq)?;
        }
        frame.serialize_field("data", self.data)?;
        frame.end()
    }
}

impl Serialize for SequencedFrame {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Frame {
            event: self.event.name(),
            id: None,
            seq: Some(self.seq),
            data: &self.event,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SequencedFrame {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let envelope = Envelope::deserialize(deserializer)?;
        let event = read_server_event(&envelope).map_err(D::Error::custom)?;
        let seq = envelope
            .seq()
            .map_err(D::Error::custom)?
            .ok_or_else(|| D::Error::custom(Invalid("a sequenced event has a seq")))?;
        Ok(Self { seq, event })
    }
}

/// What serde found wrong, without the line and column of a text its sender never saw laid out, and without the value
/// it repeats: that may be as long as the frame, and longer once escaped.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let (prefix, rule) = text
        .rsplit_once(", expected ")
        .map_or(("", &*text), |(_, rule)| ("wrong type: ", rule));
    format!("{prefix}{}", rule.split(" at line ").next().unwrap_or_default())
}

/// Judged before parsing, so that a hostile frame costs one pass over its bytes and no stack.
fn nests_deeper_than(text: &str, most: usize) -> bool {
    // Most frames have fewer brackets than they may have levels: to count them takes no more than a look at each byte.
    if text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count() <= most {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > most {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}
