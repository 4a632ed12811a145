//! A socket that is listened to for a while when it is let go: one that is closed with unread bytes resets the connection, and the
//! peer, which may still be sending, would lose what it was told last.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, copy, sink};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long it is listened to.
const LINGER: Duration = Duration::from_secs(2);

/// For so many bytes at most.
const LINGER_BYTES: u64 = 4 * 1024 * 1024;

/// A socket, until it is let go.
#[derive(Debug)]
pub(super) struct Lingering<S>(Option<S>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static;

impl<S> Lingering<S>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    pub(super) fn new(socket: S) -> Self {
        Self(Some(socket))
    }

    fn socket(&mut self) -> io::Result<Pin<&mut S>> {
        self.0.as_mut().map(Pin::new).ok_or(io::ErrorKind::NotConnected.into())
    }
}

impl<S> Drop for Lingering<S>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    fn drop(&mut self) {
        if let (Some(mut socket), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(timeout(LINGER, async move {
                let _ = socket.shutdown().await;
                let _ = copy(&mut socket.take(LINGER_BYTES), &mut sink()).await;
            }));
        }
    }
}

impl<S> AsyncRead for Lingering<S>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.socket()?.poll_read(context, buffer)
    }
}

impl<S> AsyncWrite for Lingering<S>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.socket()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket()?.poll_shutdown(context)
    }
}
