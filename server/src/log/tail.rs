//! What a tail brings: events that most listeners know already, as they appended them.

use std::fmt;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use readrealm_protocol::{BookId, Seq, Timestamp};

use super::{ReadError, StoredEvent};

/// Live events of all rooms and nodes.
pub type Tail = BoxStream<'static, Result<Tailed, ReadError>>;

/// An event of the tail. Where it stands is known at once; the rest is read by whoever has it not.
#[derive(Clone)]
pub struct Tailed {
    /// The room.
    pub book: BookId,
    /// The position in the room.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    event: Event,
}

#[derive(Clone)]
enum Event {
    Here(StoredEvent),
    Stored(Arc<dyn Fn() -> Result<StoredEvent, ReadError> + Send + Sync>),
}

impl Tailed {
    /// An event that `read` makes of what is stored.
    pub(crate) fn stored(
        (book, seq, at): (BookId, Seq, Timestamp),
        read: impl Fn() -> Result<StoredEvent, ReadError> + Send + Sync + 'static,
    ) -> Self {
        let event = Event::Stored(Arc::new(read));
        Self { book, seq, at, event }
    }

    /// The event.
    pub fn read(self) -> Result<StoredEvent, ReadError> {
        match self.event {
            Event::Here(event) => Ok(event),
            Event::Stored(read) => read(),
        }
    }
}

impl From<StoredEvent> for Tailed {
    fn from(event: StoredEvent) -> Self {
        Self {
            book: event.book,
            seq: event.seq,
            at: event.at,
            event: Event::Here(event),
        }
    }
}

impl fmt::Debug for Tailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tailed")
            .field("book", &self.book)
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}
