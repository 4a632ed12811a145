//! What the core takes from a server's frames. Messages, members and other values that it only passes on stay what the
//! page's own JSON parser made of them.

use readrealm_protocol::history::Change;
use readrealm_protocol::ids::{BookId, Epoch, MessageId, RequestId, Seq};

use crate::view::List;

/// A value of the page: a message object, the members of a room, an answer.
pub trait Value: Clone {
    /// Messages as the page has them.
    type List: List<Self>;

    /// Whether this message was posted by that user under that key.
    fn is_post_of(&self, user_id: &str, client_message_id: &str) -> bool;
}

/// One frame of a server.
#[derive(Debug, Clone)]
pub struct Frame<V> {
    /// The request it answers.
    pub id: Option<RequestId>,
    /// What it says.
    pub event: Incoming<V>,
}

/// What a server tells.
#[derive(Debug, Clone)]
pub enum Incoming<V> {
    /// The token was taken; the user it names is `user_id`, and `user` the whole answer.
    Authenticated {
        /// Who the token says this is.
        user_id: String,
        /// Milliseconds until the token expires, by this machine's clock, which may be wrong.
        life_ms: f64,
        /// The answer.
        user: V,
    },
    /// A room's state.
    Previous(Snapshot<V>),
    /// A page of what happened since a position.
    Resumed(Replay<V>),
    /// A page of older messages.
    Page(Page<V>),
    /// The answer to a post, an edit or a delete.
    Ack(V),
    /// A message, or a change to one.
    Event(Event<V>),
    /// Something without a position: its name and data are passed on.
    Presence(BookId, V, V),
    /// A request failed, or a frame could not be read.
    Error(Failure),
}

/// A room's state.
#[derive(Debug, Clone)]
pub struct Snapshot<V> {
    /// The log that `seq` is a position of.
    pub epoch: Epoch,
    /// The position of this state.
    pub seq: Seq,
    /// The newest messages with their places.
    pub messages: Vec<(Seq, V)>,
    /// Whether there are older ones.
    pub has_more: bool,
    /// Who is here.
    pub members: V,
}

/// A page of what happened since a position.
#[derive(Debug, Clone)]
pub struct Replay<V> {
    /// The log that `seq` is a position of.
    pub epoch: Epoch,
    /// The position after this page.
    pub seq: Seq,
    /// Oldest first.
    pub events: Vec<Event<V>>,
    /// Whether this is the last page.
    pub complete: bool,
    /// Who is here.
    pub members: V,
}

/// A page of older messages.
#[derive(Debug, Clone)]
pub struct Page<V> {
    /// The position it is exact at.
    pub seq: Seq,
    /// The messages with their places.
    pub messages: Vec<(Seq, V)>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// One sequenced event.
#[derive(Debug, Clone)]
pub struct Event<V> {
    /// Its own position in its room.
    pub seq: Seq,
    /// The message it is about.
    pub message: MessageId,
    /// What happened to it.
    pub change: Change<V>,
}

/// Why a request failed, in the server's words: a code may be newer than this package.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What a program acts on.
    pub code: String,
    /// What a person reads.
    pub message: String,
    /// When the same request may succeed, in milliseconds.
    pub retry_after_ms: Option<f64>,
}

impl Failure {
    /// Whether the same request may succeed later, unchanged.
    pub(crate) fn is_retryable(&self) -> bool {
        readrealm_protocol::ErrorCode::from_name(&self.code).is_some_and(readrealm_protocol::ErrorCode::is_retryable)
    }
}
