//! The fold of a room's events into its history: one code for the server's pages and the browser's window.
//!
//! A message and every change to it share a *place*, the position of its post. The fold keeps for each place the
//! change with the highest position, so it gives the same history whatever order the events are read in: forward as
//! they happen, or backward as a page is read from the log.

use crate::ids::Seq;
use crate::slots::Slots;

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

/// What a change did to the messages shown, at its own place. Others may have left the window at its old end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Nothing that can be seen.
    AsBefore,
    /// A message appeared, behind those that are newer ([`History::newer_than`]).
    Added,
    /// The message is another one.
    Replaced,
    /// The message is gone.
    Removed,
}

#[derive(Debug, Clone)]
struct Slot<M> {
    /// The position of the change held.
    version: Seq,
    /// `None` once deleted: the slot stays, so that an older change read later cannot bring the message back.
    message: Option<M>,
}

/// Deleted messages whose places a window keeps at least, before it lets go of them.
const DELETED_KEPT: usize = 128;

/// A window on the newest messages of a room, kept current by its events and widened by older pages.
///
/// Events may be applied in any order while no more than the window's size of messages, or 128, are deleted; a history
/// that outlives that, as a room's or a client's does, applies them in order.
///
/// ```
/// use readrealm_protocol::history::{Change, History, Shown};
/// use readrealm_protocol::Seq;
///
/// let at = |position: u64| Seq::try_from(position).expect("in range");
/// let mut history = History::new(500);
/// history.apply(at(1), at(1), Change::Posted("Curiouser"));
/// history.apply(at(2), at(2), Change::Posted("We're all mad here"));
/// history.apply(at(1), at(3), Change::Edited("Curiouser and curiouser!"));
/// history.apply(at(2), at(4), Change::Deleted);
/// // Read again, out of order: what is older than what is known changes nothing.
/// let shown = history.apply(at(2), at(2), Change::Posted("We're all mad here"));
/// assert_eq!(shown, Shown::AsBefore);
/// assert!(history.newest_first().eq(&["Curiouser and curiouser!"]));
/// ```
#[derive(Debug, Clone)]
pub struct History<M> {
    slots: Slots<Slot<M>>,
    /// Places below this one are outside the window; changes to them are of no interest…
    floor: Seq,
    /// …except while a page of them is on its way.
    paging: bool,
    /// The highest position of a change that was let go: a page older than it could undo that change.
    forgotten: Seq,
    /// From which place on the state was given exact at which position, highest place first. A place without a slot
    /// holds nothing there, and changes up to that position are known already.
    exact: Vec<(Seq, Seq)>,
    /// Messages in the window, the deleted not counted.
    visible: usize,
    /// Messages the window holds at most; the oldest leave. A page widens it to what it then holds.
    window: usize,
    /// The bound that a reset goes back to.
    initial_window: usize,
    has_more: bool,
}

impl<M> History<M> {
    /// The empty history of a room with nothing before it, holding at most `window` messages.
    pub fn new(window: usize) -> Self {
        Self {
            slots: Slots::new(),
            floor: Seq::ZERO,
            paging: false,
            forgotten: Seq::ZERO,
            exact: vec![(Seq::ZERO, Seq::ZERO)],
            visible: 0,
            window,
            initial_window: window,
            has_more: false,
        }
    }

    /// Applies the event at position `version` to the message at `place`. Returns what that did to the messages shown;
    /// what is older than what is known, or outside the window, changes nothing.
    pub fn apply(&mut self, place: Seq, version: Seq, change: Change<M>) -> Shown {
        let stood = self.get(place).is_some();
        let changed = self.take(place, version, change);
        match (stood, self.get(place).is_some()) {
            (false, true) => Shown::Added,
            (true, true) if changed => Shown::Replaced,
            (true, false) => Shown::Removed,
            _ => Shown::AsBefore,
        }
    }

    fn take(&mut self, place: Seq, version: Seq, change: Change<M>) -> bool {
        if place < self.floor && !self.paging {
            self.forgotten = self.forgotten.max(version);
            return false;
        }
        if version <= self.exact_at(place) {
            return false;
        }
        let message = match change {
            Change::Posted(message) | Change::Edited(message) => Some(message),
            Change::Deleted => None,
        };
        let newer = self.put(place, version, message);
        self.trim();
        newer
    }

    /// Replaces everything by the state at position `at`: `messages` are `(place, message)` in any order. A page that
    /// was on its way is given up.
    pub fn reset(&mut self, at: Seq, messages: impl IntoIterator<Item = (Seq, M)>, has_more: bool) {
        // An empty window above `at`, and the state as its first page.
        *self = Self {
            floor: at.next(),
            paging: true,
            forgotten: at,
            exact: vec![(at.next(), Seq::ZERO)],
            ..Self::new(self.initial_window)
        };
        self.merge_page(at, messages, has_more);
    }

    /// From now until [`merge_page`](Self::merge_page) or [`abandon_page`](Self::abandon_page), changes to messages
    /// below the window are kept, and no message leaves it: the page asked for may be older than they are. To be
    /// called before the page is asked for, one page at a time.
    pub fn begin_page(&mut self) {
        self.paging = true;
    }

    /// Gives up on the page that was asked for: the connection it was asked on is gone, or the request failed.
    pub fn abandon_page(&mut self) {
        self.paging = false;
        let floor = self.floor;
        self.slots.retain(|place, _| place >= floor);
        self.trim();
    }

    /// Adds the page of messages before [`oldest`](Self::oldest) that is exact at position `at`, and widens the window
    /// to hold them. A change seen after `at` wins over the page.
    ///
    /// Returns whether it was added. A page not begun, begun before a reset, or older than a change already let go is
    /// given up, as it could bring back what was withdrawn: ask again.
    pub fn merge_page(&mut self, at: Seq, messages: impl IntoIterator<Item = (Seq, M)>, has_more: bool) -> bool {
        if !self.paging || at < self.forgotten {
            self.abandon_page();
            return false;
        }
        let mut floor = self.floor;
        for (place, message) in messages {
            floor = floor.min(place);
            self.put(place, at, Some(message));
        }
        if !has_more {
            floor = Seq::ZERO;
        }
        if floor < self.floor {
            self.exact.push((floor, at));
        }
        // What the page covers and does not hold was withdrawn by then.
        let above = self.floor;
        self.slots
            .retain(|place, slot| place >= above || (place >= floor && slot.version >= at));
        self.floor = floor;
        self.has_more = has_more;
        self.paging = false;
        self.visible = self.newest_first().count();
        self.window = self.window.max(self.visible);
        true
    }

    /// The messages, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &M> {
        self.slots
            .from(self.floor)
            .rev()
            .filter_map(|(_, slot)| slot.message.as_ref())
    }

    /// The messages with their places, newest first.
    pub fn into_newest_first(self) -> impl Iterator<Item = (Seq, M)> {
        let floor = self.floor;
        let slots = self.slots.into_iter().rev();
        slots
            .filter(move |(place, _)| *place >= floor)
            .filter_map(|(place, slot)| Some((place, slot.message?)))
    }

    /// The message at `place`, where it is in the window and not deleted.
    pub fn get(&self, place: Seq) -> Option<&M> {
        self.slots.get(place).filter(|_| place >= self.floor)?.message.as_ref()
    }

    /// How many messages of the window are newer than the one at `place`: its index, counted from the newest.
    pub fn newer_than(&self, place: Seq) -> usize {
        let newer = self.slots.from(self.floor.max(place.next()));
        newer.filter(|(_, slot)| slot.message.is_some()).count()
    }

    /// The place of the oldest message in the window.
    pub fn oldest(&self) -> Option<Seq> {
        self.slots
            .from(self.floor)
            .find(|(_, slot)| slot.message.is_some())
            .map(|(place, _)| *place)
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
        match self.slots.get_mut(place) {
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
            let Some((place, slot)) = self.slots.pop_first() else {
                return;
            };
            if slot.message.is_some() {
                self.visible -= 1;
                self.has_more = true;
            }
            self.forgotten = self.forgotten.max(slot.version);
            self.raise_floor(self.slots.first().map_or(place.next(), |(lowest, _)| *lowest));
        }
        if !self.paging && self.slots.len() - self.visible > self.window.max(DELETED_KEPT) {
            self.forget_deleted();
        }
    }

    /// Lets go of the places of deleted messages: everything up to the newest change is known here, so nothing older
    /// counts any more.
    fn forget_deleted(&mut self) {
        let newest = self.slots.values().map(|slot| slot.version).max().unwrap_or(Seq::ZERO);
        self.slots.retain(|_, slot| slot.message.is_some());
        self.exact = vec![(self.floor, newest)];
        self.forgotten = self.forgotten.max(newest);
    }

    fn raise_floor(&mut self, floor: Seq) {
        self.floor = floor;
        while let [.., (above, _), _] = self.exact[..]
            && above <= floor
        {
            self.exact.pop();
        }
        if let Some((from, _)) = self.exact.last_mut() {
            *from = floor.max(*from);
        }
    }

    /// The position up to which every change at `place` is known; 0 below the window.
    fn exact_at(&self, place: Seq) -> Seq {
        self.exact
            .iter()
            .find(|(from, _)| *from <= place)
            .map_or(Seq::ZERO, |(_, at)| *at)
    }
}
