//! What a client is told.

use readrealm_protocol::ids::RequestId;
use readrealm_protocol::server::{Ack, Appended, ErrorReply, MessagesPage, PreviousMessages, Resumed, SequencedFrame};
use readrealm_protocol::server::{ServerEvent, ServerFrame};
use readrealm_protocol::{BookId, Message, Seq};
use tokio::time::{Duration, Instant};

use super::{Reader, Standing};
use crate::chaos::ledger::{PageRead, Resume};
use crate::chaos::room::room_of;

/// After an error without a time of its own.
const RETRY: u64 = 300;

impl Reader {
    pub(super) fn told(&mut self, frame: ServerFrame) {
        let ServerFrame { id, seq, event } = frame;
        match (event, id) {
            (ServerEvent::PreviousMessages(state), Some(id)) => self.state(id, state),
            (ServerEvent::Resumed(page), Some(id)) => self.resumed(id, page),
            (ServerEvent::MessagesPage(page), Some(id)) => self.page(id, page),
            (ServerEvent::Ack(Ack::Appended(ack)), Some(id)) => self.acked(id, &ack),
            (ServerEvent::Error(reply), id) => self.refused(id, &reply),
            (event, _) => {
                if let (Some(seq), Some(book)) = (seq, room_of(&event)) {
                    self.heard(book, seq, &event);
                }
            }
        }
    }

    fn index(&self, book: BookId) -> usize {
        self.rooms
            .iter()
            .position(|room| room.book == book)
            .expect("only its own rooms are told of")
    }

    fn broken(&self, what: &str) {
        let asker = self.asker(Instant::now());
        self.ledger.broken(format!(
            "{} (connection {} to node {}): {what}",
            asker.who, asker.connection, asker.node
        ));
    }

    /// A live event.
    fn heard(&mut self, book: BookId, seq: Seq, event: &ServerEvent) {
        let index = self.index(book);
        let room = &mut self.rooms[index];
        let position = room.position();
        if room.standing != Standing::In {
            self.broken(&format!("heard {book}@{seq} before it was in"));
        } else if room.take(seq, event) {
            self.own(index, event);
            let node = self.link.as_ref().filter(|_| self.habits.steady).map(|link| link.node);
            self.ledger.open().heard(&self.user, node, book, seq, event);
        } else {
            self.broken(&format!("heard {book}@{seq} at {position}: {event:?}"));
        }
    }

    fn own(&mut self, index: usize, event: &ServerEvent) {
        if let ServerEvent::Message(message) = event
            && message.user_id.as_str() == self.user
        {
            self.rooms[index].mine.push(message.id);
        }
    }

    fn state(&mut self, id: RequestId, state: PreviousMessages<Message>) {
        let index = self.index(state.book_id);
        let Standing::Joining(request, sent, _) = self.rooms[index].standing else {
            return self.broken("was told a state it did not ask for");
        };
        if request != id {
            self.broken("was told a state of another request");
        }
        if let Some((position, _)) = &self.rooms[index].known {
            self.broken(&format!(
                "stood at {}@{position} and was told a new state instead",
                state.book_id
            ));
        }
        let read = PageRead {
            book: state.book_id,
            seq: state.seq,
            before: None,
            messages: state.messages.clone(),
            has_more: state.has_more,
        };
        self.ledger.open().read(self.asker(sent), read);
        self.rooms[index].reset(state);
    }

    fn resumed(&mut self, id: RequestId, page: Resumed<SequencedFrame>) {
        let index = self.index(page.book_id);
        let Standing::Joining(request, sent, _) = self.rooms[index].standing else {
            return self.broken("was resumed without asking");
        };
        if request != id {
            self.broken("was resumed by another request");
        }
        for frame in &page.events {
            let position = self.rooms[index].position();
            if !self.rooms[index].take(frame.seq, &frame.event) {
                self.broken(&format!(
                    "was resumed with {}@{} at {position}",
                    page.book_id, frame.seq
                ));
            }
            self.own(index, &frame.event);
        }
        let room = &mut self.rooms[index];
        // As the SDK: the page that comes in time is a sign of life.
        room.standing = if page.complete {
            Standing::In
        } else {
            Standing::Joining(request, sent, Instant::now())
        };
        let position = room.position();
        if position != page.seq {
            self.broken(&format!(
                "was resumed to {}@{}, and has {position}",
                page.book_id, page.seq
            ));
        }
        let resume = Resume {
            book: page.book_id,
            seq: page.seq,
            events: page.events,
        };
        self.ledger.open().resumed(self.asker(sent), resume);
    }

    fn page(&mut self, id: RequestId, page: MessagesPage<Message>) {
        let index = self.index(page.book_id);
        let Some((request, sent, before)) = self.rooms[index].page else {
            return self.broken("was told a page it did not ask for");
        };
        if request != id {
            self.broken("was told a page of another request");
        }
        let read = PageRead {
            book: page.book_id,
            seq: page.seq,
            before: Some(before),
            messages: page.messages.clone(),
            has_more: page.has_more,
        };
        self.ledger.open().read(self.asker(sent), read);
        self.rooms[index].older(page);
    }

    fn acked(&mut self, id: RequestId, ack: &Appended) {
        let by_request = |sending: &super::Sending| sending.request.is_some_and(|(request, _)| request == id);
        let Some(index) = self.outbox.iter().position(by_request) else {
            return self.broken("was answered what it did not ask");
        };
        let sending = self.outbox.remove(index);
        let sent = sending.request.map_or_else(Instant::now, |(_, sent)| sent);
        let position = self.rooms[self.index(sending.book)].position();
        if position < ack.seq {
            self.broken(&format!(
                "{} was acknowledged at {} before it was told, at {position}",
                sending.id, ack.seq
            ));
        }
        let request = id.get();
        self.ledger.open().acked(self.asker(sent), &sending.id, request, ack);
    }

    fn refused(&mut self, id: Option<RequestId>, reply: &ErrorReply) {
        let Some(id) = id else {
            return self.broken(&format!("was told an error it did not ask for: {reply}"));
        };
        let wait = Duration::from_millis(reply.retry_after_ms.unwrap_or(RETRY));
        let again = Instant::now() + wait;
        if let Some(index) = self
            .outbox
            .iter()
            .position(|sending| sending.request.is_some_and(|(request, _)| request == id))
        {
            if reply.code.is_retryable() {
                let sending = &mut self.outbox[index];
                (sending.request, sending.due) = (None, again);
            } else {
                let sending = self.outbox.remove(index);
                self.ledger.open().refused(&sending.id, reply.code);
            }
            return;
        }
        for room in &mut self.rooms {
            if matches!(room.standing, Standing::Joining(request, _, _) if request == id) {
                (room.standing, room.join_at) = (Standing::Out, again);
                return;
            }
            if room.page.is_some_and(|(request, _, _)| request == id) {
                room.abandon_page();
                return;
            }
        }
        self.broken(&format!("was told an error it did not ask for: {reply}"));
    }
}
