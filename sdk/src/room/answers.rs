//! What the server tells of a room, and what becomes of it.

use readrealm_protocol::history::Change;
use readrealm_protocol::ids::RequestId;

use super::{Phase, Position, Room};
use crate::backoff::Retry;
use crate::effect::{Effect, RoomEffect};
use crate::frame::{Event, Failure, Page, Replay, Snapshot, Value};
use crate::io::Io;
use crate::outbox::Outbox;

impl<V: Value> Room<V> {
    /// The join was answered with a state, exact at `seq`.
    pub(crate) fn previous(&mut self, io: &mut Io<V>, id: RequestId, state: Snapshot<V>) {
        if !self.is_joining_by(id) {
            return;
        }
        io.requests.finish(id);
        // A page asked for below the old window would leave a hole below the new one.
        self.forget_page(io);
        self.go_live();
        self.known = Some(Position {
            epoch: state.epoch,
            seq: state.seq,
        });
        if self.outbox.awaited_post().is_some() {
            // Oldest first, as they were sent.
            for (_, message) in state.messages.iter().rev() {
                self.settle_own(io, message);
            }
        }
        self.view.history_mut().reset(state.seq, state.messages, state.has_more);
        let first = !std::mem::replace(&mut self.entered, true);
        let told = if first { RoomEffect::Joined } else { RoomEffect::Reset };
        self.emit(io, told(state.members));
    }

    /// The join was answered with a page of what happened since the position it named.
    pub(crate) fn resumed(&mut self, io: &mut Io<V>, now: f64, id: RequestId, page: Replay<V>) {
        if !self.is_joining_by(id) {
            return;
        }
        self.replayed += page.events.len();
        let mut whole = self.known.as_ref().is_some_and(|known| known.epoch == page.epoch);
        for event in page.events {
            whole = whole && self.event(io, event);
        }
        whole = whole && self.known.as_ref().is_some_and(|known| known.seq >= page.seq);
        let too_many = self.replayed >= io.options.replayed;
        if !whole || (too_many && !page.complete) {
            // What is missing here would be missing again: the room is taken anew.
            io.requests.finish(id);
            self.take_anew(io, now);
        } else if page.complete {
            io.requests.finish(id);
            self.go_live();
            let first = !std::mem::replace(&mut self.entered, true);
            let told = if first { RoomEffect::Joined } else { RoomEffect::Resumed };
            self.emit(io, told(page.members));
        } else {
            io.requests.extend(id, now);
        }
    }

    pub(super) fn take_anew(&mut self, io: &mut Io<V>, now: f64) {
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
        self.view.apply(event.message.place, event.seq, event.change);
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

    pub(crate) fn page(&mut self, io: &mut Io<V>, id: RequestId, page: Page<V>) {
        io.requests.finish(id);
        if self.page.as_ref().is_some_and(|asked| asked.request == Some(id)) {
            if self
                .view
                .history_mut()
                .merge_page(page.seq, page.messages, page.has_more)
            {
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
            self.view.history_mut().abandon_page();
        } else {
            self.page = None;
            self.view.history_mut().abandon_page();
            self.emit(io, RoomEffect::PageFailed(failure));
        }
    }

    /// The join was refused. Returns whether that is final.
    pub(crate) fn join_failed(&mut self, io: &mut Io<V>, now: f64, id: RequestId, failure: &Failure) -> bool {
        io.requests.finish(id);
        if !self.is_joining_by(id) {
            return false;
        }
        if failure.is_retryable() {
            self.join.failed(now, failure.retry_after_ms, io.random());
            self.phase = Phase::Apart;
            return false;
        }
        self.phase = Phase::Refused;
        self.outbox = Outbox::default();
        true
    }

    fn go_live(&mut self) {
        self.phase = Phase::Live;
        self.member = true;
        self.join = Retry::default();
    }

    fn is_joining_by(&self, id: RequestId) -> bool {
        matches!(self.phase, Phase::Joining(request) if request == id)
    }
}
