//! What the engines share: how an append is judged, how much a read brings, how a log is named.

use readrealm_protocol::Epoch;
use tokio::sync::watch;

use super::{ReadError, ReadLimit, Stop, StoredEvent};

/// How an event of an append stands to what is in the log already.
#[derive(Debug)]
pub(super) enum Standing {
    /// It is there, equal and at its very position: it counts as written.
    Written,
    /// It can never be written as it is.
    Stopped(Stop),
    /// Neither its id nor its position is there.
    Absent,
}

impl Standing {
    /// Judges `event` by the event that has its id, and by whether any event has its position. The id goes first: to
    /// the sender of a message, that it is in the log already matters more than who stands at the position it tried.
    pub(super) fn of(event: &StoredEvent, same_id: Option<StoredEvent>, position_taken: bool) -> Self {
        match same_id {
            Some(known) if known == *event => Self::Written,
            Some(known) => Self::Stopped(Stop::Duplicate(Box::new(known))),
            None if position_taken => Self::Stopped(Stop::Conflict),
            None => Self::Absent,
        }
    }
}

/// Counts what a read has brought against its limit.
#[derive(Debug)]
pub(super) struct Budget {
    limit: ReadLimit,
    events: usize,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(limit: ReadLimit) -> Self {
        Self {
            limit,
            events: 0,
            bytes: 0,
        }
    }

    /// Whether the next event may be brought too. The first always may, so that every read gets on.
    pub(super) fn admits(&mut self, event: &StoredEvent) -> bool {
        let bytes = self.bytes + event.weight();
        let fits = self.events == 0 || (self.events < self.limit.events && bytes <= self.limit.bytes);
        self.events += 1;
        self.bytes = bytes;
        fits
    }
}

/// Why a log can never be trusted again in this process; nothing, as long as it can.
#[derive(Debug, Clone)]
pub(super) struct Poison(watch::Sender<Option<String>>);

impl Poison {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Poisons the log. The first reason stands.
    pub(super) fn set(&self, why: String) {
        self.0.send_if_modified(|known| {
            let first = known.is_none();
            known.get_or_insert(why);
            first
        });
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.borrow().is_some()
    }

    pub(super) fn check(&self) -> Result<(), ReadError> {
        match self.0.borrow().as_ref() {
            Some(why) => Err(ReadError::Unavailable(why.clone())),
            None => Ok(()),
        }
    }

    /// Resolves once the log is poisoned.
    pub(super) async fn wait(&self) -> String {
        let mut poison = self.0.subscribe();
        let why = poison.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        why.expect("self holds the sender, and the reason is there")
    }
}

/// A name that no other log has.
pub(crate) fn new_epoch() -> Epoch {
    let name = format!("{:032x}", rand::random::<u128>());
    Epoch::try_from(name.as_str()).expect("32 bytes fit a frame")
}
