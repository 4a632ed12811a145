//! What a room answers when it cannot do what it was asked.

use readrealm_protocol::server::ErrorReply;
use readrealm_protocol::{BookId, ErrorCode};

use super::request::Refusal;

/// What to tell a client to wait when the log is out of reach, in milliseconds.
const RETRY_AFTER_MS: u64 = 2_000;

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

pub(super) fn refused(refusal: Refusal) -> ErrorReply {
    match refusal {
        Refusal::NotFound => ErrorReply::new(ErrorCode::MessageNotFound, "there is no such message, or it was deleted"),
        Refusal::Forbidden => ErrorReply::new(ErrorCode::Forbidden, "only its author may change a message"),
        Refusal::TooManyEdits => ErrorReply::new(ErrorCode::TooManyEdits, "a message can be edited 100 times"),
    }
}
