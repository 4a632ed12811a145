//! Rooms of a given size, written through the log's own interface.

use std::time::Instant;

use readrealm_protocol::{BookId, Content, Seq, Timestamp, UserId, Username};
use readrealm_server::log::event::{Edited, EventId, EventKind, Payload, Posted};
use readrealm_server::log::{Append, AppendOutcome, EventLog, StoredEvent};

/// Events of one append.
const BATCH: u32 = 4_000;

/// Every so manieth event edits the post before it, and the one after that withdraws another.
const CHANGE_EVERY: u32 = 20;

/// Fills a room with `events` events: posts, and among them edits and deletes. Returns how many a second were durable.
pub(crate) async fn fill(log: &dyn EventLog, book: BookId, events: u32) -> f64 {
    let started = Instant::now();
    let mut next = 1;
    while next <= events {
        let last = (next + BATCH - 1).min(events);
        let batch = (next..=last).map(|number| event(book, number)).collect();
        let outcome = log.append(vec![Append { book, events: batch }]).await;
        assert_eq!(
            outcome,
            [AppendOutcome::all((last - next + 1) as usize)],
            "the room is new"
        );
        next = last + 1;
    }
    f64::from(events) / started.elapsed().as_secs_f64()
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
