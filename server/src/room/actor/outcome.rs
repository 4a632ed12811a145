//! What became of a room's work with the log: who is answered, who is told, and what is to be done next.

use readrealm_protocol::Seq;

use super::work::{Done, clock, paused_until};
use super::{Room, answer};
use crate::log::{AppendOutcome, Stop, StoredEvent};
use crate::room::pending::Settlement;
use crate::room::replies::answers;
use crate::seldom::seldom;

impl Room {
    pub(super) fn finish(&mut self, done: Done) {
        self.work = None;
        match done {
            Done::Appended(tried, outcome) => self.appended(tried, outcome),
            Done::Latest(_, Ok((latest, known)))
                if latest
                    .iter()
                    .chain(&known)
                    .any(|event| event.seq > self.gate.position()) =>
            {
                // Others have changed these since. Read on first: no change of theirs is answered before it is told.
                self.pending.abandon_read();
                self.behind = true;
                self.conflicted = true;
            }
            Done::Latest(places, Ok((latest, known))) => {
                let (head, now) = (self.head(), self.services.ambient.now());
                let ended = self.pending.number_changes(head, now, &places, latest, known);
                answer(ended, &self.services.metrics);
                self.admit(false);
            }
            Done::CaughtUp(Ok(events)) => self.caught_up(events),
            Done::Refilled(Ok(page)) => self.timeline.end_refill(Some(page)),
            Done::Refilled(Err(_)) => {
                self.timeline.end_refill(None);
                self.pause();
            }
            Done::Latest(_, Err(error)) => {
                self.pending.abandon_read();
                seldom!(warn, book = %self.book, %error, "the log could not be read; this is told once a minute");
                self.pause();
            }
            Done::CaughtUp(Err(error)) => {
                self.behind = true;
                self.turn_away();
                seldom!(warn, book = %self.book, %error, "the log could not be read; this is told once a minute");
                self.pause();
            }
            Done::Paused => {}
        }
    }

    fn caught_up(&mut self, events: Vec<StoredEvent>) {
        if events.is_empty() {
            // The log has no more: who is still ahead comes from a future that never was.
            self.admit(!self.behind);
            if std::mem::take(&mut self.conflicted) || self.gate.has_hole() {
                // Somebody's event is there, and no majority has it yet, or never will: then what waits goes out again.
                self.pause();
            }
            return;
        }
        self.failures = 0;
        self.behind = true;
        for event in events {
            self.gate.offer(event.seq, event.into());
        }
        self.let_through();
        self.admit(false);
    }

    fn appended(&mut self, tried: Option<Seq>, mut outcome: AppendOutcome) {
        // The position of the event it stopped at.
        let refused = tried.map_or(Seq::ZERO, |tried| tried.plus(outcome.written));
        if matches!(&outcome.stopped, Some(Stop::Duplicate(known)) if known.seq >= refused) {
            // The event has not come here yet. Read on first: who repeats a send hears it before the answer, too.
            outcome.stopped = Some(Stop::Conflict);
        }
        let stopped = outcome.stopped.clone();
        if stopped == Some(Stop::Conflict) {
            self.turns.contested(clock());
        }
        let ended = self.pending.settle(outcome);
        for settled in &ended {
            if let Settlement::Written(event) = &settled.result {
                self.gate.offer(event.seq, event.clone());
            }
        }
        let passed = self.pass();
        match stopped {
            None => {
                self.failures = 0;
                let is_shared = self.members.is_shared();
                self.turns
                    .written(clock(), is_shared, |millis| self.services.ambient.pause(millis));
            }
            Some(Stop::Duplicate(_)) => self.failures = 0,
            // Where the other's event has come meanwhile, there is nothing to wait for.
            Some(Stop::Conflict) if self.gate.position() >= refused => {}
            Some(Stop::Conflict) => {
                self.behind = true;
                self.conflicted = true;
            }
            Some(Stop::Unknown | Stop::Unavailable) => self.pause(),
        }
        // What is to be written next is on its way before this is told: the log and the telling keep nobody waiting.
        self.start_work();
        // The sender's own `message` goes before the `ack`.
        let answers = answers(ended, &self.services.metrics);
        self.tell(&passed, answers);
        self.admit(false);
    }

    /// Waits before the next try: full jitter, from 50 ms up to 2 s.
    fn pause(&mut self) {
        self.failures = (self.failures + 1).min(6);
        let most = 50_u64 << (self.failures - 1);
        let pause = self.services.ambient.pause(most / 4..=most);
        self.work = Some(paused_until(clock() + pause));
    }
}
