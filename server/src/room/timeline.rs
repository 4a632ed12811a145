//! The newest part of a room's history, held encoded: each message is turned into JSON once, when it happens, and
//! every join, resume and delivery shares that text.

use std::collections::VecDeque;

use readrealm_protocol::ids::RequestId;
use readrealm_protocol::limits::{PAGE_DEFAULT, RESUME_BYTES};
use readrealm_protocol::server::{Members, MessageDeleted, PreviousMessages, Resumed};
use readrealm_protocol::{BookId, Change, Epoch, History, Message, MessageId, Seq, codec};
use serde_json::value::{RawValue, to_raw_value};

use super::Frame;
use crate::log::{Page, StoredEvent};

/// Messages held: twice what a join is told, so that deletes seldom make the room read older ones.
pub const WINDOW: usize = 2 * PAGE_DEFAULT;

/// Positions a client may be behind and still be resumed from memory.
const RECENT: usize = 128;

/// The newest messages of a room, at the position of the last event applied.
#[derive(Debug)]
pub struct Timeline {
    book: BookId,
    epoch: Epoch,
    position: Seq,
    history: History<Box<RawValue>>,
    /// The last positions, oldest first, each with the place its event belongs to.
    recent: VecDeque<(Seq, Seq)>,
}

impl Timeline {
    /// The room as a page of its newest messages shows it.
    pub fn new(book: BookId, epoch: Epoch, page: Page) -> Self {
        let mut history = History::new(WINDOW);
        history.reset(page.seq, encoded(page.messages), page.has_more);
        Self {
            book,
            epoch,
            position: page.seq,
            history,
            recent: VecDeque::with_capacity(RECENT),
        }
    }

    /// Applies the event at the next position, and returns the frame that tells of it.
    pub fn apply(&mut self, event: &StoredEvent) -> Frame {
        debug_assert_eq!(event.seq, self.position.next());
        self.position = event.seq;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((event.seq, event.place));
        let (change, frame) = match event.change() {
            Some(Change::Posted(message)) => {
                let json = encode(&message);
                let frame = Frame::sequenced("message", event.seq, &json);
                (Change::Posted(json), frame)
            }
            Some(Change::Edited(message)) => {
                let json = encode(&message);
                let frame = Frame::sequenced("messageEdited", event.seq, &json);
                (Change::Edited(json), frame)
            }
            Some(Change::Deleted) => {
                let deleted = deleted(self.book, event.place);
                (Change::Deleted, Frame::sequenced("messageDeleted", event.seq, &deleted))
            }
            // Of an unknown type: clients are owed its position all the same. No message ever stands at this one.
            None => return Frame::sequenced("messageDeleted", event.seq, &deleted(self.book, event.seq)),
        };
        self.history.apply(event.place, event.seq, change);
        frame
    }

    /// The answer to a join.
    pub fn previous_messages(&self, id: Option<RequestId>, members: Members) -> Frame {
        let state = PreviousMessages {
            book_id: self.book,
            epoch: self.epoch.clone(),
            seq: self.position,
            messages: self.history.newest_first().take(PAGE_DEFAULT).collect(),
            has_more: self.history.has_more() || self.history.len() > PAGE_DEFAULT,
            members,
        };
        Frame::answer("previousMessages", id, &state)
    }

    /// What happened after a position, oldest first and with the words as they are now; `None` where memory does not
    /// reach back so far, or where it is more than one page.
    pub fn since(&self, after: Seq) -> Option<Vec<Box<RawValue>>> {
        let oldest = self.recent.front().map_or(self.position.next(), |(oldest, _)| *oldest);
        if after.next() < oldest {
            return None;
        }
        let missed = self.recent.iter().filter(|(seq, _)| *seq > after);
        let events: Option<Vec<_>> = missed.map(|(seq, place)| self.current(*seq, *place)).collect();
        events.filter(|events| {
            events.len() <= 1 || events.iter().map(|event| event.get().len()).sum::<usize>() <= RESUME_BYTES
        })
    }

    /// The answer to a join of a client that has everything before these `events`.
    pub fn resumed(&self, id: Option<RequestId>, events: Vec<Box<RawValue>>, members: Members) -> Frame {
        let (book_id, epoch) = (self.book, self.epoch.clone());
        let state = Resumed {
            book_id,
            epoch,
            seq: self.position,
            events,
            complete: true,
            members,
        };
        Frame::answer("resumed", id, &state)
    }

    /// The frame of an event as it is told today: with the message's current words, or as its withdrawal.
    fn current(&self, seq: Seq, place: Seq) -> Option<Box<RawValue>> {
        let text = match self.history.get(place) {
            Some(json) if seq == place => codec::encode("message", None, Some(seq), json),
            Some(json) => codec::encode("messageEdited", None, Some(seq), json),
            None if self.history.oldest().is_none_or(|oldest| place < oldest) && self.history.has_more() => {
                return None;
            }
            None => codec::encode("messageDeleted", None, Some(seq), &deleted(self.book, place)),
        };
        RawValue::from_string(text).ok()
    }

    /// Where older messages are to be read, once deletes have used up what was held in reserve.
    pub fn refill_before(&self) -> Option<Seq> {
        (self.history.has_more() && self.history.len() < PAGE_DEFAULT)
            .then(|| self.history.oldest().unwrap_or(self.position.next()))
    }

    /// Begins a refill: changes to older messages count from now on.
    pub fn begin_refill(&mut self) {
        self.history.begin_page();
    }

    /// Ends a refill with the page that was read, or without one.
    pub fn end_refill(&mut self, page: Option<Page>) {
        match page {
            Some(page) => drop(self.history.merge_page(page.seq, encoded(page.messages), page.has_more)),
            None => self.history.abandon_page(),
        }
    }

    /// The position of the last event applied.
    pub fn position(&self) -> Seq {
        self.position
    }

    /// The log this is a part of.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }
}

fn deleted(book_id: BookId, place: Seq) -> MessageDeleted {
    MessageDeleted {
        book_id,
        message_id: MessageId { book_id, place },
    }
}

fn encoded(messages: Vec<Message>) -> impl Iterator<Item = (Seq, Box<RawValue>)> {
    messages.into_iter().map(|message| (message.seq, encode(&message)))
}

fn encode(message: &Message) -> Box<RawValue> {
    to_raw_value(message).expect("a message is JSON")
}
