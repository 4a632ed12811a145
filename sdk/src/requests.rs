//! The requests that wait for their answer on this connection.

use readrealm_protocol::ids::{BookId, RequestId};

/// Milliseconds without a word of the server, while a request waits for its answer, that mean that the connection is dead;
/// twice as many at most, as it is not noted when most messages come.
pub(crate) const ANSWER_MS: f64 = 15_000.0;

/// Milliseconds after which a request without an answer does, whatever else the server says: it will never answer.
pub(crate) const NEVER_MS: f64 = 4.0 * ANSWER_MS;

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Authenticate,
    Join(BookId),
    Page(BookId),
    Change(BookId),
}

#[derive(Debug)]
struct Request {
    id: RequestId,
    purpose: Purpose,
    since: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Requests {
    last: u32,
    waiting: Vec<Request>,
}

impl Requests {
    pub(crate) fn begin(&mut self, purpose: Purpose, now: f64) -> RequestId {
        self.last = self.last.wrapping_add(1);
        let id = RequestId::from(self.last);
        self.waiting.push(Request {
            id,
            purpose,
            since: now,
        });
        id
    }

    /// What `id` was for, while it waits.
    pub(crate) fn purpose(&self, id: RequestId) -> Option<Purpose> {
        self.waiting
            .iter()
            .find(|request| request.id == id)
            .map(|request| request.purpose)
    }

    /// It has its answer, or is of no interest any more.
    pub(crate) fn finish(&mut self, id: RequestId) {
        // Answers mostly come in the order of the requests, so this looks at the first.
        if let Some(index) = self.waiting.iter().position(|request| request.id == id) {
            self.waiting.remove(index);
        }
    }

    /// A part of its answer came; the rest has its time again.
    pub(crate) fn extend(&mut self, id: RequestId, now: f64) {
        if let Some(request) = self.waiting.iter_mut().find(|request| request.id == id) {
            request.since = now;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Since when the one that waits the longest does.
    pub(crate) fn oldest(&self) -> Option<f64> {
        self.waiting.iter().map(|request| request.since).reduce(f64::min)
    }
}
