//! Group commit: what arrives while an append is in flight is the next batch, over all rooms. No timer is involved,
//! so a lone message waits for nobody and a crowd shares one durable write. The rooms that were just answered have their
//! turn before the next batch is closed: else those with more to say would miss it, and two halves of the rooms take turns
//! for ever, each waiting for two writes and paying for twice as many.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Append, AppendOutcome, BATCH_BYTES, BATCH_EVENTS, EventLog, Stop};
use crate::metrics::{Metrics, Stopped};

/// Appends that may wait for the batch in flight. A room has one at a time, so this bounds rooms waiting;
/// more of them wait their turn to enter (backpressure).
const WAITING: usize = 4_096;

/// Turns that the rooms of a batch have, at most, before the next is closed.
const TURNS: usize = 8;

/// The way of every room to the log.
#[derive(Debug, Clone)]
pub struct Appender {
    submissions: mpsc::Sender<Submission>,
    failed: CancellationToken,
    closed: CancellationToken,
}

#[derive(Debug)]
struct Submission {
    append: Append,
    reply: oneshot::Sender<AppendOutcome>,
}

impl Appender {
    /// Starts the one writer of this process. It ends when it is closed, or the last handle is gone, and what was submitted is answered.
    pub fn spawn(log: Arc<dyn EventLog>, tasks: &TaskTracker, metrics: Arc<Metrics>) -> Self {
        let (submissions, mailbox) = mpsc::channel(WAITING);
        let failed = CancellationToken::new();
        let closed = CancellationToken::new();
        let writing = AssertUnwindSafe(write_batches(log, mailbox, metrics, closed.clone())).catch_unwind();
        let end = failed.clone();
        tasks.spawn(async move {
            // What the log was left with nobody knows; nothing of it is used again.
            if writing.await.is_err() {
                end.cancel();
            }
        });
        Self {
            submissions,
            failed,
            closed,
        }
    }

    /// Nothing more is taken; what was submitted is appended, and then the writer ends, whoever still has a handle.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Cancelled when the writer has failed: from then on nothing can be appended in this process.
    pub fn failed(&self) -> CancellationToken {
        self.failed.clone()
    }

    /// Appends a room's events, which are with the writer on return, where that has room for them. A room must await
    /// the outcome before its next call.
    pub fn append(&self, append: Append) -> impl Future<Output = AppendOutcome> + use<> {
        let (reply, outcome) = oneshot::channel();
        let (late, over) = match self.submissions.try_send(Submission { append, reply }) {
            Ok(()) => (None, false),
            Err(TrySendError::Full(submission)) => (Some((self.submissions.clone(), submission)), false),
            Err(TrySendError::Closed(_)) => (None, true),
        };
        async move {
            let over = match late {
                Some((submissions, submission)) => submissions.send(submission).await.is_err(),
                None => over,
            };
            if over {
                return AppendOutcome::stopped(0, Stop::Unavailable);
            }
            outcome.await.unwrap_or(AppendOutcome::stopped(0, Stop::Unknown))
        }
    }
}

async fn write_batches(
    log: Arc<dyn EventLog>,
    mut mailbox: mpsc::Receiver<Submission>,
    metrics: Arc<Metrics>,
    closed: CancellationToken,
) {
    let mut held = None;
    loop {
        let Some(first) = (match held.take() {
            Some(submission) => Some(submission),
            None => next(&mut mailbox, &closed).await,
        }) else {
            return;
        };
        let (mut events, mut bytes) = size(&first);
        let mut batch = vec![first.append];
        let mut replies = vec![first.reply];
        while let Ok(next) = mailbox.try_recv() {
            let (more_events, more_bytes) = size(&next);
            if events + more_events > BATCH_EVENTS || bytes + more_bytes > BATCH_BYTES {
                held = Some(next);
                break;
            }
            events += more_events;
            bytes += more_bytes;
            batch.push(next.append);
            replies.push(next.reply);
        }
        let began = Instant::now();
        let outcomes = log.append(batch).await;
        metrics.batch(events, began.elapsed());
        debug_assert_eq!(outcomes.len(), replies.len());
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            count(&metrics, &outcome);
            // A room that is gone was not waiting for anybody.
            let _ = reply.send(outcome);
        }
        gather(&mailbox).await;
    }
}

/// Lets those who were answered go first, for as long as each turn brings more.
async fn gather(mailbox: &mpsc::Receiver<Submission>) {
    let mut waiting = mailbox.len();
    for _ in 0..TURNS {
        yield_now().await;
        let before = std::mem::replace(&mut waiting, mailbox.len());
        if waiting <= before {
            return;
        }
    }
}

async fn next(mailbox: &mut mpsc::Receiver<Submission>, closed: &CancellationToken) -> Option<Submission> {
    tokio::select! {
        biased;
        submission = mailbox.recv() => return submission,
        () = closed.cancelled() => mailbox.close(),
    }
    mailbox.recv().await
}

fn count(metrics: &Metrics, outcome: &AppendOutcome) {
    metrics.appended.add(outcome.written as u64);
    if let Some(stop) = &outcome.stopped {
        metrics.stopped(match stop {
            Stop::Conflict => Stopped::Conflict,
            Stop::Duplicate(_) => Stopped::Duplicate,
            Stop::Unknown => Stopped::Unknown,
            Stop::Unavailable => Stopped::Unavailable,
        });
    }
}

fn size(submission: &Submission) -> (usize, usize) {
    let events = &submission.append.events;
    (events.len(), events.iter().map(super::StoredEvent::weight).sum())
}
