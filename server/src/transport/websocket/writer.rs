//! What a client is told, as a sink of encoded frames. Nothing is copied: the frames that are handed over between two flushes share
//! their bytes with every other socket, and go out in one write.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::{Sink, SinkExt};
use tokio::io::AsyncWrite;

use super::wire::{SHARE, Wire};
use crate::connection::Outbound;

/// Once so many bytes wait, they are written before more is taken.
const FULL: usize = 64 * 1024;

const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const CLOSE: u8 = 0x88;

/// The longest reason of a close.
const REASON_BYTES: usize = 123;

/// The writing half of a WebSocket.
#[derive(Debug)]
pub(super) struct Writer<W> {
    socket: W,
    /// Where others may have begun a frame, which goes before everything else.
    wire: Option<Arc<Wire>>,
    waiting: VecDeque<Bytes>,
    bytes: usize,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// Writes to a socket.
    pub(super) fn new(socket: W, wire: Option<Arc<Wire>>) -> Self {
        Self {
            socket,
            wire,
            waiting: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Says the close, after everything that was handed over.
    pub(super) async fn say_close(&mut self, code: Option<u16>, reason: &str) -> io::Result<()> {
        let mut payload = BytesMut::new();
        if let Some(code) = code {
            payload.put_u16(code);
            let end = reason.floor_char_boundary(REASON_BYTES);
            payload.put_slice(&reason.as_bytes()[..end]);
        }
        self.wait_in_line(control(CLOSE, &payload));
        self.flush().await
    }

    /// The socket, with nothing left to write.
    pub(super) fn into_inner(self) -> W {
        self.socket
    }

    fn wait_in_line(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.waiting.push_back(bytes);
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(begun) = self.wire.as_ref().and_then(|wire| wire.begun()) {
            self.bytes += begun.len();
            self.waiting.push_front(begun);
        }
        while !self.waiting.is_empty() {
            let written = if self.waiting.len() == 1 || !self.socket.is_write_vectored() {
                Pin::new(&mut self.socket).poll_write(context, &self.waiting[0])
            } else {
                let mut shared = [IoSlice::new(&[]); SHARE];
                let share = self.waiting.len().min(SHARE);
                for (slice, bytes) in shared.iter_mut().zip(&self.waiting) {
                    *slice = IoSlice::new(bytes);
                }
                Pin::new(&mut self.socket).poll_write_vectored(context, &shared[..share])
            };
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.advance(written),
            }
        }
        // Whoever is told nothing needs no queue.
        self.waiting = VecDeque::new();
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(first) = self.waiting.front_mut() {
            if first.len() > written {
                return first.advance(written);
            }
            written -= first.len();
            self.waiting.pop_front();
        }
    }
}

impl<W: AsyncWrite + Unpin> Sink<Outbound> for Writer<W> {
    type Error = io::Error;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.bytes < FULL {
            return Poll::Ready(Ok(()));
        }
        this.poll_write(context)
    }

    fn start_send(self: Pin<&mut Self>, outbound: Outbound) -> io::Result<()> {
        let bytes = match outbound {
            Outbound::Frame(frame) => frame.wire().clone(),
            Outbound::Ping => control(PING, &[]),
            Outbound::Pong(payload) => control(PONG, &payload),
        };
        self.get_mut().wait_in_line(bytes);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_write(context))?;
        Pin::new(&mut this.socket).poll_flush(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

/// A control frame, whose payload has at most 125 bytes.
fn control(first: u8, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(2 + payload.len());
    frame.put_u8(first);
    frame.put_u8(u8::try_from(payload.len()).unwrap_or_default());
    frame.put_slice(payload);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::connection::Frame;

    /// A socket that takes so many bytes a write, and remembers where what it took stands in memory.
    #[derive(Debug)]
    struct Socket {
        takes: usize,
        writes: Vec<Vec<*const u8>>,
        bytes: Vec<u8>,
    }

    impl AsyncWrite for Socket {
        fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(context, &[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let mut room = self.takes;
            for slice in bytes {
                let taken = slice.len().min(room);
                room -= taken;
                self.bytes.extend_from_slice(&slice[..taken]);
            }
            self.writes.push(bytes.iter().map(|slice| slice.as_ptr()).collect());
            Poll::Ready(Ok(self.takes - room))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn writer(takes: usize) -> Writer<Socket> {
        let socket = Socket {
            takes,
            writes: Vec::new(),
            bytes: Vec::new(),
        };
        Writer::new(socket, None)
    }

    fn frames(count: usize) -> Vec<Frame> {
        (0..count).map(|n| Frame::event("typing", &n)).collect()
    }

    fn send(writer: &mut Writer<Socket>, frames: &[Frame]) {
        for frame in frames {
            let feed = writer.feed(Outbound::Frame(frame.clone()));
            feed.now_or_never().unwrap().unwrap();
        }
        writer.flush().now_or_never().unwrap().unwrap();
    }

    fn bytes(frames: &[Frame]) -> Vec<u8> {
        frames.iter().flat_map(|frame| frame.wire().to_vec()).collect()
    }

    #[test]
    fn frames_that_wait_share_a_write_and_their_bytes_are_those_of_every_other_socket() {
        let (mut one, mut other, frames) = (writer(usize::MAX), writer(usize::MAX), frames(5));
        send(&mut one, &frames);
        send(&mut other, &frames);
        let shared: Vec<_> = frames.iter().map(|frame| frame.wire().as_ptr()).collect();
        assert_eq!(one.socket.writes, other.socket.writes);
        assert_eq!(one.socket.writes, [shared]);
        assert_eq!(one.socket.bytes, bytes(&frames));
        assert_eq!(one.waiting.capacity(), 0, "no queue is kept");
    }

    #[test]
    fn a_socket_that_takes_little_gets_everything_in_order() {
        let frames = frames(200);
        for takes in [1, 7, 4_096] {
            let mut writer = writer(takes);
            send(&mut writer, &frames);
            assert_eq!(writer.socket.bytes, bytes(&frames));
            assert_eq!(writer.bytes, 0);
        }
    }

    #[test]
    fn what_is_said_beside_frames_has_its_kind_and_its_length() {
        let mut writer = writer(usize::MAX);
        for control in [Outbound::Ping, Outbound::Pong(Bytes::from_static(b"you?"))] {
            writer.feed(control).now_or_never().unwrap().unwrap();
        }
        writer
            .say_close(Some(4001), "é".repeat(100).as_str())
            .now_or_never()
            .unwrap()
            .unwrap();
        let (controls, close) = writer.socket.bytes.split_at(8);
        assert_eq!(controls, b"\x89\x00\x8a\x04you?");
        // 61 letters of two bytes and the code.
        assert_eq!(close[..4], [0x88, 124, 0x0f, 0xa1]);
        assert_eq!(close[4..], *"é".repeat(61).as_bytes());
    }
}
