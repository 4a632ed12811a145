//! What a client asked and was not answered yet, and the rooms it is in: by it answers find their callback.

use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use readrealm_protocol::BookId;
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::server::User;
use rustc_hash::FxHashMap;

/// Requests that may wait for their answer. A further one is served, and its callback not called.
const MOST: usize = 8_192;

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
}

/// What was asked.
#[derive(Debug)]
pub(super) struct Question {
    /// The event, as the client named it.
    pub(super) event: Box<str>,
    /// The number of its callback.
    pub(super) ack: Option<u64>,
    /// Who joins, where it is a join and says so.
    pub(super) joins: Option<User>,
}

impl Asked {
    /// A number for a request. They come round after 2^32, when no answer is awaited that long.
    pub(super) fn number(&self) -> RequestId {
        let mut state = self.lock();
        state.last = state.last.wrapping_add(1);
        RequestId::from(state.last)
    }

    /// Keeps a question until it is answered.
    pub(super) fn ask(&self, id: RequestId, question: Question) {
        let mut state = self.lock();
        if state.questions.len() < MOST {
            state.questions.insert(id, question);
        }
    }

    /// The question that is answered.
    pub(super) fn answered(&self, id: RequestId) -> Option<Question> {
        self.lock().questions.remove(&id)
    }

    /// The connection is in a room, as who its token says, or as `user`. Returns who that is where it was not in before:
    /// one that was in stays who it was there.
    pub(super) fn entered(&self, book: BookId, user: Option<User>) -> Option<User> {
        let mut state = self.lock();
        let user = state.known_as.clone().or(user)?;
        match state.rooms.entry(book) {
            Entry::Occupied(_) => None,
            Entry::Vacant(room) => Some(room.insert(user).clone()),
        }
    }

    /// The connection is not in a room any more.
    pub(super) fn left(&self, book: BookId) {
        self.lock().rooms.remove(&book);
    }

    /// Who the connection is in a room; `None` where it is not in.
    pub(super) fn in_room(&self, book: BookId) -> Option<User> {
        self.lock().rooms.get(&book).cloned()
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
