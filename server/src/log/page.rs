//! A page of history: the fold of events read backward, one code for every engine.

use readrealm_protocol::{BookId, History, Message, Seq};

use super::StoredEvent;

/// Events a page reads at most once it holds a message. Edits are bounded per message and a delete ends them, so only
/// a long run of withdrawn messages comes near it.
pub const SCAN_EVENTS: usize = 20_000;

/// Messages of a room, exact at a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The position they are exact at.
    pub seq: Seq,
    /// Newest first.
    pub messages: Vec<Message>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// Folds events, handed in by descending place and, within a place, by descending position.
#[derive(Debug)]
pub struct PageFold {
    history: History<Message>,
    at: Seq,
    limit: usize,
    scanned: usize,
}

impl PageFold {
    /// A page of at most `limit` messages as they were at position `at`.
    pub fn new(at: Seq, limit: usize) -> Self {
        Self {
            history: History::new(usize::MAX),
            at,
            limit,
            scanned: 0,
        }
    }

    /// Takes the next event. Returns whether the page is complete, so that the reader can stop.
    pub fn push(&mut self, event: &StoredEvent) -> bool {
        self.scanned += 1;
        // The message past the limit is what tells that there are more; it ends the page whatever else is at its place.
        if event.seq <= self.at
            && let Some(change) = event.change()
        {
            self.history.apply(event.place, event.seq, change);
        }
        self.is_full()
    }

    /// Whether nothing more need be read.
    pub fn is_full(&self) -> bool {
        self.history.len() > self.limit || (self.scanned >= SCAN_EVENTS && !self.history.is_empty())
    }

    /// The page, the room's beginning having been reached or the fold being full.
    pub fn finish(self, book: BookId) -> Page {
        let has_more = self.is_full();
        let newest = self.history.into_newest_first();
        let messages: Vec<_> = newest.map(|(_, message)| message).take(self.limit).collect();
        debug_assert!(messages.iter().all(|message| message.book_id == book));
        Page {
            seq: self.at,
            messages,
            has_more,
        }
    }
}
