//! A room: one task that owns its order, its newest history and its members. It never sees a socket.
//!
//! ```text
//! command -> pending -> appender -> log
//!                                    |
//! members <- timeline <- gate <------+  own appends, and the log's tail
//! ```

pub mod actor;
pub mod ambient;
pub mod frame;
pub mod gate;
pub mod members;
pub mod pending;
pub mod presence;
mod replies;
pub mod request;
pub mod timeline;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use readrealm_protocol::ids::RequestId;
use readrealm_protocol::server::{Members, User};
use readrealm_protocol::{BookId, ClientMessageId, Epoch, Seq};
use tokio::sync::{Notify, mpsc, oneshot};

pub use actor::Room;
pub use frame::{Deliver, Frame, Told, Written};
pub use replies::{not_joined, unavailable};
pub use request::Action;

use crate::cluster::News;
use crate::log::StoredEvent;

/// Commands that may wait for a room; a sender of more waits its turn (backpressure on its socket).
pub const MAILBOX: usize = 1_024;

/// Names a connection within this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// A connection in a room.
#[derive(Clone)]
pub struct Member {
    /// Which.
    pub connection: ConnectionId,
    /// Whose, in this room.
    pub user: Arc<User>,
    /// Whether the user may edit and delete the messages of others.
    pub moderator: bool,
    /// Where its frames go.
    pub outbox: Arc<dyn Deliver>,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member")
            .field("connection", &self.connection)
            .field("user", &self.user)
            .field("moderator", &self.moderator)
            .finish_non_exhaustive()
    }
}

/// Where a joining client stands already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// It has everything up to here…
    pub after: Seq,
    /// …of this log.
    pub epoch: Epoch,
}

/// How a join went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    /// The member is in, and has been answered.
    Live,
    /// The client's standing is too old for what the room holds in memory: bring it forward from the log, then join
    /// again. Until then it is told nothing; one that was in stays a member. These are in the room meanwhile.
    Behind(Members),
    /// The room could not be read; the member has been answered, and is not in.
    Failed,
}

/// What a room is told.
#[derive(Debug)]
pub enum Command {
    /// A connection enters, or asks anew for the room's state.
    Join {
        /// Who.
        member: Member,
        /// The request to answer.
        id: Option<RequestId>,
        /// What the client has already.
        standing: Option<Standing>,
        /// How it went.
        reply: oneshot::Sender<Joined>,
    },
    /// A connection goes.
    Leave {
        /// Which.
        connection: ConnectionId,
        /// Whether its socket dropped: then its user has some seconds to come back.
        dropped: bool,
        /// The request to answer.
        id: Option<RequestId>,
    },
    /// A connection's user has another name or other rights from now on.
    Identify {
        /// Which connection.
        connection: ConnectionId,
        /// The user, the same as before.
        user: Arc<User>,
        /// Whether the user may edit and delete the messages of others.
        moderator: bool,
    },
    /// A member posts, edits or deletes. Answered once durable.
    Append {
        /// Which connection.
        connection: ConnectionId,
        /// Where to answer.
        outbox: Arc<dyn Deliver>,
        /// The request to answer.
        id: Option<RequestId>,
        /// Makes it idempotent.
        key: Option<ClientMessageId>,
        /// What.
        action: Action,
        /// Whose it is, where it is not the member's own.
        author: Option<Arc<User>>,
    },
    /// Asks for the position up to which a member has been told everything; `None` where it is not in.
    Position {
        /// Which connection.
        connection: ConnectionId,
        /// The answer.
        reply: oneshot::Sender<Option<Seq>>,
    },
    /// Asks who is here.
    Members {
        /// The answer.
        reply: oneshot::Sender<Members>,
    },
    /// A member is writing, or not.
    Typing {
        /// Which connection.
        connection: ConnectionId,
        /// Whether.
        typing: bool,
    },
    /// The log's tail brought an event.
    Tail(Box<StoredEvent>),
    /// Another node said something of its users.
    News(News),
}

impl std::fmt::Debug for dyn Deliver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Deliver")
    }
}

/// The way to a room.
#[derive(Debug, Clone)]
pub struct RoomHandle {
    /// The room.
    pub book: BookId,
    /// Its mailbox.
    pub mailbox: mpsc::Sender<Command>,
    /// Tells it that it may have missed events of the log. It keeps one such word until the room looks, which it does
    /// at its next turn, or at once where it has nothing else to do: none is lost, and many are one.
    pub missed: Arc<Notify>,
    /// How far it has come.
    pub passed: Passed,
}

/// The room's end of its [`RoomHandle`].
#[derive(Debug)]
pub struct Inbox {
    /// What it is told.
    pub commands: mpsc::Receiver<Command>,
    /// Whether it may have missed events.
    pub missed: Arc<Notify>,
    /// How far it has come, noted by the room as it goes.
    pub passed: Passed,
}

/// The position up to which a room has passed on every event: never ahead of it, and at most a moment behind. What the
/// tail brings from there or before is no news to it.
#[derive(Debug, Clone, Default)]
pub struct Passed(Arc<AtomicU64>);

impl Passed {
    /// The position; 0 for a room that is not loaded yet.
    pub fn get(&self) -> Seq {
        Seq::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(Seq::ZERO)
    }

    fn note(&self, position: Seq) {
        self.0.store(position.get(), Ordering::Relaxed);
    }
}
