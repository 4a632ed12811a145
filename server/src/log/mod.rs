//! The event log: the one truth of every room. A room's history is rebuilt from it, and nobody sees what is not in it.
//!
//! [`EventLog`] is the contract; `tests/log_contract.rs` holds every engine to it. Engines know no room and no socket.
//! [`inspect`] and [`keep`] are for operators: looking at a log beside its servers, and the few changes that are no
//! appends.

pub mod appender;
mod engine;
pub mod event;
pub mod inspect;
pub mod keep;
pub mod memory;
pub mod mongo;
pub mod open;
pub mod page;
pub mod record;
pub mod redaction;
pub mod sqlite;
pub mod tail;
pub mod upcast;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use readrealm_protocol::{BookId, Epoch, Seq, Timestamp};

pub use appender::Appender;
pub(crate) use engine::new_epoch;
pub use event::{EventId, Payload, SharedEvent, StoredEvent};
pub use page::Page;
pub use tail::{Tail, Tailed};

/// Events in one call of [`EventLog::append`], over all its rooms.
pub const BATCH_EVENTS: usize = 4_096;

/// Bytes of content in one call of [`EventLog::append`], over all its rooms.
pub const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// An append-only log of rooms: in each, events stand at 1, 2, 3… without holes, and no two share an id.
///
/// A read sees at least all that this handle has answered before: what it appended, heard from its tail and read.
#[async_trait]
pub trait EventLog: Send + Sync + fmt::Debug {
    /// Names this log, from its creation on. A position means nothing together with another epoch.
    fn epoch(&self) -> &Epoch;

    /// Appends to many rooms in one durable write (group commit), and answers each room, in the order given.
    ///
    /// A room appears once in a batch. Its events are numbered by the caller from the position it believes to be next;
    /// the log takes them only there (compare-and-swap), in order, and stops a room at the first that does not fit:
    /// the outcome says how many were written and why it stopped. A stop in one room does not touch another.
    /// What counts as written is durable: no crash takes it back.
    ///
    /// The caller must have seen the event before its first: past the next position there is nothing to compare with,
    /// and an engine that notices answers [`Stop::Conflict`], but MongoDB does not.
    ///
    /// **Appending the same events again is safe.** An event that is in the log already, equal and at its very
    /// position, counts as written. So the answer to [`Stop::Unknown`] is to append the same once more.
    async fn append(&self, batch: Vec<Append>) -> Vec<AppendOutcome>;

    /// Where a room stands: the position and time of its last event.
    async fn head(&self, book: BookId) -> Result<Head, ReadError>;

    /// The events after a position, oldest first and without holes, at most as many as `limit` allows and at least one
    /// where there is one.
    async fn read_forward(&self, book: BookId, after: Seq, limit: ReadLimit) -> Result<Vec<StoredEvent>, ReadError>;

    /// The newest messages before a place, as they were at a position. Costs the same in a room of fifty events and
    /// of a million. Reads on while it has found no message; else it may answer fewer than asked, with `has_more`,
    /// after a bounded scan.
    async fn read_page(&self, book: BookId, query: PageQuery) -> Result<Page, ReadError>;

    /// The newest event at each of these places (at most [`BATCH_EVENTS`]), in no particular order; a place without
    /// one is left out. As an edit carries the whole message, this is the current truth of it.
    async fn read_latest(&self, book: BookId, places: &[Seq]) -> Result<Vec<StoredEvent>, ReadError>;

    /// The events that bear these ids (at most [`BATCH_EVENTS`]), in no particular order; an id that the log does not
    /// have is left out.
    async fn read_ids(&self, ids: &[EventId]) -> Result<Vec<StoredEvent>, ReadError>;

    /// Everything appended by any node from now on, in each room by position; `None` where this process is the only
    /// writer, whose own appends are all there is. Ends after the first error: then open it again, and read what
    /// active rooms missed meanwhile.
    async fn tail(&self) -> Result<Option<Tail>, ReadError>;

    /// Whether the log can be written now.
    async fn ready(&self) -> Result<(), ReadError>;

    /// Resolves when the log can never be trusted again in this process, which must then exit.
    async fn poisoned(&self) -> String {
        std::future::pending().await
    }

    /// Lets go of what the log holds: files, leases. Appends must have ended.
    async fn close(&self) {}
}

/// Events for one room, numbered without holes from the position the writer believes to be next.
#[derive(Debug, Clone)]
pub struct Append {
    /// The room.
    pub book: BookId,
    /// At least one event, each at the position after the one before it. Shared: an append may be repeated.
    pub events: Arc<[StoredEvent]>,
}

/// What became of an [`Append`].
#[derive(Debug, Clone, PartialEq)]
pub struct AppendOutcome {
    /// So many of its events, from the first on, are durable at the positions they were given.
    pub written: usize,
    /// Why the event at index `written` is not; `None` where all are.
    pub stopped: Option<Stop>,
}

impl AppendOutcome {
    /// Everything is durable.
    pub const fn all(written: usize) -> Self {
        Self { written, stopped: None }
    }

    /// The first `written` are durable, the next is not.
    pub const fn stopped(written: usize, why: Stop) -> Self {
        Self {
            written,
            stopped: Some(why),
        }
    }
}

/// Why an append stopped at an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// Its id is in the log already: this is the event that has it.
    Duplicate(Box<StoredEvent>),
    /// Another writer has its position: read on from there, renumber, append again.
    Conflict,
    /// Whether it was written could not be found out. Append the same again; never say it failed.
    Unknown,
    /// It was not written, the log being out of reach. Try again later.
    Unavailable,
}

/// Where a room stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The position of its last event; 0 in an empty room.
    pub seq: Seq,
    /// The time of that event; 1970 in an empty room.
    pub at: Timestamp,
}

impl Head {
    /// An empty room's.
    pub const EMPTY: Self = Self {
        seq: Seq::ZERO,
        at: Timestamp::from_millis(0),
    };
}

/// How much one read may bring.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimit {
    /// Events at most.
    pub events: usize,
    /// Bytes of content at most, the first event excepted.
    pub bytes: usize,
}

/// Which messages a page is to hold.
#[derive(Debug, Clone, Copy)]
pub struct PageQuery {
    /// Those of a smaller place than this; the newest where it is `None`.
    pub before: Option<Seq>,
    /// As they were at this position; as they are where it is `None`.
    pub at: Option<Seq>,
    /// Messages at most.
    pub limit: usize,
}

impl PageQuery {
    /// The place that bounds what a page at position `at` is read from, itself excluded: nothing at or past it was
    /// posted by then, or is asked for.
    fn end(self, at: Seq) -> Seq {
        self.before.unwrap_or(at.next()).min(at.next())
    }
}

/// A read that failed. Nothing is changed by it, and it may be tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The log is out of reach.
    #[error("the event log cannot be reached: {0}")]
    Unavailable(String),
    /// The log holds something that is no event of it.
    #[error("the event log holds an event that cannot be read: {0}")]
    Corrupt(String),
}
