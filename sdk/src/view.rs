//! What a room shows: the fold of its events, and beside it the same messages as one list that the page can be handed.

use readrealm_protocol::history::{Change, History, Shown};
use readrealm_protocol::ids::Seq;

use crate::frame::Value;

/// Messages that are put in front of a list at every look, before another one is kept that has them.
const UNREAD: usize = 16;

/// Messages of the page, newest first. An index is one that there is.
pub trait List<V>: std::fmt::Debug + Default {
    /// Adds a message at the end.
    fn push(&mut self, message: &V);
    /// Another one, of these messages and those of `older` behind them.
    #[must_use]
    fn before(self, older: &Self) -> Self;
    /// Puts a message in place of the one at `index`.
    fn replace(&mut self, index: usize, message: &V);
    /// Takes out the message at `index`.
    fn remove(&mut self, index: usize);
    /// Keeps the first `count` messages; there are no fewer.
    fn keep(&mut self, count: usize);
}

/// A room's history, and the means to hand out its messages: to make a list of them one by one costs as much as ten
/// messages do, to copy one that is there a tenth of that.
#[derive(Debug)]
pub(crate) struct View<V: Value> {
    history: History<V>,
    /// The messages but for the newest `unread`; behind them may stand what left the window since. There is none while
    /// nobody looks, and where the history became another as a whole.
    list: Option<V::List>,
    unread: usize,
}

impl<V: Value> View<V> {
    pub(crate) fn new(window: usize) -> Self {
        Self {
            history: History::new(window),
            list: None,
            unread: 0,
        }
    }

    pub(crate) fn history(&self) -> &History<V> {
        &self.history
    }

    /// The history, to be changed as a whole.
    pub(crate) fn history_mut(&mut self) -> &mut History<V> {
        self.list = None;
        &mut self.history
    }

    /// The messages, newest first: a list of the caller's own.
    pub(crate) fn messages(&mut self) -> V::List {
        let mut messages = V::List::default();
        let known = self.list.as_ref();
        let unread = known.map_or(usize::MAX, |_| self.unread);
        for message in self.history.newest_first().take(unread) {
            messages.push(message);
        }
        if let Some(known) = known {
            messages = messages.before(known);
        }
        messages.keep(self.history.len());
        if self.list.is_none() || self.unread > UNREAD {
            self.list = Some(V::List::default().before(&messages));
            self.unread = 0;
        }
        messages
    }

    pub(crate) fn apply(&mut self, place: Seq, version: Seq, change: Change<V>) {
        let shown = self.history.apply(place, version, change);
        let Some(list) = &mut self.list else { return };
        if shown == Shown::AsBefore {
            return;
        }
        let index = self.history.newer_than(place);
        match (shown, index.checked_sub(self.unread)) {
            (Shown::Added, None | Some(0)) => self.unread += 1,
            (Shown::Removed, None) => self.unread -= 1,
            (Shown::Removed, Some(index)) => list.remove(index),
            (Shown::Replaced, index) => {
                if let (Some(index), Some(message)) = (index, self.history.get(place)) {
                    list.replace(index, message);
                }
            }
            // In the middle: no server does that.
            _ => self.list = None,
        }
        // Nobody looks, and none of it is left.
        if self.unread >= self.history.len() {
            self.list = None;
        }
    }
}
