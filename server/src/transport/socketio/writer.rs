//! The sink of one connection: frames become events, and are handed to the engine as fast as it takes them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use engineioxide::{Socket, Str};
use futures_util::Sink;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Sleep, sleep};

use super::asked::Asked;
use super::engine::Link;
use super::words;
use crate::connection::Outbound;

/// Packets the engine holds for one connection…
pub(super) const CAPACITY: usize = 64;

/// …of so many bytes at most, which no message has. After a larger one nothing goes until the engine has taken it.
const LARGE: usize = 32 * 1024;

/// The engine tells nobody when it has taken something. After one turn of the other tasks, the first wait for it, which
/// doubles…
const FIRST_WAIT: Duration = Duration::from_millis(2);

/// …up to this one.
const LONGEST_WAIT: Duration = Duration::from_millis(64);

/// The engine closed the connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed")]
pub(super) struct Gone;

/// The writing half.
#[derive(Debug)]
pub(super) struct Writer {
    socket: Arc<Socket<Link>>,
    asked: Asked,
    /// What one frame became and the engine has no room for yet.
    ready: VecDeque<Str>,
    /// A large packet, until the engine has taken it.
    large: Option<Bytes>,
    wait: Wait,
}

/// How long the engine is left alone.
#[derive(Debug, Default)]
struct Wait {
    timer: Option<Pin<Box<Sleep>>>,
    times: u32,
}

impl Writer {
    pub(super) fn new(socket: Arc<Socket<Link>>, asked: Asked) -> Self {
        Self {
            socket,
            asked,
            ready: VecDeque::new(),
            large: None,
            wait: Wait::default(),
        }
    }

    fn poll_hand_over(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        loop {
            if let Some(large) = &self.large {
                if self.socket.is_closed() {
                    return Poll::Ready(Err(Gone));
                }
                if !large.is_unique() {
                    ready!(self.wait.poll(context));
                    continue;
                }
                self.large = None;
            }
            let Some(text) = self.ready.pop_front() else {
                return Poll::Ready(Ok(()));
            };
            let large = (text.len() > LARGE).then(|| Bytes::from(text.clone()));
            match hand_over(&self.socket, text) {
                Ok(()) => (self.wait, self.large) = (Wait::default(), large),
                Err(TrySendError::Closed(_)) => return Poll::Ready(Err(Gone)),
                Err(TrySendError::Full(text)) => {
                    self.ready.push_front(text);
                    ready!(self.wait.poll(context));
                }
            }
        }
    }
}

impl Wait {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.times == 0 {
            self.times = 1;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let pause = (FIRST_WAIT * 2_u32.pow(self.times - 1)).min(LONGEST_WAIT);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(pause)));
        ready!(timer.as_mut().poll(context));
        self.timer = None;
        self.times = (self.times + 1).min(6);
        Poll::Ready(())
    }
}

impl Sink<Outbound> for Writer {
    type Error = Gone;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        self.poll_hand_over(context)
    }

    fn start_send(mut self: Pin<&mut Self>, outbound: Outbound) -> Result<(), Gone> {
        // The engine asks for signs of life itself.
        let Outbound::Frame(frame) = outbound else {
            return Ok(());
        };
        match frame.id() {
            None => self.ready.push_back(frame.translated(words::unasked)),
            Some(id) => {
                let question = self.asked.answered(id);
                let Self { asked, ready, .. } = &mut *self;
                words::answer(frame.text(), question, asked, ready);
            }
        }
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        self.poll_hand_over(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        self.poll_hand_over(context)
    }
}

/// Gives the engine a packet, where it has room for it and for one of its own: it closes a connection that it cannot
/// ask for a sign of life.
pub(super) fn hand_over(socket: &Socket<Link>, text: Str) -> Result<(), TrySendError<Str>> {
    match socket.reserve().and_then(|_own| socket.reserve()) {
        Ok(permit) => {
            permit.emit(text);
            Ok(())
        }
        Err(TrySendError::Full(())) => Err(TrySendError::Full(text)),
        Err(TrySendError::Closed(())) => Err(TrySendError::Closed(text)),
    }
}

/// The same, and what tells whether it was taken; `None` where there is no room.
pub(super) fn say(socket: &Socket<Link>, text: Str) -> Option<Bytes> {
    let said = Bytes::from(text.clone());
    hand_over(socket, text).ok().map(|()| said)
}

/// The same, once there is room; `None` where the connection is closed.
pub(super) async fn say_in_turn(socket: &Socket<Link>, mut text: Str) -> Option<Bytes> {
    let said = Bytes::from(text.clone());
    let mut wait = FIRST_WAIT;
    loop {
        match hand_over(socket, text) {
            Ok(()) => return Some(said),
            Err(TrySendError::Closed(_)) => return None,
            Err(TrySendError::Full(back)) => text = back,
        }
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Waits until the engine has taken what was said last, and so everything before it. Who holds a packet says so: to ask for
/// all places would take the engine's own.
pub(super) async fn taken(socket: &Socket<Link>, said: Option<Bytes>) {
    let Some(said) = said else { return };
    let mut wait = FIRST_WAIT;
    while !said.is_unique() && !socket.is_closed() {
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
