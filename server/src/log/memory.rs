//! A log in memory: for tests, simulations and demonstrations. It ends with its last handle.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use readrealm_protocol::{BookId, Epoch, Seq};
use rustc_hash::FxHashMap;
use tokio::sync::broadcast::{self, error::RecvError};

use super::engine::{Budget, Standing, new_epoch};
use super::page::PageFold;
use super::{
    Append, AppendOutcome, EventId, EventLog, Head, Page, PageQuery, ReadError, ReadLimit, Stop, StoredEvent, Tail,
    Tailed,
};

/// Events a tail may fall behind before it ends with an error.
const TAIL_EVENTS: usize = 16_384;

/// A handle to a log in memory. Clones share the log, each standing for a node of its own.
#[derive(Clone)]
pub struct MemoryLog {
    epoch: Epoch,
    rooms: Arc<Mutex<Rooms>>,
    live: broadcast::Sender<StoredEvent>,
}

#[derive(Default)]
struct Rooms {
    rooms: FxHashMap<BookId, Room>,
    /// Where the event of each id stands.
    ids: FxHashMap<EventId, (BookId, Seq)>,
}

#[derive(Default)]
struct Room {
    /// The event at position n is at index n - 1.
    events: Vec<StoredEvent>,
    /// `(place, seq)` of every event: the order pages are read in.
    places: BTreeSet<(Seq, Seq)>,
}

impl MemoryLog {
    /// An empty log.
    pub fn new() -> Self {
        Self {
            epoch: new_epoch(),
            rooms: Arc::default(),
            live: broadcast::Sender::new(TAIL_EVENTS),
        }
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        // A panic cannot leave half an event behind: the last step of an append is the one that makes it visible.
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLog")
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

impl Rooms {
    fn event(&self, book: BookId, seq: Seq) -> Option<&StoredEvent> {
        self.rooms.get(&book)?.event(seq)
    }

    /// Writes an event where it fits. Returns whether it is new.
    fn put(&mut self, event: &StoredEvent) -> Result<bool, Stop> {
        let same_id = self
            .ids
            .get(&event.id)
            .and_then(|&(book, seq)| self.event(book, seq))
            .cloned();
        let next = self
            .rooms
            .get(&event.book)
            .map_or(Seq::ZERO, |room| room.head().seq)
            .next();
        match Standing::of(event, same_id, event.seq != next) {
            Standing::Written => return Ok(false),
            Standing::Stopped(stop) => return Err(stop),
            Standing::Absent => {}
        }
        self.ids.insert(event.id.clone(), (event.book, event.seq));
        let room = self.rooms.entry(event.book).or_default();
        room.places.insert((event.place, event.seq));
        room.events.push(event.clone());
        Ok(true)
    }
}

impl Room {
    fn event(&self, seq: Seq) -> Option<&StoredEvent> {
        let index = usize::try_from(seq.get()).ok()?.checked_sub(1)?;
        self.events.get(index)
    }

    fn head(&self) -> Head {
        self.events.last().map_or(Head::EMPTY, |last| Head {
            seq: last.seq,
            at: last.at,
        })
    }

    fn page(&self, book: BookId, query: PageQuery) -> Page {
        let at = query.at.unwrap_or(self.head().seq);
        let mut fold = PageFold::new(at, query.limit);
        for event in self
            .places
            .range(..(query.end(at), Seq::ZERO))
            .rev()
            .filter_map(|&(_, seq)| self.event(seq))
        {
            if fold.push(event) {
                break;
            }
        }
        fold.finish(book)
    }

    fn latest(&self, place: Seq) -> Option<StoredEvent> {
        let (_, seq) = self
            .places
            .range((place, Seq::ZERO)..(place.next(), Seq::ZERO))
            .next_back()?;
        self.event(*seq).cloned()
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    async fn append(&self, batch: Vec<Append>) -> Vec<AppendOutcome> {
        let mut rooms = self.rooms();
        let append = |append: Append| {
            for (written, event) in append.events.iter().enumerate() {
                match rooms.put(event) {
                    // Sent under the lock, so that every tail has a room's events in order; nobody need be listening.
                    Ok(true) => drop(self.live.send(event.clone())),
                    Ok(false) => {}
                    Err(stop) => return AppendOutcome::stopped(written, stop),
                }
            }
            AppendOutcome::all(append.events.len())
        };
        batch.into_iter().map(append).collect()
    }

    async fn head(&self, book: BookId) -> Result<Head, ReadError> {
        Ok(self.rooms().rooms.get(&book).map_or(Head::EMPTY, Room::head))
    }

    async fn read_forward(&self, book: BookId, after: Seq, limit: ReadLimit) -> Result<Vec<StoredEvent>, ReadError> {
        let rooms = self.rooms();
        let events = rooms.rooms.get(&book).map_or(&[][..], |room| &room.events);
        let start = usize::try_from(after.get()).unwrap_or(usize::MAX).min(events.len());
        let mut budget = Budget::new(limit);
        Ok(events[start..]
            .iter()
            .take_while(|event| budget.admits(event))
            .cloned()
            .collect())
    }

    async fn read_page(&self, book: BookId, query: PageQuery) -> Result<Page, ReadError> {
        let rooms = self.rooms();
        Ok(match rooms.rooms.get(&book) {
            Some(room) => room.page(book, query),
            None => Room::default().page(book, query),
        })
    }

    async fn read_latest(&self, book: BookId, places: &[Seq]) -> Result<Vec<StoredEvent>, ReadError> {
        let rooms = self.rooms();
        let Some(room) = rooms.rooms.get(&book) else {
            return Ok(Vec::new());
        };
        Ok(places.iter().filter_map(|&place| room.latest(place)).collect())
    }

    async fn read_ids(&self, ids: &[EventId]) -> Result<Vec<StoredEvent>, ReadError> {
        let rooms = self.rooms();
        let known = ids.iter().filter_map(|id| rooms.ids.get(id));
        Ok(known
            .filter_map(|&(book, seq)| rooms.event(book, seq).cloned())
            .collect())
    }

    async fn tail(&self) -> Result<Option<Tail>, ReadError> {
        let live = stream::unfold(Some(self.live.subscribe()), |receiver| async {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Ok(event) => Some((Ok(Tailed::from(event)), Some(receiver))),
                Err(RecvError::Closed) => None,
                Err(RecvError::Lagged(missed)) => Some((
                    Err(ReadError::Unavailable(format!("the tail fell {missed} events behind"))),
                    None,
                )),
            }
        });
        Ok(Some(live.boxed()))
    }

    async fn ready(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use readrealm_protocol::{Timestamp, UserId};

    use super::*;
    use crate::log::Payload;

    #[tokio::test]
    async fn a_tail_that_falls_behind_ends_with_an_error() {
        let log = MemoryLog::new();
        let mut tail = log.tail().await.expect("a tail").expect("one");
        let book = BookId::try_from(1_u64).expect("a book");
        let event = |at: u64| {
            let seq = Seq::try_from(at).expect("a position");
            StoredEvent {
                id: EventId::from_stored(&at.to_string()),
                book,
                seq,
                place: seq,
                at: Timestamp::from_millis(0),
                by: UserId::try_from("ann").expect("a user"),
                payload: Payload::Deleted,
            }
        };
        let events: Arc<[_]> = (1..=TAIL_EVENTS as u64 + 1).map(event).collect();
        log.append(vec![Append { book, events }]).await;
        let error = tail.next().await.expect("an answer").expect_err("an error");
        assert_eq!(
            error,
            ReadError::Unavailable("the tail fell 1 events behind".to_owned())
        );
        assert!(tail.next().await.is_none());
    }
}
