//! Brings a client forward from a position of any age, page by page, until its room can take it in from memory.
//!
//! What is deleted by now is told as its withdrawal and what was edited with its current words, each at the position
//! it had: every position is told, and no withdrawn word is.

use std::net::IpAddr;
use std::time::Duration;

use readrealm_protocol::limits::{RESUME_BYTES, RESUME_EVENTS};
use readrealm_protocol::server::{ErrorReply, Members, MessageDeleted, Resumed};
use readrealm_protocol::{BookId, Change, MessageId, Seq, UserId, codec};
use rustc_hash::FxHashMap;
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::Services;
use super::shares::{Share, Shares};
use crate::log::{ReadError, ReadLimit, StoredEvent};
use crate::network::{Network, blocks};
use crate::room::{Standing, unavailable};
use crate::seldom::seldom;

/// Reads that may be under way at once.
const READS: usize = 32;

/// Pages that may be with their connections and not yet taken: 128 MiB at most.
const PAGES: usize = 512;

/// Those of one user among them, who shows a token…
const PAGES_OF_USER: usize = 8;

/// …and of one address, where users are only claimed: there may be a school behind it.
const PAGES_OF_ADDRESS: usize = 64;

/// How long a client waits for its turn before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// What resuming may take of this process, over all connections: who comes in large numbers waits for a turn, and who leaves
/// their pages lying waits for themselves.
#[derive(Debug)]
pub struct Resumes {
    pages: Semaphore,
    shares: Shares<Whose>,
    reads: Semaphore,
}

/// Whose pages are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Whose {
    /// A token's user.
    User(UserId),
    /// An address, of IPv6 its /64.
    Address(Network),
}

impl Whose {
    /// Those of an address.
    pub(super) fn address(address: IpAddr) -> Option<Self> {
        blocks(address).next().map(|(narrowest, _)| Self::Address(narrowest))
    }

    fn pages(&self) -> usize {
        match self {
            Self::User(_) => PAGES_OF_USER,
            Self::Address(_) => PAGES_OF_ADDRESS,
        }
    }
}

impl Default for Resumes {
    fn default() -> Self {
        Self {
            pages: Semaphore::new(PAGES),
            shares: Shares::default(),
            reads: Semaphore::new(READS),
        }
    }
}

/// A page, and the room in memory it takes: to be held until the page is written.
type Held<'a> = (Resumed<Box<RawValue>>, Turn<'a>);

/// Room for one page.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _page: SemaphorePermit<'a>,
    _share: Share<'a, Whose>,
}

impl Resumes {
    /// Waits for a turn; `None` where none comes in time.
    async fn turn(&self, whose: &Whose) -> Option<Turn<'_>> {
        let turn = async {
            // First: who waits for their own takes nothing from anybody.
            let share = self.shares.take(whose, whose.pages()).await?;
            let page = self.pages.acquire().await.ok()?;
            Some(Turn {
                _page: page,
                _share: share,
            })
        };
        timeout(PATIENCE, turn).await.ok()?
    }
}

/// The events after a client's standing, as many as one page holds.
pub(super) async fn next_page<'a>(
    services: &'a Services,
    whose: &Whose,
    book: BookId,
    standing: &Standing,
    members: Members,
) -> Result<Held<'a>, ErrorReply> {
    let turn = services.resumes.turn(whose).await.ok_or_else(unavailable)?;
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
    Ok((page, turn))
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
