//! What a client knows of a room: what an SDK keeps, and how it keeps it current.

use readrealm_protocol::ids::RequestId;
use readrealm_protocol::server::{MessagesPage, PreviousMessages, Resumed, SequencedFrame, ServerEvent};
use readrealm_protocol::{Change, Epoch, History, Message, MessageId, Seq, UserId};

/// Where a client stands with a room, on its present connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Out,
    /// Asked to be let in.
    Joining(RequestId),
    In,
}

/// One room of a client.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) standing: Standing,
    /// The position up to which it has everything, and of which log.
    pub(crate) known: Option<(Seq, Epoch)>,
    pub(crate) history: History<Message>,
    /// The page asked for.
    pub(crate) page: Option<RequestId>,
    /// The client's own messages, as far as it has seen them.
    pub(crate) mine: Vec<MessageId>,
}

/// What a sequenced frame does: to which place, and what.
pub(crate) fn change(event: ServerEvent) -> Option<(Seq, Change<Message>)> {
    match event {
        ServerEvent::Message(message) => Some((message.seq, Change::Posted(message))),
        ServerEvent::MessageEdited(message) => Some((message.seq, Change::Edited(message))),
        ServerEvent::MessageDeleted(deleted) => Some((deleted.message_id.place, Change::Deleted)),
        _ => None,
    }
}

impl View {
    pub(crate) fn new(window: usize) -> Self {
        Self {
            standing: Standing::Out,
            known: None,
            history: History::new(window),
            page: None,
            mine: Vec::new(),
        }
    }

    pub(crate) fn position(&self) -> Option<Seq> {
        self.known.as_ref().map(|(position, _)| *position)
    }

    /// The connection is gone.
    pub(crate) fn disconnected(&mut self) {
        self.standing = Standing::Out;
        self.abandon_page();
    }

    pub(crate) fn abandon_page(&mut self) {
        if self.page.take().is_some() {
            self.history.abandon_page();
        }
    }

    /// The room's state replaces everything.
    pub(crate) fn previous(&mut self, state: PreviousMessages<Message>, me: &UserId) {
        self.page = None;
        self.known = Some((state.seq, state.epoch));
        for message in &state.messages {
            self.own(message, me);
        }
        let messages = state.messages.into_iter().map(|message| (message.seq, message));
        self.history.reset(state.seq, messages, state.has_more);
        self.standing = Standing::In;
    }

    /// What was missed. Returns whether nothing was left out.
    pub(crate) fn resumed(&mut self, missed: Resumed<SequencedFrame>, me: &UserId) -> bool {
        let whole = missed
            .events
            .into_iter()
            .all(|frame| self.sequenced(frame.seq, frame.event, me));
        if missed.complete {
            self.standing = Standing::In;
        }
        whole
    }

    /// An event at its position. Returns whether nothing is missing before it.
    pub(crate) fn sequenced(&mut self, seq: Seq, event: ServerEvent, me: &UserId) -> bool {
        let Some((position, _)) = &mut self.known else {
            return false;
        };
        if seq <= *position {
            return true;
        }
        if seq != position.next() {
            return false;
        }
        *position = seq;
        if let Some((place, change)) = change(event) {
            if let Change::Posted(message) = &change {
                let message = message.clone();
                self.own(&message, me);
            }
            self.history.apply(place, seq, change);
        }
        true
    }

    pub(crate) fn older(&mut self, page: MessagesPage<Message>) {
        let messages = page.messages.into_iter().map(|message| (message.seq, message));
        self.history.merge_page(page.seq, messages, page.has_more);
        self.page = None;
    }

    fn own(&mut self, message: &Message, me: &UserId) {
        if message.user_id == *me && !self.mine.contains(&message.id) {
            self.mine.push(message.id);
        }
    }
}
