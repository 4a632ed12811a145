//! The client as a state machine without I/O: what happened comes in by its methods, with the time; what to do comes out
//! as [`Effect`]s, and the time to be called again as [`deadline`](Client::deadline).

mod link;
mod token;

use std::collections::VecDeque;

use readrealm_protocol::client::{ClientEvent, PageLimit, SetTyping};
use readrealm_protocol::history::History;
use readrealm_protocol::ids::{BookId, ClientMessageId, RequestId, UserId};

use self::link::Link;
pub use self::link::Sign;
use self::token::Tokens;
use crate::backoff::Backoff;
use crate::effect::{Effect, RoomEffect, State};
use crate::frame::{Event, Frame, Incoming, Snapshot, Value};
use crate::io::{Io, Options};
use crate::requests::{Purpose, Requests};
use crate::room::Room;

/// A chat client, over values `V` of its page.
#[derive(Debug)]
pub struct Client<V: Value> {
    link: Link,
    backoff: Backoff,
    tokens: Tokens,
    /// When the page last woke: until what was asked by then is answered, the connection may be dead.
    woke: f64,
    /// At most 64, so looking through them is the fastest there is.
    rooms: Vec<Room<V>>,
    io: Io<V>,
    /// When the server last said something…
    heard: f64,
    /// …or whether it has since the time was last known: what comes by the thousand does not ask for it.
    heard_since: bool,
    deadline: Option<f64>,
}

impl<V: Value> Client<V> {
    /// A client that has not begun.
    pub fn new(options: Options) -> Self {
        let user_id = options.user_id.as_ref().map_or("", UserId::as_str).to_owned();
        Self {
            link: Link::Idle,
            backoff: Backoff::default(),
            tokens: Tokens::default(),
            woke: f64::NEG_INFINITY,
            rooms: Vec::new(),
            io: Io {
                options,
                user_id,
                requests: Requests::default(),
                effects: VecDeque::new(),
                moved: false,
            },
            heard: 0.0,
            heard_since: false,
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
        self.room(book).map(|room| room.view.history())
    }

    /// Its messages, newest first: a list of the caller's own.
    pub fn messages(&mut self, book: BookId) -> Option<V::List> {
        self.room_mut(book).map(|room| room.view.messages())
    }

    /// A frame came.
    pub fn frame(&mut self, now: f64, frame: Frame<V>) {
        if matches!(self.link, Link::Idle | Link::Waiting { .. }) {
            return;
        }
        self.heard = now;
        match frame.event {
            Incoming::Event(event) => self.event(|| now, event),
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

    /// A sequenced event came. Most change nothing but the history: those need no time.
    pub fn event(&mut self, now: impl FnOnce() -> f64, event: Event<V>) {
        if !self.is_ready() {
            return;
        }
        let book = event.message.book_id;
        self.heard_since = true;
        let Some(room) = self.rooms.iter_mut().find(|room| room.book == book) else {
            return;
        };
        if room.live(&mut self.io, event) {
            room.rejoin();
            self.io.moved = true;
        }
        if self.io.moved {
            self.pump(now(), book);
        }
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
            (Purpose::Join(_), Incoming::Previous(state)) => room.previous(io, id, state),
            (Purpose::Join(_), Incoming::Resumed(page)) => room.resumed(io, now, id, page),
            (Purpose::Join(_), Incoming::Error(failure)) if room.join_failed(io, now, id, &failure) => {
                io.emit(book, RoomEffect::Dropped(failure));
            }
            (Purpose::Page(_), Incoming::Page(page)) => room.page(io, id, page),
            (Purpose::Page(_), Incoming::Error(failure)) => room.page_failed(io, now, id, failure),
            (_, Incoming::Ack(answer)) => room.acked(io, id, answer),
            (_, Incoming::Error(failure)) => room.change_failed(io, now, id, failure),
            // An answer of another kind is none: the request runs into its deadline.
            _ => {}
        }
        self.pump(now, book);
    }

    /// The page enters a room, which goes on from the state `initial` where the page has one.
    pub fn join(&mut self, now: f64, book: BookId, initial: Option<Snapshot<V>>) {
        let window = self.io.options.window;
        match self.room_mut(book) {
            Some(room) => room.enter_again(window),
            None => self.rooms.push(Room::new(book, window)),
        }
        if let (Some(room), Some(state)) = (self.room_mut(book), initial) {
            room.seed(state);
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

    /// The page posts, edits or deletes in a room it is in. `tried` says that an earlier page may have sent it.
    pub fn send(&mut self, now: f64, book: BookId, key: ClientMessageId, change: ClientEvent, tried: bool) {
        if let Some(room) = self.rooms.iter_mut().find(|room| room.book == book) {
            room.push(&mut self.io, key, change, tried);
            self.pump(now, book);
        }
    }

    /// The page takes back what it sent where it has not gone out yet, and nothing is told of it. Returns whether it never
    /// goes out.
    pub fn take_back(&mut self, book: BookId, key: &ClientMessageId) -> bool {
        self.room_mut(book).is_none_or(|room| room.take_back(key))
    }

    /// The page takes back what it sent: it is not sent any more, and nothing is told of it. Where it was sent before,
    /// its message may still come, as any other's.
    pub fn withdraw(&mut self, now: f64, book: BookId, key: &ClientMessageId) {
        if let Some(room) = self.room_mut(book) {
            room.withdraw(key);
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

    /// The user is writing, or has stopped. Not worth keeping while the room cannot hear it: returns whether it can.
    pub fn typing(&mut self, book: BookId, typing: bool) -> bool {
        let hears = self.is_ready() && self.room(book).is_some_and(Room::is_live);
        if hears {
            self.io
                .send(None, &ClientEvent::Typing(SetTyping { book_id: book, typing }));
        }
        hears
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

    fn emit_state(&mut self, state: State) {
        self.io.moved = true;
        self.io.effects.push_back(Effect::State(state));
    }

    fn pump(&mut self, now: f64, book: BookId) {
        self.note_heard(now);
        if let Some(index) = self.rooms.iter().position(|room| room.book == book) {
            self.pump_at(now, index);
        }
        self.io.moved = true;
        self.rearm();
    }

    /// What was heard since the time was last known was heard by now.
    fn note_heard(&mut self, now: f64) {
        if std::mem::take(&mut self.heard_since) {
            self.heard = now;
        }
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
}
