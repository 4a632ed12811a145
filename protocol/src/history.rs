//! The fold of a room's events into its history: one code for the server's pages and the browser's window.
//!
//! A message and every change to it share a *place*, the position of its post. The fold keeps for each place the
//! change with the highest position, so it gives the same history whatever order the events are read in: forward as
//! they happen, or backward as a page is read from the log.

use std::collections::BTreeMap;

use crate::ids::Seq;

/// What one event does to the message at its place. A post and an edit carry the whole message as it then is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<M> {
    /// The message was posted.
    Posted(M),
    /// The message has new words.
    Edited(M),
    /// The message was withdrawn.
    Deleted,
}

#[derive(Debug, Clone)]
struct Slot<M> {
    /// The position of the change held.
    version: Seq,
    /// `None` once deleted: the slot stays, so that an older change read later cannot bring the message back.
    message: Option<M>,
}

/// A window on the newest messages of a room, kept current by its events and widened by older pages.
#[derive(Debug, Clone)]
pub struct History<M> {
    slots: BTreeMap<Seq, Slot<M>>,
    /// Places below this one are outside the window; changes to them are of no interest…
    floor: Seq,
    /// …except while a page of them is on its way.
    paging: bool,
    /// Messages in the window, the deleted not counted.
    visible: usize,
    /// Messages the window holds at most; the oldest leave. Older pages widen it by what they bring.
    window: usize,
    /// The bound that a reset goes back to.
    initial_window: usize,
    has_more: bool,
}

impl<M> History<M> {
    /// The empty history of a room with nothing before it, holding at most `window` messages.
    pub fn new(window: usize) -> Self {
        Self { slots: BTreeMap::new(), floor: Seq::ZERO, paging: false, visible: 0, window, initial_window: window, has_more: false }
    }

    /// Applies the event at position `version` to the message at `place`. Returns whether the history changed by it;
    /// what is older than what is known, or outside the window, changes nothing.
    pub fn apply(&mut self, place: Seq, version: Seq, change: Change<M>) -> bool {
        if place < self.floor && !self.paging {
            return false;
        }
        let message = match change {
            Change::Posted(message) | Change::Edited(message) => Some(message),
            Change::Deleted => None,
        };
        let changed = self.put(place, version, message);
        self.trim();
        changed
    }

    /// Replaces everything by the state at position `at`: `messages` are `(place, message)` in any order.
    pub fn reset(&mut self, at: Seq, messages: impl IntoIterator<Item = (Seq, M)>, has_more: bool) {
        *self = Self::new(self.initial_window);
        self.merge_page(at, messages, has_more);
    }

    /// From now until [`merge_page`](Self::merge_page) or [`abandon_page`](Self::abandon_page), changes to messages
    /// below the window are kept: the page asked for may be older than they are.
    pub fn begin_page(&mut self) {
        self.paging = true;
    }

    /// Gives up on the page that was asked for.
    pub fn abandon_page(&mut self) {
        self.paging = false;
        self.drop_below_floor();
    }

    /// Adds a page of older messages that is exact at position `at`, and widens the window by them. A change seen
    /// after `at` wins over the page.
    pub fn merge_page(&mut self, at: Seq, messages: impl IntoIterator<Item = (Seq, M)>, has_more: bool) {
        let mut lowest = None;
        for (place, message) in messages {
            lowest = Some(lowest.map_or(place, |known: Seq| known.min(place)));
            self.put(place, at, Some(message));
        }
        if !has_more {
            self.floor = Seq::ZERO;
        } else if let Some(lowest) = lowest {
            self.floor = if self.visible == 0 { lowest } else { self.floor.min(lowest) };
        }
        self.has_more = has_more;
        self.paging = false;
        self.drop_below_floor();
        self.visible = self.newest_first().count();
        self.window = self.window.max(self.visible);
    }

    /// The messages, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &M> {
        self.slots.range(self.floor..).rev().filter_map(|(_, slot)| slot.message.as_ref())
    }

    /// The messages with their places, newest first.
    pub fn into_newest_first(self) -> impl Iterator<Item = (Seq, M)> {
        let floor = self.floor;
        let slots = self.slots.into_iter().rev();
        slots.filter(move |(place, _)| *place >= floor).filter_map(|(place, slot)| Some((place, slot.message?)))
    }

    /// The message at `place`, where it is in the window and not deleted.
    pub fn get(&self, place: Seq) -> Option<&M> {
        self.slots.get(&place).filter(|_| place >= self.floor)?.message.as_ref()
    }

    /// The place of the oldest message in the window.
    pub fn oldest(&self) -> Option<Seq> {
        self.slots.range(self.floor..).find(|(_, slot)| slot.message.is_some()).map(|(place, _)| *place)
    }

    /// Messages in the window.
    pub fn len(&self) -> usize {
        self.visible
    }

    /// Whether the window holds no message.
    pub fn is_empty(&self) -> bool {
        self.visible == 0
    }

    /// Whether the room has messages older than the window.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    fn put(&mut self, place: Seq, version: Seq, message: Option<M>) -> bool {
        let appears = usize::from(message.is_some());
        let mut vanishes = 0;
        match self.slots.get_mut(&place) {
            Some(slot) if slot.version >= version => return false,
            Some(slot) => {
                vanishes = usize::from(slot.message.is_some());
                *slot = Slot { version, message };
            }
            None => {
                self.slots.insert(place, Slot { version, message });
            }
        }
        if place >= self.floor {
            self.visible = self.visible + appears - vanishes;
        }
        true
    }

    fn trim(&mut self) {
        while self.visible > self.window && !self.paging {
            let Some((_, slot)) = self.slots.pop_first() else { return };
            if slot.message.is_some() {
                self.visible -= 1;
                self.has_more = true;
            }
            if let Some((lowest, _)) = self.slots.first_key_value() {
                self.floor = *lowest;
            }
        }
    }

    fn drop_below_floor(&mut self) {
        while let Some(entry) = self.slots.first_entry().filter(|entry| *entry.key() < self.floor) {
            entry.remove();
        }
    }
}
