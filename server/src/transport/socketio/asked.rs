//! What a client asked and was not answered yet, and the rooms it is in: by it answers find their callback.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use readrealm_protocol::BookId;
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::limits::ROOMS_PER_CONNECTION;
use readrealm_protocol::server::{ErrorReply, User};
use rustc_hash::FxHashMap;

/// Requests that may wait for their answer; a further one is refused.
const MOST: usize = 4_096;

/// Requests that one event may become.
const AT_ONCE: usize = 3;

/// Names of events that do not exist which are told so, each once.
const STRANGE: usize = 32;

/// Shared by the reader and the writer of one connection, which run in one task.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last: u32,
    questions: FxHashMap<RequestId, Question>,
    /// Who the token says this is.
    known_as: Option<User>,
    /// The rooms it was let into and has not left, each with who it is there.
    rooms: FxHashMap<BookId, User>,
    /// The rooms it left last.
    left: VecDeque<BookId>,
    /// Why it was not let into the room of the post that is answered next.
    refused: Option<ErrorReply>,
    /// Events that do not exist, and were told so.
    strange: Vec<Box<str>>,
}

/// Whether the connection is in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is, as this user.
    In(User),
    /// It was, and has left.
    Left,
    /// It was not, as far as is known.
    Out,
}

/// What was asked.
#[derive(Debug)]
pub(super) struct Question {
    /// The event, as the client named it.
    pub(super) event: Box<str>,
    /// The number of its callback.
    pub(super) ack: Option<u64>,
    /// What it is part of.
    pub(super) part: Part,
}

/// What a request is, of what an app asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// All of it: a join, of this user where it says so.
    Join(Option<User>),
    /// The join before a post, where that needs one. Its refusal is told as that of the post.
    Entering(Option<User>),
    /// The same, of which the app is told nothing else either: it has left, and stays out.
    Passing,
    /// The post.
    Post,
    /// The leaving after it, of which nothing is told.
    Leaving,
}

impl Asked {
    /// The number of every `typing`, which is answered where it is refused alone: nobody could tell when to forget it.
    pub(super) fn typing() -> RequestId {
        RequestId::from(0_u32)
    }

    /// A number for a request. They come round after 2^32, when no answer is awaited that long.
    pub(super) fn number(&self) -> RequestId {
        let mut state = self.lock();
        state.last = state.last.checked_add(1).unwrap_or(1);
        RequestId::from(state.last)
    }

    /// Whether another event can be asked for.
    pub(super) fn has_room(&self) -> bool {
        self.lock().questions.len() + AT_ONCE <= MOST
    }

    /// Keeps a question until it is answered.
    pub(super) fn ask(&self, id: RequestId, question: Question) {
        self.lock().questions.insert(id, question);
    }

    /// The question that is answered.
    pub(super) fn answered(&self, id: RequestId) -> Option<Question> {
        if id == Self::typing() {
            return Some(Question {
                event: "typing".into(),
                ack: None,
                part: Part::Whole,
            });
        }
        self.lock().questions.remove(&id)
    }

    /// Whether an event that does not exist is to be told so. The gateway of today overlooks them, and who sends a stream of
    /// them is not to be sent one back.
    pub(super) fn is_strange(&self, event: &str) -> bool {
        let mut state = self.lock();
        let is_new = state.strange.len() < STRANGE && state.strange.iter().all(|known| **known != *event);
        if is_new {
            state.strange.push(event.into());
        }
        is_new
    }

    /// Keeps why a room could not be entered, for the post that follows.
    pub(super) fn refuse(&self, why: ErrorReply) {
        self.lock().refused = Some(why);
    }

    /// Why the room of the post that is answered could not be entered.
    pub(super) fn refused(&self) -> Option<ErrorReply> {
        self.lock().refused.take()
    }

    /// The connection is in a room, as who its token says, or as `user`. Returns who that is where it was not in before:
    /// one that was in stays who it was there.
    pub(super) fn entered(&self, book: BookId, user: Option<User>) -> Option<User> {
        let mut state = self.lock();
        let user = state.known_as.clone().or(user)?;
        state.left.retain(|left| *left != book);
        match state.rooms.entry(book) {
            Entry::Occupied(_) => None,
            Entry::Vacant(room) => Some(room.insert(user).clone()),
        }
    }

    /// The connection is not in a room any more.
    pub(super) fn left(&self, book: BookId) {
        let mut state = self.lock();
        if state.rooms.remove(&book).is_none() {
            return;
        }
        if state.left.len() == ROOMS_PER_CONNECTION {
            state.left.pop_front();
        }
        state.left.push_back(book);
    }

    /// Whether the connection is in a room.
    pub(super) fn standing(&self, book: BookId) -> Standing {
        let state = self.lock();
        match state.rooms.get(&book) {
            Some(user) => Standing::In(user.clone()),
            None if state.left.contains(&book) => Standing::Left,
            None => Standing::Out,
        }
    }

    /// Who the token says this is.
    pub(super) fn known(&self, user: User) {
        self.lock().known_as = Some(user);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that holds this lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_rooms_left_last_are_remembered() {
        let (asked, room) = (Asked::default(), |n: usize| BookId::from(u32::try_from(n).unwrap()));
        let user = User {
            user_id: "u1".try_into().unwrap(),
            username: "alice".try_into().unwrap(),
        };
        asked.left(room(0));
        assert_eq!(asked.standing(room(0)), Standing::Out, "it was never in");
        for n in 0..=ROOMS_PER_CONNECTION {
            asked.entered(room(n), Some(user.clone()));
            asked.left(room(n));
        }
        assert_eq!(asked.standing(room(0)), Standing::Out);
        assert_eq!(asked.standing(room(1)), Standing::Left);
        asked.entered(room(1), Some(user.clone()));
        assert_eq!(asked.standing(room(1)), Standing::In(user));
    }
}
