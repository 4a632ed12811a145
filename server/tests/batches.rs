//! How appends of many rooms become durable writes: together, and none waits for more than it must.

#[allow(dead_code, reason = "every test takes what it needs")]
mod support {
    pub(crate) mod events;
}

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use readrealm_protocol::{BookId, Epoch, Seq};
use readrealm_server::log::memory::MemoryLog;
use readrealm_server::log::{
    Append, AppendOutcome, Appender, EventId, EventLog, Head, Page, PageQuery, ReadError, ReadLimit, StoredEvent, Tail,
};
use support::events::{append, book, post};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

/// A log that notes how many rooms share each write. Its first write waits until it is let through.
#[derive(Debug)]
struct Counting {
    inner: MemoryLog,
    writes: Mutex<Vec<usize>>,
    begun: Semaphore,
    let_through: Semaphore,
}

impl Counting {
    fn writes(&self) -> Vec<usize> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl EventLog for Counting {
    fn epoch(&self) -> &Epoch {
        self.inner.epoch()
    }
    async fn append(&self, batch: Vec<Append>) -> Vec<AppendOutcome> {
        let first = {
            let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
            writes.push(batch.len());
            writes.len() == 1
        };
        self.begun.add_permits(1);
        if first {
            self.let_through.acquire().await.expect("a permit").forget();
        }
        self.inner.append(batch).await
    }
    async fn head(&self, book: BookId) -> Result<Head, ReadError> {
        self.inner.head(book).await
    }
    async fn read_forward(&self, book: BookId, after: Seq, limit: ReadLimit) -> Result<Vec<StoredEvent>, ReadError> {
        self.inner.read_forward(book, after, limit).await
    }
    async fn read_page(&self, book: BookId, query: PageQuery) -> Result<Page, ReadError> {
        self.inner.read_page(book, query).await
    }
    async fn read_latest(&self, book: BookId, places: &[Seq]) -> Result<Vec<StoredEvent>, ReadError> {
        self.inner.read_latest(book, places).await
    }
    async fn read_ids(&self, ids: &[EventId]) -> Result<Vec<StoredEvent>, ReadError> {
        self.inner.read_ids(ids).await
    }
    async fn tail(&self) -> Result<Option<Tail>, ReadError> {
        self.inner.tail().await
    }
    async fn ready(&self) -> Result<(), ReadError> {
        self.inner.ready().await
    }
}

fn counting() -> (Arc<Counting>, Appender) {
    let log = Arc::new(Counting {
        inner: MemoryLog::new(),
        writes: Mutex::default(),
        begun: Semaphore::new(0),
        let_through: Semaphore::new(0),
    });
    let appender = Appender::spawn(log.clone(), &TaskTracker::new(), Arc::default());
    (log, appender)
}

/// A room that always has one more to say, as one of eager writers has.
async fn talk(appender: Appender, room: u64, times: u64) {
    for at in 1..=times {
        let outcome = appender.append(append(book(room), [post(book(room), at, &format!("{at}"))]));
        assert_eq!(outcome.await, AppendOutcome::all(1));
    }
}

/// Half of the rooms miss the first write. From then on all share each.
#[tokio::test]
async fn rooms_do_not_take_turns_by_halves() {
    let (log, appender) = counting();
    let mut rooms = JoinSet::new();
    for room in 0..10 {
        rooms.spawn(talk(appender.clone(), room, 6));
    }
    log.begun.acquire().await.expect("a write").forget();
    assert_eq!(log.writes(), [10]);
    for room in 10..20 {
        rooms.spawn(talk(appender.clone(), room, 5));
    }
    // They have all asked before the write under way is answered.
    tokio::task::yield_now().await;
    log.let_through.add_permits(1);
    rooms.join_all().await;
    assert_eq!(log.writes(), [10, 20, 20, 20, 20, 20]);
}

/// One that has the log to itself is written at once, and each time.
#[tokio::test]
async fn a_lone_room_waits_for_nobody() {
    let (log, appender) = counting();
    log.let_through.add_permits(1);
    talk(appender, 1, 5).await;
    assert_eq!(log.writes(), [1; 5]);
}
