//! Brings a client forward from a position of any age, page by page, until its room can take it in from memory.
//!
//! What is deleted by now is told as its withdrawal and what was edited with its current words, each at the position
//! it had: every position is told, and no withdrawn word is.

use std::time::Duration;

use readrealm_protocol::limits::{RESUME_BYTES, RESUME_EVENTS};
use readrealm_protocol::server::{ErrorReply, Members, MessageDeleted, Resumed};
use readrealm_protocol::{BookId, Change, MessageId, Seq, codec};
use rustc_hash::FxHashMap;
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::Services;
use crate::log::{ReadError, ReadLimit, StoredEvent};
use crate::room::{Standing, unavailable};
use crate::seldom::seldom;

/// Reads that may be under way at once.
const READS: usize = 32;

/// Pages that may be with their connections and not yet taken: 128 MiB at most.
const PAGES: usize = 512;

/// How long a client waits for its turn before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// What resuming may take of this process, over all connections: who comes in large numbers waits for a turn.
#[derive(Debug)]
pub struct Resumes {
    pages: Semaphore,
    reads: Semaphore,
}

impl Default for Resumes {
    fn default() -> Self {
        Self {
            pages: Semaphore::new(PAGES),
            reads: Semaphore::new(READS),
        }
    }
}

/// A page, and the room in memory it takes: to be held until the page is written.
type Held<'a> = (Resumed<Box<RawValue>>, SemaphorePermit<'a>);

/// The events after a client's standing, as many as one page holds.
pub(super) async fn next_page<'a>(
    services: &'a Services,
    book: BookId,
    standing: &Standing,
    members: Members,
) -> Result<Held<'a>, ErrorReply> {
    let held = timeout(PATIENCE, services.resumes.pages.acquire()).await;
    let held = held.ok().and_then(Result::ok).ok_or_else(unavailable)?;
    let reading = services.resumes.reads.acquire().await.map_err(|_| unavailable())?;
    let (events, latest) = read(services, book, standing.after).await.map_err(|error| {
        seldom!(warn, %book, %error, "events to resume from could not be read; this is told once a minute");
        unavailable()
    })?;
    let mut page = Resumed {
        book_id: book,
        epoch: standing.epoch.clone(),
        seq: standing.after,
        events: Vec::new(),
        complete: false,
        members,
    };
    // Cut by what is told: a short word of then may be a long one today.
    let mut bytes = 0;
    for event in &events {
        let Some(told) = as_told_today(event, &latest) else {
            break;
        };
        bytes += told.get().len();
        if bytes > RESUME_BYTES && !page.events.is_empty() {
            break;
        }
        page.seq = event.seq;
        page.events.push(told);
    }
    drop(reading);
    services.metrics.resume_pages.inc();
    Ok((page, held))
}

type Latest = FxHashMap<Seq, StoredEvent>;

async fn read(services: &Services, book: BookId, after: Seq) -> Result<(Vec<StoredEvent>, Latest), ReadError> {
    let limit = ReadLimit {
        events: RESUME_EVENTS,
        bytes: RESUME_BYTES,
    };
    let events = services.log.read_forward(book, after, limit).await?;
    let mut places: Vec<Seq> = events.iter().map(|event| event.place).collect();
    places.sort_unstable();
    places.dedup();
    let latest = services.log.read_latest(book, &places).await?;
    Ok((events, latest.into_iter().map(|event| (event.place, event)).collect()))
}

fn as_told_today(event: &StoredEvent, latest: &Latest) -> Option<Box<RawValue>> {
    let (book_id, seq) = (event.book, Some(event.seq));
    let withdrawn = |place| {
        let deleted = MessageDeleted {
            book_id,
            message_id: MessageId { book_id, place },
        };
        codec::encode("messageDeleted", None, seq, &deleted)
    };
    let text = match (event.change(), latest.get(&event.place).unwrap_or(event).change()) {
        // Of an unknown type: its position is told as the withdrawal of a message that never was.
        (None, _) => withdrawn(event.seq),
        (Some(Change::Posted(_)), Some(Change::Posted(message) | Change::Edited(message))) => {
            codec::encode("message", None, seq, &message)
        }
        (Some(_), Some(Change::Posted(message) | Change::Edited(message))) => {
            codec::encode("messageEdited", None, seq, &message)
        }
        (Some(_), Some(Change::Deleted) | None) => withdrawn(event.place),
    };
    RawValue::from_string(text).ok()
}
