//! The nodes of a replica set: a collection `presence` with a document for each user whom a node holds in a room, and a
//! collection `nodes` with a counter for each node that lives.
//!
//! ```text
//! room -> outgoing -> publish -> presence -> change stream -> follow -> room
//!                        |                                      ^
//!                        +------> nodes -> watch ---------------+  who is dead
//! ```
//!
//! Two tasks and a client of their own: presence never waits for the log's connections, nor the log for presence's.

mod follow;
mod outgoing;
mod publish;
mod record;
mod store;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use mongodb::error::{Error, Result};
use readrealm_protocol::BookId;
use readrealm_protocol::server::{Members, User};
use rustc_hash::FxHashMap;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Cluster, Elsewhere, NodeId, Rooms, State};
use crate::log::open::OpenError;
use crate::seldom::seldom;
use outgoing::Outgoing;
use store::{Connector, Store};

/// Anything that is asked of the database has failed when it takes longer.
const TIME: Duration = Duration::from_secs(5);

/// How long a room that opens waits to hear who is elsewhere.
const OPENING: Duration = Duration::from_secs(1);

/// Rooms counted at a time, out of the eight connections.
const COUNTS: usize = 3;

/// The way to the other nodes on a replica set.
pub struct MongoCluster(Arc<Shared>);

/// What the tasks share.
struct Shared {
    connector: Connector,
    /// As it is reached now.
    store: Mutex<Store>,
    me: Mutex<NodeId>,
    outgoing: Mutex<Outgoing>,
    /// Something is to be written.
    changed: Notify,
    /// Rooms that are to be told [`News::All`](super::News::All), with those that wait for it while they open.
    wanted: Mutex<FxHashMap<BookId, Vec<oneshot::Sender<Vec<Elsewhere>>>>>,
    asked: Notify,
    /// Whether the change stream is open, or is being opened for the first time: else there is nothing to wait for.
    following: AtomicBool,
    closing: CancellationToken,
    /// Rooms that are counted for `GET /rooms` at a time: the connections are there for presence first.
    counts: Semaphore,
}

impl MongoCluster {
    /// The cluster at a `mongodb://` or `mongodb+srv://` URL; `None` where the server is no replica set, which has no
    /// change streams and serves one node.
    pub async fn open(url: &str) -> std::result::Result<Option<Self>, OpenError> {
        let failed = |error: Error| OpenError::Failed(error.kind.to_string());
        let connector = Connector::new(url).await.map_err(failed)?;
        let store = connector.store().map_err(failed)?;
        if !store.is_shared().await.map_err(failed)? {
            return Ok(None);
        }
        Ok(Some(Self(Arc::new(Shared {
            connector,
            store: Mutex::new(store),
            me: Mutex::new(NodeId::random()),
            outgoing: Mutex::default(),
            changed: Notify::new(),
            wanted: Mutex::default(),
            asked: Notify::new(),
            following: AtomicBool::new(true),
            closing: CancellationToken::new(),
            counts: Semaphore::new(COUNTS),
        }))))
    }
}

impl fmt::Debug for MongoCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoCluster")
            .field("node", &self.0.me())
            .field("presence", &self.0.store().presence.namespace())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn me(&self) -> NodeId {
        *lock(&self.me)
    }

    fn store(&self) -> Store {
        lock(&self.store).clone()
    }

    /// Bounds what is asked of the database in time. Where no answer comes, what is asked next goes over new connections:
    /// the driver would wait for the old ones for ever, should their route have swallowed what was sent.
    async fn within<T>(&self, asked: impl Future<Output = Result<T>>) -> Result<T> {
        if let Ok(answer) = tokio::time::timeout(TIME, asked).await {
            return answer;
        }
        *lock(&self.store) = self.connector.store()?;
        Err(Error::custom(format!("no answer within {} s", TIME.as_secs())))
    }

    fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        lock(&self.outgoing)
    }
}

/// No code that holds one of these locks can panic half-way through a change, nor awaits.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Cluster for MongoCluster {
    fn announce(&self, book: BookId, user: &User, state: State) {
        if !self.0.closing.is_cancelled() && self.0.outgoing().announce(book, user, state) {
            self.0.changed.notify_one();
        }
    }

    async fn elsewhere(&self, book: BookId) -> Vec<Elsewhere> {
        let (reply, answer) = oneshot::channel();
        // Wanted in any case: where nothing is heard now, it will be told when it is.
        let following = self.0.following.load(Ordering::Relaxed);
        lock(&self.0.wanted)
            .entry(book)
            .or_default()
            .extend(following.then_some(reply));
        self.0.asked.notify_one();
        match tokio::time::timeout(OPENING, answer).await {
            Ok(Ok(elsewhere)) => elsewhere,
            Ok(Err(_)) | Err(_) => Vec::new(),
        }
    }

    async fn members(&self, book: BookId) -> Members {
        let count = async {
            let _turn = self.0.counts.acquire().await;
            self.0.count(book).await
        };
        match tokio::time::timeout(OPENING, count).await {
            Ok(Ok(members)) => members,
            Ok(Err(error)) => {
                seldom!(warn, %book, error = %error.kind, "who is in a room could not be read; this is told once a minute");
                Members::default()
            }
            Err(_) => Members::default(),
        }
    }

    async fn run(&self, rooms: Arc<dyn Rooms>) {
        let shared = &self.0;
        tokio::select! {
            biased;
            () = shared.publish(&*rooms) => {}
            () = shared.follow(&*rooms) => {}
        }
        shared.leave().await;
    }

    fn close(&self) {
        self.0.closing.cancel();
    }
}
