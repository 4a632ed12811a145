//! Rooms of a given size, written through the log's own interface.

use readrealm_protocol::{BookId, Content, Seq, Timestamp, UserId, Username};
use readrealm_server::log::event::{Edited, EventId, EventKind, Payload, Posted};
use readrealm_server::log::{Append, AppendOutcome, EventLog, StoredEvent};

/// Events of one append.
const BATCH: u32 = 4_000;

/// So many events of each room, its newest, are appended one by one, with one of every other room between two.
const NEWEST: u32 = 200;

/// Rooms that talk meanwhile: an event of each fills more than a page of SQLite's.
const OTHERS: u32 = 32;

/// The first of them.
const OTHER: u32 = 900_000;

/// Every so manieth event edits the post before it, and the one after that withdraws another.
const CHANGE_EVERY: u32 = 20;

/// Fills rooms with so many events each: posts, and among them edits and deletes. What a join reads of a room does not stand
/// together, as where many talk at once.
pub(crate) async fn fill(log: &dyn EventLog, rooms: &[(u32, u32)]) {
    for (room, events) in rooms {
        let older = events.saturating_sub(NEWEST);
        for first in (1..=older).step_by(BATCH as usize) {
            append(log, vec![part(*room, first, (first + BATCH - 1).min(older))]).await;
        }
    }
    let others = (0..OTHERS).map(|number| (OTHER + number, NEWEST));
    let all: Vec<_> = rooms.iter().copied().chain(others).collect();
    for newer in (0..NEWEST).rev() {
        let begun = all.iter().filter(|(_, events)| *events > newer);
        let batch = begun.map(|(room, events)| part(*room, events - newer, events - newer));
        append(log, batch.collect()).await;
    }
}

fn part(room: u32, first: u32, last: u32) -> Append {
    let book = BookId::from(room);
    let events = (first..=last).map(|number| event(book, number)).collect();
    Append { book, events }
}

async fn append(log: &dyn EventLog, batch: Vec<Append>) {
    let all: Vec<_> = batch.iter().map(|room| AppendOutcome::all(room.events.len())).collect();
    assert_eq!(log.append(batch).await, all, "the rooms are new");
}

fn event(book: BookId, number: u32) -> StoredEvent {
    let user = UserId::try_from(format!("reader-{}", number % 500).as_str()).expect("a user id");
    let username = Username::try_from("A reader").expect("a name");
    let words = format!("Message {number}: the Cheshire Cat scene is my favourite, and I have read it more than once.");
    let content = Content::try_from(words.as_str()).expect("words");
    let at = Timestamp::from_millis(1_700_000_000_000 + i64::from(number));
    let (kind, place, payload) = match number % CHANGE_EVERY {
        0 => {
            let edited = Edited {
                user_id: user.clone(),
                username,
                content,
                created_at: at,
                client_message_id: None,
                revision: 1,
            };
            (EventKind::Edit, number - 2, Payload::Edited(edited))
        }
        1 if number > CHANGE_EVERY => (EventKind::Delete, number - 2, Payload::Deleted),
        _ => (
            EventKind::Post,
            number,
            Payload::Posted(Posted {
                username,
                content,
                client_message_id: None,
            }),
        ),
    };
    let id = EventId::new(book, kind, None, &user);
    StoredEvent {
        id,
        book,
        seq: Seq::from(number),
        place: Seq::from(place),
        at,
        by: user,
        payload,
    }
}

#[cfg(test)]
mod tests {
    use e2e::Store;
    use readrealm_server::log::open::open;

    use super::*;

    #[tokio::test]
    async fn every_room_has_as_many_events_as_asked() {
        let store = Store::sqlite();
        let log = open(&store.url().parse().expect("a store")).await.expect("it opens");
        let rooms = [(1, 50), (2, NEWEST), (3, 2 * NEWEST + 1)];
        fill(&*log, &rooms).await;
        for (room, events) in rooms {
            let head = log.head(BookId::from(room)).await.expect("it reads");
            assert_eq!(head.seq, Seq::from(events));
        }
        log.close().await;
    }
}
