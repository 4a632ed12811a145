//! Who asks for too much is held back, and nobody else is: refusals without end.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink, Stream, StreamExt, future, stream};
use readrealm_protocol::server::ServerFrame;
use readrealm_protocol::{CloseCode, ServerEvent, codec};
use readrealm_server::auth::Auth;
use readrealm_server::cluster::Alone;
use readrealm_server::config::Limits;
use readrealm_server::connection::{End, Inbound, Outbound, Resumes, Services, UserLimits, run};
use readrealm_server::hub::Hub;
use readrealm_server::log::memory::MemoryLog;
use readrealm_server::log::{Appender, EventLog};
use readrealm_server::room::actor;
use readrealm_server::room::ambient::System;
use tokio::sync::mpsc;
use tokio::task::coop;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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
    let limits = Limits {
        idle_timeout: Duration::from_mins(1),
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

/// The other end of a connection, which hears everything, or takes nothing.
struct Told(Option<mpsc::UnboundedSender<ServerFrame>>);

impl Sink<Outbound> for Told {
    type Error = Infallible;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.0.is_some() {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn start_send(self: Pin<&mut Self>, outbound: Outbound) -> Result<(), Infallible> {
        if let (Some(told), Outbound::Frame(frame)) = (&self.0, outbound) {
            let _ = told.send(codec::decode_server(frame.text()).unwrap());
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

/// Frames of a flood: more than are read within the time of a test.
const FLOOD: usize = 20_000;

/// The same frame again and again, and how often it was read. Like a socket's they take from the budget of their task.
fn flood(text: &'static str) -> (impl Stream<Item = Inbound> + Unpin, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&read);
    let frames = stream::iter(vec![text; FLOOD]).then(move |text| {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            coop::cooperative(future::ready(())).await;
            Inbound::Frame(codec::decode_client(text))
        }
    });
    (Box::pin(frames.chain(stream::pending())), read)
}

const REFUSED: [&str; 3] = [
    r#"{"event":"x"}"#,
    r#"{"event":"message","data":{"bookId":"7"}}"#,
    r#"{"event":"leaveRoom","data":{"bookId":7}}"#,
];

#[tokio::test(start_paused = true)]
async fn all_that_is_refused_is_answered_a_hundred_times_a_second() {
    for text in REFUSED {
        let (told, mut heard) = mpsc::unbounded_channel();
        let (frames, _) = flood(text);
        let end = timeout(Duration::from_secs(10), run(frames, Told(Some(told)), services()));
        assert!(end.await.is_err(), "it is never closed");
        let mut answers = 0;
        while let Ok(frame) = heard.try_recv() {
            assert!(matches!(frame.event, ServerEvent::Error(_)), "{frame:?}");
            answers += 1;
        }
        // Two hundred at once, and a thousand in ten seconds.
        assert!((1_190..=1_201).contains(&answers), "{text}: {answers}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_takes_no_refusal_is_read_no_further_and_let_go_by_the_idle_timeout() {
    for text in REFUSED {
        let (frames, read) = flood(text);
        let begun = Instant::now();
        let end = run(frames, Told(None), services()).await;
        let End::Closed(close) = end else { panic!("{end:?}") };
        assert_eq!(close.code, CloseCode::SlowConsumer);
        assert!((60..=62).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        // 16 KiB of them.
        let read = read.load(Ordering::Relaxed);
        assert!(read < 300, "{text}: {read} were read");
    }
}
