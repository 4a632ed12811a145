//! A client, as an SDK behaves: it applies events in order, comes back after a loss from where it stood, and sends again
//! under the same key until it is answered. What it does of its own accord is by chance.

mod whims;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use readrealm_protocol::client::{ClientEvent, JoinRoom};
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::server::{Ack, ErrorReply, ServerEvent, ServerFrame};
use readrealm_protocol::{BookId, ClientFrame, Seq, UserId};
use tokio::time::Instant;

use crate::dice::Dice;
use crate::plan::Plan;
use crate::record::What;
use crate::view::{Standing, View};
use crate::wire::{Next, Wire};
use crate::world::World;

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    index: usize,
    user: UserId,
    world: Arc<World>,
    pub(crate) dice: Dice,
    pub(crate) rooms: BTreeMap<BookId, View>,
    wire: Option<(u64, Wire)>,
    connections: u64,
    requests: u64,
    keys: u64,
    turns: u64,
    /// Whether it has last words to say.
    farewell: bool,
    outbox: Vec<Send>,
    next_turn: Instant,
    /// Until when it does not read.
    naps_until: Instant,
}

/// What was sent and not answered.
#[derive(Debug)]
struct Send {
    book: BookId,
    event: ClientEvent,
    /// The request it is under way as, on the present connection.
    request: Option<RequestId>,
    /// When to send it again, where it was refused for now.
    due: Instant,
}

/// How a client stands, for those who wait for all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    /// What it has of each room it is in; rooms it is not in are left out.
    pub(crate) positions: BTreeMap<BookId, u64>,
    pub(crate) unanswered: usize,
    pub(crate) pages: usize,
}

impl Client {
    pub(crate) fn new(index: usize, plan: &Plan, world: Arc<World>) -> Self {
        let user = if plan.shared_users { index / 2 } else { index };
        let dice = Dice::new(plan.seed, 10_000 + index as u64);
        let rooms = (1..=plan.books).map(|book| (BookId::try_from(book).unwrap(), View::new(plan.window)));
        Self {
            index,
            user: UserId::try_from(format!("reader {user}").as_str()).unwrap(),
            rooms: rooms.collect(),
            wire: None,
            connections: 0,
            requests: 0,
            keys: 0,
            turns: plan.turns,
            farewell: plan.farewell,
            outbox: Vec::new(),
            next_turn: Instant::now() + Duration::from_millis(dice.between(0, plan.pace)),
            naps_until: Instant::now(),
            dice,
            world,
        }
    }

    /// Lives until the world ends.
    pub(crate) async fn live(mut self) -> Self {
        let (calm, ended) = (self.world.calm.clone(), self.world.ended.clone());
        let mut roused = false;
        loop {
            let awake = roused || self.naps_until <= Instant::now();
            let turn = self.next_turn;
            let next = tokio::select! {
                biased;
                () = ended.cancelled() => return self,
                () = calm.cancelled(), if !roused => {
                    roused = true;
                    None
                }
                next = hear(&mut self.wire), if awake => Some(next),
                () = tokio::time::sleep_until(turn) => None,
            };
            match next {
                Some(Next::Frame(frame)) => self.told(*frame),
                Some(Next::Ended(why)) => self.lost(why),
                None => self.take_turn(),
            }
            self.world.report(self.index, self.status());
        }
    }

    fn status(&self) -> Status {
        let is_in = |view: &&View| view.standing == Standing::In;
        let rooms = self.rooms.iter().filter(|(_, view)| is_in(view));
        Status {
            positions: rooms
                .filter_map(|(book, view)| Some((*book, view.position()?.get())))
                .collect(),
            unanswered: self.outbox.len(),
            pages: self.rooms.values().filter(|view| view.page.is_some()).count(),
        }
    }

    fn take_turn(&mut self) {
        let plan = &self.world.plan;
        let (pace, calm) = (plan.pace, self.world.is_calm());
        let (naps, drops) = (plan.naps, plan.drops);
        let pause = if calm { 100 } else { self.dice.between(pace / 2, pace) };
        self.next_turn = Instant::now() + Duration::from_millis(pause);
        if self.wire.is_none() {
            self.connect();
            return;
        }
        let missing: Vec<BookId> = self.rooms_that(Standing::Out);
        if calm || self.dice.per_mille(700) {
            for book in missing {
                self.join(book);
            }
        }
        self.send_again();
        if calm && std::mem::take(&mut self.farewell) {
            let book = self.any_book();
            self.post(book);
        }
        if calm || self.turns == 0 {
            return;
        }
        self.turns -= 1;
        if self.dice.per_mille(drops) {
            let abruptly = self.dice.per_mille(500);
            if let Some((_, wire)) = self.wire.take() {
                wire.drop(abruptly);
                self.ended("dropped".to_owned());
            }
        } else if self.dice.per_mille(naps) {
            self.naps_until = Instant::now() + Duration::from_millis(self.dice.between(100, 20_000));
        } else if self.dice.per_mille(10) {
            // Long enough for a room to be let go.
            self.next_turn = Instant::now() + Duration::from_secs(70);
        } else {
            self.act();
        }
    }

    fn any_book(&self) -> BookId {
        let books: Vec<BookId> = self.rooms.keys().copied().collect();
        self.dice.pick(&books)
    }

    fn rooms_that(&self, stand: Standing) -> Vec<BookId> {
        let rooms = self.rooms.iter().filter(|(_, view)| view.standing == stand);
        rooms.map(|(book, _)| *book).collect()
    }

    fn room(&mut self, book: BookId) -> &mut View {
        self.rooms.get_mut(&book).unwrap()
    }

    fn connect(&mut self) {
        let Some((node, wire)) = self.world.connect(&self.dice) else {
            return;
        };
        self.connections += 1;
        let (client, connection) = (self.index, self.connections);
        self.wire = Some((connection, wire));
        self.world.recorder.add(What::Connected {
            client,
            connection,
            node,
        });
        for book in self.rooms_that(Standing::Out) {
            self.join(book);
        }
        self.send_again();
    }

    fn lost(&mut self, why: String) {
        self.wire = None;
        self.ended(why);
    }

    fn ended(&mut self, why: String) {
        let (client, connection) = (self.index, self.connections);
        self.world.recorder.add(What::Ended {
            client,
            connection,
            why,
        });
        self.rooms.values_mut().for_each(View::disconnected);
        self.outbox.iter_mut().for_each(|send| send.request = None);
        let pause = self.dice.between(10, 1_500);
        self.next_turn = Instant::now() + Duration::from_millis(pause);
    }

    fn ask(&mut self, event: ClientEvent) -> Option<RequestId> {
        let (connection, wire) = self.wire.as_ref()?;
        self.requests += 1;
        let id = RequestId::try_from(self.requests).unwrap();
        let frame = ClientFrame { id: Some(id), event };
        wire.say(&frame);
        self.world.recorder.add(What::Asked {
            client: self.index,
            connection: *connection,
            frame,
        });
        Some(id)
    }

    fn join(&mut self, book: BookId) {
        // Now and then it forgets what it knows.
        let afresh = !self.world.is_calm() && self.dice.per_mille(50);
        let known = self.rooms[&book].known.clone().filter(|_| !afresh);
        let (mut after, epoch) = known.unzip();
        if self.rooms[&book].standing == Standing::In && self.dice.per_mille(300) {
            // As one that asks for everything once more, while it is in.
            after = Some(Seq::ZERO);
        }
        let asked = self.ask(ClientEvent::JoinRoom(JoinRoom {
            book_id: book,
            user_id: Some(self.user.clone()),
            username: None,
            after,
            epoch,
        }));
        if let Some(request) = asked {
            self.room(book).standing = Standing::Joining(request);
        }
    }

    /// Sent at once, whatever else is under way, where its room is joined or asked for.
    fn send(&mut self, book: BookId, event: ClientEvent) {
        self.outbox.push(Send {
            book,
            event,
            request: None,
            due: Instant::now(),
        });
        self.send_again();
    }

    fn send_again(&mut self) {
        let now = Instant::now();
        for index in 0..self.outbox.len() {
            let Send {
                book,
                event,
                request,
                due,
            } = &self.outbox[index];
            if request.is_none() && *due <= now && self.rooms[book].standing != Standing::Out {
                let event = event.clone();
                self.outbox[index].request = self.ask(event);
            }
        }
    }

    fn told(&mut self, frame: ServerFrame) {
        use ServerEvent::{MessagesPage, Occupancy, PreviousMessages, Resumed, Typing, UserJoined, UserLeft};
        // Presence is no part of the log, and its times are the system's.
        if matches!(frame.event, UserJoined(_) | UserLeft(_) | Occupancy(_) | Typing(_)) {
            return;
        }
        self.world.recorder.add(What::Told {
            client: self.index,
            connection: self.connections,
            frame: frame.clone(),
        });
        let ServerFrame { id, seq, event } = frame;
        let me = self.user.clone();
        match event {
            PreviousMessages(state) => {
                if let Some(view) = self.answers(state.book_id, id) {
                    view.previous(state, &me);
                }
            }
            Resumed(missed) => {
                let book = missed.book_id;
                if let Some(view) = self.answers(book, id)
                    && !view.resumed(missed, &me)
                {
                    self.join(book);
                }
            }
            MessagesPage(page) => {
                let view = self.room(page.book_id);
                if view.page == id {
                    view.older(page);
                }
            }
            ServerEvent::Ack(Ack::Appended(_)) => self.outbox.retain(|send| send.request != id),
            ServerEvent::Error(reply) => self.failed(id, &reply),
            event => {
                let book = match &event {
                    ServerEvent::Message(message) | ServerEvent::MessageEdited(message) => message.book_id,
                    ServerEvent::MessageDeleted(deleted) => deleted.book_id,
                    _ => return,
                };
                let view = self.room(book);
                // A room it has just left may still be heard.
                if view.standing != Standing::Out
                    && let Some(seq) = seq
                    && !view.sequenced(seq, event, &me)
                {
                    self.join(book);
                }
            }
        }
    }

    /// The room that was asked for with that request.
    fn answers(&mut self, book: BookId, id: Option<RequestId>) -> Option<&mut View> {
        let view = self.room(book);
        (id.map(Standing::Joining) == Some(view.standing)).then_some(view)
    }

    fn failed(&mut self, id: Option<RequestId>, reply: &ErrorReply) {
        let not_joined = reply.code == readrealm_protocol::ErrorCode::NotJoined;
        if let Some(index) = self.outbox.iter().position(|send| send.request == id) {
            if reply.code.is_retryable() || not_joined {
                let wait = Duration::from_millis(reply.retry_after_ms.unwrap_or(500));
                self.outbox[index].request = None;
                self.outbox[index].due = Instant::now() + wait;
            } else {
                self.outbox.remove(index);
            }
            return;
        }
        for view in self.rooms.values_mut() {
            if view.page == id {
                view.abandon_page();
            }
            if id.map(Standing::Joining) == Some(view.standing) {
                view.standing = Standing::Out;
            }
        }
    }
}

async fn hear(wire: &mut Option<(u64, Wire)>) -> Next {
    match wire {
        Some((_, wire)) => wire.hear().await,
        None => std::future::pending().await,
    }
}
