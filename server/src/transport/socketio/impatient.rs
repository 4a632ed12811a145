//! A socket that fails where its peer takes nothing for too long. The engine would wait for ever, also once it has
//! closed the connection.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A socket and its patience.
#[derive(Debug)]
pub(super) struct Impatient<S> {
    socket: S,
    patience: Option<Duration>,
    /// Runs while the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    failed: bool,
    /// Who reads is told of the failure: it is what ends the connection.
    reader: Option<Waker>,
}

impl<S> Impatient<S> {
    /// A socket that waits so long; for ever where it is zero.
    pub(super) fn new(socket: S, patience: Duration) -> Self {
        Self {
            socket,
            patience: (!patience.is_zero()).then_some(patience),
            stalled: None,
            failed: false,
            reader: None,
        }
    }

    fn judge<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let Some(patience) = self.patience else {
            return Poll::Pending;
        };
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        std::task::ready!(timer.as_mut().poll(context));
        self.failed = true;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.failed {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        if read.is_pending() {
            self.reader = Some(context.waker().clone());
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.failed {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(context);
        self.judge(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.socket).poll_shutdown(context);
        self.judge(context, closed)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up_by_writer_and_reader() {
        let (mut peer, socket) = duplex(8);
        let (mut reader, mut writer) = split(Impatient::new(socket, Duration::from_mins(1)));
        let reading = tokio::spawn(async move { reader.read_u8().await.unwrap_err().kind() });
        writer.write_all(b"taken").await.unwrap();
        peer.read_exact(&mut [0; 5]).await.unwrap();
        let start = Instant::now();
        let error = writer.write_all(b"more than is taken").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed(), Duration::from_mins(1));
        assert_eq!(reading.await.unwrap(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_takes_little_by_little_is_not() {
        let (mut peer, socket) = duplex(1);
        let mut socket = Impatient::new(socket, Duration::from_mins(1));
        let slow = tokio::spawn(async move {
            for _ in 0..10 {
                sleep(Duration::from_secs(50)).await;
                peer.read_u8().await.unwrap();
            }
        });
        socket.write_all(&[0; 10]).await.unwrap();
        slow.await.unwrap();
    }
}
