//! The final log of a room, and what it was at any position: naively, by going through all of it.

use std::collections::{BTreeMap, HashMap};

use readrealm_protocol::{Change, Message, Seq};
use readrealm_server::log::StoredEvent;

/// One room's log.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) events: Vec<StoredEvent>,
    changes: Vec<Change<Message>>,
    /// Where each id stands; the first, where it stands twice.
    by_id: HashMap<String, Seq>,
}

impl Truth {
    pub(crate) fn new(events: Vec<StoredEvent>) -> Self {
        let changes = events.iter().map(|event| event.change().unwrap()).collect();
        let mut by_id = HashMap::new();
        for event in &events {
            by_id.entry(event.id.as_str().to_owned()).or_insert(event.seq);
        }
        Self { events, changes, by_id }
    }

    pub(crate) fn head(&self) -> Seq {
        Seq::ZERO.plus(self.events.len())
    }

    pub(crate) fn event(&self, seq: Seq) -> Option<&StoredEvent> {
        self.events.get(index(seq)?)
    }

    pub(crate) fn change(&self, seq: Seq) -> Option<&Change<Message>> {
        self.changes.get(index(seq)?)
    }

    pub(crate) fn of_id(&self, id: &str) -> Option<Seq> {
        self.by_id.get(id).copied()
    }

    /// The messages before a place as they were at a position, newest first.
    pub(crate) fn newest_first(&self, at: Seq, before: Option<Seq>) -> impl Iterator<Item = &Message> {
        let mut current = BTreeMap::new();
        for (event, change) in self.events.iter().zip(&self.changes) {
            if event.seq <= at && before.is_none_or(|before| event.place < before) {
                current.insert(event.place, change);
            }
        }
        current.into_values().rev().filter_map(|change| match change {
            Change::Posted(message) | Change::Edited(message) => Some(message),
            Change::Deleted => None,
        })
    }

    /// Where the message at a place was last changed up to a position.
    pub(crate) fn version(&self, place: Seq, at: Seq) -> Option<Seq> {
        let events = self.events.iter().rev();
        events
            .filter(|event| event.place == place && event.seq <= at)
            .map(|event| event.seq)
            .next()
    }

    /// Whether `told` is what the message at a place was at some position from `from` on.
    pub(crate) fn was_ever(&self, place: Seq, told: &Change<Message>, from: Seq) -> bool {
        let later = self.events.iter().zip(&self.changes).skip(index(from).unwrap_or(0));
        let mut of_place = later.filter(|(event, _)| event.place == place);
        of_place.any(|(_, change)| message(change) == message(told))
    }
}

/// The message that a change leaves; `None` where it withdraws it.
pub(crate) fn message(change: &Change<Message>) -> Option<&Message> {
    match change {
        Change::Posted(message) | Change::Edited(message) => Some(message),
        Change::Deleted => None,
    }
}

fn index(seq: Seq) -> Option<usize> {
    usize::try_from(seq.get()).ok()?.checked_sub(1)
}
