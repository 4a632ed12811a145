//! The client as a state machine without I/O: what happened comes in by its methods, with the time; what to do comes out
//! as [`Effect`]s, and the time to be called again as [`deadline`](Client::deadline).

use std::collections::VecDeque;

use readrealm_protocol::client::{Authenticate, ClientEvent, PageLimit, SetTyping};
use readrealm_protocol::error::CloseCode;
use readrealm_protocol::history::History;
use readrealm_protocol::ids::{BookId, ClientMessageId, RequestId, UserId};

use crate::backoff::{Backoff, full_jitter};
use crate::effect::{Effect, RoomEffect, State};
use crate::frame::{Frame, Incoming, Value};
use crate::io::{Io, Options};
use crate::requests::{ANSWER_MS, Purpose, Requests};
use crate::room::{self, Room};

/// Milliseconds of silence after which the server is asked for something: a dead connection says nothing either.
const SILENCE_MS: f64 = 45_000.0;

/// Milliseconds of silence after which that is done at once when the page wakes.
const SILENCE_ON_WAKE_MS: f64 = 5_000.0;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Link {
    /// A socket was asked for, and must be open and authenticated by then.
    Opening {
        deadline: f64,
    },
    Ready {
        since: f64,
    },
    Waiting {
        until: f64,
    },
    /// Not begun, or over.
    Idle,
}

/// A chat client, over values `V` of its page.
#[derive(Debug)]
pub struct Client<V> {
    link: Link,
    backoff: Backoff,
    /// At most 64, so looking through them is the fastest there is.
    rooms: Vec<Room<V>>,
    io: Io<V>,
    /// When the server last said something.
    heard: f64,
    deadline: Option<f64>,
}

impl<V: Value> Client<V> {
    /// A client that has not begun.
    pub fn new(options: Options) -> Self {
        let user_id = options.user_id.as_ref().map_or("", UserId::as_str).to_owned();
        Self {
            link: Link::Idle,
            backoff: Backoff::default(),
            rooms: Vec::new(),
            io: Io {
                options,
                user_id,
                requests: Requests::default(),
                effects: VecDeque::new(),
                moved: false,
            },
            heard: 0.0,
            deadline: None,
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Effect<V>> {
        self.io.effects.pop_front()
    }

    /// When [`timer`](Self::timer) is to be called.
    pub fn deadline(&self) -> Option<f64> {
        self.deadline
    }

    /// The history of a joined room.
    pub fn history(&self, book: BookId) -> Option<&History<V>> {
        self.room(book).map(|room| &room.history)
    }

    /// Begins.
    pub fn connect(&mut self, now: f64) {
        self.emit_state(State::Connecting);
        self.open(now);
        self.rearm();
    }

    /// The socket is open.
    pub fn opened(&mut self, now: f64) {
        if !matches!(self.link, Link::Opening { .. }) {
            return;
        }
        if self.io.options.authenticates {
            self.io.effects.push_back(Effect::Token(self.backoff.attempts()));
        } else {
            self.ready(now);
        }
        self.rearm();
    }

    /// The token that was asked for as `attempt`.
    pub fn token(&mut self, now: f64, attempt: u32, token: String) {
        if matches!(self.link, Link::Opening { .. }) && attempt == self.backoff.attempts() {
            let request = self.io.request(now, Purpose::Authenticate);
            self.io
                .send(Some(request), &ClientEvent::Authenticate(Authenticate { token }));
            self.rearm();
        }
    }

    /// There is no token for `attempt`.
    pub fn token_failed(&mut self, now: f64, attempt: u32) {
        if matches!(self.link, Link::Opening { .. }) && attempt == self.backoff.attempts() {
            self.lose(now);
        }
    }

    /// A frame came.
    pub fn frame(&mut self, now: f64, frame: Frame<V>) {
        if matches!(self.link, Link::Idle | Link::Waiting { .. }) {
            return;
        }
        self.heard = now;
        match frame.event {
            Incoming::Event(book, event) => {
                let Some(room) = self.rooms.iter_mut().find(|room| room.book == book) else {
                    return;
                };
                if room.live(&mut self.io, event) {
                    room.rejoin();
                    self.io.moved = true;
                }
                // Most events change nothing but the history: those end here.
                if self.io.moved {
                    self.pump(now, book);
                }
            }
            Incoming::Presence(book, name, data) => {
                if self.room(book).is_some() {
                    self.io.emit(book, RoomEffect::Presence(name, data));
                }
            }
            event => {
                let purpose = frame.id.and_then(|id| Some((id, self.io.requests.purpose(id)?)));
                if let Some((id, purpose)) = purpose {
                    self.answer(now, id, purpose, event);
                }
            }
        }
        self.rearm();
    }

    fn answer(&mut self, now: f64, id: RequestId, purpose: Purpose, event: Incoming<V>) {
        self.io.moved = true;
        let book = match purpose {
            Purpose::Authenticate => return self.authenticated(now, id, event),
            Purpose::Join(book) | Purpose::Page(book) | Purpose::Change(book) => book,
        };
        let io = &mut self.io;
        let Some(room) = self.rooms.iter_mut().find(|room| room.book == book) else {
            return io.requests.finish(id);
        };
        match (purpose, event) {
            (
                Purpose::Join(_),
                Incoming::Previous {
                    epoch,
                    seq,
                    messages,
                    has_more,
                    members,
                },
            ) => {
                room.previous(
                    io,
                    id,
                    room::State {
                        epoch,
                        seq,
                        messages,
                        has_more,
                        members,
                    },
                );
            }
            (
                Purpose::Join(_),
                Incoming::Resumed {
                    epoch,
                    seq,
                    events,
                    complete,
                    members,
                },
            ) => {
                room.resumed(
                    io,
                    now,
                    id,
                    room::Resumed {
                        epoch,
                        seq,
                        events,
                        complete,
                        members,
                    },
                );
            }
            (Purpose::Join(_), Incoming::Error(failure)) => {
                if room.join_failed(io, now, id, &failure) {
                    self.rooms.retain(|room| room.book != book);
                    io.emit(book, RoomEffect::Dropped(failure));
                }
            }
            (
                Purpose::Page(_),
                Incoming::Page {
                    seq,
                    messages,
                    has_more,
                },
            ) => {
                room.page(io, id, seq, messages, has_more);
            }
            (Purpose::Page(_), Incoming::Error(failure)) => room.page_failed(io, now, id, failure),
            (_, Incoming::Ack(answer)) => room.acked(io, id, answer),
            (_, Incoming::Error(failure)) => room.change_failed(io, now, id, failure),
            // An answer of another kind is none: the request runs into its deadline.
            _ => {}
        }
        self.pump(now, book);
    }

    fn authenticated(&mut self, now: f64, id: RequestId, event: Incoming<V>) {
        self.io.requests.finish(id);
        match event {
            Incoming::Authenticated { user_id, user } => {
                self.io.user_id = user_id;
                self.io.effects.push_back(Effect::Identified(user));
                self.ready(now);
            }
            Incoming::Error(failure) if !failure.is_retryable() => self.end(failure.code),
            _ => self.lose(now),
        }
    }

    /// The socket closed, or could not be opened.
    pub fn closed(&mut self, now: f64, code: u16, reason: &str) {
        if matches!(self.link, Link::Idle | Link::Waiting { .. }) {
            return;
        }
        if CloseCode::reconnects(code) {
            self.wait(now, delay_named_in(reason));
        } else {
            self.end(reason_of(code).to_owned());
        }
    }

    /// There can be no socket: the page's address is none.
    pub fn unopenable(&mut self) {
        self.end("invalid_url".to_owned());
    }

    /// The deadline passed.
    pub fn timer(&mut self, now: f64) {
        match self.link {
            Link::Opening { deadline } if deadline <= now => self.lose(now),
            Link::Waiting { until } if until <= now => self.retry(now),
            Link::Ready { .. } if self.io.requests.deadline().is_some_and(|deadline| deadline <= now) => self.lose(now),
            Link::Ready { .. } => {
                if self.heard + SILENCE_MS <= now {
                    self.probe(now);
                }
                self.pump_all(now);
            }
            _ => {}
        }
        self.io.moved = true;
        self.rearm();
    }

    /// The page woke, or is on a network again.
    pub fn wake(&mut self, now: f64) {
        match self.link {
            Link::Waiting { .. } => self.retry(now),
            Link::Ready { .. } if self.heard + SILENCE_ON_WAKE_MS <= now => {
                self.probe(now);
                self.pump_all(now);
            }
            _ => {}
        }
        self.rearm();
    }

    /// The page enters a room.
    pub fn join(&mut self, now: f64, book: BookId) {
        let window = self.io.options.window;
        match self.room_mut(book) {
            Some(room) => room.enter_again(window),
            None => self.rooms.push(Room::new(book, window)),
        }
        self.pump(now, book);
    }

    /// The page leaves a room. What it has sent there is still sent.
    pub fn leave(&mut self, now: f64, book: BookId) {
        if let Some(room) = self.rooms.iter_mut().find(|room| room.book == book) {
            room.leave(&mut self.io);
            self.pump(now, book);
        }
    }

    /// The page posts, edits or deletes in a room it is in.
    pub fn send(&mut self, now: f64, book: BookId, key: ClientMessageId, change: ClientEvent) {
        if let Some(room) = self.room_mut(book) {
            room.push(key, change);
            self.pump(now, book);
        }
    }

    /// The page wants older messages of a room it is in.
    pub fn load_previous(&mut self, now: f64, book: BookId, limit: PageLimit) {
        if let Some(room) = self.room_mut(book) {
            room.load_previous(limit);
            self.pump(now, book);
        }
    }

    /// The user is writing, or has stopped. Not worth keeping while the room cannot hear it.
    pub fn typing(&mut self, book: BookId, typing: bool) {
        if self.is_ready() && self.room(book).is_some_and(Room::is_live) {
            self.io
                .send(None, &ClientEvent::Typing(SetTyping { book_id: book, typing }));
        }
    }

    /// The page is done.
    pub fn close(&mut self) {
        if self.is_ready() {
            for room in &self.rooms {
                room.send_leave(&mut self.io);
            }
        }
        self.end("closed".to_owned());
    }

    fn is_ready(&self) -> bool {
        matches!(self.link, Link::Ready { .. })
    }

    fn open(&mut self, now: f64) {
        self.link = Link::Opening {
            deadline: now + ANSWER_MS,
        };
        self.io.moved = true;
        self.io.effects.push_back(Effect::Open);
    }

    fn retry(&mut self, now: f64) {
        self.emit_state(State::Reconnecting {
            attempt: self.backoff.attempts(),
            retry_in_ms: 0.0,
        });
        self.open(now);
    }

    fn ready(&mut self, now: f64) {
        self.link = Link::Ready { since: now };
        self.heard = now;
        self.emit_state(State::Connected);
        self.pump_all(now);
    }

    /// Asks for something that only a living server answers: a room once more, from its position on.
    fn probe(&mut self, now: f64) {
        self.heard = now;
        if self.io.requests.is_empty()
            && let Some(room) = self.rooms.iter_mut().find(|room| room.is_live())
        {
            room.rejoin();
        }
    }

    /// Gives up on the connection there is.
    fn lose(&mut self, now: f64) {
        self.io.effects.push_back(Effect::Close);
        self.wait(now, None);
    }

    fn wait(&mut self, now: f64, delay: Option<f64>) {
        if let Link::Ready { since } = self.link {
            self.backoff.lasted(now - since);
        }
        self.io.requests.clear();
        for room in &mut self.rooms {
            room.disconnected(&mut self.io);
        }
        let attempt = self.backoff.next();
        let retry_in_ms = delay.unwrap_or_else(|| full_jitter(attempt, self.io.random()));
        self.link = Link::Waiting {
            until: now + retry_in_ms,
        };
        self.emit_state(State::Reconnecting { attempt, retry_in_ms });
        self.rearm();
    }

    fn end(&mut self, reason: String) {
        self.link = Link::Idle;
        self.rooms.clear();
        self.io.requests.clear();
        self.io.effects.push_back(Effect::Close);
        self.emit_state(State::Closed(reason));
        self.rearm();
    }

    fn emit_state(&mut self, state: State) {
        self.io.moved = true;
        self.io.effects.push_back(Effect::State(state));
    }

    fn pump(&mut self, now: f64, book: BookId) {
        if let Some(index) = self.rooms.iter().position(|room| room.book == book) {
            self.pump_at(now, index);
        }
        self.io.moved = true;
        self.rearm();
    }

    fn pump_all(&mut self, now: f64) {
        // From the last on: a room that is over leaves its place to one that had its turn.
        for index in (0..self.rooms.len()).rev() {
            self.pump_at(now, index);
        }
        self.io.moved = true;
    }

    fn pump_at(&mut self, now: f64, index: usize) {
        let ready = self.is_ready();
        let room = &mut self.rooms[index];
        if ready {
            room.pump(&mut self.io, now);
        }
        if room.is_over() {
            if ready {
                room.send_leave(&mut self.io);
            }
            self.rooms.swap_remove(index);
        }
    }

    fn room(&self, book: BookId) -> Option<&Room<V>> {
        self.rooms.iter().find(|room| room.book == book)
    }

    fn room_mut(&mut self, book: BookId) -> Option<&mut Room<V>> {
        self.rooms.iter_mut().find(|room| room.book == book)
    }

    fn rearm(&mut self) {
        if !std::mem::take(&mut self.io.moved) {
            return;
        }
        self.deadline = match self.link {
            Link::Idle => None,
            Link::Opening { deadline } => Some(deadline),
            Link::Waiting { until } => Some(until),
            Link::Ready { .. } => {
                let dues = self
                    .rooms
                    .iter()
                    .filter_map(Room::due)
                    .chain(self.io.requests.deadline());
                Some(dues.fold(self.heard + SILENCE_MS, f64::min))
            }
        };
    }
}

/// The delay in a close reason `retry in <n> ms`.
fn delay_named_in(reason: &str) -> Option<f64> {
    let millis: u32 = reason.strip_prefix("retry in ")?.strip_suffix(" ms")?.parse().ok()?;
    Some(millis.into())
}

/// What the page is told of a close code after which there is no coming back.
fn reason_of(code: u16) -> &'static str {
    const CODES: [(CloseCode, &str); 5] = [
        (CloseCode::TooLarge, "too_large"),
        (CloseCode::BadProtocol, "bad_protocol"),
        (CloseCode::Unauthorized, "unauthorized"),
        (CloseCode::OriginRefused, "origin_refused"),
        (CloseCode::Revoked, "revoked"),
    ];
    CODES
        .iter()
        .find(|(known, _)| known.get() == code)
        .map_or("refused", |(_, reason)| reason)
}
