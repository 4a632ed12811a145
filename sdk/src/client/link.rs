//! The connection below the rooms: opened, authenticated, watched, given up and tried again.

use readrealm_protocol::error::CloseCode;

use super::Client;
use crate::backoff::full_jitter;
use crate::effect::{Effect, State};
use crate::frame::Value;
use crate::requests::{ANSWER_MS, NEVER_MS};
use crate::room::Room;

/// Milliseconds of silence, twice as many at most, after which the server is asked for something: a dead connection says
/// nothing either.
const SILENCE_MS: f64 = 30_000.0;

/// Milliseconds of silence after which that is done at once when the page wakes.
const SILENCE_ON_WAKE_MS: f64 = 5_000.0;

/// Milliseconds without a word, twice as many at most, in which a server must answer a page that woke.
const PROOF_MS: f64 = 2_000.0;

/// Milliseconds by which a timer is late where the page was busy, or slept: what came meanwhile is yet to be heard.
const LATE_MS: f64 = 1_000.0;

/// Milliseconds a connection must have held to be replaced without a pause when its token expired: a server that takes
/// expired tokens and closes at once must not be hammered.
const HELD_MS: f64 = 5_000.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Link {
    /// A socket was asked for, and must be open and authenticated by then.
    Opening { deadline: f64 },
    /// Open, authenticated where that is asked for.
    Ready { since: f64 },
    /// Until the next attempt; whether the server named that time.
    Waiting { until: f64, named: bool },
    /// Not begun, or over.
    Idle,
}

/// What a page notices of its own life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It is in view again. It may have slept.
    Awake,
    /// It slept, or is on another network.
    Slept,
    /// Its network is gone.
    Offline,
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
            self.ask_for_token();
        } else {
            self.ready(now);
        }
        self.rearm();
    }

    /// The socket closed, or could not be opened.
    pub fn closed(&mut self, now: f64, code: u16, reason: &str) {
        if matches!(self.link, Link::Idle | Link::Waiting { .. }) {
            return;
        }
        if code == CloseCode::Unauthorized.get() {
            self.token_refused(now);
        } else if code == CloseCode::AuthExpired.get() && self.held(now) {
            self.try_at_once(now);
        } else if CloseCode::reconnects(code) {
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
        self.note_heard(now);
        if !self.io.requests.is_empty() && self.deadline.is_some_and(|deadline| deadline + LATE_MS < now) {
            self.heard = now;
        }
        match self.link {
            Link::Opening { deadline } if deadline <= now => self.lose(now, None),
            Link::Waiting { until, .. } if until <= now => self.retry(now),
            Link::Ready { .. } if self.unanswered().is_some_and(|deadline| deadline <= now) => {
                // One that said something else lives, and may have too much to do.
                if self.is_hurried() && self.heard + PROOF_MS <= now {
                    self.try_at_once(now);
                } else {
                    self.lose(now, None);
                }
            }
            Link::Ready { .. } => {
                if self.tokens.is_due(now) {
                    self.ask_for_token();
                }
                if self.silent().is_some_and(|due| due <= now) {
                    self.probe(now);
                }
                self.pump_all(now);
            }
            _ => {}
        }
        self.io.moved = true;
        self.rearm();
    }

    /// The page noticed something that a connection may not survive. One that is dead is replaced soon: a living server
    /// says something within [`PROOF_MS`].
    pub fn wake(&mut self, now: f64, sign: Sign) {
        // A page that slept has heard what it heard long ago, whenever it is told.
        self.heard_since = false;
        match self.link {
            // A server that names a time has reasons that a page's waking is none against.
            Link::Waiting { until, named } if sign != Sign::Offline && (!named || until <= now) => self.retry(now),
            // Begun before: what it waits for may never come.
            Link::Opening { .. } if sign == Sign::Slept => {
                self.disconnected(now);
                self.open(now);
            }
            Link::Ready { .. } if sign != Sign::Awake || self.heard + SILENCE_ON_WAKE_MS <= now => {
                self.prove(now, sign);
            }
            _ => {}
        }
        self.rearm();
    }

    fn prove(&mut self, now: f64, sign: Sign) {
        if self.is_hurried() {
            return;
        }
        self.probe(now);
        self.pump_all(now);
        self.woke = now;
        if self.io.requests.is_empty() && sign == Sign::Slept {
            // Nothing to ask for, and nothing to lose.
            self.try_at_once(now);
        }
    }

    /// Whether a page that woke waits for the proof that its connection lives.
    fn is_hurried(&self) -> bool {
        self.io.requests.oldest().is_some_and(|since| since <= self.woke)
    }

    /// When the server is to be asked for something, where nothing is asked.
    fn silent(&self) -> Option<f64> {
        self.io.requests.is_empty().then_some(self.heard + SILENCE_MS)
    }

    /// When the answer that is waited for the longest is waited for no more.
    fn unanswered(&self) -> Option<f64> {
        let since = self.io.requests.oldest()?;
        let silence = if self.is_hurried() { PROOF_MS } else { ANSWER_MS };
        Some((since.max(self.heard) + silence).min(since + NEVER_MS))
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

    pub(super) fn ready(&mut self, now: f64) {
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

    /// Gives up on the connection there is; the server may have named the time until the next.
    pub(super) fn lose(&mut self, now: f64, delay: Option<f64>) {
        self.io.effects.push_back(Effect::Close);
        self.wait(now, delay);
    }

    fn wait(&mut self, now: f64, delay: Option<f64>) {
        self.disconnected(now);
        let attempt = self.backoff.next();
        let retry_in_ms = delay.unwrap_or_else(|| full_jitter(attempt, self.io.random()));
        self.link = Link::Waiting {
            until: now + retry_in_ms,
            named: delay.is_some(),
        };
        self.emit_state(State::Reconnecting { attempt, retry_in_ms });
        self.rearm();
    }

    /// Opens another connection in place of the one there is, without a pause.
    pub(super) fn try_at_once(&mut self, now: f64) {
        self.disconnected(now);
        self.backoff.next();
        self.retry(now);
        self.rearm();
    }

    /// Whether the connection was ready for some time.
    fn held(&self, now: f64) -> bool {
        matches!(self.link, Link::Ready { since } if since + HELD_MS <= now)
    }

    fn disconnected(&mut self, now: f64) {
        if let Link::Ready { since } = self.link {
            self.backoff.lasted(now - since);
        }
        self.tokens.disconnected();
        self.io.requests.clear();
        for room in &mut self.rooms {
            room.disconnected(&mut self.io);
        }
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
            Link::Waiting { until, .. } => Some(until),
            Link::Ready { .. } => {
                let dues = self
                    .rooms
                    .iter()
                    .filter_map(Room::due)
                    .chain(self.unanswered())
                    .chain(self.silent())
                    .chain(self.tokens.due());
                dues.reduce(f64::min)
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
    const CODES: [(CloseCode, &str); 4] = [
        (CloseCode::TooLarge, "too_large"),
        (CloseCode::BadProtocol, "bad_protocol"),
        (CloseCode::OriginRefused, "origin_refused"),
        (CloseCode::Revoked, "revoked"),
    ];
    CODES
        .iter()
        .find(|(known, _)| known.get() == code)
        .map_or("refused", |(_, reason)| reason)
}
