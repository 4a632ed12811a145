//! The queue to one socket, bounded in bytes. Overflow policy: once so many wait, the next frame closes the connection
//! with 4008, and its client resumes by `seq`, so nothing is lost and no other member waits.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use readrealm_protocol::CloseCode;

use crate::auth::revoked::Holder;
use crate::room::{Deliver, Frame};

/// The end that frames are put in. Shared by the rooms the connection is in.
#[derive(Debug)]
pub struct Outbox {
    queue: Mutex<Queue>,
    /// Wakes the connection's task, which is the only one to take frames out.
    waker: AtomicWaker,
    /// Wakes who waits for everything to be written.
    drained: AtomicWaker,
    capacity: u64,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Frame>,
    /// Bytes ever put in.
    queued: u64,
    /// Bytes ever written: what lies between waits, in `frames` or with the writer.
    written: u64,
    closed: Option<Close>,
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
    /// An empty queue for at most `capacity` bytes; 0 is without bound.
    pub fn new(capacity: usize) -> Arc<Self> {
        let capacity = if capacity == 0 { u64::MAX } else { capacity as u64 };
        Arc::new(Self {
            queue: Mutex::default(),
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

    /// Waits until there is something to write or a reason to end. For the connection's task alone.
    pub async fn ready(&self) {
        poll_fn(|context| {
            self.waker.register(context.waker());
            let queue = self.lock();
            if queue.frames.is_empty() && queue.closed.is_none() {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
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

    /// Swaps all waiting frames for the emptied queue handed in. Their bytes count until [`written`](Self::written).
    pub fn take(&self, frames: &mut VecDeque<Frame>) {
        std::mem::swap(&mut self.lock().frames, frames);
    }

    /// So many bytes of what was taken are on their way.
    pub fn written(&self, bytes: usize) {
        self.lock().written += bytes as u64;
        self.drained.wake();
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
}

impl Deliver for Outbox {
    fn deliver(&self, frame: Frame) {
        let mut queue = self.lock();
        if queue.closed.is_some() {
            return;
        }
        // Judged by what waits before it: a frame larger than the whole queue travels too.
        if queue.queued - queue.written >= self.capacity {
            queue.frames.clear();
            let reason = format!("over {} bytes were waiting; resume by seq", self.capacity);
            queue.closed = Some(Close::new(CloseCode::SlowConsumer, reason));
            drop(queue);
            self.waker.wake();
            return;
        }
        queue.queued += frame.len() as u64;
        let was_empty = queue.frames.is_empty();
        queue.frames.push_back(frame);
        drop(queue);
        // A writer that has frames to take is awake already.
        if was_empty {
            self.waker.wake();
        }
    }
}

impl Holder for Outbox {
    fn revoked(&self) {
        self.close(Close::new(CloseCode::Revoked, "the token has been revoked"));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn frame(bytes: usize) -> Frame {
        let text = "x".repeat(bytes - Frame::event("t", &"").len());
        Frame::event("t", &text)
    }

    #[test]
    fn frames_come_out_in_order_and_all_at_once() {
        let (outbox, mut taken) = (Outbox::new(1_000), VecDeque::new());
        assert!(outbox.ready().now_or_never().is_none());
        let frames = [frame(40), frame(50)];
        for frame in &frames {
            outbox.deliver(frame.clone());
        }
        assert!(outbox.ready().now_or_never().is_some());
        outbox.take(&mut taken);
        assert_eq!(taken, frames);
        assert!(outbox.ready().now_or_never().is_none());
    }

    #[test]
    fn bytes_count_until_they_are_written_and_overflow_closes_with_4008() {
        let (outbox, mut taken) = (Outbox::new(100), VecDeque::new());
        outbox.deliver(frame(60));
        outbox.take(&mut taken);
        outbox.written(60);
        outbox.deliver(frame(60));
        outbox.take(&mut taken);
        outbox.deliver(frame(5_000));
        assert_eq!(outbox.closed(), None, "less than 100 bytes waited");
        outbox.deliver(frame(60));
        assert_eq!(outbox.closed().map(|close| close.code), Some(CloseCode::SlowConsumer));
        outbox.deliver(frame(30));
        taken.clear();
        outbox.take(&mut taken);
        assert!(taken.is_empty(), "nothing is queued for a connection that ends");
    }

    #[test]
    fn who_waits_for_what_is_queued_does_not_wait_for_what_comes_later() {
        let (outbox, mut taken) = (Outbox::new(1_000), VecDeque::new());
        outbox.deliver(frame(60));
        let mut drained = Box::pin(outbox.drained());
        assert!(drained.as_mut().now_or_never().is_none());
        outbox.deliver(frame(70));
        outbox.take(&mut taken);
        outbox.written(60);
        assert!(drained.now_or_never().is_some());
    }

    #[test]
    fn zero_is_without_bound() {
        let outbox = Outbox::new(0);
        (0..100).for_each(|_| outbox.deliver(frame(60_000)));
        assert_eq!(outbox.closed(), None);
    }
}
