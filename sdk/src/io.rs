//! What a room needs of its client to act.

use std::collections::VecDeque;

use readrealm_protocol::client::ClientEvent;
use readrealm_protocol::ids::{BookId, RequestId, UserId, Username};

use crate::effect::{Effect, RoomEffect};
use crate::encode::encode;
use crate::requests::{Purpose, Requests};

/// What a client is made with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who connects, where no token says it.
    pub user_id: Option<UserId>,
    /// The name shown, where no token says it.
    pub username: Option<Username>,
    /// Whether every connection begins with a token.
    pub authenticates: bool,
    /// Messages in a room's window.
    pub window: usize,
    /// Events of a gap that are replayed before the room is taken anew.
    pub replayed: usize,
    /// A number from 0 to 1, another one each time.
    pub random: fn() -> f64,
}

/// The way out of a room: its frames and effects, in order.
#[derive(Debug)]
pub(crate) struct Io<V> {
    pub(crate) options: Options,
    /// Who this is: as claimed, or by the token.
    pub(crate) user_id: String,
    pub(crate) requests: Requests,
    pub(crate) effects: VecDeque<Effect<V>>,
    /// Whether the time of the next thing to do may be another.
    pub(crate) moved: bool,
}

impl<V> Io<V> {
    pub(crate) fn request(&mut self, now: f64, purpose: Purpose) -> RequestId {
        self.moved = true;
        self.requests.begin(purpose, now)
    }

    pub(crate) fn send(&mut self, id: Option<RequestId>, event: &ClientEvent) {
        self.effects.push_back(Effect::Send(encode(id, event)));
    }

    pub(crate) fn emit(&mut self, book: BookId, effect: RoomEffect<V>) {
        self.effects.push_back(Effect::Room(book, effect));
    }

    pub(crate) fn random(&self) -> f64 {
        (self.options.random)()
    }
}
