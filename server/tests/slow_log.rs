//! A log that is slow in one room, or fails for good: who notices, and who does not.
#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "every test takes what it needs")]
mod support {
    pub(crate) mod events;
}

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clap::Parser;
use readrealm_protocol::server::User;
use readrealm_protocol::{BookId, Epoch, Seq, ServerEvent, codec};
use readrealm_server::app::{RunError, serve};
use readrealm_server::cluster::Alone;
use readrealm_server::config::Config;
use readrealm_server::fanout;
use readrealm_server::hub::Hub;
use readrealm_server::log::memory::MemoryLog;
use readrealm_server::log::{
    Append, AppendOutcome, Appender, EventId, EventLog, Head, Page, PageQuery, ReadError, ReadLimit, Stop, StoredEvent,
    Tail,
};
use readrealm_server::room::actor::Services;
use readrealm_server::room::ambient::System;
use readrealm_server::room::{Command, ConnectionId, Deliver, Frame, MAILBOX, Member};
use readrealm_server::shutdown::Shutdown;
use readrealm_server::transport::listen::Bound;
use support::events::{append, book, post};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A log whose pages of one room wait until they are let through, and whose appends fail where they are to.
#[derive(Debug)]
struct Slow {
    inner: MemoryLog,
    room: BookId,
    /// One permit for each page that was asked for…
    asked: Semaphore,
    /// …and for each that may be answered.
    let_through: Semaphore,
    panics: bool,
}

impl Slow {
    fn new(inner: MemoryLog, slow: u64) -> Self {
        Self {
            inner,
            room: book(slow),
            asked: Semaphore::new(0),
            let_through: Semaphore::new(0),
            panics: false,
        }
    }
}

#[async_trait]
impl EventLog for Slow {
    fn epoch(&self) -> &Epoch {
        self.inner.epoch()
    }
    async fn append(&self, batch: Vec<Append>) -> Vec<AppendOutcome> {
        assert!(!self.panics, "as a test wants it");
        self.inner.append(batch).await
    }
    async fn head(&self, book: BookId) -> Result<Head, ReadError> {
        self.inner.head(book).await
    }
    async fn read_forward(&self, book: BookId, after: Seq, limit: ReadLimit) -> Result<Vec<StoredEvent>, ReadError> {
        self.inner.read_forward(book, after, limit).await
    }
    async fn read_page(&self, book: BookId, query: PageQuery) -> Result<Page, ReadError> {
        if book == self.room {
            self.asked.add_permits(1);
            self.let_through.acquire().await.unwrap().forget();
        }
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

#[derive(Debug)]
struct Ear(mpsc::UnboundedSender<Frame>);

impl Deliver for Ear {
    fn deliver(&self, frame: Frame) {
        let _ = self.0.send(frame);
    }
}

/// What a member is told.
struct Heard(mpsc::UnboundedReceiver<Frame>);

impl Heard {
    /// The position of the next message, or of the state told at the join.
    async fn next(&mut self) -> u64 {
        let frame = tokio::time::timeout(PATIENCE, self.0.recv()).await.unwrap().unwrap();
        let frame = codec::decode_server(std::str::from_utf8(frame.bytes()).unwrap()).unwrap();
        match frame.event {
            ServerEvent::PreviousMessages(state) => state.seq.get(),
            ServerEvent::Message(message) => message.seq.get(),
            other => panic!("{other:?}"),
        }
    }
}

async fn join(hub: &Hub, room: u64) -> Heard {
    let (ear, heard) = mpsc::unbounded_channel();
    let user = User {
        user_id: "ann".try_into().unwrap(),
        username: "ann".try_into().unwrap(),
    };
    let member = Member {
        connection: ConnectionId(room),
        user: Arc::new(user),
        moderator: false,
        outbox: Arc::new(Ear(ear)),
    };
    let (reply, joined) = oneshot::channel();
    let command = Command::Join {
        member,
        id: None,
        standing: None,
        reply,
    };
    hub.room(book(room)).mailbox.send(command).await.unwrap();
    // A room that loads slowly answers later.
    tokio::spawn(joined);
    Heard(heard)
}

#[tokio::test]
async fn a_room_that_loads_slowly_holds_up_no_other_and_misses_nothing() {
    let other_node = MemoryLog::new();
    let log = Arc::new(Slow::new(other_node.clone(), 1));
    let tasks = TaskTracker::new();
    let services = Services {
        log: log.clone(),
        appender: Appender::spawn(log.clone(), &tasks, Arc::default()),
        cluster: Arc::new(Alone),
        ambient: Arc::new(System),
        metrics: Arc::default(),
    };
    let hub = Hub::new(services, tasks);
    tokio::spawn(fanout::follow(log.clone(), hub.clone(), CancellationToken::new()));
    while !hub.is_following() {
        tokio::task::yield_now().await;
    }
    let mut quick = join(&hub, 2).await;
    assert_eq!(quick.next().await, 0);
    let mut slow = join(&hub, 1).await;
    log.asked.acquire().await.unwrap().forget();

    // The slow room knows that it stands at 0; then come more events than wait for it.
    let count = MAILBOX as u64 + 100;
    for at in 1..=count {
        let event = post(book(1), at, &format!("event-{at}"));
        assert_eq!(
            other_node.append(vec![append(book(1), [event])]).await,
            [AppendOutcome::all(1)]
        );
    }
    let event = post(book(2), 1, "quick");
    other_node.append(vec![append(book(2), [event])]).await;
    assert_eq!(quick.next().await, 1, "the other room hears its event meanwhile");

    log.let_through.add_permits(1);
    assert_eq!(slow.next().await, count, "more than had waited for it");
    let event = post(book(1), count + 1, "live");
    other_node.append(vec![append(book(1), [event])]).await;
    assert_eq!(slow.next().await, count + 1);
}

#[tokio::test]
async fn a_writer_that_fails_says_so() {
    let mut log = Slow::new(MemoryLog::new(), 1);
    log.panics = true;
    let log: Arc<dyn EventLog> = Arc::new(log);
    let tasks = TaskTracker::new();
    let appender = Appender::spawn(Arc::clone(&log), &tasks, Arc::default());
    let event = post(book(2), 1, "lost");
    let outcome = appender.append(append(book(2), [event.clone()])).await;
    assert_eq!(
        outcome,
        AppendOutcome::stopped(0, Stop::Unknown),
        "nobody knows what became of it"
    );
    appender.failed().cancelled().await;
    let outcome = appender.append(append(book(2), [event])).await;
    assert_eq!(outcome, AppendOutcome::stopped(0, Stop::Unavailable));
}

#[tokio::test]
async fn a_server_whose_writer_fails_ends_with_an_error() {
    let mut log = Slow::new(MemoryLog::new(), 1);
    log.panics = true;
    let socket = Bound::to("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.address();
    let config = Config::parse_from(["readrealm-server"]);
    let served = tokio::spawn(serve(
        config,
        Arc::new(log),
        Arc::new(Alone),
        socket,
        Shutdown::default(),
    ));
    let connecting = async {
        loop {
            match TcpStream::connect(address).await {
                Ok(socket) => return socket,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let mut socket = tokio::time::timeout(PATIENCE, connecting).await.unwrap();
    let upgrade = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    socket.write_all(upgrade.as_bytes()).await.unwrap();
    for text in [
        r#"{"event":"joinRoom","data":{"bookId":2,"userId":"ann"}}"#,
        r#"{"event":"message","data":{"bookId":2,"content":"hello"}}"#,
    ] {
        // A whole text frame, masked with zeros.
        let length = 0x80 | u8::try_from(text.len()).unwrap();
        let frame = [&[0x81, length, 0, 0, 0, 0], text.as_bytes()].concat();
        socket.write_all(&frame).await.unwrap();
    }
    let ended = tokio::time::timeout(PATIENCE, served).await.unwrap().unwrap();
    assert!(matches!(ended, Err(RunError::Writer)), "{ended:?}");
}
