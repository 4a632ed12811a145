//! `log redact`: words are erased for good, from every stored event of their messages.

use std::sync::Arc;

use clap::Args;
use futures_util::TryStreamExt;
use readrealm_protocol::{BookId, MessageId, Seq, Timestamp, UserId};

use super::appending::append;
use super::deleted::deleted;
use super::progress::Progress;
use super::{AdminError, book_id, counted};
use crate::log::event::EventKind;
use crate::log::inspect::{LogReader, open_reader};
use crate::log::keep::{LogKeeper, open_keeper};
use crate::log::open::StoreUrl;
use crate::log::{Append, EventId, Payload, Stop, StoredEvent};

/// Messages of one step.
const STEP: usize = 500;

/// Who deletes, in the log, a message that is redacted.
const OPERATOR: &str = "log-redact";

/// Erase the words of messages for good.
///
/// Without --yes it only counts.
///
/// First each message that is not deleted yet is deleted, by an event like any other, so that every node and client
/// drops it; then its words, in the post and all edits, are overwritten with `[redacted]`. Positions, times, ids and
/// authors stay. An interrupted run is finished by running it again.
///
/// SQLite: the server must be stopped; the file is written anew, which needs up to twice its size free. MongoDB: nodes
/// may go on. Not erased: words that others quoted, exports and backups, and what MongoDB's oplog and journal still hold.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whose").required(true))]
pub struct Redact {
    /// The message of this id, as 28520-17; repeatable.
    #[arg(long = "message", value_name = "ID", group = "whose", conflicts_with = "book")]
    messages: Vec<MessageId>,

    /// Every message of this user, and the display name in them. Reads the whole log, or the room of --book.
    #[arg(long, value_name = "USERID", group = "whose", value_parser = user_id)]
    user: Option<UserId>,

    /// With --user: only in this room.
    #[arg(long, value_name = "BOOK", value_parser = book_id)]
    book: Option<BookId>,

    /// Do it.
    #[arg(long)]
    yes: bool,
}

fn user_id(text: &str) -> Result<UserId, String> {
    UserId::try_from(text).map_err(|rule| rule.to_string())
}

/// What was done, or would be.
#[derive(Debug, Default)]
struct Counts {
    messages: u64,
    to_delete: u64,
    rewritten: u64,
    unknown: u64,
    unreadable: u64,
}

impl Counts {
    /// Refuses where words may be left.
    fn all_done(&self) -> Result<(), AdminError> {
        let (unknown, unreadable) = (counted(self.unknown, "event"), counted(self.unreadable, "event"));
        let mut left = Vec::new();
        if self.unknown > 0 {
            left.push(format!(
                "{unknown} of these messages are of types this server does not know, and were left as they are"
            ));
        }
        if self.unreadable > 0 {
            left.push(format!(
                "{unreadable} cannot be read, and may be of this user: see log verify"
            ));
        }
        if left.is_empty() {
            return Ok(());
        }
        Err(AdminError::refused(left.join("; ")))
    }
}

impl Redact {
    /// Runs the command.
    pub async fn run(self, store: &StoreUrl) -> Result<(), AdminError> {
        super::must_exist(store).await?;
        if !self.yes {
            let counts = self.go_through(open_reader(store).await?, None).await?;
            let (messages, deletes) = (counted(counts.messages, "message"), counts.to_delete);
            super::say(&format!(
                "{messages} would be redacted, {deletes} of them deleted first; --yes does it"
            ))?;
            return counts.all_done();
        }
        let log = open_keeper(store).await?;
        let redacted = self.redact(store, &*log).await;
        log.close().await;
        let counts = redacted?;
        let (messages, events) = (counted(counts.messages, "message"), counted(counts.rewritten, "event"));
        super::say(&format!(
            "{messages} redacted, {} of them deleted first; {events} rewritten",
            counts.to_delete
        ))?;
        counts.all_done()
    }

    async fn redact(&self, store: &StoreUrl, log: &dyn LogKeeper) -> Result<Counts, AdminError> {
        let from = open_reader(store).await?;
        if self.user.is_none() {
            // That each message is there is known before the first is touched.
            self.go_through(Arc::clone(&from), None).await?;
        }
        let counts = self.go_through(from, Some(log)).await?;
        log.scrub().await?;
        Ok(counts)
    }

    /// Finds the messages, room by room and a step at a time, and redacts them where there is a log to do it in.
    async fn go_through(&self, from: Arc<dyn LogReader>, log: Option<&dyn LogKeeper>) -> Result<Counts, AdminError> {
        let mut counts = Counts::default();
        let Some(user) = &self.user else {
            let mut messages = self.messages.clone();
            messages.sort_unstable();
            messages.dedup();
            for room in messages.chunk_by(|one, next| one.book_id == next.book_id) {
                for step in room.chunks(STEP) {
                    let places: Vec<_> = step.iter().map(|message| message.place).collect();
                    let found = self.step(&*from, log, step[0].book_id, &places, &mut counts).await?;
                    if let Some(missing) = step.iter().find(|message| !found.contains(&message.place)) {
                        return Err(AdminError::refused(format!("there is no message {missing}")));
                    }
                }
            }
            return Ok(counts);
        };
        let mut progress = Progress::new("events", None);
        let (mut room, mut places) = (None, Vec::new());
        let mut events = from.scan(self.book);
        while let Some(event) = events.try_next().await? {
            progress.add(1);
            counts.unreadable += u64::from(event.record.is_err());
            let Some((book, place)) = event.record.ok().and_then(|record| post_of(user, &record)) else {
                continue;
            };
            if let Some(last) = room.filter(|last| *last != book || places.len() >= STEP) {
                self.step(&*from, log, last, &places, &mut counts).await?;
                places.clear();
            }
            room = Some(book);
            places.push(place);
        }
        if let Some(last) = room {
            self.step(&*from, log, last, &places, &mut counts).await?;
        }
        progress.finish();
        Ok(counts)
    }

    /// Returns the places that have a message.
    async fn step(
        &self,
        from: &dyn LogReader,
        log: Option<&dyn LogKeeper>,
        book: BookId,
        places: &[Seq],
        counts: &mut Counts,
    ) -> Result<Vec<Seq>, AdminError> {
        let latest = from.read_latest(book, places).await?;
        let found: Vec<_> = latest.into_iter().map(|event| event.place).collect();
        let gone = deleted(from, book, &found).await?;
        let live: Vec<_> = found.iter().copied().filter(|place| !gone.contains(place)).collect();
        counts.messages += found.len() as u64;
        counts.to_delete += live.len() as u64;
        if let Some(log) = log {
            delete(from, log, book, live).await?;
            let erased = log.erase(book, &found, self.user.is_some()).await?;
            counts.rewritten += erased.rewritten;
            counts.unknown += erased.unknown;
        }
        Ok(found)
    }
}

/// Where `user` posted a message, this being its post.
fn post_of(user: &UserId, record: &crate::log::record::Record) -> Option<(BookId, Seq)> {
    let is_theirs = record.by == *user && record.place == record.seq;
    is_theirs.then_some((record.book_id, record.place))
}

/// Deletes the messages at these places, those excepted that are deleted meanwhile.
async fn delete(
    from: &dyn LogReader,
    log: &dyn LogKeeper,
    book: BookId,
    mut places: Vec<Seq>,
) -> Result<(), AdminError> {
    let by = UserId::try_from(OPERATOR).map_err(|rule| AdminError::refused(rule.to_string()))?;
    while !places.is_empty() {
        let head = log.head(book).await?;
        let at = Timestamp::now().max(head.at);
        let deletes = places.iter().enumerate().map(|(index, place)| StoredEvent {
            id: EventId::new(book, EventKind::Delete, None, &by),
            book,
            seq: head.seq.plus(index + 1),
            place: *place,
            at,
            by: by.clone(),
            payload: Payload::Deleted,
        });
        let events: Arc<[StoredEvent]> = deletes.collect();
        let outcomes = append(log, vec![Append { book, events }]).await?;
        let Some(outcome) = outcomes.into_iter().next() else {
            return Ok(());
        };
        match outcome.stopped {
            None => return Ok(()),
            // A node has the position: what it appended may have been a delete of one of these.
            Some(Stop::Conflict) => {
                let gone = deleted(from, book, &places).await?;
                places.retain(|place| !gone.contains(place));
            }
            Some(stop) => return Err(AdminError::refused(format!("a delete was not written: {stop:?}"))),
        }
    }
    Ok(())
}
