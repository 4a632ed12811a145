//! The queue to one socket, bounded in bytes. Overflow policy: once so many wait, the next frame closes the connection
//! with 4008, and its client resumes by `seq`, so nothing is lost and no other member waits.
//!
//! One at a time takes frames out, whose turn it then is: whoever flushes, where the socket has a [`Line`] and takes everything at once,
//! else the connection's own task. Who has the turn takes what comes meanwhile, too.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use readrealm_protocol::CloseCode;

use super::{Line, Sent, USUAL_FRAMES};
use crate::auth::revoked::Holder;
use crate::room::{Deliver, Frame, Told, Written};

/// How often whoever flushes takes what came meanwhile, before it leaves that to the connection's task: it has others to tell.
const ROUNDS: u32 = 4;

/// The end that frames are put in. Shared by the rooms the connection is in.
#[derive(Debug)]
pub struct Outbox {
    queue: Mutex<Queue>,
    /// Wakes the connection's task.
    waker: AtomicWaker,
    /// Wakes who waits for everything to be written.
    drained: AtomicWaker,
    capacity: u64,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Frame>,
    /// What the peer's last question for a sign of life is answered with.
    pong: Option<Bytes>,
    /// Bytes ever put in.
    queued: u64,
    /// Bytes ever written: what lies between waits, in `frames` or with the writer.
    written: u64,
    closed: Option<Close>,
    line: Option<Arc<dyn Line>>,
    whose: Whose,
}

/// Who has the turn to write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Whose {
    /// Nobody: who comes first takes it.
    #[default]
    Nobody,
    /// Somebody, until they give it back; the connection's task may wait for that.
    Somebody { is_awaited: bool },
    /// The connection's task, once it comes: the line took no more. So many bytes of a frame begun are not written.
    Task { begun: u64 },
}

impl Whose {
    const TAKEN: Self = Self::Somebody { is_awaited: false };

    fn is_taken(self) -> bool {
        matches!(self, Self::Somebody { .. })
    }

    /// Ends somebody's turn. Returns whether the connection's task waits for that.
    fn give_back(&mut self) -> bool {
        std::mem::take(self) == Self::Somebody { is_awaited: true }
    }
}

/// What there is to write for the connection's task, whose turn it is.
#[derive(Debug, Default)]
pub struct Turn {
    /// Goes first: the peer waits for it.
    pub pong: Option<Bytes>,
    /// Bytes that the line has begun to write, and that count as [`written`](Outbox::written) with the rest.
    pub begun: u64,
}

/// Why a connection is closed by the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The code.
    pub code: CloseCode,
    /// The reason, at most 123 bytes.
    pub reason: String,
}

impl Close {
    /// A close with its reason.
    pub fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }
}

impl Outbox {
    /// An empty queue for at most `capacity` bytes; 0 is without bound. Without a line the connection's task writes everything.
    pub fn new(capacity: usize, line: Option<Arc<dyn Line>>) -> Arc<Self> {
        let capacity = if capacity == 0 { u64::MAX } else { capacity as u64 };
        Arc::new(Self {
            queue: Mutex::new(Queue {
                line,
                ..Queue::default()
            }),
            waker: AtomicWaker::new(),
            drained: AtomicWaker::new(),
            capacity,
        })
    }

    /// Asks the connection to end. The first reason given counts.
    pub fn close(&self, close: Close) {
        self.lock().closed.get_or_insert(close);
        self.waker.wake();
    }

    /// The peer asks for a sign of life. The last question alone is answered.
    pub fn answer(&self, pong: Bytes) {
        self.lock().pong = Some(pong);
        self.waker.wake();
    }

    /// Waits for the turn, and for something to write unless something else is `due`; then swaps all waiting frames for the emptied
    /// queue handed in. Their bytes count until [`written`](Self::written), which also gives the turn back. An error is the reason
    /// to end. For the connection's task alone.
    pub async fn turn(&self, due: bool, frames: &mut VecDeque<Frame>) -> Result<Turn, Close> {
        poll_fn(|context| {
            self.waker.register(context.waker());
            let mut queue = self.lock();
            if let Some(close) = &queue.closed {
                return Poll::Ready(Err(close.clone()));
            }
            let is_awaited = due || queue.pong.is_some();
            let begun = match queue.whose {
                Whose::Somebody { .. } => {
                    queue.whose = Whose::Somebody { is_awaited };
                    return Poll::Pending;
                }
                Whose::Nobody if !is_awaited && queue.frames.is_empty() => return Poll::Pending,
                Whose::Nobody => 0,
                Whose::Task { begun } => begun,
            };
            queue.whose = Whose::TAKEN;
            std::mem::swap(&mut queue.frames, frames);
            let pong = queue.pong.take();
            Poll::Ready(Ok(Turn { pong, begun }))
        })
        .await
    }

    /// Waits until there is a reason to end, while a write is under way. For the connection's task alone.
    pub async fn closing(&self) {
        poll_fn(|context| {
            self.waker.register(context.waker());
            if self.lock().closed.is_some() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// The reason to end, where there is one.
    pub fn closed(&self) -> Option<Close> {
        self.lock().closed.clone()
    }

    /// So many bytes of what was taken are on their way, and the turn is over.
    pub fn written(&self, bytes: u64) {
        let mut queue = self.lock();
        queue.written += bytes;
        queue.whose = Whose::Nobody;
        drop(queue);
        self.drained.wake();
    }

    /// Takes the turn once nobody else has it, and leaves nobody else a way to write: the connection ends, and its task alone writes what is
    /// left. `held` where the turn is the caller's already.
    pub async fn seal(&self, held: bool) {
        poll_fn(|context| {
            self.waker.register(context.waker());
            let mut queue = self.lock();
            queue.line = None;
            if queue.whose.is_taken() && !held {
                queue.whose = Whose::Somebody { is_awaited: true };
                return Poll::Pending;
            }
            queue.whose = Whose::TAKEN;
            Poll::Ready(())
        })
        .await;
    }

    /// All frames that wait, once it is [sealed](Self::seal).
    pub fn rest(&self) -> VecDeque<Frame> {
        std::mem::take(&mut self.lock().frames)
    }

    /// Bytes that wait to be written.
    pub fn waiting(&self) -> u64 {
        let queue = self.lock();
        queue.queued - queue.written
    }

    /// Waits until everything is written that is queued now, whatever comes meanwhile. For the task that reads the
    /// connection alone.
    pub async fn drained(&self) {
        let mark = self.lock().queued;
        poll_fn(|context| {
            self.drained.register(context.waker());
            if self.lock().written >= mark {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code that holds this lock can panic half-way through a change.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether somebody is to be told that there is something to write.
    fn put(&self, frames: impl IntoIterator<Item = Frame>) -> bool {
        let mut queue = self.lock();
        // Whoever has the turn takes them, too.
        let is_first = queue.frames.is_empty() && !queue.whose.is_taken();
        for frame in frames {
            if queue.closed.is_some() {
                return false;
            }
            // Judged by what waits before it: a frame larger than the whole queue travels too.
            if queue.queued - queue.written >= self.capacity {
                queue.frames = VecDeque::new();
                let reason = format!("over {} bytes were waiting; resume by seq", self.capacity);
                queue.closed = Some(Close::new(CloseCode::SlowConsumer, reason));
                drop(queue);
                self.waker.wake();
                return false;
            }
            queue.queued += frame.len() as u64;
            queue.frames.push_back(frame);
        }
        is_first && !queue.frames.is_empty()
    }

    /// Goes on after the first write, which has `sent` some of the `frames`, for as long as all are taken and more have come; then gives the
    /// turn back.
    fn write_on(&self, line: &dyn Line, mut frames: VecDeque<Frame>, mut sent: Sent) -> Written {
        let mut written = Written::default();
        for round in 1.. {
            let (whole, begun) = if sent.is_whole {
                (sent.frames, 0)
            } else {
                let last = sent.frames - 1;
                (last, frames[last].len() as u64)
            };
            let bytes = frames.iter().take(whole).map(|frame| frame.len() as u64).sum();
            written.writes += u64::from(sent.frames > 0);
            written.frames += sent.frames as u64;
            written.bytes += bytes + begun;
            let goes_on = self.go_on(&mut frames, sent, bytes, begun, round == ROUNDS);
            self.drained.wake();
            if !goes_on {
                break;
            }
            sent = line.try_send(frames.make_contiguous());
        }
        written
    }

    /// Puts `sent` of the `frames` down as written. Returns whether there is more to write, which is in `frames` then; else the turn is
    /// over.
    fn go_on(&self, frames: &mut VecDeque<Frame>, sent: Sent, bytes: u64, begun: u64, is_last: bool) -> bool {
        let mut queue = self.lock();
        queue.written += bytes;
        frames.drain(..sent.frames);
        let is_stalled = !sent.is_whole || !frames.is_empty();
        if !is_last && !is_stalled && !queue.frames.is_empty() && queue.closed.is_none() {
            std::mem::swap(&mut queue.frames, frames);
            return true;
        }
        let is_awaited = queue.whose.give_back();
        if is_stalled {
            frames.append(&mut queue.frames);
            queue.whose = Whose::Task { begun };
        }
        if queue.frames.is_empty() && (is_stalled || frames.capacity() <= USUAL_FRAMES) {
            // Its memory serves the next.
            std::mem::swap(&mut queue.frames, frames);
        }
        // What is left is not the first of anybody's, so nobody else would see to it.
        let is_left = is_stalled || !queue.frames.is_empty();
        drop(queue);
        if is_awaited || is_left {
            self.waker.wake();
        }
        false
    }
}

impl Deliver for Outbox {
    fn deliver(&self, frame: Frame) {
        // A task that has frames to take is awake already.
        if self.put([frame]) {
            self.waker.wake();
        }
    }

    fn queue(&self, frames: &[Frame]) -> bool {
        self.put(frames.iter().cloned())
    }

    fn tell(&self, frames: &[Frame]) -> Told {
        let all = Written::of(frames);
        let line = {
            let mut queue = self.lock();
            let is_free = queue.whose == Whose::Nobody && queue.frames.is_empty() && queue.closed.is_none();
            // More than may wait is put in frame by frame, as it may not be taken at once.
            let Some(line) = queue.line.clone().filter(|_| is_free && all.bytes <= self.capacity) else {
                drop(queue);
                return Told::queued(self.queue(frames));
            };
            queue.whose = Whose::TAKEN;
            queue.queued += all.bytes;
            line
        };
        let sent = line.try_send(frames);
        let mut queue = self.lock();
        if sent.is_whole && sent.frames == frames.len() && queue.frames.is_empty() {
            queue.written += all.bytes;
            let is_awaited = queue.whose.give_back();
            drop(queue);
            self.drained.wake();
            if is_awaited {
                self.waker.wake();
            }
            return Told::Written(all);
        }
        // As if they had been queued and taken: what came meanwhile stands behind them.
        drop(queue);
        Told::Written(self.write_on(&*line, frames.iter().cloned().collect(), sent))
    }

    fn flush(&self) -> Written {
        let (line, mut frames) = {
            let mut queue = self.lock();
            if queue.whose.is_taken() || queue.closed.is_some() || queue.frames.is_empty() {
                // Whoever has the turn takes them, too.
                return Written::default();
            }
            let line = queue.line.clone().filter(|_| queue.whose == Whose::Nobody);
            let Some(line) = line else {
                drop(queue);
                self.waker.wake();
                return Written::default();
            };
            queue.whose = Whose::TAKEN;
            (line, std::mem::take(&mut queue.frames))
        };
        let sent = line.try_send(frames.make_contiguous());
        self.write_on(&*line, frames, sent)
    }
}

impl Holder for Outbox {
    fn revoked(&self) {
        self.close(Close::new(CloseCode::Revoked, "the token has been revoked"));
    }
}
