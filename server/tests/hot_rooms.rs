//! A room in memory asks the log for nothing: joins, resumes and live messages are served from what it holds.
#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "every test takes what it needs")]
mod support {
    pub(crate) mod events;
}

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use readrealm_protocol::server::User;
use readrealm_protocol::{BookId, Content, Epoch, Seq, ServerEvent, codec};
use readrealm_server::cluster::Alone;
use readrealm_server::hub::Hub;
use readrealm_server::log::memory::MemoryLog;
use readrealm_server::log::{
    Append, AppendOutcome, Appender, EventId, EventLog, Head, Page, PageQuery, ReadError, ReadLimit, StoredEvent, Tail,
};
use readrealm_server::room::actor::Services;
use readrealm_server::room::ambient::System;
use readrealm_server::room::{Action, Command, ConnectionId, Deliver, Frame, Joined, Member, RoomHandle, Standing};
use support::events::{append, book, posts, seq};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

const STORED: u64 = 1_000;

/// A log that counts what is read.
#[derive(Debug)]
struct Counting {
    inner: MemoryLog,
    reads: AtomicUsize,
}

impl Counting {
    fn count(&self) -> &MemoryLog {
        self.reads.fetch_add(1, Ordering::Relaxed);
        &self.inner
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl EventLog for Counting {
    fn epoch(&self) -> &Epoch {
        self.inner.epoch()
    }
    async fn append(&self, batch: Vec<Append>) -> Vec<AppendOutcome> {
        self.inner.append(batch).await
    }
    async fn head(&self, book: BookId) -> Result<Head, ReadError> {
        self.count().head(book).await
    }
    async fn read_forward(&self, book: BookId, after: Seq, limit: ReadLimit) -> Result<Vec<StoredEvent>, ReadError> {
        self.count().read_forward(book, after, limit).await
    }
    async fn read_page(&self, book: BookId, query: PageQuery) -> Result<Page, ReadError> {
        self.count().read_page(book, query).await
    }
    async fn read_latest(&self, book: BookId, places: &[Seq]) -> Result<Vec<StoredEvent>, ReadError> {
        self.count().read_latest(book, places).await
    }
    async fn read_ids(&self, ids: &[EventId]) -> Result<Vec<StoredEvent>, ReadError> {
        self.count().read_ids(ids).await
    }
    async fn tail(&self) -> Result<Option<Tail>, ReadError> {
        self.inner.tail().await
    }
    async fn ready(&self) -> Result<(), ReadError> {
        self.inner.ready().await
    }
}

struct Ear(mpsc::UnboundedSender<Frame>);

impl Deliver for Ear {
    fn deliver(&self, frame: Frame) {
        let _ = self.0.send(frame);
    }
}

/// Joins, and returns what is told and where it is told.
async fn join(
    room: &RoomHandle,
    connection: u64,
    standing: Option<Standing>,
) -> (Arc<Ear>, mpsc::UnboundedReceiver<Frame>) {
    let (ear, heard) = mpsc::unbounded_channel();
    let outbox = Arc::new(Ear(ear));
    let user = User {
        user_id: format!("reader-{connection}").as_str().try_into().unwrap(),
        username: "A reader".try_into().unwrap(),
    };
    let member = Member {
        connection: ConnectionId(connection),
        user: Arc::new(user),
        moderator: false,
        outbox: Arc::clone(&outbox) as Arc<dyn Deliver>,
    };
    let (reply, joined) = oneshot::channel();
    let command = Command::Join {
        member,
        id: None,
        standing,
        reply,
    };
    room.mailbox.send(command).await.unwrap();
    assert_eq!(joined.await.unwrap(), Joined::Live);
    (outbox, heard)
}

fn event(frame: &Frame) -> ServerEvent {
    codec::decode_server(frame.text()).unwrap().event
}

#[tokio::test]
async fn a_room_in_memory_reads_nothing() {
    let log = Arc::new(Counting {
        inner: MemoryLog::new(),
        reads: AtomicUsize::new(0),
    });
    log.append(vec![append(book(1), posts(book(1), 1, STORED))]).await;
    let tasks = TaskTracker::new();
    let services = Services {
        log: log.clone(),
        appender: Appender::spawn(log.clone(), &tasks, Arc::default()),
        cluster: Arc::new(Alone),
        ambient: Arc::new(System),
        metrics: Arc::default(),
    };
    let room = Hub::new(services, tasks).room(book(1));
    let (outbox, mut first) = join(&room, 0, None).await;
    assert!(
        matches!(event(&first.recv().await.unwrap()), ServerEvent::PreviousMessages(state) if state.seq == seq(STORED))
    );
    assert_eq!(log.reads(), 2, "its position and its newest page, when it is loaded");

    for number in 1..=30 {
        let (_, mut fresh) = join(&room, 2 * number, None).await;
        let ServerEvent::PreviousMessages(state) = event(&fresh.recv().await.unwrap()) else {
            panic!("no state");
        };
        assert_eq!((state.seq, state.messages.len()), (seq(STORED + number - 1), 50));
        let behind = Standing {
            after: seq(STORED + number - 2),
            epoch: log.epoch().clone(),
        };
        if number > 1 {
            let (_, mut back) = join(&room, 2 * number + 1, Some(behind)).await;
            assert!(
                matches!(event(&back.recv().await.unwrap()), ServerEvent::Resumed(state) if state.events.len() == 1)
            );
        }
        let post = Command::Append {
            connection: ConnectionId(0),
            outbox: Arc::clone(&outbox) as Arc<dyn Deliver>,
            id: None,
            key: None,
            action: Action::Post {
                content: Content::try_from(format!("message {number}").as_str()).unwrap(),
                key: None,
            },
            author: None,
        };
        room.mailbox.send(post).await.unwrap();
        while !matches!(event(&first.recv().await.unwrap()), ServerEvent::Message(told) if told.seq == seq(STORED + number))
        {
        }
    }
    assert_eq!(log.reads(), 2, "and never again");
}
