//! One connection of a crowd.

use std::io::{ErrorKind, Read, Write};

use mio::net::TcpStream;

use super::crowd::{Heads, Seat};
use super::frame::{self, CLOSE, PING, PONG, TEXT};
use super::speech::{Heard, Speech};
use super::{Outcome, Role};

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Upgrading,
    Open,
}

/// A socket, and what of it is not whole yet.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    pub(super) seat: Seat,
    /// Its place in the crowd, which is its user too.
    number: u32,
    speech: Speech,
    phase: Phase,
    /// Messages that it was told.
    pub(super) told: u64,
    /// The beginning of a frame whose end is to come.
    kept: Vec<u8>,
    /// What the socket did not take yet.
    unsent: Vec<u8>,
}

impl Connection {
    pub(super) fn new(socket: TcpStream, seat: Seat, number: u32, speech: Speech) -> Self {
        Self {
            socket,
            seat,
            number,
            speech,
            phase: Phase::Connecting,
            told: 0,
            kept: Vec::new(),
            unsent: Vec::new(),
        }
    }

    pub(super) fn is_member_of(&self, room: u32) -> bool {
        self.seat.role == Role::Member && self.seat.room == room
    }

    /// The socket takes bytes: the first time, it is connected.
    pub(super) fn writable(&mut self) -> Outcome<()> {
        if self.phase == Phase::Connecting {
            if let Some(error) = self.socket.take_error()? {
                return Err(format!("connection {} was not let in: {error}", self.number).into());
            }
            if self.socket.peer_addr().is_err() {
                return Ok(());
            }
            self.socket.set_nodelay(true)?;
            self.phase = Phase::Upgrading;
            let path = self.speech.path(self.seat.role, self.seat.room);
            self.write(
                format!(
                    "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                )
                .as_bytes(),
            )?;
        } else if !self.unsent.is_empty() {
            let waiting = std::mem::take(&mut self.unsent);
            self.write(&waiting)?;
        }
        Ok(())
    }

    /// Sends a text.
    pub(super) fn say(&mut self, text: &str) -> Outcome<()> {
        let mut bytes = Vec::with_capacity(text.len() + 14);
        frame::masked(TEXT, text.as_bytes(), &mut bytes);
        self.write(&bytes)
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Outcome<()> {
        while self.unsent.is_empty() && !bytes.is_empty() {
            match self.socket.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.lost(&error)),
            }
        }
        self.unsent.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes what has come, by way of the crowd's buffer.
    pub(super) fn readable(&mut self, buffer: &mut [u8], heads: &mut Heads) -> Outcome<()> {
        loop {
            let kept = self.kept.len();
            if kept == buffer.len() {
                return Err(format!("connection {}: a frame of more than {kept} bytes", self.number).into());
            }
            let read = match self.socket.read(&mut buffer[kept..]) {
                Ok(0) => return Err(self.lost(&"the server closed it")),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.lost(&error)),
            };
            buffer[..kept].copy_from_slice(&self.kept);
            self.kept.clear();
            let filled = kept + read;
            let taken = self.take(&buffer[..filled], heads)?;
            self.kept.extend_from_slice(&buffer[taken..filled]);
            // A read that does not fill the buffer has emptied the socket: the next byte is a new event.
            if filled < buffer.len() {
                return Ok(());
            }
        }
    }

    /// Looks at the beginnings of what has come whole; how many bytes that was.
    fn take(&mut self, bytes: &[u8], heads: &mut Heads) -> Outcome<usize> {
        let mut at = 0;
        if self.phase == Phase::Upgrading {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                return Ok(0);
            };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                let answer = String::from_utf8_lossy(&bytes[..end]).into_owned();
                return Err(format!("connection {} was not upgraded: {answer}", self.number).into());
            }
            at = end + 4;
            self.phase = Phase::Open;
            match self.speech.greeting(self.seat.room, self.number) {
                Some(text) => self.say(&text)?,
                None => heads.joined(self.number),
            }
        }
        while let Some(frame) = frame::first(&bytes[at..]) {
            at += frame.end;
            match frame.opcode {
                TEXT => self.hear(frame.payload, heads)?,
                PING => {
                    let mut pong = Vec::new();
                    frame::masked(PONG, frame.payload, &mut pong);
                    self.write(&pong)?;
                }
                CLOSE => {
                    let code = frame
                        .payload
                        .first_chunk()
                        .map_or(1005, |code| u16::from_be_bytes(*code));
                    let reason = String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default()).into_owned();
                    return Err(self.lost(&format!("the server closed it with {code} {reason}")));
                }
                _ => {}
            }
        }
        Ok(at)
    }

    fn hear(&mut self, text: &[u8], heads: &mut Heads) -> Outcome<()> {
        match self.speech.hear(text) {
            // Nchan answers a publisher in words of its own, which are no delivery either.
            Heard::Delivery if self.seat.role == Role::Member => {
                self.told += 1;
                heads.told(self.seat.room);
            }
            Heard::Ack(number) => heads.acked(self.number, number),
            Heard::Joined => heads.joined(self.number),
            Heard::Opened => self.say(&self.speech.join(self.seat.room, self.number))?,
            Heard::Ping => self.say("3")?,
            Heard::Refused => {
                let answer = String::from_utf8_lossy(text).into_owned();
                return Err(format!("connection {} was refused: {answer}", self.number).into());
            }
            Heard::Delivery | Heard::Other => {}
        }
        Ok(())
    }

    fn lost(&self, why: &dyn std::fmt::Display) -> Box<dyn std::error::Error + Send + Sync> {
        format!("connection {} is lost: {why}", self.number).into()
    }
}
