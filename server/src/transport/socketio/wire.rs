//! A WebSocket's bytes, as the engine is given them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::impatient::Impatient;
use super::lifeline::Lifeline;
use super::noop::Noops;

/// A socket with its patience, its session, and what the engine cannot read.
#[derive(Debug)]
pub(super) struct Wire<S> {
    socket: Impatient<S>,
    noops: Noops,
    lifeline: Lifeline,
}

impl<S> Wire<S> {
    pub(super) fn new(socket: S, patience: Duration, lifeline: Lifeline) -> Self {
        Self {
            socket: Impatient::new(socket, patience),
            noops: Noops::default(),
            lifeline,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        let came = &mut buffer.filled_mut()[before..];
        if !came.is_empty() {
            self.noops.pass(came);
            self.lifeline.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
