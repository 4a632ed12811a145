//! A client's room: where it stands, and the fold of what it was told.

use readrealm_protocol::ids::RequestId;
use readrealm_protocol::server::{MessagesPage, PreviousMessages};
use readrealm_protocol::{BookId, Change, Epoch, History, Message, MessageId, Seq, ServerEvent};
use tokio::time::Instant;

/// Messages kept: more than a run makes, so that nothing is forgotten.
const WINDOW: usize = 1_000_000;

/// Where a client stands with a room, on its present connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Out,
    /// The request, when it was made, and when something was last heard of it.
    Joining(RequestId, Instant, Instant),
    In,
}

/// One room of a client.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) book: BookId,
    pub(super) standing: Standing,
    /// When to ask to be let in (again).
    pub(super) join_at: Instant,
    /// The position up to which it has everything, and of which log.
    pub(super) known: Option<(Seq, Epoch)>,
    pub(super) history: History<Message>,
    /// The page asked for: the request, when, and before which place.
    pub(super) page: Option<(RequestId, Instant, Seq)>,
    /// The client's own messages that it has not withdrawn.
    pub(super) mine: Vec<MessageId>,
}

impl Room {
    pub(super) fn new(book: BookId) -> Self {
        Self {
            book,
            standing: Standing::Out,
            join_at: Instant::now(),
            known: None,
            history: History::new(WINDOW),
            page: None,
            mine: Vec::new(),
        }
    }

    pub(super) fn position(&self) -> Seq {
        self.known.as_ref().map_or(Seq::ZERO, |(position, _)| *position)
    }

    /// The connection is gone.
    pub(super) fn disconnected(&mut self) {
        self.standing = Standing::Out;
        self.join_at = Instant::now();
        self.abandon_page();
    }

    pub(super) fn abandon_page(&mut self) {
        if self.page.take().is_some() {
            self.history.abandon_page();
        }
    }

    /// The room's state replaces everything.
    pub(super) fn reset(&mut self, state: PreviousMessages<Message>) {
        self.known = Some((state.seq, state.epoch));
        let messages = state.messages.into_iter().map(|message| (message.seq, message));
        self.history.reset(state.seq, messages, state.has_more);
        self.standing = Standing::In;
    }

    /// Takes an event. Returns whether it is the next one; else it is not taken.
    pub(super) fn take(&mut self, seq: Seq, event: &ServerEvent) -> bool {
        let Some((position, _)) = &mut self.known else {
            return false;
        };
        if seq != position.next() {
            return false;
        }
        *position = seq;
        let (place, change) = match event {
            ServerEvent::Message(message) => (message.seq, Change::Posted(message.clone())),
            ServerEvent::MessageEdited(message) => (message.seq, Change::Edited(message.clone())),
            ServerEvent::MessageDeleted(deleted) => (deleted.message_id.place, Change::Deleted),
            _ => return false,
        };
        self.history.apply(place, seq, change);
        true
    }

    pub(super) fn older(&mut self, page: MessagesPage<Message>) {
        self.page = None;
        let messages = page.messages.into_iter().map(|message| (message.seq, message));
        self.history.merge_page(page.seq, messages, page.has_more);
    }

    /// Before which place the next older page ends.
    pub(super) fn oldest(&self) -> Option<Seq> {
        if self.history.has_more() {
            // Where everything it had was withdrawn, the page is the newest one.
            Some(self.history.oldest().unwrap_or_else(|| self.position().next()))
        } else {
            None
        }
    }
}

/// The room of a sequenced event.
pub(super) fn room_of(event: &ServerEvent) -> Option<BookId> {
    match event {
        ServerEvent::Message(message) | ServerEvent::MessageEdited(message) => Some(message.book_id),
        ServerEvent::MessageDeleted(deleted) => Some(deleted.book_id),
        _ => None,
    }
}
