//! Frames on their way out: encoded once, then shared by reference count with every socket.

use std::any::Any;
use std::ops::AddAssign;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use readrealm_protocol::codec;
use readrealm_protocol::ids::{RequestId, Seq};
use readrealm_protocol::server::{Ack, ErrorReply};
use serde::Serialize;

/// One frame.
#[derive(Debug, Clone)]
pub struct Frame(Arc<Encoded>);

/// Bytes before the text, in which the longest head has room.
const HEAD: usize = 10;

/// As long as most frames are.
const USUAL: usize = 512;

/// As long as most answers without data are. They are their connection's alone, and as many may wait as it makes wait.
const SHORT: usize = 192;

#[derive(Debug)]
struct Encoded {
    /// The text, which is UTF-8, behind its head.
    wire: Bytes,
    /// Where the text begins.
    start: usize,
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
        id.map(|id| Self::encode_in(SHORT, "ack", Some(id), None, ack))
    }

    /// Encodes an error, which is told with and without a request.
    pub fn error(id: Option<RequestId>, reply: &ErrorReply) -> Self {
        Self::encode_in(SHORT, "error", id, None, reply)
    }

    fn encode<T: Serialize>(event: &str, id: Option<RequestId>, seq: Option<Seq>, data: &T) -> Self {
        Self::encode_in(USUAL, event, id, seq, data)
    }

    /// The same in so many bytes at first, and more where it takes more.
    fn encode_in<T: Serialize>(bytes: usize, event: &str, id: Option<RequestId>, seq: Option<Seq>, data: &T) -> Self {
        let mut bytes = Vec::with_capacity(bytes);
        bytes.resize(HEAD, 0);
        serde_json::to_writer(&mut bytes, &codec::Frame { event, id, seq, data }).expect("protocol types are JSON");
        let (head, length) = head(bytes.len() - HEAD);
        bytes[HEAD - length..HEAD].copy_from_slice(&head[..length]);
        Self(Arc::new(Encoded {
            wire: Bytes::from(bytes).slice(HEAD - length..),
            start: length,
            id,
            translation: OnceLock::new(),
        }))
    }

    /// The bytes of the text, which are UTF-8.
    pub fn bytes(&self) -> &[u8] {
        &self.0.wire[self.0.start..]
    }

    /// The text as a WebSocket has it, its head (RFC 6455, 5.2) before it: servers mask nothing, so all sockets are written the
    /// same bytes.
    pub fn wire(&self) -> &Bytes {
        &self.0.wire
    }

    /// The text.
    pub fn text(&self) -> &str {
        str::from_utf8(self.bytes()).unwrap_or_default()
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
        self.0.wire.len() - self.0.start
    }

    /// Whether there is no text, which no frame made here is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.0.wire == other.0.wire
    }
}

impl Eq for Frame {}

/// The head of a text of that many bytes, in one piece, and the head's own length.
fn head(text: usize) -> ([u8; HEAD], usize) {
    const TEXT: u8 = 0x81;
    let mut head = [0; HEAD];
    head[0] = TEXT;
    if let Ok(short) = u8::try_from(text)
        && short < 126
    {
        head[1] = short;
        (head, 2)
    } else if let Ok(length) = u16::try_from(text) {
        head[1] = 126;
        head[2..4].copy_from_slice(&length.to_be_bytes());
        (head, 4)
    } else {
        head[1] = 127;
        head[2..].copy_from_slice(&(text as u64).to_be_bytes());
        (head, HEAD)
    }
}

/// Where a room puts the frames for one of its members.
pub trait Deliver: Send + Sync {
    /// Queues a frame, sees to it that it is written, and returns at once. What happens when the queue is full is the receiver's
    /// policy.
    fn deliver(&self, frame: Frame);

    /// Writes frames at once where nothing waits before them and the peer takes them, else queues them.
    fn tell(&self, frames: &[Frame]) -> Told {
        Told::queued(self.queue(frames))
    }

    /// Queues frames. Returns whether it is the caller's to [`flush`](Self::flush), which is owed then: until it is done more may be
    /// queued, and shares the write.
    fn queue(&self, frames: &[Frame]) -> bool {
        for frame in frames {
            self.deliver(frame.clone());
        }
        false
    }

    /// Writes what is queued, as far as the peer takes it at once, or has it written.
    fn flush(&self) -> Written {
        Written::default()
    }
}

/// What became of frames that were to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// So much was written, which may be nothing; what is left is somebody's to write.
    Written(Written),
    /// They are queued, and somebody's to write.
    Queued,
    /// They are queued, and the caller's to [`flush`](Deliver::flush).
    FlushOwed,
}

impl Told {
    /// They were [queued](Deliver::queue), and it is the caller's to flush, or not.
    pub const fn queued(is_flush_owed: bool) -> Self {
        if is_flush_owed { Self::FlushOwed } else { Self::Queued }
    }
}

/// What was written together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// How often something was.
    pub writes: u64,
    /// Frames.
    pub frames: u64,
    /// Bytes of their texts.
    pub bytes: u64,
}

impl Written {
    /// These frames in one write.
    pub fn of<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Self {
        let none = Self {
            writes: 1,
            ..Self::default()
        };
        frames.into_iter().fold(none, |written, frame| Self {
            frames: written.frames + 1,
            bytes: written.bytes + frame.len() as u64,
            ..written
        })
    }
}

impl AddAssign for Written {
    fn add_assign(&mut self, more: Self) {
        self.writes += more.writes;
        self.frames += more.frames;
        self.bytes += more.bytes;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn the_head_says_how_long_the_text_is_and_all_share_the_bytes() {
        for (length, head) in [
            (125, &[0x81, 125][..]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 255, 255]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let bare = Frame::event("typing", &"").len();
            let frame = Frame::event("typing", &"x".repeat(length - bare));
            assert_eq!(frame.len(), length);
            assert_eq!(frame.wire()[..head.len()], *head);
            assert_eq!(frame.wire()[head.len()..], *frame.text().as_bytes());
            assert_eq!(frame.clone().wire().as_ptr(), frame.wire().as_ptr());
        }
    }

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
