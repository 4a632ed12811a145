//! A client, a server and the network between them, on a clock of their own; and what must hold of it all.

use std::collections::{BTreeMap, BTreeSet};

use readrealm_protocol::client::{ClientEvent, DeleteMessage, EditMessage, PageLimit, PostMessage};
use readrealm_protocol::error::ErrorCode;
use readrealm_protocol::ids::{BookId, ClientMessageId, Content, MessageId};
use readrealm_sdk::Options;
use readrealm_sdk::client::{Client, Sign};
use readrealm_sdk::effect::{RoomEffect, State};
use readrealm_sdk::frame::Failure;

use crate::kept::Sent;
use crate::page::Val;
use crate::server::{Kind, ME, Server};

pub(crate) const BOOKS: u32 = 2;

/// One thing that happens. Numbers pick among what there is.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Serve(usize),
    Deliver(usize),
    Wait(u32),
    Post(u32),
    Edit(u32, usize),
    Delete(u32, usize),
    LoadPrevious(u32),
    OtherPosts(u32, usize),
    OtherEdits(u32, usize),
    OtherDeletes(u32, usize),
    /// The socket closes.
    Cut(u16),
    /// The socket stays open, and nothing passes.
    Unplug,
    /// A frame to the client is lost, comes twice, or comes before its predecessor.
    Lose(usize),
    Repeat(usize),
    Swap(usize),
    /// One of the next requests is refused.
    Refuse(ErrorCode),
    /// The next join is, for good.
    RefuseJoin,
    /// The token that is asked for is there, or cannot be had.
    Token(bool),
    /// The log was restored from a backup.
    Restore,
    /// The page notices something.
    Wake(Sign),
    /// The page takes back something that it sent.
    Withdraw(usize),
    /// The page is loaded anew: all it has are the sends without an outcome.
    Reload,
    Leave(u32),
    /// With a state of the room as the server has it now, or without.
    Enter(u32, bool),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Wire {
    Closed,
    Opening,
    Open,
    /// Open, and dead.
    Unplugged,
}

/// What a page knows of a room it is in.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) joined: bool,
    /// The log and the position up to which everything was told.
    pub(crate) at: Option<(u32, usize)>,
    pub(crate) loading: usize,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: f64,
    pub(crate) options: Options,
    pub(crate) client: Client<Val>,
    pub(crate) server: Server,
    pub(crate) wire: Wire,
    /// Frames on their way to the server.
    pub(crate) up: Vec<String>,
    pub(crate) seen: BTreeMap<BookId, Seen>,
    pub(crate) sent: Vec<Sent>,
    /// Sends that went out, on this page or one before.
    pub(crate) gone_out: BTreeSet<ClientMessageId>,
    pub(crate) withdrawn: BTreeSet<ClientMessageId>,
    /// How each send ended.
    pub(crate) outcomes: BTreeMap<ClientMessageId, Result<(), Failure>>,
    pub(crate) state: Option<State>,
    pub(crate) opened: usize,
    /// Tokens that were asked for.
    pub(crate) tokens: Vec<u32>,
    /// The one that is not handed in yet.
    pub(crate) awaited: Option<u32>,
    /// Whether a room that refused is not left.
    pub(crate) keeps_refused: bool,
    /// Everything told of rooms, in order.
    pub(crate) told: Vec<RoomEffect<Val>>,
    pub(crate) epochs: BTreeMap<u32, BTreeMap<BookId, Vec<(Kind, MessageId)>>>,
}

pub(crate) fn options() -> Options {
    Options {
        user_id: Some(ME.try_into().expect("a user")),
        username: None,
        authenticates: false,
        window: 6,
        replayed: usize::MAX,
        random: || 0.5,
    }
}

pub(crate) fn book(number: u32) -> BookId {
    BookId::from(number % BOOKS)
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(options())
    }

    pub(crate) fn with(options: Options) -> Self {
        let mut world = Self {
            now: 0.0,
            client: Client::new(options.clone()),
            server: Server::new(),
            wire: Wire::Closed,
            up: Vec::new(),
            seen: BTreeMap::new(),
            sent: Vec::new(),
            gone_out: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
            options,
            outcomes: BTreeMap::new(),
            state: None,
            opened: 0,
            tokens: Vec::new(),
            awaited: None,
            keeps_refused: false,
            told: Vec::new(),
            epochs: BTreeMap::new(),
        };
        world.client.connect(world.now);
        (0..BOOKS).for_each(|number| world.enter(number, false));
        world.perform();
        world
    }

    pub(crate) fn step(&mut self, step: &Step) {
        match *step {
            Step::Serve(count) => self.serve(count),
            Step::Deliver(count) => self.deliver(count),
            Step::Wait(millis) => self.wait(f64::from(millis)),
            Step::Post(number) | Step::Edit(number, _) | Step::Delete(number, _)
                if !self.seen.contains_key(&book(number)) => {}
            Step::Post(number) => {
                let (book_id, key) = self.next_key(number);
                let content = content(&key);
                let post = PostMessage {
                    book_id,
                    content,
                    client_message_id: Some(key.clone()),
                };
                self.send(book_id, key, ClientEvent::Message(post));
            }
            Step::Edit(number, index) => {
                let Some(message_id) = self.pick(number, index) else {
                    return;
                };
                let (book_id, key) = self.next_key(number);
                let (content, client_message_id) = (content(&key), Some(key.clone()));
                let edit = EditMessage {
                    book_id,
                    message_id,
                    content,
                    client_message_id,
                };
                self.send(book_id, key, ClientEvent::EditMessage(edit));
            }
            Step::Delete(number, index) => {
                let Some(message_id) = self.pick(number, index) else {
                    return;
                };
                let (book_id, key) = self.next_key(number);
                let delete = DeleteMessage {
                    book_id,
                    message_id,
                    client_message_id: Some(key.clone()),
                };
                self.send(book_id, key, ClientEvent::DeleteMessage(delete));
            }
            Step::LoadPrevious(number) => {
                let Some(seen) = self.seen.get_mut(&book(number)) else {
                    return;
                };
                // One at a time, as the facade has it.
                if seen.joined && seen.loading == 0 {
                    seen.loading = 1;
                    let limit = PageLimit::try_from(2).expect("a limit");
                    self.client.load_previous(self.now, book(number), limit);
                }
            }
            Step::OtherPosts(number, count) => (0..count).for_each(|_| self.other(number, None, Kind::Posted)),
            Step::OtherEdits(number, index) => self.other(number, Some(index), Kind::Edited),
            Step::OtherDeletes(number, index) => self.other(number, Some(index), Kind::Deleted),
            Step::Cut(code) => self.cut(code),
            Step::Unplug if self.wire == Wire::Open => self.wire = Wire::Unplugged,
            Step::Lose(index) => drop(self.frame_at(index).map(|at| self.server.out.remove(at))),
            Step::Repeat(index) => {
                if let Some(at) = self.frame_at(index) {
                    let frame = self.server.out[at].clone();
                    self.server.out.push(frame);
                }
            }
            Step::Swap(index) => {
                if let Some(at) = self.frame_at(index).filter(|at| *at > 0) {
                    self.server.out.swap(at - 1, at);
                }
            }
            Step::Refuse(code) => self.server.refusals.push(code),
            Step::RefuseJoin => self.server.refused_joins += 1,
            Step::Token(there) => self.hand_in(there),
            Step::Restore => {
                self.remember_log();
                self.server.restore();
                self.cut(1006);
            }
            Step::Wake(sign) => self.client.wake(self.now, sign),
            Step::Withdraw(index) => self.withdraw(index),
            Step::Reload => self.reload(),
            Step::Leave(number) => {
                if self.seen.remove(&book(number)).is_some() {
                    self.client.leave(self.now, book(number));
                }
            }
            Step::Enter(number, seeded) => self.enter(number, seeded),
            Step::Unplug => {}
        }
        self.perform();
        self.look();
    }

    /// Nothing stands in the way any more, until nothing is left to do.
    pub(crate) fn heal(&mut self) {
        self.server.refusals.clear();
        self.server.refused_joins = 0;
        if self.wire == Wire::Unplugged {
            self.cut(1006);
        }
        // Where the last event of all was lost, only another one can show the hole.
        for number in 0..BOOKS {
            self.other(number, None, Kind::Posted);
        }
        for _ in 0..200 {
            (0..BOOKS).for_each(|number| self.enter(number, false));
            self.hand_in(true);
            self.perform();
            self.serve(usize::MAX);
            self.deliver(usize::MAX);
            self.wait(1_000.0);
        }
    }

    fn next_key(&self, number: u32) -> (BookId, ClientMessageId) {
        let key = ClientMessageId::try_from(format!("key-{}", self.sent.len()).as_str()).expect("a key");
        (book(number), key)
    }

    /// A message to change: one that was there at some time.
    fn pick(&self, number: u32, index: usize) -> Option<MessageId> {
        let log = self.server.logs.get(&book(number)).filter(|log| !log.is_empty())?;
        Some(log[index % log.len()].message.id)
    }

    fn other(&mut self, number: u32, index: Option<usize>, kind: Kind) {
        let book = book(number);
        let place = match index {
            None => Some(self.server.position(book).next()),
            Some(index) => self.pick(number, index).map(|id| id.place),
        };
        let words = Content::try_from(format!("other {}", self.server.position(book)).as_str()).ok();
        let words = words.filter(|_| kind != Kind::Deleted);
        if let Some(place) = place {
            self.server.append(None, book, place, words, kind, None, "other");
        }
    }

    fn hand_in(&mut self, there: bool) {
        match self.awaited.take() {
            Some(number) if there => self.client.token(self.now, number, "a.b.c".to_owned(), None),
            Some(number) => self.client.token_failed(self.now, number),
            None => {}
        }
    }

    fn frame_at(&self, index: usize) -> Option<usize> {
        (!self.server.out.is_empty()).then(|| index % self.server.out.len())
    }

    pub(crate) fn remember_log(&mut self) {
        let rooms = self.epochs.entry(self.server.epoch).or_default();
        for (book, log) in &self.server.logs {
            let events = log.iter().map(|stored| (stored.kind, stored.message.id)).collect();
            rooms.insert(*book, events);
        }
    }
}

pub(crate) fn content(key: &ClientMessageId) -> Content {
    Content::try_from(key.as_str()).expect("words")
}
