//! One room as this client knows it: its position, its window on the history, and what is under way in it.

mod answers;

use readrealm_protocol::client::{ClientEvent, JoinRoom, LeaveRoom, LoadPrevious, PageLimit};
use readrealm_protocol::ids::{BookId, ClientMessageId, Epoch, RequestId, Seq};

use crate::backoff::Retry;
use crate::effect::{Effect, RoomEffect};
use crate::frame::{Snapshot, Value};
use crate::io::Io;
use crate::outbox::Outbox;
use crate::requests::Purpose;
use crate::view::View;

/// Where the room stands on this connection.
#[derive(Debug)]
enum Phase {
    /// To be joined.
    Apart,
    Joining(RequestId),
    Live,
    /// The server does not let this client in.
    Refused,
}

/// Up to where everything is known.
#[derive(Debug)]
struct Position {
    epoch: Epoch,
    seq: Seq,
}

#[derive(Debug)]
struct PageAsked {
    limit: PageLimit,
    request: Option<RequestId>,
    retry: Retry,
}

#[derive(Debug)]
pub(crate) struct Room<V: Value> {
    pub(crate) book: BookId,
    phase: Phase,
    /// Whether it was joined on this connection: what comes before that is of a log this client does not know yet.
    member: bool,
    /// When it is to be joined, after the server could not.
    join: Retry,
    known: Option<Position>,
    /// Whether the page was told that it is in.
    entered: bool,
    pub(crate) view: View<V>,
    outbox: Outbox,
    page: Option<PageAsked>,
    /// Events replayed since the last join.
    replayed: usize,
    /// Left by the page, and kept until what was sent before is answered.
    leaving: bool,
}

impl<V: Value> Room<V> {
    pub(crate) fn new(book: BookId, window: usize) -> Self {
        Self {
            book,
            phase: Phase::Apart,
            member: false,
            join: Retry::default(),
            known: None,
            entered: false,
            view: View::new(window),
            outbox: Outbox::default(),
            page: None,
            replayed: 0,
            leaving: false,
        }
    }

    /// Entered again by the page before it was left: as a new room, but for what is being sent.
    pub(crate) fn enter_again(&mut self, window: usize) {
        *self = Self {
            outbox: std::mem::take(&mut self.outbox),
            ..Self::new(self.book, window)
        };
        self.outbox.disconnected();
    }

    /// Begins with a state that the page has: the join goes on from there.
    pub(crate) fn seed(&mut self, state: Snapshot<V>) {
        self.view.history_mut().reset(state.seq, state.messages, state.has_more);
        self.known = Some(Position {
            epoch: state.epoch,
            seq: state.seq,
        });
    }

    pub(crate) fn leave(&mut self, io: &mut Io<V>) {
        self.leaving = true;
        self.forget_page(io);
        self.page = None;
    }

    /// Whether nothing more is to come of a room that was left.
    pub(crate) fn is_over(&self) -> bool {
        self.leaving && self.outbox.is_empty()
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }

    /// Takes a change to be sent. One that may have been sent before, by an earlier page, may stand in the history.
    pub(crate) fn push(&mut self, io: &mut Io<V>, key: ClientMessageId, change: ClientEvent, tried: bool) {
        let is_it = |message: &&V| tried && message.is_post_of(&io.user_id, key.as_str());
        match self.view.history().newest_first().find(is_it) {
            Some(message) => io.effects.push_back(Effect::Posted(key, message.clone())),
            None => self.outbox.push(key, change, tried),
        }
    }

    pub(crate) fn take_back(&mut self, key: &ClientMessageId) -> bool {
        self.outbox.take_back(key)
    }

    pub(crate) fn withdraw(&mut self, key: &ClientMessageId) {
        self.outbox.withdraw(key);
    }

    pub(crate) fn load_previous(&mut self, limit: PageLimit) {
        self.page = Some(PageAsked {
            limit,
            request: None,
            retry: Retry::default(),
        });
    }

    /// Asks the server for the room once more, from the position on.
    pub(crate) fn rejoin(&mut self) {
        if !matches!(self.phase, Phase::Refused) {
            self.phase = Phase::Apart;
        }
    }

    /// The connection is gone, and with it every answer.
    pub(crate) fn disconnected(&mut self, io: &mut Io<V>) {
        self.rejoin();
        self.member = false;
        self.join = Retry::default();
        self.outbox.disconnected();
        self.forget_page(io);
    }

    /// Sends what is due, on an open connection.
    pub(crate) fn pump(&mut self, io: &mut Io<V>, now: f64) {
        if matches!(self.phase, Phase::Apart) && self.join.due() <= now {
            self.send_join(io, now);
        }
        if !self.is_live() {
            return;
        }
        if self
            .page
            .as_ref()
            .is_some_and(|page| page.request.is_none() && page.retry.due() <= now)
        {
            self.send_page(io, now);
        }
        if self.outbox.due().is_some_and(|due| due <= now) {
            let request = io.request(now, Purpose::Change(self.book));
            if let Some(event) = self.outbox.send(request) {
                io.send(Some(request), event);
            }
        }
    }

    /// When [`pump`](Self::pump) has something to send next.
    pub(crate) fn due(&self) -> Option<f64> {
        if matches!(self.phase, Phase::Apart) {
            return Some(self.join.due());
        }
        let page = self
            .page
            .as_ref()
            .filter(|page| page.request.is_none())
            .map(|page| page.retry.due());
        let send = self.outbox.due();
        let due = [page, send].into_iter().flatten().reduce(f64::min);
        due.filter(|_| self.is_live())
    }

    fn send_join(&mut self, io: &mut Io<V>, now: f64) {
        let request = io.request(now, Purpose::Join(self.book));
        self.phase = Phase::Joining(request);
        self.replayed = 0;
        let join = JoinRoom {
            book_id: self.book,
            user_id: io.options.user_id.clone(),
            username: io.options.username.clone(),
            after: self.known.as_ref().map(|known| known.seq),
            epoch: self.known.as_ref().map(|known| known.epoch.clone()),
        };
        io.send(Some(request), &ClientEvent::JoinRoom(join));
    }

    fn send_page(&mut self, io: &mut Io<V>, now: f64) {
        if !self.view.history().has_more() {
            self.page = None;
            return io.emit(self.book, RoomEffect::Page);
        }
        let (Some(before), Some(page)) = (self.view.history().oldest(), &mut self.page) else {
            // All that the window held was withdrawn, and with it the place to go on from.
            return self.take_anew(io, now);
        };
        let request = io.request(now, Purpose::Page(self.book));
        page.request = Some(request);
        self.view.history_mut().begin_page();
        let (book_id, limit) = (self.book, page.limit);
        io.send(
            Some(request),
            &ClientEvent::LoadPrevious(LoadPrevious { book_id, before, limit }),
        );
    }

    /// Tells the server that the room was left.
    pub(crate) fn send_leave(&self, io: &mut Io<V>) {
        if matches!(self.phase, Phase::Joining(_) | Phase::Live) {
            io.send(None, &ClientEvent::LeaveRoom(LeaveRoom { book_id: self.book }));
        }
    }

    /// What is told of a room that the page has left goes unheard.
    fn emit(&self, io: &mut Io<V>, effect: RoomEffect<V>) {
        if !self.leaving {
            io.emit(self.book, effect);
        }
    }

    /// The page under way is to be asked for again.
    fn forget_page(&mut self, io: &mut Io<V>) {
        if let Some(id) = self.page.as_mut().and_then(|page| page.request.take()) {
            io.requests.finish(id);
            self.view.history_mut().abandon_page();
        }
    }
}
