//! What a room answers to those who asked it for something.

use std::sync::Arc;

use readrealm_protocol::ids::RequestId;
use readrealm_protocol::server::{Ack, Appended, ErrorReply};
use readrealm_protocol::{BookId, ErrorCode};

use super::pending::{Settled, Settlement};
use super::request::Refusal;
use super::{Deliver, Frame};
use crate::metrics::Metrics;

/// What to tell a client to wait when the log is out of reach, in milliseconds.
const RETRY_AFTER_MS: u64 = 2_000;

/// Who waits for the answer to an append.
#[derive(Debug)]
pub(super) struct Waiter {
    /// Where the answer goes.
    pub(super) outbox: Arc<dyn Deliver>,
    /// The request it answers.
    pub(super) id: Option<RequestId>,
}

impl Waiter {
    pub(super) fn fail(self, reply: &ErrorReply, metrics: &Metrics) {
        self.failure(reply, metrics).deliver();
    }

    fn failure(self, reply: &ErrorReply, metrics: &Metrics) -> Answer {
        metrics.failed(reply.code);
        let frame = Frame::error(self.id, reply);
        let outbox = self.outbox;
        Answer { outbox, frame }
    }
}

/// An answer, and whose it is.
pub(super) struct Answer {
    pub(super) outbox: Arc<dyn Deliver>,
    pub(super) frame: Frame,
}

impl Answer {
    pub(super) fn deliver(self) {
        self.outbox.deliver(self.frame);
    }
}

/// Answers those who waited for requests that ended.
pub(super) fn answer(ended: Vec<Settled<Waiter>>, metrics: &Metrics) {
    answers(ended, metrics).into_iter().for_each(Answer::deliver);
}

/// What those who waited for requests that ended are owed, each one's in the order of their requests. Failures are counted.
pub(super) fn answers(ended: Vec<Settled<Waiter>>, metrics: &Metrics) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(ended.len());
    for Settled {
        request,
        waiters,
        result,
    } in ended
    {
        let (event, mut duplicate) = match &result {
            Settlement::Written(event) => (event, false),
            Settlement::Duplicate(event) if request.is_met_by(event) => (event, true),
            failed => {
                let reply = match failed {
                    Settlement::Refused(refusal) => refused(*refusal),
                    Settlement::Unavailable => unavailable(),
                    _ => key_conflict(),
                };
                answers.extend(waiters.into_iter().map(|waiter| waiter.failure(&reply, metrics)));
                continue;
            }
        };
        let (message_id, seq, created_at) = (event.message_id(), event.seq, event.at);
        for Waiter { outbox, id } in waiters {
            metrics.duplicates.add(u64::from(duplicate));
            let ack = Ack::Appended(Appended {
                message_id,
                seq,
                created_at,
                duplicate,
            });
            answers.extend(Frame::ack(id, &ack).map(|frame| Answer { outbox, frame }));
            // Who asked for the same while it was on its way repeated the first.
            duplicate = true;
        }
    }
    answers
}

/// The answer to a request in a room the connection is not in.
pub fn not_joined(book: BookId) -> ErrorReply {
    ErrorReply::new(ErrorCode::NotJoined, format!("join the room of book {book} first"))
}

/// The answer while the log is out of reach.
pub fn unavailable() -> ErrorReply {
    let message = "the event log cannot be reached; nothing was written";
    ErrorReply::retry_after(ErrorCode::Unavailable, message, RETRY_AFTER_MS)
}

pub(super) fn key_conflict() -> ErrorReply {
    let message = "this clientMessageId was used before for something else";
    ErrorReply::new(ErrorCode::IdempotencyConflict, message)
}

fn refused(refusal: Refusal) -> ErrorReply {
    match refusal {
        Refusal::NotFound => ErrorReply::new(
            ErrorCode::MessageNotFound,
            "there is no such message, or it was deleted",
        ),
        Refusal::Forbidden => ErrorReply::new(
            ErrorCode::Forbidden,
            "only its author or a moderator may change a message",
        ),
        Refusal::TooManyEdits => ErrorReply::new(ErrorCode::TooManyEdits, "a message can be edited 100 times"),
    }
}
