//! A socket without TLS, which whoever has the turn may write to from any task: what a room tells its members goes out from where it is
//! told, and no task is woken for it.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;

use crate::connection::{Frame, Line, Sent};

/// Frames that share a write at most.
pub(super) const SHARE: usize = 64;

/// The writing half of the socket.
#[derive(Debug)]
pub(super) struct Wire {
    socket: OwnedWriteHalf,
    /// What the socket did not take of a frame that it took the beginning of.
    begun: Mutex<Bytes>,
}

impl Wire {
    pub(super) fn new(socket: OwnedWriteHalf) -> Arc<Self> {
        Arc::new(Self {
            socket,
            begun: Mutex::default(),
        })
    }

    /// The rest of a frame that was begun. It is the caller's to write, before everything else.
    pub(super) fn begun(&self) -> Option<Bytes> {
        let begun = std::mem::take(&mut *self.lock());
        (!begun.is_empty()).then_some(begun)
    }

    fn lock(&self) -> MutexGuard<'_, Bytes> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the system alone: what the runtime knows of the socket is far away in memory, and is looked at by the socket's own task, which
    /// waits where the system takes nothing. A peer that is gone is an error: Rust's `main` has SIGPIPE ignored.
    fn try_write(&self, frames: &[Frame]) -> io::Result<usize> {
        let socket = SockRef::from(self.socket.as_ref());
        if let [frame] = frames {
            return socket.send(frame.wire());
        }
        let mut shared = [IoSlice::new(&[]); SHARE];
        for (slice, frame) in shared.iter_mut().zip(frames) {
            *slice = IoSlice::new(frame.wire());
        }
        socket.send_vectored(&shared[..frames.len().min(SHARE)])
    }
}

impl Line for Wire {
    fn try_send(&self, frames: &[Frame]) -> Sent {
        let mut sent = Sent {
            frames: 0,
            is_whole: true,
        };
        while sent.frames < frames.len() {
            // What is wrong with the socket is found by its own task.
            let Ok(mut written @ 1..) = self.try_write(&frames[sent.frames..]) else {
                break;
            };
            for frame in &frames[sent.frames..] {
                if written == 0 {
                    break;
                }
                sent.frames += 1;
                if written < frame.wire().len() {
                    *self.lock() = frame.wire().slice(written..);
                    sent.is_whole = false;
                    return sent;
                }
                written -= frame.wire().len();
            }
        }
        sent
    }
}

/// The same socket for its own task, which may wait.
#[derive(Debug)]
pub(super) struct Own(pub(super) Arc<Wire>);

impl Own {
    fn poll(
        &self,
        context: &mut Context<'_>,
        write: impl Fn(&OwnedWriteHalf) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let socket = &self.0.socket;
        loop {
            ready!(socket.as_ref().poll_write_ready(context))?;
            match write(socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl AsyncWrite for Own {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(context, |socket| socket.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll(context, |socket| socket.try_write_vectored(bytes))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// At once, whoever else holds the socket.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(self.0.socket.as_ref()).shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::SinkExt;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::super::writer::Writer;
    use super::*;
    use crate::connection::Outbound;

    #[tokio::test]
    async fn what_a_full_socket_leaves_is_written_before_anything_else() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (_reader, writer) = listener.accept().await.unwrap().0.into_split();
        writer.as_ref().writable().await.unwrap();
        let wire = Wire::new(writer);
        // More than any socket buffers.
        let (large, last) = (
            Frame::event("typing", &"x".repeat(32 * 1024 * 1024)),
            Frame::event("typing", &"last"),
        );
        let begun = Sent {
            frames: 1,
            is_whole: false,
        };
        assert_eq!(wire.try_send(&[large.clone(), last.clone()]), begun);
        let mut writer = Writer::new(Own(Arc::clone(&wire)), Some(wire));
        let told = [&large, &last].map(|frame| &frame.wire()[..]).concat();
        let mut heard = vec![0; told.len()];
        let (sent, read) = tokio::join!(writer.send(Outbound::Frame(last)), peer.read_exact(&mut heard));
        sent.unwrap();
        read.unwrap();
        assert!(heard == told, "all bytes once, in order");
    }
}
