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
    pub(super) fn fail(&self, reply: &ErrorReply, metrics: &Metrics) {
        metrics.failed(reply.code);
        self.outbox.deliver(Frame::error(self.id, reply));
    }
}

/// Answers those who waited for requests that ended.
pub(super) fn answer(ended: Vec<Settled<Waiter>>, metrics: &Metrics) {
    for Settled {
        request,
        waiters,
        result,
    } in ended
    {
        let (event, mut duplicate) = match &result {
            Settlement::Written(event) => (event, false),
            Settlement::Duplicate(event) if request.is_met_by(event) => (event, true),
            Settlement::Duplicate(_) => {
                fail(&waiters, &key_conflict(), metrics);
                continue;
            }
            Settlement::Refused(refusal) => {
                fail(&waiters, &refused(*refusal), metrics);
                continue;
            }
            Settlement::Unavailable => {
                fail(&waiters, &unavailable(), metrics);
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
            if let Some(frame) = Frame::ack(id, &ack) {
                outbox.deliver(frame);
            }
            // Who asked for the same while it was on its way repeated the first.
            duplicate = true;
        }
    }
}

fn fail(waiters: &[Waiter], reply: &ErrorReply, metrics: &Metrics) {
    for waiter in waiters {
        waiter.fail(reply, metrics);
    }
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
