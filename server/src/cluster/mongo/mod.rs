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

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria};
use mongodb::{Client, Collection, Database};
use readrealm_protocol::BookId;
use readrealm_protocol::server::{Members, User};
use rustc_hash::FxHashMap;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Cluster, Elsewhere, NodeId, Rooms, State};
use crate::log::open::OpenError;
use outgoing::Outgoing;

/// The database of a URL that names none, as the log has it.
const DATABASE: &str = "readrealm";

/// Anything that is asked of the database has failed when it takes longer.
const TIME: Duration = Duration::from_secs(5);

/// How long a room that opens waits to hear who is elsewhere.
const OPENING: Duration = Duration::from_secs(1);

/// Connections at most: one follows, one publishes, one reads for rooms that open, the rest for `GET /rooms`.
const CONNECTIONS: u32 = 8;

/// The way to the other nodes on a replica set.
pub struct MongoCluster(Arc<Shared>);

/// What the tasks share.
struct Shared {
    client: Client,
    database: Database,
    /// Read as a majority has it, which is what change streams tell.
    presence: Collection<Document>,
    /// Counters, read as they are.
    nodes: Collection<Document>,
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
}

impl MongoCluster {
    /// The cluster at a `mongodb://` or `mongodb+srv://` URL; `None` where the server is no replica set, which has no
    /// change streams and serves one node.
    pub async fn open(url: &str) -> Result<Option<Self>, OpenError> {
        let failed = |error: mongodb::error::Error| OpenError::Failed(error.kind.to_string());
        let mut options = ClientOptions::parse(url).await.map_err(failed)?;
        options.server_selection_timeout = Some(TIME);
        options.max_pool_size = Some(CONNECTIONS);
        options
            .app_name
            .get_or_insert_with(|| "readrealm-server presence".to_owned());
        // As weak as it gets: what is lost with a primary is found to be missing, and written again.
        options.write_concern = Some(mongodb::options::WriteConcern::nodes(1));
        let name = options.default_database.clone().unwrap_or_else(|| DATABASE.to_owned());
        let client = Client::with_options(options).map_err(failed)?;
        let admin = client.database("admin");
        let hello = admin.run_command(doc! { "hello": 1 }).await.map_err(failed)?;
        if !hello.contains_key("setName") && !hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid") {
            return Ok(None);
        }
        let database = client.database(&name);
        let reading = |concern| {
            CollectionOptions::builder()
                .read_concern(concern)
                .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
                .build()
        };
        Ok(Some(Self(Arc::new(Shared {
            presence: database.collection_with_options("presence", reading(ReadConcern::majority())),
            nodes: database.collection_with_options("nodes", reading(ReadConcern::local())),
            client,
            database,
            me: Mutex::new(NodeId::random()),
            outgoing: Mutex::default(),
            changed: Notify::new(),
            wanted: Mutex::default(),
            asked: Notify::new(),
            following: AtomicBool::new(true),
            closing: CancellationToken::new(),
        }))))
    }
}

impl fmt::Debug for MongoCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoCluster")
            .field("node", &self.0.me())
            .field("presence", &self.0.presence.namespace())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn me(&self) -> NodeId {
        *lock(&self.me)
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
        match tokio::time::timeout(OPENING, self.0.count(book)).await {
            Ok(Ok(members)) => members,
            Ok(Err(error)) => {
                tracing::warn!(%book, error = %error.kind, "who is in a room could not be read");
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

/// Bounds what is asked of the database in time.
async fn within<T>(asked: impl Future<Output = mongodb::error::Result<T>>) -> mongodb::error::Result<T> {
    let late = |_| mongodb::error::Error::custom(format!("no answer within {} s", TIME.as_secs()));
    tokio::time::timeout(TIME, asked).await.map_err(late)?
}
