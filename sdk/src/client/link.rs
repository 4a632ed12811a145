//! The connection below the rooms: opened, authenticated, watched, given up and tried again.

use readrealm_protocol::client::{Authenticate, ClientEvent};
use readrealm_protocol::error::CloseCode;
use readrealm_protocol::ids::RequestId;

use super::Client;
use crate::backoff::full_jitter;
use crate::effect::{Effect, State};
use crate::frame::{Incoming, Value};
use crate::requests::{ANSWER_MS, Purpose};
use crate::room::Room;

/// Milliseconds of silence, twice as many at most, after which the server is asked for something: a dead connection says
/// nothing either.
const SILENCE_MS: f64 = 30_000.0;

/// Milliseconds of silence after which that is done at once when the page wakes.
const SILENCE_ON_WAKE_MS: f64 = 5_000.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Link {
    /// A socket was asked for, and must be open and authenticated by then.
    Opening { deadline: f64 },
    /// Open, authenticated where that is asked for.
    Ready { since: f64 },
    /// Until the next attempt.
    Waiting { until: f64 },
    /// Not begun, or over.
    Idle,
}

impl<V: Value> Client<V> {
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

    pub(super) fn authenticated(&mut self, now: f64, id: RequestId, event: Incoming<V>) {
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
        if std::mem::take(&mut self.heard_since) {
            self.heard = now;
        }
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
        // A page that slept has heard what it heard long ago, whenever it is told.
        self.heard_since = false;
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

    pub(super) fn is_ready(&self) -> bool {
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

    /// The rooms stay, for what they show.
    pub(super) fn end(&mut self, reason: String) {
        self.link = Link::Idle;
        self.io.requests.clear();
        self.io.effects.push_back(Effect::Close);
        self.emit_state(State::Closed(reason));
        self.rearm();
    }

    pub(super) fn rearm(&mut self) {
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
