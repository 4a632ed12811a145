//! What a room's user has sent and the server has not answered yet.
//!
//! One change is under way at a time. With more, a refusal of the first (too fast, log away) would come after the second
//! was sent, and the second would stand before it.

use readrealm_protocol::client::ClientEvent;
use readrealm_protocol::ids::{ClientMessageId, RequestId};

use crate::backoff::Retry;

#[derive(Debug)]
struct Entry {
    /// Makes the change idempotent; it stands in the event as well.
    key: ClientMessageId,
    /// A post, an edit or a delete.
    event: ClientEvent,
    /// The request it is under way as, on this connection.
    request: Option<RequestId>,
    /// Whether it may have reached the server, on any connection, of an earlier page as well.
    tried: bool,
    /// Whether this page sent it.
    sent: bool,
    retry: Retry,
}

/// The changes of one room, oldest first; at most a thousand, so taking the first out is cheap enough.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Vec<Entry>);

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `tried` says that it may have reached the server already: another page sent it before this one was there.
    pub(crate) fn push(&mut self, key: ClientMessageId, event: ClientEvent, tried: bool) {
        self.0.push(Entry {
            key,
            event,
            request: None,
            tried,
            sent: false,
            retry: Retry::default(),
        });
    }

    /// Takes one out that is not to be sent any more. Where it is under way its answer is of no interest, and the next
    /// may follow at once: the server takes a connection's changes in the order they were sent.
    pub(crate) fn withdraw(&mut self, key: &ClientMessageId) {
        self.0.retain(|entry| entry.key != *key);
    }

    /// As [`withdraw`](Self::withdraw), but for one that has gone out. Returns whether it never goes out.
    pub(crate) fn take_back(&mut self, key: &ClientMessageId) -> bool {
        let gone_out = self.0.iter().any(|entry| entry.key == *key && entry.sent);
        if !gone_out {
            self.withdraw(key);
        }
        !gone_out
    }

    /// When the next one is to go out; `None` while one is under way.
    pub(crate) fn due(&self) -> Option<f64> {
        self.0
            .first()
            .filter(|entry| entry.request.is_none())
            .map(|entry| entry.retry.due())
    }

    /// The next one, now under way as `request`.
    pub(crate) fn send(&mut self, request: RequestId) -> Option<&ClientEvent> {
        let entry = self.0.first_mut()?;
        entry.request = Some(request);
        entry.tried = true;
        entry.sent = true;
        Some(&entry.event)
    }

    /// The key of a post that a message of the room may turn out to be.
    pub(crate) fn awaited_post(&self) -> Option<&str> {
        let entry = self.0.first().filter(|entry| entry.tried)?;
        matches!(entry.event, ClientEvent::Message(_)).then(|| entry.key.as_str())
    }

    /// Takes out the one under way, which has its outcome. Returns its key.
    pub(crate) fn settle(&mut self) -> Option<ClientMessageId> {
        (!self.0.is_empty()).then(|| self.0.remove(0).key)
    }

    /// Takes out the one that was under way as `request`; `None` where it was settled before. Returns its key.
    pub(crate) fn answered(&mut self, request: RequestId) -> Option<ClientMessageId> {
        self.0.first().filter(|entry| entry.request == Some(request))?;
        self.settle()
    }

    /// The one under way as `request` is to be sent again.
    pub(crate) fn failed(&mut self, request: RequestId, now: f64, retry_after_ms: Option<f64>, random: f64) {
        if let Some(entry) = self.0.first_mut().filter(|entry| entry.request == Some(request)) {
            entry.request = None;
            entry.retry.failed(now, retry_after_ms, random);
        }
    }

    /// The connection is gone, and with it the answer.
    pub(crate) fn disconnected(&mut self) {
        if let Some(entry) = self.0.first_mut() {
            entry.request = None;
        }
    }
}
