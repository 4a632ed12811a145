//! What is wrong with stored events: the rules of the log, as a machine that is fed with them by room and position.
//!
//! Memory: of the room at hand one bit an event, and a few bytes for each message that was edited.

use readrealm_protocol::limits::EDITS_PER_MESSAGE;
use readrealm_protocol::{BookId, ClientMessageId, Seq, Timestamp};
use rustc_hash::FxHashMap;

use crate::log::inspect::RawEvent;
use crate::log::record::Record;
use crate::log::{Payload, StoredEvent};

/// Checks events, and counts them.
#[derive(Debug, Default)]
pub struct Checker {
    /// Rooms seen.
    pub rooms: u64,
    /// Events seen.
    pub events: u64,
    room: Option<Room>,
}

#[derive(Debug)]
struct Room {
    book: BookId,
    last: Seq,
    at: Option<Timestamp>,
    posts: Positions,
    deleted: Positions,
    edits: FxHashMap<Seq, u32>,
}

/// A set of positions.
#[derive(Debug, Default)]
struct Positions(FxHashMap<u64, u64>);

impl Positions {
    fn insert(&mut self, seq: Seq) {
        *self.0.entry(seq.get() / 64).or_default() |= 1 << (seq.get() % 64);
    }

    fn contains(&self, seq: Seq) -> bool {
        self.0
            .get(&(seq.get() / 64))
            .is_some_and(|bits| bits & (1 << (seq.get() % 64)) != 0)
    }
}

impl Checker {
    /// Checks the next event, in the order of rooms and positions. Returns what is wrong, a sentence each.
    pub fn check(&mut self, event: RawEvent) -> Vec<String> {
        self.events += 1;
        let (Some(book), Some(seq)) = (event.book, event.seq) else {
            let why = event.record.err().unwrap_or_default();
            return vec![format!(
                "event {:?} has no room or no position: {why}",
                event.id.unwrap_or_default()
            )];
        };
        if self.room.as_ref().is_none_or(|room| room.book != book) {
            self.rooms += 1;
            self.room = Some(Room::new(book));
        }
        let mut found = Vec::new();
        if let Some(room) = &mut self.room {
            room.order(seq, &mut found);
            match event.record {
                Ok(record) => room.record(record, &mut found),
                Err(why) => found.push(format!("cannot be read: {why}")),
            }
        }
        found
            .into_iter()
            .map(|what| format!("room {book}, position {seq}: {what}"))
            .collect()
    }
}

impl Room {
    fn new(book: BookId) -> Self {
        Self {
            book,
            last: Seq::ZERO,
            at: None,
            posts: Positions::default(),
            deleted: Positions::default(),
            edits: FxHashMap::default(),
        }
    }

    fn order(&mut self, seq: Seq, found: &mut Vec<String>) {
        let next = self.last.next();
        if seq > next {
            let missing = if seq == next.next() {
                format!("position {next} is missing before it")
            } else {
                format!("positions {next} to {} are missing before it", seq.get() - 1)
            };
            found.push(missing);
        } else if seq < next {
            found.push(if seq == Seq::ZERO {
                "positions begin at 1".to_owned()
            } else {
                "there is another event at this position".to_owned()
            });
        }
        self.last = self.last.max(seq);
    }

    fn record(&mut self, record: Record, found: &mut Vec<String>) {
        if let Some(before) = self.at.filter(|before| *before > record.at) {
            found.push(format!(
                "its time {} is before {before}, that of an event before it",
                record.at
            ));
        }
        self.at = self.at.max(Some(record.at));
        match record.read() {
            Ok(event) => {
                found.extend(id_defect(&event));
                self.place(&event, found);
            }
            Err(why) => found.push(why.to_string()),
        }
    }

    fn place(&mut self, event: &StoredEvent, found: &mut Vec<String>) {
        let (seq, place) = (event.seq, event.place);
        match &event.payload {
            Payload::Posted(_) => {
                self.posts.insert(seq);
                if place != seq {
                    found.push(format!(
                        "a post has its own position as its place, and this one has {place}"
                    ));
                }
                return;
            }
            Payload::Unknown { kind, version, .. } => {
                found.push(format!("this server does not know type {kind:?} version {version}"));
                return;
            }
            Payload::Edited(_) | Payload::Deleted => {}
        }
        if place >= seq || !self.posts.contains(place) {
            found.push(format!(
                "it changes the message at {place}, where none was posted before it"
            ));
            return;
        }
        if self.deleted.contains(place) {
            found.push(format!(
                "it changes the message at {place}, which was deleted before it"
            ));
        }
        match &event.payload {
            Payload::Edited(edited) => {
                let edits = self.edits.entry(place).or_default();
                *edits += 1;
                if *edits as usize > EDITS_PER_MESSAGE {
                    found.push(format!(
                        "it is edit {edits} of the message at {place}, of {EDITS_PER_MESSAGE} at most"
                    ));
                }
                if edited.revision != *edits {
                    found.push(format!(
                        "it says that it is edit {}, and is edit {edits}",
                        edited.revision
                    ));
                }
            }
            _ => self.deleted.insert(place),
        }
    }
}

/// What is wrong with an id, which is `<bookId>/<kind>/<key>/<userId>`.
fn id_defect(event: &StoredEvent) -> Option<String> {
    let id = event.id.as_str();
    let kind = match &event.payload {
        Payload::Posted(_) => Some("post"),
        Payload::Edited(_) => Some("edit"),
        Payload::Deleted => Some("delete"),
        Payload::Unknown { .. } => None,
    };
    let parts: Vec<_> = id.splitn(4, '/').collect();
    let [book, kind_of_id, key, by] = parts[..] else {
        return Some(format!("its id {id:?} is not of the form bookId/kind/key/userId"));
    };
    let made = key
        .strip_prefix('~')
        .is_some_and(|made| made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if book != event.book.to_string() {
        Some(format!("its id {id:?} is of another room"))
    } else if kind.is_some_and(|kind| kind != kind_of_id) {
        Some(format!("its id {id:?} is not that of a {}", kind.unwrap_or_default()))
    } else if !made && ClientMessageId::try_from(key).is_err() {
        Some(format!("its id {id:?} has no key"))
    } else if kind.is_some() && by != event.by.as_str() {
        Some(format!("its id {id:?} is of another user than {:?}", event.by))
    } else {
        let told = match &event.payload {
            Payload::Posted(posted) => posted.client_message_id.as_ref(),
            _ => None,
        };
        let told = told.filter(|told| told.as_str() != key);
        told.map(|told| format!("its id {id:?} has another key than {told:?}"))
    }
}
