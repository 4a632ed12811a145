//! Out: what this node announces, that it lives, and which others do not.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::error::{Error, Result};
use mongodb::options::ReadConcern;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::outgoing::Change;
use super::record::{fields, id, number, read_id};
use super::{Shared, lock};
use crate::cluster::watch::{BEAT, Watch};
use crate::cluster::{News, NodeId, Rooms};

/// Between one write of what was announced and the next: what comes meanwhile is written together.
const PACE: Duration = Duration::from_millis(100);

/// The same after a write that failed.
const PACE_FAILED: Duration = Duration::from_secs(1);

/// Changes in one write.
const CHANGES: usize = 1_000;

/// What is stored of this node is compared with what should be every so many beats: once a minute.
const COMPARE: u64 = 24;

/// How long a node that ends takes to say so.
const LEAVING: Duration = Duration::from_secs(2);

impl Shared {
    /// Writes what is announced and beats until the cluster is closed.
    pub(super) async fn publish(&self, rooms: &dyn Rooms) {
        let (mut watch, mut beaten, mut well) = (Watch::default(), 0, true);
        let (mut next_beat, mut next_write) = (Instant::now(), Instant::now());
        loop {
            // Nothing is written under a name that the others do not know to live.
            let due = beaten > 0 && self.outgoing().is_changed();
            let done = tokio::select! {
                biased;
                () = self.closing.cancelled() => return,
                () = sleep_until(next_beat) => {
                    next_beat = Instant::now() + BEAT;
                    let done = self.within(self.beat(&mut watch, beaten, rooms)).await;
                    // Where the database is slow, what is to be written has its turn too.
                    next_beat = next_beat.max(Instant::now() + PACE);
                    beaten += u64::from(done.is_ok());
                    done
                }
                () = sleep_until(next_write), if due => {
                    let done = self.write().await;
                    next_write = Instant::now() + if done.is_ok() { PACE } else { PACE_FAILED };
                    done
                }
                () = self.changed.notified(), if !due => continue,
            };
            match done {
                Ok(()) if !well => tracing::info!("who is here is told to other nodes again"),
                Err(ref error) if well => {
                    tracing::warn!(error = %error.kind, "who is here cannot be told to other nodes; trying on");
                }
                _ => {}
            }
            well = done.is_ok();
        }
    }

    /// Writes what has changed, up to a bound.
    async fn write(&self) -> Result<()> {
        let changes = self.outgoing().take(CHANGES);
        let written = self.within(self.write_changes(&changes)).await;
        if written.is_err() {
            let mut outgoing = self.outgoing();
            outgoing.put_back(changes);
            // It may still be carried out, after what is written next.
            outgoing.doubt();
        }
        written
    }

    /// Two commands, whatever their number. Each change may be written twice.
    async fn write_changes(&self, changes: &[Change]) -> Result<()> {
        let me = self.me();
        let (mut updates, mut gone) = (Vec::new(), Vec::new());
        for (key, held) in changes {
            let id = id(me, key);
            match held {
                Some(held) => {
                    let set = doc! { "$set": fields(me, key, held) };
                    updates.push(doc! { "q": { "_id": id }, "u": set, "upsert": true });
                }
                None => gone.push(id),
            }
        }
        if !updates.is_empty() {
            let concern = doc! { "w": 1, "j": true };
            let update = doc! { "update": "presence", "updates": updates, "ordered": false, "writeConcern": concern };
            let answer = self.store().database.run_command(update).await?;
            if answer.contains_key("writeErrors") {
                return Err(Error::custom("not all was written".to_owned()));
            }
        }
        if !gone.is_empty() {
            self.store()
                .presence
                .delete_many(doc! { "_id": { "$in": gone } })
                .await?;
        }
        Ok(())
    }

    /// Moves this node's counter, and looks at the others'.
    async fn beat(&self, watch: &mut Watch, beaten: u64, rooms: &dyn Rooms) -> Result<()> {
        let me = self.me();
        let moved = doc! { "$inc": { "beats": 1_i64 }, "$currentDate": { "at": true } };
        let moved = self
            .store()
            .nodes
            .update_one(doc! { "_id": me.to_string() }, moved)
            .await?;
        if moved.matched_count == 0 {
            self.begin(beaten > 0).await?;
        } else if beaten.is_multiple_of(COMPARE) || self.outgoing().is_in_doubt() {
            let stored = self.stored(me).await?;
            self.outgoing().compare(stored);
        }
        let verdict = watch.look(std::time::Instant::now(), &self.others().await?);
        for node in verdict.gone {
            self.tell_all(rooms, &News::Dead(node));
        }
        for (node, beats) in verdict.dead {
            if self.bury(node, beats).await? {
                tracing::warn!(%node, "a node is dead, and its members are gone");
                self.tell_all(rooms, &News::Dead(node));
            }
        }
        Ok(())
    }

    /// Begins a life; where it is not the first, the others have given this node up, and it comes back as another: what
    /// they still do to the members of the dead one does not touch it.
    async fn begin(&self, again: bool) -> Result<()> {
        let (before, me) = (self.me(), if again { self.me().reborn() } else { self.me() });
        if again {
            tracing::warn!(node = %before, "the other nodes took this one for dead; it announces its members again");
            self.store()
                .presence
                .delete_many(doc! { "node": before.to_string() })
                .await?;
        } else {
            let indexes = [doc! { "bookId": 1 }, doc! { "node": 1 }];
            let indexes = indexes.map(|keys| IndexModel::builder().keys(keys).build());
            self.store().presence.create_indexes(indexes).await?;
        }
        let first = doc! { "$setOnInsert": { "beats": 0_i64 }, "$currentDate": { "at": true } };
        self.store()
            .nodes
            .update_one(doc! { "_id": me.to_string() }, first)
            .upsert(true)
            .await?;
        *lock(&self.me) = me;
        self.outgoing().restate();
        Ok(())
    }

    /// The counters of the other nodes; none where a node has left members only.
    async fn others(&self) -> Result<FxHashMap<NodeId, Option<i64>>> {
        let me = self.me();
        let mut others = FxHashMap::default();
        let left = self.store().presence.distinct("node", doc! {}).await?;
        let left = left.iter().filter_map(|name| name.as_str()?.parse::<NodeId>().ok());
        others.extend(left.map(|node| (node, None)));
        let mut nodes = self.store().nodes.find(doc! {}).await?;
        while let Some(node) = nodes.try_next().await? {
            if let Some(id) = node.get_str("_id").ok().and_then(|name| name.parse().ok()) {
                others.insert(id, node.get("beats").and_then(number));
            }
        }
        others.remove(&me);
        Ok(others)
    }

    /// Removes what a dead node left. Returns whether it is dead: not where its counter has moved after all.
    async fn bury(&self, node: NodeId, beats: Option<i64>) -> Result<bool> {
        let name = node.to_string();
        if let Some(beats) = beats {
            let still = doc! { "_id": &name, "beats": beats };
            let removed = self.store().nodes.delete_one(still).await?.deleted_count;
            if removed == 0 && self.store().nodes.find_one(doc! { "_id": &name }).await?.is_some() {
                return Ok(false);
            }
        }
        self.store().presence.delete_many(doc! { "node": name }).await?;
        Ok(true)
    }

    /// What is stored of this node.
    async fn stored(&self, me: NodeId) -> Result<FxHashSet<super::outgoing::Key>> {
        let presence = self.store().presence;
        let own = presence.find(doc! { "node": me.to_string() });
        let own = own.projection(doc! { "_id": 1 }).read_concern(ReadConcern::local());
        let mut own = own.await?;
        let mut stored = FxHashSet::default();
        while let Some(document) = own.try_next().await? {
            stored.extend(document.get_str("_id").ok().and_then(read_id).map(|(_, key)| key));
        }
        Ok(stored)
    }

    /// Tells every room in memory; one that has too much waiting is told all anew later.
    pub(super) fn tell_all(&self, rooms: &dyn Rooms, news: &News) {
        for book in rooms.in_memory() {
            if !rooms.tell(book, news.clone()) {
                lock(&self.wanted).entry(book).or_default();
            }
        }
    }

    /// Tells the others that this node ends: its members have the time to come back elsewhere that a dropped connection
    /// has. Then nothing is left of it.
    pub(super) async fn leave(&self) {
        let name = self.me().to_string();
        let own: Document = doc! { "node": &name };
        let leave = async {
            self.store()
                .presence
                .update_many(own.clone(), doc! { "$set": { "leaving": true } })
                .await?;
            self.store().presence.delete_many(own).await?;
            self.store().nodes.delete_one(doc! { "_id": &name }).await
        };
        let why = match timeout(LEAVING, leave).await {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => error.kind.to_string(),
            Err(_) => format!("no answer within {} s", LEAVING.as_secs()),
        };
        tracing::warn!(why, "the other nodes were not told of the end; they will see");
    }
}
