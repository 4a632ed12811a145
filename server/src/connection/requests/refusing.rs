//! What is refused, and what becomes of who is refused too much.

use std::time::Duration;

use readrealm_protocol::CloseCode;
use readrealm_protocol::codec::DecodeError;
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::server::ErrorReply;
use tokio::time::{Instant, sleep};

use super::Requests;
use crate::connection::Close;
use crate::metrics::Limit;
use crate::room::{Deliver, Frame};

/// Bytes that may wait for a connection that is refused something. Where more do, no frame of it is read until those are written.
const WAITING_BYTES: u64 = 16 * 1024;

impl Requests {
    /// Answers a frame that could not be read, and closes the connection where it was one too many.
    pub(in crate::connection) fn refuse_unread(&mut self, error: &DecodeError) -> Option<Duration> {
        // Before a token it counts as any other frame does.
        let is_borne =
            self.session.admit().is_err() || !error.is_malformed() || self.limits.malformed(Instant::now().into_std());
        if is_borne {
            return self.refuse(error.id, &error.reply);
        }
        let close = Close::new(CloseCode::BadProtocol, "too many malformed frames");
        self.outbox.close(close);
        None
    }

    /// Answers a request that is refused. Returns how long the connection is to be [held back](Self::hold_back), where it is.
    pub(super) fn refuse(&mut self, id: Option<RequestId>, reply: &ErrorReply) -> Option<Duration> {
        self.services.metrics.failed(reply.code);
        self.outbox.deliver(Frame::error(id, reply));
        let wait = self.limits.refusal(Instant::now());
        (!wait.is_zero() || self.outbox.waiting() > WAITING_BYTES).then_some(wait)
    }

    /// Keeps a connection that is refused too much from being read on: for that time, and until it has taken what it was told.
    pub(in crate::connection) async fn hold_back(&self, wait: Duration) {
        if !wait.is_zero() {
            self.services.metrics.limited(Limit::Refusals);
            sleep(wait).await;
        }
        if self.outbox.waiting() > WAITING_BYTES {
            self.written().await;
        }
    }
}
