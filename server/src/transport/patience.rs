//! A socket of plain HTTP that is given up when its peer lets it wait: for the head of a request, for the next request, or
//! for an answer to be taken. Once it is a WebSocket, that has clocks of its own.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a connection may stay open between two requests: longer than the proxies that keep theirs for a minute, or they
/// would send into one that is being closed.
const IDLE: Duration = Duration::from_secs(75);

/// How long an answer may wait for its peer to take some of it.
const STALLED: Duration = Duration::from_secs(30);

/// How long all waits of a connection's answers may be together: whoever takes a byte now and then is given up as well.
const STALLED_IN_ALL: Duration = Duration::from_mins(1);

/// Bytes that earn another second, so that an answer of any length can be sent to its end. What the system has taken for the peer counts
/// as taken; it asks for more when a good part of that is gone.
const SECOND_EARNED_BY: u32 = 8 * 1024;

/// What a socket is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// A whole head, from the accept or from its first byte on.
    Head,
    /// The server's answer.
    Answer,
    /// Another request.
    Idle,
    /// Nothing any more: it is a WebSocket.
    Upgraded,
}

/// Says what a socket is waiting for.
#[derive(Debug, Clone)]
pub(super) struct Phases(Arc<AtomicU8>);

impl Phases {
    pub(super) fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Phase {
        const ALL: [Phase; 4] = [Phase::Head, Phase::Answer, Phase::Idle, Phase::Upgraded];
        ALL[usize::from(self.0.load(Ordering::Relaxed)) % ALL.len()]
    }
}

/// The socket.
#[derive(Debug)]
pub(super) struct Patient<S> {
    socket: S,
    phases: Phases,
    /// What the timer is set for; `None` until it is.
    set_for: Option<Phase>,
    timer: Option<Pin<Box<Sleep>>>,
    head: Duration,
    /// Since the peer first let an answer wait, which few do.
    stall: Option<Box<Stall>>,
}

/// An answer that waits, or has waited.
#[derive(Debug)]
struct Stall {
    /// Since when it waits; `None` while the peer takes it.
    since: Option<Instant>,
    /// How long it may wait in all.
    left: Duration,
    timer: Pin<Box<Sleep>>,
}

impl<S> Patient<S> {
    /// Waits for a head as long as that; zero is without end.
    pub(super) fn new(socket: S, head: Duration) -> Self {
        Self {
            socket,
            phases: Phases(Arc::new(AtomicU8::new(Phase::Head as u8))),
            set_for: None,
            timer: None,
            head,
            stall: None,
        }
    }

    /// Where it is told what it waits for.
    pub(super) fn phases(&self) -> Phases {
        self.phases.clone()
    }

    /// The socket, which is waited for no more.
    pub(super) fn into_inner(self) -> S {
        self.socket
    }

    fn set(&mut self, time: Duration) {
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(Instant::now() + time),
            None => self.timer = Some(Box::pin(sleep(time))),
        }
    }

    /// The peer has sent something, or nothing yet.
    fn after_read(&mut self, context: &mut Context<'_>, arrived: bool) -> Poll<Error> {
        let phase = self.phases.get();
        match phase {
            Phase::Upgraded => {
                self.timer = None;
                return Poll::Pending;
            }
            Phase::Answer => {
                self.set_for = None;
                return Poll::Pending;
            }
            Phase::Idle if arrived => {
                self.phases.set(Phase::Head);
                self.set_for = Some(Phase::Head);
                self.set(self.head);
            }
            Phase::Head | Phase::Idle if self.set_for != Some(phase) => {
                self.set_for = Some(phase);
                self.set(if phase == Phase::Head { self.head } else { IDLE });
            }
            Phase::Head | Phase::Idle => {}
        }
        if arrived || (self.head.is_zero() && self.set_for == Some(Phase::Head)) {
            return Poll::Pending;
        }
        match &mut self.timer {
            Some(timer) => ring(timer, context),
            None => Poll::Pending,
        }
    }

    /// The peer has taken so many bytes, or nothing yet.
    fn after_write(&mut self, context: &mut Context<'_>, taken: Option<usize>) -> Poll<Error> {
        match (taken, &mut self.stall) {
            (Some(_), None) => return Poll::Pending,
            (_, stall) if self.phases.get() == Phase::Upgraded => {
                *stall = None;
                return Poll::Pending;
            }
            (Some(bytes), Some(stall)) => {
                stall.taken(bytes);
                return Poll::Pending;
            }
            (None, _) => {}
        }
        if self.phases.get() == Phase::Idle {
            // The pause between two requests begins when the answer has been taken.
            self.set_for = None;
        }
        let stall = self.stall.get_or_insert_with(|| Box::new(Stall::new()));
        if stall.since.is_none() {
            let now = Instant::now();
            stall.since = Some(now);
            stall.timer.as_mut().reset(now + stall.left.min(STALLED));
        }
        ring(&mut stall.timer, context)
    }
}

impl Stall {
    fn new() -> Self {
        Self {
            since: None,
            left: STALLED_IN_ALL,
            timer: Box::pin(sleep(STALLED)),
        }
    }

    fn taken(&mut self, bytes: usize) {
        if let Some(since) = self.since.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let earned = Duration::from_secs(1) * bytes / SECOND_EARNED_BY;
        self.left = (self.left + earned).min(STALLED_IN_ALL);
    }
}

/// What a write came to; one that failed ends the connection anyway.
fn taken(written: &Poll<Result<usize>>) -> Option<usize> {
    match written {
        Poll::Ready(written) => Some(*written.as_ref().unwrap_or(&0)),
        Poll::Pending => None,
    }
}

fn ring(timer: &mut Pin<Box<Sleep>>, context: &mut Context<'_>) -> Poll<Error> {
    ready!(timer.as_mut().poll(context));
    Poll::Ready(Error::new(ErrorKind::TimedOut, "the peer let the server wait"))
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        match self.after_read(context, read.is_ready()) {
            Poll::Ready(late) => Poll::Ready(Err(late)),
            Poll::Pending => read,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        match self.after_write(context, taken(&written)) {
            Poll::Ready(late) => Poll::Ready(Err(late)),
            Poll::Pending => written,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, bytes);
        match self.after_write(context, taken(&written)) {
            Poll::Ready(late) => Poll::Ready(Err(late)),
            Poll::Pending => written,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(context);
        match self.after_write(context, flushed.is_ready().then_some(0)) {
            Poll::Ready(late) => Poll::Ready(Err(late)),
            Poll::Pending => flushed,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const HEAD: Duration = Duration::from_secs(10);

    /// How long it takes until the socket is given up, in seconds.
    async fn given_up(reading: impl Future<Output = Result<usize>>) -> u64 {
        let begun = Instant::now();
        let late = tokio::time::timeout(Duration::from_hours(1), reading).await;
        assert_eq!(late.expect("it is given up").unwrap_err().kind(), ErrorKind::TimedOut);
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_time_however_often_a_byte_of_it_comes() {
        let (mut peer, socket) = duplex(64);
        let mut socket = Patient::new(socket, HEAD);
        let dribble = tokio::spawn(async move {
            while peer.write_all(b"x").await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
        let reading = async {
            loop {
                socket.read_u8().await.map(usize::from)?;
            }
        };
        assert_eq!(given_up(reading).await, 10);
        drop(socket);
        dribble.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_it_has_longer_and_then_a_head_has_its_time_again() {
        let (mut peer, socket) = duplex(64);
        let mut socket = Patient::new(socket, HEAD);
        let phases = socket.phases();
        phases.set(Phase::Idle);
        let mut byte = [0];
        assert_eq!(given_up(socket.read(&mut byte)).await, 75);
        phases.set(Phase::Answer);
        assert!(
            tokio::time::timeout(Duration::from_hours(1), socket.read(&mut byte))
                .await
                .is_err()
        );
        phases.set(Phase::Idle);
        assert!(
            tokio::time::timeout(Duration::from_secs(70), socket.read(&mut byte))
                .await
                .is_err()
        );
        peer.write_all(b"x").await.unwrap();
        socket.read_exact(&mut byte).await.unwrap();
        assert_eq!(given_up(socket.read(&mut byte)).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_taken_is_given_up_and_a_web_socket_is_not() {
        let (mut peer, socket) = duplex(4);
        let mut socket = Patient::new(socket, HEAD);
        let phases = socket.phases();
        phases.set(Phase::Answer);
        socket.write_all(b"some").await.unwrap();
        assert_eq!(given_up(socket.write(b"more")).await, 30);
        peer.read_exact(&mut [0; 4]).await.unwrap();
        socket.write_all(b"more").await.unwrap();
        phases.set(Phase::Upgraded);
        assert!(
            tokio::time::timeout(Duration::from_hours(1), socket.write(b"x"))
                .await
                .is_err()
        );
        assert!(
            tokio::time::timeout(Duration::from_hours(1), socket.read(&mut [0]))
                .await
                .is_err()
        );
    }

    /// Has an answer for a peer that takes such a bite of it every 5 seconds.
    async fn answering(bite: usize, bytes: usize) -> Result<usize> {
        let (mut peer, socket) = duplex(64);
        let mut socket = Patient::new(socket, HEAD);
        socket.phases().set(Phase::Answer);
        let dribble = tokio::spawn(async move {
            let mut bitten = vec![0; bite];
            while peer.read_exact(&mut bitten).await.is_ok() {
                sleep(Duration::from_secs(5)).await;
            }
        });
        let written = socket.write_all(&vec![0; bytes]).await;
        dribble.abort();
        written.map(|()| bytes)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_has_its_time_however_often_a_byte_of_it_is_taken() {
        assert_eq!(given_up(answering(10, 1_000_000)).await, 60);
        assert_eq!(answering(40_960, 1_638_400).await.unwrap(), 1_638_400);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_bound_a_head_may_take_for_ever() {
        let (_peer, socket) = duplex(4);
        let mut socket = Patient::new(socket, Duration::ZERO);
        assert!(
            tokio::time::timeout(Duration::from_hours(1), socket.read(&mut [0]))
                .await
                .is_err()
        );
    }
}
