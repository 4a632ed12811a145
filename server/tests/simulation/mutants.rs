//! Servers that are broken on purpose: a checker that passes them proves nothing.

use std::sync::Arc;

use async_trait::async_trait;
use readrealm_protocol::{BookId, Epoch, Seq};
use readrealm_server::connection::Outbound;
use readrealm_server::log::{
    Append, AppendOutcome, EventId, EventLog, Head, Page, PageQuery, ReadError, ReadLimit, Stop, StoredEvent, Tail,
};

use crate::dice::Dice;

/// What is broken in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Nothing.
    None,
    /// Rooms let a later position pass before an earlier one.
    LeakyGate,
    /// The log takes an id it has already.
    ForgetfulLog,
}

/// Stands behind the rooms' gates and undoes what they do, now and then: of two sequenced events the later goes first.
/// To a client it is the same as a gate that does not hold back what came early.
#[derive(Debug)]
pub(crate) struct LeakyGate {
    leaks: bool,
    dice: Dice,
    held: Option<Outbound>,
}

impl LeakyGate {
    pub(crate) fn new(mutant: Mutant, dice: Dice) -> Self {
        Self {
            leaks: mutant == Mutant::LeakyGate,
            dice,
            held: None,
        }
    }

    /// What goes out when this is to go out.
    pub(crate) fn pass(&mut self, outbound: Outbound) -> Vec<Outbound> {
        let sequenced = matches!(&outbound, Outbound::Frame(frame) if is_sequenced(frame.bytes()));
        if let Some(held) = self.held.take() {
            return vec![outbound, held];
        }
        if self.leaks && sequenced && self.dice.per_mille(2) {
            self.held = Some(outbound);
            return Vec::new();
        }
        vec![outbound]
    }
}

/// A sequenced frame's `seq` stands before its data.
fn is_sequenced(frame: &[u8]) -> bool {
    let head = &frame[..frame.len().min(40)];
    head.windows(6).any(|bytes| bytes == b"\"seq\":")
}

/// A log whose index on ids is missing: an event it has already is taken in once more.
#[derive(Debug)]
pub(crate) struct ForgetfulLog(pub(crate) Arc<dyn EventLog>);

#[async_trait]
impl EventLog for ForgetfulLog {
    fn epoch(&self) -> &Epoch {
        self.0.epoch()
    }

    async fn append(&self, batch: Vec<Append>) -> Vec<AppendOutcome> {
        let mut outcomes = Vec::new();
        for Append { book, events } in batch {
            let mut events = events.to_vec();
            outcomes.push(loop {
                let append = Append {
                    book,
                    events: events.clone().into(),
                };
                let outcome = self.0.append(vec![append]).await.remove(0);
                if !matches!(outcome.stopped, Some(Stop::Duplicate(_))) {
                    break outcome;
                }
                // The same event under an id that the log underneath has not seen.
                let again = &mut events[outcome.written];
                let (book, seq) = (again.book, again.seq);
                again.id = EventId::from_stored(&format!("{}#{book}@{seq}", again.id.as_str()));
            });
        }
        outcomes
    }

    async fn head(&self, book: BookId) -> Result<Head, ReadError> {
        self.0.head(book).await
    }

    async fn read_forward(&self, book: BookId, after: Seq, limit: ReadLimit) -> Result<Vec<StoredEvent>, ReadError> {
        self.0.read_forward(book, after, limit).await
    }

    async fn read_page(&self, book: BookId, query: PageQuery) -> Result<Page, ReadError> {
        self.0.read_page(book, query).await
    }

    async fn read_latest(&self, book: BookId, places: &[Seq]) -> Result<Vec<StoredEvent>, ReadError> {
        self.0.read_latest(book, places).await
    }

    async fn read_ids(&self, ids: &[EventId]) -> Result<Vec<StoredEvent>, ReadError> {
        self.0.read_ids(ids).await
    }

    async fn tail(&self) -> Result<Option<Tail>, ReadError> {
        self.0.tail().await
    }

    async fn ready(&self) -> Result<(), ReadError> {
        self.0.ready().await
    }
}
