//! The token of a connection: asked for when it opens and again before it expires, with a second chance where it is
//! refused.

use readrealm_protocol::client::{Authenticate, ClientEvent};
use readrealm_protocol::error::ErrorCode;
use readrealm_protocol::ids::RequestId;

use super::Client;
use crate::backoff::Retry;
use crate::effect::Effect;
use crate::frame::{Incoming, Value};
use crate::requests::Purpose;

/// The share of its life after which a token is replaced.
const SHARE: f64 = 0.8;

/// Milliseconds before its end by which that is done in any case.
const MARGIN_MS: f64 = 5_000.0;

/// Milliseconds between two tokens at least, whatever a wrong clock says of their life; twice as many each time that a
/// token changes nothing about it, up to [`DOUBLED`] times. One that ends before has the server close the connection, and
/// the next begins with a fresh one.
const APART_MS: f64 = 10_000.0;

/// Ten minutes' worth.
const DOUBLED: u32 = 6;

#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// So many were asked for. The last of them counts, while it is awaited.
    asked: u32,
    awaited: bool,
    /// When the connection needs another one.
    due: Option<f64>,
    retry: Retry,
    /// For how long the last one was made, in milliseconds, where it says so.
    lasts_ms: Option<f64>,
    /// So many in a row were over as soon as they came, by this machine's clock.
    over: u32,
    /// Whether the last one was refused.
    refused: bool,
}

impl Tokens {
    pub(super) fn due(&self) -> Option<f64> {
        self.due
    }

    pub(super) fn is_due(&self, now: f64) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    pub(super) fn disconnected(&mut self) {
        self.awaited = false;
        self.due = None;
    }

    fn ask(&mut self) -> u32 {
        let number = self.asked;
        self.asked = number.wrapping_add(1);
        self.awaited = true;
        self.due = None;
        number
    }

    /// Whether the one asked for as `number` is awaited, which it is not any more.
    fn came(&mut self, number: u32) -> bool {
        self.asked == number.wrapping_add(1) && std::mem::take(&mut self.awaited)
    }

    fn accepted(&mut self, now: f64, life_ms: f64) {
        // The server just took it: a clock by which it is over, or longer than it was made for, is wrong.
        let life_ms = match self.lasts_ms {
            Some(lasts_ms) if !(0.0..=lasts_ms).contains(&life_ms) => lasts_ms,
            _ => life_ms,
        };
        let wait = (life_ms * SHARE).min(life_ms - MARGIN_MS);
        let apart = APART_MS * f64::from(1_u32 << self.over);
        self.over = if wait < APART_MS { DOUBLED.min(self.over + 1) } else { 0 };
        // Where it says how long it was made for, it is not waited for longer.
        let longest = self
            .lasts_ms
            .map_or(f64::INFINITY, |lasts_ms| (lasts_ms * SHARE).max(APART_MS));
        self.due = Some(now + if self.over > 0 { apart.min(longest) } else { wait });
        self.retry = Retry::default();
        self.refused = false;
    }

    fn failed(&mut self, now: f64, retry_after_ms: Option<f64>, random: f64) {
        self.retry.failed(now, retry_after_ms, random);
        self.due = Some(self.retry.due());
    }
}

impl<V: Value> Client<V> {
    pub(super) fn ask_for_token(&mut self) {
        let number = self.tokens.ask();
        self.io.effects.push_back(Effect::Token(number));
        self.io.moved = true;
    }

    /// The token that was asked for as `number`, made for so many milliseconds where it says so.
    pub fn token(&mut self, now: f64, number: u32, token: String, lasts_ms: Option<f64>) {
        if self.tokens.came(number) {
            self.tokens.lasts_ms = lasts_ms;
            let request = self.io.request(now, Purpose::Authenticate);
            self.io
                .send(Some(request), &ClientEvent::Authenticate(Authenticate { token }));
            self.rearm();
        }
    }

    /// There is no token for `number`.
    pub fn token_failed(&mut self, now: f64, number: u32) {
        if !self.tokens.came(number) {
            return;
        }
        if self.is_ready() {
            self.refresh_failed(now, None);
        } else {
            self.lose(now, None);
        }
    }

    pub(super) fn authenticated(&mut self, now: f64, id: RequestId, event: Incoming<V>) {
        self.io.requests.finish(id);
        match event {
            Incoming::Authenticated { user_id, .. } if !self.io.user_id.is_empty() && self.io.user_id != user_id => {
                // What waits to be sent is the first one's.
                self.end("user_changed".to_owned());
            }
            Incoming::Authenticated { user_id, life_ms, user } => {
                self.io.user_id = user_id;
                self.tokens.accepted(now, life_ms);
                self.io.effects.push_back(Effect::Identified(user));
                if !self.is_ready() {
                    self.ready(now);
                }
            }
            Incoming::Error(failure) if self.is_ready() => self.refresh_failed(now, failure.retry_after_ms),
            Incoming::Error(failure) if failure.code == ErrorCode::Unauthorized.as_str() => self.token_refused(now),
            Incoming::Error(failure) if !failure.is_retryable() => self.end(failure.code),
            Incoming::Error(failure) => self.lose(now, failure.retry_after_ms),
            _ => self.lose(now, None),
        }
    }

    /// The connection goes on with the token it has, while that is valid.
    fn refresh_failed(&mut self, now: f64, retry_after_ms: Option<f64>) {
        self.tokens.failed(now, retry_after_ms, self.io.random());
        self.io.moved = true;
        self.rearm();
    }

    /// A token was refused, or did not come in the server's time. Once a fresh one may do better: that one had expired on
    /// its way, or the key it was signed with was replaced.
    pub(super) fn token_refused(&mut self, now: f64) {
        if self.tokens.awaited {
            self.lose(now, None);
        } else if self.io.options.authenticates && !std::mem::replace(&mut self.tokens.refused, true) {
            self.try_at_once(now);
        } else {
            self.end(ErrorCode::Unauthorized.as_str().to_owned());
        }
    }
}
