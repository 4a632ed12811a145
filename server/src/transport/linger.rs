//! How a socket is let go: nothing more is written, and it is listened to for a while. One that is closed with unread bytes resets the
//! connection, and the peer, which may still be sending, would lose what it was told last.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, copy, sink, split};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// How long a socket is listened to.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// For so many bytes at most.
const LINGER_BYTES: u64 = 4 * 1024 * 1024;

/// Says that nothing more comes, and listens until the peer says so, too. It closes first (RFC 6455, 7.1.1): a client that has our close
/// is waiting for just this. The time is the caller's to bound, by [`LINGER`] where nothing speaks for another.
pub(super) async fn let_go(reader: impl AsyncRead + Unpin, mut writer: impl AsyncWrite + Unpin) {
    let _ = writer.shutdown().await;
    drop(writer);
    let _ = copy(&mut reader.take(LINGER_BYTES), &mut sink()).await;
}

/// A socket of somebody who only drops it: it is let go by a task then, which `tasks` knows of, and `K` is kept until that is over.
#[derive(Debug)]
pub(super) struct Lingering<S, K>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    K: Send + 'static,
{
    socket: Option<(S, K)>,
    tasks: TaskTracker,
}

impl<S, K> Lingering<S, K>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    K: Send + 'static,
{
    pub(super) fn new(socket: S, keeps: K, tasks: TaskTracker) -> Self {
        Self {
            socket: Some((socket, keeps)),
            tasks,
        }
    }

    fn socket(&mut self) -> io::Result<Pin<&mut S>> {
        let socket = self.socket.as_mut().map(|(socket, _)| Pin::new(socket));
        socket.ok_or(io::ErrorKind::NotConnected.into())
    }
}

impl<S, K> Drop for Lingering<S, K>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    K: Send + 'static,
{
    fn drop(&mut self) {
        if let (Some((socket, keeps)), Ok(runtime)) = (self.socket.take(), Handle::try_current()) {
            let lingering = async move {
                let (reader, writer) = split(socket);
                let _ = timeout(LINGER, let_go(reader, writer)).await;
                drop(keeps);
            };
            self.tasks.spawn_on(lingering, &runtime);
        }
    }
}

impl<S, K> AsyncRead for Lingering<S, K>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    K: Send + Unpin + 'static,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.socket()?.poll_read(context, buffer)
    }
}

impl<S, K> AsyncWrite for Lingering<S, K>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    K: Send + Unpin + 'static,
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;

    /// A peer whose socket has just been dropped, what is kept with it, and who knows of it.
    fn dropped() -> (DuplexStream, Arc<()>, TaskTracker) {
        let (peer, socket) = duplex(64);
        let (place, tasks) = (Arc::new(()), TaskTracker::new());
        tasks.close();
        drop(Lingering::new(socket, Arc::clone(&place), tasks.clone()));
        (peer, place, tasks)
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_sending_still_is_heard_to_its_end_and_keeps_its_place_until_then() {
        let (mut peer, place, tasks) = dropped();
        let begun = Instant::now();
        assert_eq!(peer.read(&mut [0]).await.unwrap(), 0, "nothing more comes");
        peer.write_all(&[0; 10_000]).await.unwrap();
        assert_eq!((Arc::strong_count(&place), tasks.len()), (2, 1));
        drop(peer);
        tasks.wait().await;
        assert_eq!(Arc::strong_count(&place), 1);
        assert!(begun.elapsed() < LINGER);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_ends_is_listened_to_for_its_time_and_its_bytes_alone() {
        let (_silent, place, tasks) = dropped();
        let begun = Instant::now();
        tasks.wait().await;
        assert_eq!((Arc::strong_count(&place), begun.elapsed()), (1, LINGER));
        let (mut flooding, _, tasks) = dropped();
        let mut sent = 0;
        while let Ok(taken) = flooding.write(&[0; 64]).await {
            sent += taken as u64;
        }
        tasks.wait().await;
        assert!((LINGER_BYTES..LINGER_BYTES + 1_000).contains(&sent), "{sent}");
    }
}
