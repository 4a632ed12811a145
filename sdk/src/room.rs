//! One room as this client knows it: its position, its window on the history, and what is under way in it.

use readrealm_protocol::client::{ClientEvent, JoinRoom, LeaveRoom, LoadPrevious, PageLimit};
use readrealm_protocol::history::{Change, History};
use readrealm_protocol::ids::{BookId, ClientMessageId, Epoch, RequestId, Seq};

use crate::backoff::Retry;
use crate::effect::{Effect, RoomEffect};
use crate::frame::{Event, Failure, Value};
use crate::io::Io;
use crate::outbox::Outbox;
use crate::requests::{ANSWER_MS, Purpose};

/// Events of a gap that are replayed before the room is taken anew; a page holds no more than half of them.
const REPLAYED: usize = 1_000;

/// Where the room stands on this connection.
#[derive(Debug)]
enum Phase {
    /// To be joined.
    Apart,
    Joining(RequestId),
    Live,
}

/// Up to where everything is known.
#[derive(Debug)]
struct Position {
    epoch: Epoch,
    seq: Seq,
}

#[derive(Debug)]
struct Page {
    limit: PageLimit,
    request: Option<RequestId>,
    retry: Retry,
}

#[derive(Debug)]
pub(crate) struct Room<V> {
    pub(crate) book: BookId,
    phase: Phase,
    /// Whether it was joined on this connection: what comes before that is of a log this client does not know yet.
    member: bool,
    /// When it is to be joined, after the server could not.
    join: Retry,
    known: Option<Position>,
    pub(crate) history: History<V>,
    outbox: Outbox,
    page: Option<Page>,
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
            history: History::new(window),
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

    pub(crate) fn push(&mut self, key: ClientMessageId, change: ClientEvent) {
        self.outbox.push(key, change);
    }

    pub(crate) fn load_previous(&mut self, limit: PageLimit) {
        self.page = Some(Page {
            limit,
            request: None,
            retry: Retry::default(),
        });
    }

    /// Asks the server for the room once more, from the position on.
    pub(crate) fn rejoin(&mut self) {
        self.phase = Phase::Apart;
    }

    /// The connection is gone, and with it every answer.
    pub(crate) fn disconnected(&mut self, io: &mut Io<V>) {
        self.phase = Phase::Apart;
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
        if !self.history.has_more() {
            self.page = None;
            return io.emit(self.book, RoomEffect::Page);
        }
        let (Some(before), Some(page)) = (self.history.oldest(), &mut self.page) else {
            // All that the window held was withdrawn, and with it the place to go on from.
            return self.take_anew(io, now);
        };
        let request = io.request(now, Purpose::Page(self.book));
        page.request = Some(request);
        self.history.begin_page();
        let (book_id, limit) = (self.book, page.limit);
        io.send(
            Some(request),
            &ClientEvent::LoadPrevious(LoadPrevious { book_id, before, limit }),
        );
    }

    /// Tells the server that the room was left.
    pub(crate) fn send_leave(&self, io: &mut Io<V>) {
        if !matches!(self.phase, Phase::Apart) {
            io.send(None, &ClientEvent::LeaveRoom(LeaveRoom { book_id: self.book }));
        }
    }

    /// The join was answered with a state, exact at `seq`.
    pub(crate) fn previous(&mut self, io: &mut Io<V>, id: RequestId, state: State<V>) {
        if !self.is_joining_by(id) {
            return;
        }
        io.requests.finish(id);
        // A page asked for below the old window would leave a hole below the new one.
        self.forget_page(io);
        let first = self.known.is_none();
        self.go_live();
        self.known = Some(Position {
            epoch: state.epoch,
            seq: state.seq,
        });
        if self.outbox.awaited_post().is_some() {
            for (_, message) in &state.messages {
                self.settle_own(io, message);
            }
        }
        self.history.reset(state.seq, state.messages, state.has_more);
        self.emit(
            io,
            if first {
                RoomEffect::Joined(state.members)
            } else {
                RoomEffect::Reset(state.members)
            },
        );
    }

    /// The join was answered with a page of what happened since the position it named.
    pub(crate) fn resumed(&mut self, io: &mut Io<V>, now: f64, id: RequestId, page: Resumed<V>) {
        if !self.is_joining_by(id) {
            return;
        }
        self.replayed += page.events.len();
        let mut whole = self.known.as_ref().is_some_and(|known| known.epoch == page.epoch);
        for event in page.events {
            whole = whole && self.event(io, event);
        }
        whole = whole && self.known.as_ref().is_some_and(|known| known.seq >= page.seq);
        let too_many = !io.options.replays_all && self.replayed >= REPLAYED;
        if !whole || (too_many && !page.complete) {
            // What is missing here would be missing again: the room is taken anew.
            io.requests.finish(id);
            self.take_anew(io, now);
        } else if page.complete {
            io.requests.finish(id);
            self.go_live();
            self.emit(io, RoomEffect::Resumed(page.members));
        } else {
            io.requests.extend(id, now + ANSWER_MS);
        }
    }

    fn take_anew(&mut self, io: &mut Io<V>, now: f64) {
        let known = self.known.take();
        self.send_join(io, now);
        // Kept, so that the answer is told as a reset and events until then are judged by it.
        self.known = known;
    }

    /// A live event. Returns whether it leaves a hole, so that the room has to be joined again.
    pub(crate) fn live(&mut self, io: &mut Io<V>, event: Event<V>) -> bool {
        self.member && !self.event(io, event) && self.is_live()
    }

    /// Takes the event at the next position, and drops a repeat. Returns whether there is no hole before it.
    fn event(&mut self, io: &mut Io<V>, event: Event<V>) -> bool {
        // Before the first state there is no position to judge by: what this is about comes with the state.
        let Some(known) = &mut self.known else { return true };
        if event.seq != known.seq.next() {
            return event.seq <= known.seq;
        }
        known.seq = event.seq;
        if let Change::Posted(message) = &event.change {
            self.settle_own(io, message);
        }
        if self.leaving {
            return true;
        }
        let told = match &event.change {
            Change::Posted(message) => RoomEffect::Message(message.clone()),
            Change::Edited(message) => RoomEffect::Edited(message.clone()),
            Change::Deleted => RoomEffect::Deleted(event.message),
        };
        self.history.apply(event.message.place, event.seq, event.change);
        io.emit(self.book, told);
        true
    }

    /// Where `message` is the post under way, that has its outcome.
    fn settle_own(&mut self, io: &mut Io<V>, message: &V) {
        if !self
            .outbox
            .awaited_post()
            .is_some_and(|key| message.is_post_of(&io.user_id, key))
        {
            return;
        }
        if let Some(key) = self.outbox.settle() {
            io.moved = true;
            io.effects.push_back(Effect::Posted(key, message.clone()));
        }
    }

    pub(crate) fn page(&mut self, io: &mut Io<V>, id: RequestId, at: Seq, messages: Vec<(Seq, V)>, has_more: bool) {
        io.requests.finish(id);
        if self.page.as_ref().is_some_and(|page| page.request == Some(id)) {
            if self.history.merge_page(at, messages, has_more) {
                self.page = None;
                self.emit(io, RoomEffect::Page);
            } else {
                self.forget_page(io);
            }
        }
    }

    pub(crate) fn acked(&mut self, io: &mut Io<V>, id: RequestId, answer: V) {
        io.requests.finish(id);
        if let Some(key) = self.outbox.answered(id) {
            io.effects.push_back(Effect::Acked(key, answer));
        }
    }

    /// A post, an edit or a delete was refused.
    pub(crate) fn change_failed(&mut self, io: &mut Io<V>, now: f64, id: RequestId, failure: Failure) {
        io.requests.finish(id);
        let lost = failure.code == "not_joined";
        if lost && self.is_live() {
            self.rejoin();
        }
        if lost || failure.is_retryable() {
            self.outbox.failed(id, now, failure.retry_after_ms, io.random());
        } else if let Some(key) = self.outbox.answered(id) {
            io.effects.push_back(Effect::Refused(key, failure));
        }
    }

    pub(crate) fn page_failed(&mut self, io: &mut Io<V>, now: f64, id: RequestId, failure: Failure) {
        io.requests.finish(id);
        let random = io.random();
        let Some(page) = self.page.as_mut().filter(|page| page.request == Some(id)) else {
            return;
        };
        if failure.is_retryable() {
            page.request = None;
            page.retry.failed(now, failure.retry_after_ms, random);
            self.history.abandon_page();
        } else {
            self.page = None;
            self.history.abandon_page();
            self.emit(io, RoomEffect::PageFailed(failure));
        }
    }

    /// The join was refused. Returns whether that is final.
    pub(crate) fn join_failed(&mut self, io: &mut Io<V>, now: f64, id: RequestId, failure: &Failure) -> bool {
        io.requests.finish(id);
        if !self.is_joining_by(id) {
            return false;
        }
        self.join.failed(now, failure.retry_after_ms, io.random());
        self.phase = Phase::Apart;
        !failure.is_retryable()
    }

    /// What is told of a room that the page has left goes unheard.
    fn emit(&self, io: &mut Io<V>, effect: RoomEffect<V>) {
        if !self.leaving {
            io.emit(self.book, effect);
        }
    }

    fn go_live(&mut self) {
        self.phase = Phase::Live;
        self.member = true;
        self.join = Retry::default();
    }

    fn is_joining_by(&self, id: RequestId) -> bool {
        matches!(self.phase, Phase::Joining(request) if request == id)
    }

    /// The page under way is to be asked for again.
    fn forget_page(&mut self, io: &mut Io<V>) {
        if let Some(id) = self.page.as_mut().and_then(|page| page.request.take()) {
            io.requests.finish(id);
            self.history.abandon_page();
        }
    }
}

/// A room's state, exact at `seq`.
pub(crate) struct State<V> {
    pub(crate) epoch: Epoch,
    pub(crate) seq: Seq,
    pub(crate) messages: Vec<(Seq, V)>,
    pub(crate) has_more: bool,
    pub(crate) members: V,
}

/// A page of what happened since a position.
pub(crate) struct Resumed<V> {
    pub(crate) epoch: Epoch,
    pub(crate) seq: Seq,
    pub(crate) events: Vec<Event<V>>,
    pub(crate) complete: bool,
    pub(crate) members: V,
}
