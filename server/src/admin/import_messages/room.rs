//! One room's old messages, brought into the log.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use futures_util::TryStreamExt;
use mongodb::bson::Bson;
use readrealm_protocol::{BookId, ClientMessageId};
use rustc_hash::FxHashMap;

use super::convert::{Post, book_of};
use super::report::Report;
use super::source::Source;
use crate::admin::AdminError;
use crate::admin::appending::append;
use crate::admin::progress::Progress;
use crate::log::inspect::LogReader;
use crate::log::keep::LogKeeper;
use crate::log::{Append, EventId, Head, Payload, ReadLimit, Stop, StoredEvent};

/// Messages of one append.
const STEP: usize = 1_000;

/// Why a document is left out.
pub(super) const NO_BOOK: &str = "bookId is no whole number from 0 to 2^53-1";
const SAME_ID: &str = "another message of this user in this room has the same _id, written in another type";

/// Why a room is left alone.
const LIVE: &str = "it has events that are not from this collection (--into-live-rooms imports after them)";
const WENT_LIVE: &str = "a server wrote to it meanwhile (--into-live-rooms goes on after that)";

/// Where messages come from and go to.
pub(super) struct Import<'a> {
    pub(super) source: &'a Source,
    /// What is read of the log; `None` in a dry run where there is no log yet.
    pub(super) reader: Option<Arc<dyn LogReader>>,
    /// `None` in a dry run.
    pub(super) log: Option<&'a dyn LogKeeper>,
    pub(super) into_live_rooms: bool,
    pub(super) report: Report,
    pub(super) progress: Progress,
}

impl Import<'_> {
    /// Imports a room, whose `bookId` is written in these ways.
    pub(super) async fn room(&mut self, book: BookId, spellings: &[Bson]) -> Result<(), AdminError> {
        let mut head = match &self.reader {
            Some(reader) => reader.head(book).await?,
            None => Head::EMPTY,
        };
        if !self.into_live_rooms && self.is_live(book).await? {
            self.report.refused.push((book, LIVE));
            return Ok(());
        }
        let mut found = std::pin::pin!(self.source.room(spellings).await?);
        let mut posts = Vec::with_capacity(STEP);
        while let Some(found) = found.try_next().await? {
            if found.document.get("bookId").and_then(book_of) != Some(book) {
                // A list that has the number in it is found with it, and is told where no room's documents are.
                if !matches!(found.document.get("bookId"), Some(Bson::Array(_))) {
                    self.progress.add(1);
                    self.skip(&found.document, NO_BOOK)?;
                }
                continue;
            }
            self.progress.add(1);
            let post = Post::read(&found.document, found.at);
            match post {
                Ok(post) => posts.push(post),
                Err(reason) => self.skip(&found.document, reason)?,
            }
            if posts.len() == STEP && !self.step(book, &mut head, &mut posts).await? {
                return Ok(());
            }
        }
        self.step(book, &mut head, &mut posts).await?;
        Ok(())
    }

    /// Counts a document that is left out.
    pub(super) fn skip(&mut self, document: &mongodb::bson::Document, reason: &'static str) -> Result<(), AdminError> {
        if let Some(line) = self.report.skip(document, reason)? {
            self.progress.say(&line);
        }
        Ok(())
    }

    /// Whether a room holds anything that is no post of a message in the collection.
    async fn is_live(&self, book: BookId) -> Result<bool, AdminError> {
        let Some(reader) = &self.reader else { return Ok(false) };
        let limit = ReadLimit {
            events: STEP,
            bytes: 8 * 1024 * 1024,
        };
        let mut after = readrealm_protocol::Seq::ZERO;
        loop {
            let events = reader.read_forward(book, after, limit).await?;
            let Some(last) = events.last() else { return Ok(false) };
            let keys: Option<Vec<_>> = events.iter().map(key).collect();
            let Some(keys) = keys else { return Ok(true) };
            if !self.source.has_all(&keys).await? {
                return Ok(true);
            }
            after = last.seq;
        }
    }

    /// Appends what is new of `posts`, and empties them. Returns whether the room may be gone on with.
    async fn step(&mut self, book: BookId, head: &mut Head, posts: &mut Vec<Post>) -> Result<bool, AdminError> {
        let ids: Vec<_> = posts.iter().map(|post| post.id(book)).collect();
        let known = match &self.reader {
            Some(reader) => reader.read_ids(&ids).await?,
            None => Vec::new(),
        };
        let known: FxHashMap<EventId, StoredEvent> = known.into_iter().map(|event| (event.id.clone(), event)).collect();
        let mut new = Vec::with_capacity(posts.len());
        let mut seen: FxHashMap<EventId, Bson> = FxHashMap::default();
        for (post, id) in posts.drain(..).zip(ids) {
            match known.get(&id) {
                Some(event) => self.known(&post, event),
                None => match seen.entry(id) {
                    Entry::Vacant(entry) => {
                        entry.insert(post.original.clone());
                        new.push(post);
                    }
                    // The same `_id` again while the collection was read: it was changed meanwhile.
                    Entry::Occupied(entry) if *entry.get() == post.original => {}
                    Entry::Occupied(_) => {
                        let document = self.source.document(&post.original).await?;
                        self.skip(&document.unwrap_or_default(), SAME_ID)?;
                    }
                },
            }
        }
        let mut new = &new[..];
        while !new.is_empty() {
            let mut at = head.at;
            let events: Arc<[StoredEvent]> = new
                .iter()
                .enumerate()
                .map(|(index, post)| {
                    let event = post.event(book, head.seq.plus(index + 1), at);
                    at = event.at;
                    event
                })
                .collect();
            let (written, stopped) = self.append(book, Arc::clone(&events)).await?;
            for (post, event) in new.iter().zip(&events[..written]) {
                self.count(post, event);
            }
            if let Some(last) = written.checked_sub(1).map(|last| &events[last]) {
                *head = Head {
                    seq: last.seq,
                    at: last.at,
                };
            }
            new = &new[written..];
            match (stopped, self.log) {
                (None, _) => {}
                (Some(Stop::Duplicate(event)), _) => {
                    self.known(&new[0], &event);
                    new = &new[1..];
                }
                (Some(_), Some(log)) if self.into_live_rooms => *head = log.head(book).await?,
                (Some(_), _) => {
                    self.report.refused.push((book, WENT_LIVE));
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Appends, or in a dry run says that it did.
    async fn append(&self, book: BookId, events: Arc<[StoredEvent]>) -> Result<(usize, Option<Stop>), AdminError> {
        let Some(log) = self.log else {
            return Ok((events.len(), None));
        };
        let outcomes = append(log, vec![Append { book, events }]).await?;
        Ok(outcomes
            .into_iter()
            .next()
            .map_or((0, Some(Stop::Unknown)), |outcome| (outcome.written, outcome.stopped)))
    }

    fn count(&mut self, post: &Post, event: &StoredEvent) {
        self.report.imported += 1;
        self.report.late += u64::from(event.at != post.at);
        self.report.nameless += u64::from(post.nameless);
        self.report.timeless += u64::from(post.timeless);
    }

    fn known(&mut self, post: &Post, event: &StoredEvent) {
        self.report.known += 1;
        let same = matches!(&event.payload, Payload::Posted(posted) if posted.content == post.content);
        self.report.changed += u64::from(!same);
    }
}

/// The key of a post.
fn key(event: &StoredEvent) -> Option<&str> {
    match &event.payload {
        Payload::Posted(posted) => posted.client_message_id.as_ref().map(ClientMessageId::as_str),
        _ => None,
    }
}
