//! What was said and heard on one connection, held against the log.

use std::collections::BTreeMap;

use readrealm_protocol::client::{ClientEvent, JoinRoom};
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::limits::PAGE_DEFAULT;
use readrealm_protocol::server::{
    Ack, MessagesPage, PreviousMessages, Resumed, SequencedFrame, ServerEvent, ServerFrame,
};
use readrealm_protocol::{BookId, Change, ClientFrame, Message, Seq, UserId};

use crate::checker::{Broken, Truths};
use crate::sends::{Sends, id_of};
use crate::truth::message;
use crate::view::change;

/// One connection.
#[derive(Debug)]
pub(crate) struct Conversation {
    name: String,
    requests: BTreeMap<RequestId, Request>,
    rooms: BTreeMap<BookId, Room>,
    /// The positions acknowledged, duplicates apart: in each room by request.
    accepted: BTreeMap<BookId, Vec<(RequestId, Seq)>>,
}

#[derive(Debug)]
struct Request {
    event: ClientEvent,
    /// The id of the event it asks for.
    id: Option<String>,
    answered: bool,
    /// Where a resume that is not complete stands.
    resumed_to: Option<Seq>,
    /// What had been heard of the room before a resume paused it.
    paused_at: Option<Seq>,
}

/// A room the connection is in: the position of the last event heard.
#[derive(Debug)]
struct Room {
    position: Seq,
}

impl Conversation {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            requests: BTreeMap::new(),
            rooms: BTreeMap::new(),
            accepted: BTreeMap::new(),
        }
    }

    pub(crate) fn asked(&mut self, _tick: usize, user: &UserId, frame: &ClientFrame) {
        let request = Request {
            id: id_of(user, &frame.event).map(|(_, id, _)| id),
            event: frame.event.clone(),
            answered: false,
            resumed_to: None,
            paused_at: None,
        };
        self.requests.insert(frame.id.unwrap(), request);
    }

    pub(crate) fn told(
        &mut self,
        tick: usize,
        frame: &ServerFrame,
        truths: &Truths,
        sends: &mut Sends,
        broken: &mut Broken,
    ) {
        let mut found = Vec::new();
        match (&frame.event, frame.id) {
            (ServerEvent::PreviousMessages(state), Some(id)) => self.previous(id, state, truths, &mut found),
            (ServerEvent::Resumed(missed), Some(id)) => self.resumed(id, missed, truths, &mut found),
            (ServerEvent::MessagesPage(page), Some(id)) => self.page(id, page, truths, &mut found),
            (ServerEvent::Ack(ack), Some(id)) => self.acked(tick, id, ack, sends, &mut found),
            (ServerEvent::Error(reply), Some(id)) => {
                let request = self.answer(id, true, &mut found);
                if let Some(sent) = request.and_then(|request| request.id.as_deref()) {
                    sends.failed(tick, sent, reply);
                }
            }
            (event, None) => self.live(frame.seq, event, truths, &mut found),
            (event, Some(id)) => found.push(format!("I7 {} as the answer to {id}", event.name())),
        }
        broken.extend(found.into_iter().map(|what| format!("{what} ({})", self.name)));
    }

    /// The connection lived to the end.
    pub(crate) fn finish(&self, broken: &mut Broken) {
        for (id, request) in &self.requests {
            if !request.answered {
                let (name, event) = (&self.name, request.event.name());
                broken.push(format!("I7 {event} {id} has no answer ({name})"));
            }
        }
    }

    fn answer(&mut self, id: RequestId, whole: bool, found: &mut Broken) -> Option<&mut Request> {
        let Some(request) = self.requests.get_mut(&id) else {
            found.push(format!("I7 an answer to {id}, which was not asked"));
            return None;
        };
        if request.answered {
            found.push(format!("I7 a second answer to {id}"));
        }
        request.answered |= whole;
        Some(request)
    }

    fn join_of(&mut self, id: RequestId, whole: bool, found: &mut Broken) -> Option<(JoinRoom, Option<Seq>)> {
        let request = self.answer(id, whole, found)?;
        match &request.event {
            ClientEvent::JoinRoom(join) => Some((join.clone(), request.resumed_to)),
            event => {
                found.push(format!("I7 {} answered as a join", event.name()));
                None
            }
        }
    }

    fn previous(&mut self, id: RequestId, state: &PreviousMessages<Message>, truths: &Truths, found: &mut Broken) {
        let Some((join, resumed_to)) = self.join_of(id, true, found) else {
            return;
        };
        let (book, at) = (state.book_id, state.seq);
        let paused_at = self.requests[&id].paused_at;
        match (self.rooms.get(&book), join.after) {
            // A resume of one that was in could not begin or go on: the state takes its place.
            (None, _) if paused_at.is_some_and(|heard| heard <= at) => {}
            (Some(room), Some(_)) if room.position <= at => {}
            (Some(room), _) if room.position != at => {
                found.push(format!("I3 a state at {book}@{at} to one who has {}", room.position));
            }
            (None, Some(after)) => {
                let after = resumed_to.unwrap_or(after);
                found.push(format!(
                    "I3 a fresh state at {book}@{at} to one who can resume from {after}"
                ));
            }
            _ => {}
        }
        check_page(
            book,
            at,
            None,
            PAGE_DEFAULT,
            (&state.messages, state.has_more),
            truths,
            found,
        );
        self.rooms.insert(book, Room { position: at });
    }

    fn resumed(&mut self, id: RequestId, missed: &Resumed<SequencedFrame>, truths: &Truths, found: &mut Broken) {
        let Some((join, resumed_to)) = self.join_of(id, missed.complete, found) else {
            return;
        };
        let book = missed.book_id;
        let Some(mut position) = resumed_to.or(join.after) else {
            found.push(format!("I3 a resume of {book} to one who did not ask for it"));
            return;
        };
        for event in &missed.events {
            position = position.next();
            if event.seq != position {
                found.push(format!(
                    "I3 a resume tells {book}@{} where {position} is next",
                    event.seq
                ));
                return;
            }
            check_told_today(book, event, missed.seq, truths, found);
        }
        if position != missed.seq {
            found.push(format!(
                "I3 a resume of {book} says {} and ends at {position}",
                missed.seq
            ));
        }
        // From the first of several pages on, one that is in hears nothing live until the last.
        let heard = self.rooms.remove(&book).map(|room| room.position);
        let request = self.requests.get_mut(&id).unwrap();
        let first = request.resumed_to.is_none();
        if missed.complete && first && heard.is_some_and(|heard| heard != position)
            || missed.complete && request.paused_at.is_some_and(|heard| heard > position)
        {
            found.push(format!(
                "I3 a resume of {book} to {position} to one who has {:?}",
                heard.or(request.paused_at)
            ));
        }
        if missed.complete {
            self.rooms.insert(book, Room { position });
        } else {
            request.resumed_to = Some(position);
            request.paused_at = request.paused_at.or(heard);
        }
    }

    fn page(&mut self, id: RequestId, page: &MessagesPage<Message>, truths: &Truths, found: &mut Broken) {
        let Some(request) = self.answer(id, true, found) else {
            return;
        };
        let ClientEvent::LoadPrevious(load) = request.event.clone() else {
            found.push(format!("I7 a page as the answer to {id}"));
            return;
        };
        let limit = load.limit.get();
        let told = (&page.messages[..], page.has_more);
        check_page(page.book_id, page.seq, Some(load.before), limit, told, truths, found);
    }

    fn acked(&mut self, tick: usize, id: RequestId, ack: &Ack, sends: &mut Sends, found: &mut Broken) {
        let Some(request) = self.answer(id, true, found) else {
            return;
        };
        match (ack, request.id.clone(), &request.event) {
            (Ack::Done {}, None, ClientEvent::LeaveRoom(leave)) => {
                let book = leave.book_id;
                self.rooms.remove(&book);
            }
            (Ack::Appended(ack), Some(sent), _) => {
                sends.acked(tick, &sent, ack, found);
                let book = ack.message_id.book_id;
                if let Some(room) = self.rooms.get(&book)
                    && room.position < ack.seq
                {
                    found.push(format!("I4 the ack of {book}@{} comes before its event", ack.seq));
                }
                let accepted = self.accepted.entry(book).or_default();
                if !ack.duplicate {
                    if let Some((before, seq)) =
                        accepted.iter().find(|(before, seq)| (*before < id) != (*seq < ack.seq))
                    {
                        found.push(format!("I4 {before} was accepted at {seq}, and {id} at {}", ack.seq));
                    }
                    if accepted.last().is_some_and(|(_, seq)| *seq > ack.seq) {
                        found.push(format!("I4 the ack of {book}@{} comes after a later one's", ack.seq));
                    }
                    accepted.push((id, ack.seq));
                }
            }
            (ack, _, event) => found.push(format!("I7 {ack:?} as the answer to {}", event.name())),
        }
    }

    fn live(&mut self, seq: Option<Seq>, event: &ServerEvent, truths: &Truths, found: &mut Broken) {
        let Some((place, told)) = change(event.clone()) else {
            found.push(format!("I7 {event:?} unasked"));
            return;
        };
        let book = match event {
            ServerEvent::Message(message) | ServerEvent::MessageEdited(message) => message.book_id,
            ServerEvent::MessageDeleted(deleted) => deleted.book_id,
            _ => return,
        };
        let seq = seq.unwrap();
        let Some(room) = self.rooms.get_mut(&book) else {
            found.push(format!("I3 {book}@{seq} to one who is not in the room"));
            return;
        };
        if seq != room.position.next() {
            found.push(format!("I3 {book}@{seq} comes after {}", room.position));
        }
        room.position = seq;
        let known = truths[&book].event(seq).map(|event| event.place);
        if known != Some(place) || truths[&book].change(seq) != Some(&told) {
            found.push(format!("I5 {book}@{seq} is told otherwise than it stands in the log"));
        }
    }
}

/// A resume tells what became of each event, as it was at the end of the resume or later.
fn check_told_today(book: BookId, event: &SequencedFrame, at: Seq, truths: &Truths, found: &mut Broken) {
    let truth = &truths[&book];
    let Some((place, told)) = change(event.event.clone()) else {
        found.push(format!("I5 a resume tells {:?}", event.event));
        return;
    };
    let known = truth.event(event.seq);
    if known.map(|event| event.place) != Some(place) {
        found.push(format!("I5 a resume tells {book}@{} of another message", event.seq));
        return;
    }
    let least = truth.version(place, at).unwrap_or(event.seq);
    if !truth.was_ever(place, &told, least) {
        let what = if message(&told).is_some() {
            "words"
        } else {
            "a withdrawal"
        };
        found.push(format!(
            "I5 a resume to {at} tells {book}@{} with {what} of before {least}",
            event.seq
        ));
    }
    let is_post = known.is_some_and(|event| event.place == event.seq);
    if matches!(told, Change::Posted(_)) && !is_post {
        found.push(format!("I5 a resume tells {book}@{} as a post", event.seq));
    }
}

fn check_page(
    book: BookId,
    at: Seq,
    before: Option<Seq>,
    limit: usize,
    (told, has_more): (&[Message], bool),
    truths: &Truths,
    found: &mut Broken,
) {
    let truth = &truths[&book];
    if at > truth.head() {
        found.push(format!("I5 a state of {book} at {at}, which the log never reached"));
    }
    let mut all = truth.newest_first(at, before);
    let page: Vec<_> = all.by_ref().take(limit).collect();
    if told.iter().collect::<Vec<_>>() != page {
        let (told, page) = (told.len(), page.len());
        found.push(format!(
            "I6 {told} messages of {book} before {before:?} at {at} are not the {page} of the log"
        ));
    } else if has_more != all.next().is_some() {
        found.push(format!("I6 has_more of {book} before {before:?} at {at} is {has_more}"));
    }
}
