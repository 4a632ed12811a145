//! In: what other nodes write, told to the rooms in memory. One task reads both the change stream and the whole of what
//! is stored, so that what it tells of the one is never older than what it told of the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::{ChangeStreamEvent, OperationType};
use mongodb::error::{Error, Result};
use readrealm_protocol::limits::MEMBERS_LISTED;
use readrealm_protocol::server::{Members, User};
use readrealm_protocol::{BookId, UserId};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::record::{integer, is_leaving, read, read_id, typing};
use super::{Shared, TIME, lock};
use crate::cluster::{Elsewhere, News, Rooms};
use crate::seldom::seldom;

/// Rooms read together.
const CHUNK: usize = 50;

/// Users of other nodes that a room is told of; of more it hears as they come and go.
const MOST: usize = 20_000;

/// Documents read to answer who is in a room that is not in memory.
const COUNTED: i64 = 10_000;

/// How long a room that could not be read, or told, waits for the next try.
const AGAIN: Duration = Duration::from_millis(500);

/// The longest wait before the change stream is opened again; the first is a tenth of a second, each the double.
const REOPEN_LONGEST: Duration = Duration::from_secs(5);

/// An open change stream answers each second, even if only that there is nothing.
const STALLED: Duration = Duration::from_secs(10);

type Changes = ChangeStream<ChangeStreamEvent<Document>>;

impl Shared {
    /// Follows until it is dropped.
    pub(super) async fn follow(&self, rooms: &dyn Rooms) {
        let mut wait = REOPEN_LONGEST / 50;
        loop {
            let Err(error) = self.follow_once(rooms, &mut wait).await;
            self.following.store(false, Ordering::Relaxed);
            tracing::warn!(error = %error.kind, "who is at other nodes is not heard; trying on");
            // Who opens now does not wait for what will not come.
            lock(&self.wanted).values_mut().for_each(Vec::clear);
            sleep(wait.mul_f64(rand::random_range(0.5..=1.0))).await;
            wait = (wait * 2).min(REOPEN_LONGEST);
        }
    }

    async fn follow_once(&self, rooms: &dyn Rooms, wait: &mut Duration) -> Result<std::convert::Infallible> {
        let mut changes = self.within(self.changes()).await?;
        // The stream stands at "now": only then is it safe to read what was before.
        for book in rooms.in_memory() {
            lock(&self.wanted).entry(book).or_default();
        }
        // What this node wrote may be gone with the primary that the stream was lost with.
        self.outgoing().doubt();
        self.following.store(true, Ordering::Relaxed);
        *wait = REOPEN_LONGEST / 50;
        let (mut read_at, mut heard) = (Instant::now(), Instant::now());
        loop {
            let is_wanted = !lock(&self.wanted).is_empty();
            tokio::select! {
                () = sleep_until(read_at), if is_wanted => {
                    let begun = Instant::now();
                    read_at = self.read_wanted(rooms).await;
                    // The stream was not listened to meanwhile.
                    heard += begun.elapsed();
                }
                () = self.asked.notified() => read_at = Instant::now(),
                change = timeout_at(heard + STALLED, changes.next_if_any()) => {
                    heard = Instant::now();
                    let stalled = |_| Error::custom("the change stream gives no sign of life".to_owned());
                    match change.map_err(stalled)?? {
                        Some(change) => {
                            if let Some((book, news)) = news_of(&change) {
                                self.tell(rooms, book, news);
                            }
                        }
                        None if !changes.is_alive() => {
                            return Err(Error::custom("the change stream ended".to_owned()));
                        }
                        None => {}
                    }
                }
            }
        }
    }

    /// What others change from now on.
    async fn changes(&self) -> Result<Changes> {
        let own = format!("^{}", self.me().prefix());
        let others = doc! { "$match": { "documentKey._id": { "$not": { "$regex": own } } } };
        self.store().presence.watch().pipeline([others]).await
    }

    /// Tells a room; one that has too much waiting is told all anew later.
    fn tell(&self, rooms: &dyn Rooms, book: BookId, news: News) {
        if !rooms.tell(book, news) {
            lock(&self.wanted).entry(book).or_default();
        }
    }

    /// Reads some of the rooms that are wanted. Returns when to do so again.
    async fn read_wanted(&self, rooms: &dyn Rooms) -> Instant {
        let mut waiting: FxHashMap<BookId, Vec<oneshot::Sender<_>>> = FxHashMap::default();
        {
            let mut wanted = lock(&self.wanted);
            let books: Vec<BookId> = wanted.keys().take(CHUNK).copied().collect();
            waiting.extend(books.into_iter().filter_map(|book| wanted.remove_entry(&book)));
        }
        let books: Vec<BookId> = waiting.keys().copied().collect();
        let mut found = match self.within(self.read(&books)).await {
            Ok(found) => found,
            Err(error) => {
                seldom!(warn, error = %error.kind, "who is at other nodes could not be read; trying on; this is told once a minute");
                let mut wanted = lock(&self.wanted);
                // Those who wait are not kept waiting: they are told later.
                for book in books {
                    wanted.entry(book).or_default();
                }
                return Instant::now() + AGAIN;
            }
        };
        let mut again = Instant::now();
        for (book, waiting) in waiting {
            let all = found.remove(&book).unwrap_or_default();
            let mut taken = false;
            for reply in waiting {
                taken |= reply.send(all.clone()).is_ok();
            }
            // Nobody waited, or not long enough.
            if !taken && !rooms.tell(book, News::All(all)) {
                lock(&self.wanted).entry(book).or_default();
                again = Instant::now() + AGAIN;
            }
        }
        again
    }

    /// Everybody whom other nodes hold in these rooms, at least as new as all that the change stream has told.
    async fn read(&self, books: &[BookId]) -> Result<FxHashMap<BookId, Vec<Elsewhere>>> {
        let store = self.store();
        let mut session = store.client.start_session().causal_consistency(true).await?;
        // What is read after this is what a majority has of all that was written before this.
        store
            .database
            .run_command(doc! { "ping": 1 })
            .session(&mut session)
            .await?;
        let books: Vec<i64> = books.iter().map(|book| integer(*book)).collect();
        let stored = store.presence.find(doc! { "bookId": { "$in": books } });
        let mut stored = stored.max_time(TIME).session(&mut session).await?;
        let (me, mut found) = (self.me(), FxHashMap::<BookId, Vec<Elsewhere>>::default());
        while let Some(document) = stored.next(&mut session).await.transpose()? {
            let Some((book, elsewhere)) = read(&document) else {
                continue;
            };
            let room = found.entry(book).or_default();
            if !elsewhere.node.is_same_process(me) && room.len() < MOST {
                room.push(elsewhere);
            }
        }
        Ok(found)
    }

    /// Who is in a room at any node.
    pub(super) async fn count(&self, book: BookId) -> Result<Members> {
        let presence = self.store().presence;
        let stored = presence.find(doc! { "bookId": integer(book) }).limit(COUNTED);
        let mut stored = stored.await?;
        let (mut seen, mut members) = (FxHashSet::<UserId>::default(), Members::default());
        while let Some(document) = stored.try_next().await? {
            let Some((_, elsewhere)) = read(&document) else {
                continue;
            };
            if seen.insert(elsewhere.user.user_id.clone()) && members.users.len() < MEMBERS_LISTED {
                members.users.push(User::clone(&elsewhere.user));
            }
        }
        members.count = seen.len();
        Ok(members)
    }
}

/// What a change means to which room; nothing, where it is of no document of ours.
fn news_of(change: &ChangeStreamEvent<Document>) -> Option<(BookId, News)> {
    let id = change.document_key.as_ref()?.get_str("_id").ok()?;
    let (node, key) = read_id(id)?;
    let news = match &change.operation_type {
        OperationType::Insert | OperationType::Replace => News::Held(read(change.full_document.as_ref()?)?.1),
        OperationType::Update => {
            let fields = &change.update_description.as_ref()?.updated_fields;
            if is_leaving(fields) {
                News::Leaving(node, key.user)
            } else if let Ok(name) = fields.get_str("username") {
                let user = Arc::new(User {
                    user_id: key.user,
                    username: name.try_into().ok()?,
                });
                let typing = typing(fields).unwrap_or(false);
                News::Held(Elsewhere { node, user, typing })
            } else {
                News::Typing(node, key.user, typing(fields)?)
            }
        }
        OperationType::Delete => News::LetGo(node, key.user),
        _ => return None,
    };
    Some((key.book, news))
}
