//! Requests of a room that are not in the log yet, in the order they came. Pure: it is told the time and the outcomes.
//!
//! The first so many of them may be *in flight*: numbered, and submitted to the log as one append.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use readrealm_protocol::{BookId, Seq, Timestamp};
use rustc_hash::FxHashMap;

use super::request::{Refusal, Request};
use crate::log::event::EventId;
use crate::log::{AppendOutcome, Head, SharedEvent, Stop, StoredEvent};

/// Requests that may wait in one room; more are answered `unavailable`.
pub const WAITING_REQUESTS: usize = 4_096;

/// Bytes of requests that may wait in one room; more are answered `unavailable`.
pub const WAITING_BYTES: usize = 4 * 1024 * 1024;

/// Events of one append. Smaller than what may wait, so that many rooms share a batch.
const APPEND_EVENTS: usize = 512;

/// How long a request waits for a log that is out of reach, before it is answered `unavailable`.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Those who wait for one request: the first asked, the others repeated it.
const WAITERS: usize = 256;

/// Requests on their way to the log. `W` is who waits for an answer.
#[derive(Debug)]
pub struct Pending<W> {
    queue: VecDeque<Entry<W>>,
    in_flight: Option<Arc<[StoredEvent]>>,
    /// Whether an earlier try may have written what is in flight, or may still do so.
    in_doubt: bool,
    /// Whether the places of the changes at the front are being read.
    reading: bool,
    /// The entry of each id, counted from the first that ever was in the queue.
    by_id: FxHashMap<EventId, u64>,
    popped: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry<W> {
    request: Request,
    waiters: Vec<W>,
    since: Instant,
}

/// What became of a request.
#[derive(Debug)]
pub struct Settled<W> {
    /// The request.
    pub request: Request,
    /// Who waits, the first to ask being the first.
    pub waiters: Vec<W>,
    /// How it ended.
    pub result: Settlement,
}

/// How a request ended.
#[derive(Debug, PartialEq)]
pub enum Settlement {
    /// It is this event now.
    Written(SharedEvent),
    /// Its id has been in the log before, as this event.
    Duplicate(SharedEvent),
    /// It is not to be done.
    Refused(Refusal),
    /// The log was out of reach for too long. Nothing was written.
    Unavailable,
}

/// Why a request is not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Rejected {
    /// Its key belongs to another request that waits here.
    KeyConflict,
    /// As much waits as may wait.
    Full,
}

/// What a room is to do next for its pending requests.
#[derive(Debug)]
pub enum Next {
    /// Append these events.
    Append(Arc<[StoredEvent]>),
    /// Read the newest events of these places and what bears these ids, then call [`Pending::number_changes`].
    Read(Vec<Seq>, Vec<EventId>),
}

impl<W> Default for Pending<W> {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            in_flight: None,
            in_doubt: false,
            reading: false,
            by_id: FxHashMap::default(),
            popped: 0,
            bytes: 0,
        }
    }
}

impl<W> Pending<W> {
    /// Takes a request. A repeat of one that waits joins it.
    pub fn push(&mut self, request: Request, waiter: W, now: Instant) -> Result<(), (Rejected, W)> {
        if let Some(serial) = self.by_id.get(&request.id) {
            let index = usize::try_from(serial - self.popped).unwrap_or(usize::MAX);
            return match self.queue.get_mut(index) {
                Some(entry) if entry.request.action != request.action => Err((Rejected::KeyConflict, waiter)),
                Some(entry) if entry.waiters.len() < WAITERS => {
                    // Asked again with more rights: these count.
                    entry.request.moderator |= request.moderator;
                    entry.waiters.push(waiter);
                    Ok(())
                }
                _ => Err((Rejected::Full, waiter)),
            };
        }
        let weight = request.weight();
        if self.queue.len() >= WAITING_REQUESTS || self.bytes + weight > WAITING_BYTES {
            return Err((Rejected::Full, waiter));
        }
        self.bytes += weight;
        self.by_id
            .insert(request.id.clone(), self.popped + self.queue.len() as u64);
        self.queue.push_back(Entry {
            request,
            waiters: vec![waiter],
            since: now,
        });
        Ok(())
    }

    /// Whether this is the id of one that waits.
    pub fn holds(&self, id: &EventId) -> bool {
        self.by_id.contains_key(id)
    }

    /// Whether somebody like this waits.
    pub fn is_awaited(&self, by: impl Fn(&W) -> bool) -> bool {
        self.queue.iter().flat_map(|entry| &entry.waiters).any(by)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// What to do for the requests at the front, the room standing at `head`. What is in flight goes out as it was.
    pub fn next(&mut self, book: BookId, head: Head, now: Timestamp) -> Option<Next> {
        if let Some(events) = &self.in_flight {
            return Some(Next::Append(Arc::clone(events)));
        }
        let at = now.max(head.at);
        let posts = self.queue.iter().take(APPEND_EVENTS).enumerate();
        let events: Arc<[StoredEvent]> = posts
            .map_while(|(index, entry)| entry.request.posted(book, head.seq.plus(index + 1), at))
            .collect();
        if !events.is_empty() {
            self.in_flight = Some(Arc::clone(&events));
            return Some(Next::Append(events));
        }
        let changes = self.queue.iter().take(APPEND_EVENTS);
        let (places, ids): (Vec<Seq>, Vec<EventId>) = changes
            .map_while(|entry| Some((entry.request.target()?, entry.request.id.clone())))
            .unzip();
        self.reading = !places.is_empty();
        self.reading.then_some(Next::Read(places, ids))
    }

    /// The read that [`next`](Self::next) asked for failed: it will ask again.
    pub fn abandon_read(&mut self) {
        self.reading = false;
    }

    /// Turns the changes at the front into events, `latest` being the newest event of each place they name, and `known`
    /// those that bear their ids: what is done already is not judged again by what came after it.
    /// Those that are not to be done end here; the next call of [`next`](Self::next) appends the others.
    pub fn number_changes(
        &mut self,
        head: Head,
        now: Timestamp,
        places: &[Seq],
        latest: Vec<StoredEvent>,
        known: Vec<StoredEvent>,
    ) -> Vec<Settled<W>> {
        self.reading = false;
        let at = now.max(head.at);
        let mut current: FxHashMap<Seq, StoredEvent> = latest.into_iter().map(|event| (event.place, event)).collect();
        let mut known: FxHashMap<EventId, StoredEvent> =
            known.into_iter().map(|event| (event.id.clone(), event)).collect();
        let (mut kept, mut ended, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for place in places {
            let Some(entry) = self.queue.pop_front() else { break };
            let seq = head.seq.plus(events.len() + 1);
            let outcome = match (known.remove(&entry.request.id), current.get(place)) {
                (Some(event), _) => Err(Settlement::Duplicate(event.into())),
                (None, Some(event)) => entry.request.changed(event, seq, at).map_err(Settlement::Refused),
                (None, None) => Err(Settlement::Refused(Refusal::NotFound)),
            };
            match outcome {
                Ok(event) => {
                    current.insert(*place, event.clone());
                    events.push(event);
                    kept.push(entry);
                }
                Err(result) => ended.push((entry, result)),
            }
        }
        self.popped += ended.len() as u64;
        // The entries kept move together: give each its new number.
        for (index, entry) in kept.iter().enumerate() {
            self.by_id.insert(entry.request.id.clone(), self.popped + index as u64);
        }
        for entry in kept.into_iter().rev() {
            self.queue.push_front(entry);
        }
        self.in_flight = (!events.is_empty()).then(|| events.into());
        ended
            .into_iter()
            .map(|(entry, result)| self.settled(entry, result))
            .collect()
    }

    /// Takes the outcome of the append in flight. What was not written is at the front again, to be numbered anew,
    /// except where the outcome is unknown: then the same append goes out again, until the log can say what became of it.
    pub fn settle(&mut self, outcome: AppendOutcome) -> Vec<Settled<W>> {
        let Some(events) = self.in_flight.take() else {
            return Vec::new();
        };
        let in_doubt = std::mem::take(&mut self.in_doubt);
        let mut ended = Vec::new();
        for event in SharedEvent::all_of(&events).take(outcome.written) {
            self.end_first(Settlement::Written(event), &mut ended);
        }
        match outcome.stopped {
            Some(Stop::Duplicate(existing)) => self.end_first(Settlement::Duplicate((*existing).into()), &mut ended),
            // That this try wrote nothing says nothing of the one before.
            Some(Stop::Unavailable) if !in_doubt => {}
            Some(Stop::Unknown | Stop::Unavailable) => {
                let rest: Arc<[StoredEvent]> = events[outcome.written.min(events.len())..].into();
                self.in_doubt = !rest.is_empty();
                self.in_flight = self.in_doubt.then_some(rest);
            }
            Some(Stop::Conflict) | None => {}
        }
        ended
    }

    /// When [`expire`](Self::expire) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let at_rest = self.in_flight.is_none() && !self.reading;
        self.queue
            .front()
            .filter(|_| at_rest)
            .map(|entry| entry.since + PATIENCE)
    }

    /// Gives up on requests that have waited as long as [`PATIENCE`] and are not being worked on.
    pub fn expire(&mut self, now: Instant) -> Vec<Settled<W>> {
        let mut ended = Vec::new();
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            self.end_first(Settlement::Unavailable, &mut ended);
        }
        ended
    }

    fn end_first(&mut self, result: Settlement, ended: &mut Vec<Settled<W>>) {
        if let Some(entry) = self.queue.pop_front() {
            self.popped += 1;
            ended.push(self.settled(entry, result));
        }
    }

    fn settled(&mut self, entry: Entry<W>, result: Settlement) -> Settled<W> {
        self.by_id.remove(&entry.request.id);
        self.bytes -= entry.request.weight();
        Settled {
            request: entry.request,
            waiters: entry.waiters,
            result,
        }
    }
}
