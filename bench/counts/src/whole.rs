//! The whole of it but the socket: connections, their room and a log in memory, on one thread.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink, Stream, StreamExt, stream};
use readrealm_protocol::codec::decode_client;
use readrealm_server::auth::Auth;
use readrealm_server::cluster::Alone;
use readrealm_server::config::{Limits, LogFormat};
use readrealm_server::connection::{
    Frame, Inbound, Line, Outbound, Resumes, Sent, Services, Terms, UserLimits, run_on,
};
use readrealm_server::hub::Hub;
use readrealm_server::log::memory::MemoryLog;
use readrealm_server::log::{Appender, EventLog};
use readrealm_server::logging;
use readrealm_server::room::actor;
use readrealm_server::room::ambient::System;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, field};

use crate::samples::{CROWD, post};
use crate::{Benchmark, count};

/// A message in rooms of two sizes; as the server runs, and without the spans that tell its log lines apart.
pub(crate) const ALL: &[Benchmark] = &[
    ("message-to-1", || logged(|| message_to(1))),
    ("message-to-1000", || logged(|| message_to(CROWD))),
    ("message-to-1000-without-spans", || message_to(CROWD)),
];

/// Frames that all members were told, and who waits for so many.
#[derive(Debug, Default)]
struct Told {
    frames: AtomicU64,
    awaited: AtomicU64,
    reached: Notify,
}

impl Told {
    fn add(&self, more: usize) {
        let before = self.frames.fetch_add(more as u64, Ordering::Relaxed);
        let awaited = self.awaited.load(Ordering::Relaxed);
        if before < awaited && before + more as u64 >= awaited {
            self.reached.notify_one();
        }
    }

    async fn hear(&self, more: u64) {
        let awaited = self.awaited.fetch_add(more, Ordering::Relaxed) + more;
        while self.frames.load(Ordering::Relaxed) < awaited {
            self.reached.notified().await;
        }
    }
}

/// A socket that takes everything at once.
impl Line for Told {
    fn try_send(&self, frames: &[Frame]) -> Sent {
        self.add(frames.len());
        Sent {
            frames: frames.len(),
            is_whole: true,
        }
    }
}

/// The same, for what is not written by the room.
struct Taker(Arc<Told>);

impl Sink<Outbound> for Taker {
    type Error = Infallible;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, outbound: Outbound) -> Result<(), Infallible> {
        if matches!(outbound, Outbound::Frame(_)) {
            self.0.add(1);
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

/// A room with members, of whom one writes.
struct Room {
    runtime: Runtime,
    told: Arc<Told>,
    writer: mpsc::UnboundedSender<String>,
    members: u64,
}

impl Room {
    fn of(members: u32) -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let told = Arc::new(Told::default());
        let (writer, lines) = mpsc::unbounded_channel();
        let room = Self {
            told,
            writer,
            members: u64::from(members),
            runtime,
        };
        room.runtime.block_on(async {
            let services = services();
            let lines = stream::unfold(lines, async |mut lines| Some((lines.recv().await?, lines)));
            tokio::spawn(serve(
                frames(lines),
                Taker(Arc::clone(&room.told)),
                Arc::clone(&services),
            ));
            for _ in 1..members {
                let taker = Taker(Arc::clone(&room.told));
                tokio::spawn(serve(frames(stream::pending()), taker, Arc::clone(&services)));
            }
            // All are one user: nobody is told of the others.
            room.told.hear(room.members).await;
        });
        // Not the first, which finds everything empty.
        (0..3).for_each(|n| room.tell(post(n)));
        room
    }

    /// A message and its ack. Each by another key: a repeat would be told to nobody.
    fn tell(&self, text: String) {
        self.writer.send(text).expect("the connection is there");
        self.runtime.block_on(self.told.hear(self.members + 1));
    }
}

/// A connection, as a transport begins it.
async fn serve(reader: impl Stream<Item = Inbound>, writer: Taker, services: Arc<Services>) {
    let span = tracing::info_span!("connection", id = field::Empty, request = "0123456789abcdef");
    let terms = Terms {
        line: Some(Arc::clone(&writer.0) as Arc<dyn Line>),
        ..Terms::default()
    };
    run_on(terms, Box::pin(reader), writer, services).instrument(span).await;
}

/// A join, then what is to be sent.
fn frames(lines: impl Stream<Item = String>) -> impl Stream<Item = Inbound> {
    let join = r#"{"event":"joinRoom","id":1,"data":{"bookId":28520,"userId":"alice"}}"#;
    stream::iter([join.to_owned()])
        .chain(lines)
        .map(|text| Inbound::Frame(decode_client(&text)))
}

fn services() -> Arc<Services> {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let tasks = TaskTracker::new();
    let rooms = actor::Services {
        log: Arc::clone(&log),
        appender: Appender::spawn(Arc::clone(&log), &tasks, Arc::default()),
        cluster: Arc::new(Alone),
        ambient: Arc::new(System),
        metrics: Arc::default(),
    };
    // Far longer than anything here takes, but there: a connection has its timers.
    let limits = Limits {
        messages_per_second: 1_000_000,
        user_messages_per_second: 1_000_000,
        outbox_bytes: 1_048_576,
        ping_interval: Duration::from_hours(1),
        idle_timeout: Duration::from_hours(1),
        ..Limits::off()
    };
    Arc::new(Services {
        hub: Hub::new(rooms, tasks),
        log,
        auth: Auth::Claimed,
        users: UserLimits::new(&limits),
        limits,
        resumes: Resumes::default(),
        shutdown: CancellationToken::new(),
        next_connection: AtomicU64::new(1),
        metrics: Arc::default(),
    })
}

/// Does it with log lines from `info` on, as the server writes them. Otherwise no span is one.
fn logged(work: impl FnOnce()) {
    logging::start(LogFormat::Text);
    work();
}

/// A post is read, appended, told to every member and acknowledged.
fn message_to(members: u32) {
    let room = Room::of(members);
    count(post(1_234), |text| room.tell(text));
}
