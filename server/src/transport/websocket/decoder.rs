//! What a client's bytes say (RFC 6455). Pure: it is fed, and holds no more than what is not a whole message yet, so that a
//! connection nobody speaks on has no buffer.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;
use readrealm_protocol::limits::FRAME_BYTES;

/// The longest payload of a ping, a pong or a close.
const CONTROL_BYTES: usize = 125;

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// Bytes, which no message of the protocol is.
    Binary,
    /// A question for a sign of life, to be answered with the same bytes.
    Ping(Bytes),
    /// A sign of life.
    Pong,
    /// Nothing more will come. The code is to be said back.
    Close(Option<u16>),
}

/// Why a connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not what the protocol of WebSockets allows, in a few words.
    Protocol(&'static str),
    /// A text that is not UTF-8.
    NotUtf8,
    /// A message over [`FRAME_BYTES`].
    TooLong,
}

impl Fault {
    /// The code and the reason that the peer is told.
    pub(super) fn close(self) -> (u16, &'static str) {
        match self {
            Self::Protocol(reason) => (1002, reason),
            Self::NotUtf8 => (1007, "text is UTF-8"),
            Self::TooLong => (1009, "a frame may have 65536 bytes"),
        }
    }
}

/// The bytes of one client.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// What has come: at most one frame, and what one read brought beyond it.
    bytes: Vec<u8>,
    /// How much of it has been said.
    said: usize,
    /// The frames of a message that has more of them to come.
    begun: Option<Box<Begun>>,
}

#[derive(Debug)]
struct Begun {
    is_text: bool,
    payload: Vec<u8>,
}

/// The head of a frame.
#[derive(Debug, Clone, Copy)]
struct Head {
    is_last: bool,
    opcode: u8,
    mask: [u8; 4],
    /// Where the payload begins, and ends.
    start: usize,
    end: usize,
}

impl Decoder {
    /// Takes what was read. To be asked for what it says until that is nothing more.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message; `None` until more has come.
    pub(super) fn next(&mut self) -> Result<Option<Said<'_>>, Fault> {
        loop {
            let Some(head) = Head::read(&self.bytes[self.said..])? else {
                self.forget();
                return Ok(None);
            };
            if !is_control(head.opcode) {
                self.check_order(head)?;
            }
            if self.bytes.len() - self.said < head.end {
                self.forget();
                return Ok(None);
            }
            let at = self.said;
            self.said += head.end;
            unmask(&mut self.bytes[at + head.start..at + head.end], head.mask);
            let payload = at + head.start..at + head.end;
            match head.opcode {
                0..=2 if !head.is_last || self.begun.is_some() => {
                    let begun = self.begun.get_or_insert_with(|| {
                        Box::new(Begun {
                            is_text: head.opcode == 1,
                            payload: Vec::new(),
                        })
                    });
                    begun.payload.extend_from_slice(&self.bytes[payload]);
                    if head.is_last
                        && let Some(whole) = self.begun.take()
                    {
                        return whole.said().map(Some);
                    }
                }
                1 => {
                    let text = str::from_utf8(&self.bytes[payload]).map_err(|_| Fault::NotUtf8)?;
                    return Ok(Some(Said::Text(Cow::Borrowed(text))));
                }
                2 => return Ok(Some(Said::Binary)),
                8 => return close_code(&self.bytes[payload]).map(|code| Some(Said::Close(code))),
                9 => return Ok(Some(Said::Ping(Bytes::copy_from_slice(&self.bytes[payload])))),
                _ => return Ok(Some(Said::Pong)),
            }
        }
    }

    /// Whether a frame may come here, and whether its message is not too long.
    fn check_order(&self, head: Head) -> Result<(), Fault> {
        let so_far = self.begun.as_ref().map_or(0, |begun| begun.payload.len());
        if (head.opcode == 0) != self.begun.is_some() {
            return Err(Fault::Protocol("a message begins in another"));
        }
        if so_far + (head.end - head.start) > FRAME_BYTES {
            return Err(Fault::TooLong);
        }
        Ok(())
    }

    /// Keeps only what was not said, and no memory for what is not there.
    fn forget(&mut self) {
        if self.said > 0 {
            self.bytes = self.bytes[self.said..].to_vec();
        }
        self.said = 0;
    }
}

impl Begun {
    fn said<'a>(self) -> Result<Said<'a>, Fault> {
        if !self.is_text {
            return Ok(Said::Binary);
        }
        let text = String::from_utf8(self.payload).map_err(|_| Fault::NotUtf8)?;
        Ok(Said::Text(Cow::Owned(text)))
    }
}

impl Head {
    /// The head that stands first; `None` where it is not whole.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let Some((&[first, second], rest)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        let (is_last, opcode, short) = (first & 0x80 != 0, first & 0x0f, second & 0x7f);
        if first & 0x70 != 0 {
            return Err(Fault::Protocol("no extension was agreed on"));
        }
        if matches!(opcode, 3..=7 | 11..) {
            return Err(Fault::Protocol("there is no such kind of frame"));
        }
        if second & 0x80 == 0 {
            return Err(Fault::Protocol("a client's frames are masked"));
        }
        if is_control(opcode) && (!is_last || usize::from(short) > CONTROL_BYTES) {
            return Err(Fault::Protocol("a control frame is short, and in one piece"));
        }
        let (length, at) = match short {
            126 => match rest.first_chunk() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(length) => (u64::from_be_bytes(*length), 10),
                None => return Ok(None),
            },
            short => (u64::from(short), 2),
        };
        if matches!((short, length), (126, ..126) | (127, ..65_536 | 0x8000_0000_0000_0000..)) {
            return Err(Fault::Protocol(
                "a length has 63 bits, and is said as shortly as can be",
            ));
        }
        let Some(length) = usize::try_from(length).ok().filter(|length| *length <= FRAME_BYTES) else {
            return Err(Fault::TooLong);
        };
        let Some(mask) = bytes.get(at..).and_then(<[u8]>::first_chunk) else {
            return Ok(None);
        };
        Ok(Some(Self {
            is_last,
            opcode,
            mask: *mask,
            start: at + 4,
            end: at + 4 + length,
        }))
    }
}

fn is_control(opcode: u8) -> bool {
    opcode >= 8
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    // Eight at a time, which the compiler makes more of where the machine can.
    let half = u64::from(u32::from_ne_bytes(mask));
    let wide = half << 32 | half;
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

fn close_code(payload: &[u8]) -> Result<Option<u16>, Fault> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        let fault = Fault::Protocol("a close says a whole code, or none");
        return if payload.is_empty() { Ok(None) } else { Err(fault) };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Fault::Protocol("there is no such close code"));
    }
    str::from_utf8(reason).map_err(|_| Fault::NotUtf8)?;
    Ok(Some(code))
}
