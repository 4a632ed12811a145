//! Who asks for too much is held back, and nobody else is: refusals without end, and pages that are never taken.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use clap::Parser;
use futures_util::{Sink, Stream, StreamExt, future, stream};
use readrealm_protocol::server::ServerFrame;
use readrealm_protocol::{CloseCode, ErrorCode, ServerEvent, codec};
use readrealm_server::auth::Auth;
use readrealm_server::cli::{Cli, Command};
use readrealm_server::cluster::Alone;
use readrealm_server::config::Limits;
use readrealm_server::connection::{End, Inbound, Outbound, Resumes, Services, Terms, UserLimits, run, run_on};
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

const SECRET: &str = "a secret of a test, of 32 bytes or more";

/// More than a room keeps for those who were away for a moment.
const EVENTS: u64 = 300;

/// More pages than there may be with connections at a time.
const GREEDY: usize = 600;

fn cli(arguments: &[&str]) -> Cli {
    Cli::parse_from([&["readrealm-server", "--auth-secret", SECRET], arguments].concat())
}

/// A first frame that says who this is.
fn authenticate(user: &str) -> String {
    let Some(Command::Token(token)) = cli(&["token", "--sub", user]).command else {
        panic!("it signs a token")
    };
    let token = token.mint(&cli(&[]).config.auth).unwrap();
    format!(r#"{{"event":"authenticate","data":{{"token":"{token}"}}}}"#)
}

fn services(auth: Auth) -> Arc<Services> {
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
        max_connections_per_address: 1_000,
        ..Limits::off()
    };
    Arc::new(Services {
        hub: Hub::new(rooms, tasks),
        log,
        auth,
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
        let end = timeout(
            Duration::from_secs(10),
            run(frames, Told(Some(told)), services(Auth::Claimed)),
        );
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
        let end = run(frames, Told(None), services(Auth::Claimed)).await;
        let End::Closed(close) = end else { panic!("{end:?}") };
        assert_eq!(close.code, CloseCode::SlowConsumer);
        assert!((60..=62).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        // 16 KiB of them.
        let read = read.load(Ordering::Relaxed);
        assert!(read < 300, "{text}: {read} were read");
    }
}

/// A connection that says so much and then nothing more; what it is told, where it takes it.
fn connect(
    services: &Arc<Services>,
    peer: Option<IpAddr>,
    said: Vec<String>,
    takes: bool,
) -> mpsc::UnboundedReceiver<ServerFrame> {
    let (told, heard) = mpsc::unbounded_channel();
    let said = said.into_iter().map(|text| Inbound::Frame(codec::decode_client(&text)));
    let alive = stream::repeat(()).then(|()| async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        Inbound::Alive
    });
    let reader = Box::pin(stream::iter(said).chain(alive));
    let terms = Terms {
        peer,
        ..Terms::default()
    };
    tokio::spawn(run_on(terms, reader, Told(takes.then_some(told)), Arc::clone(services)));
    heard
}

fn join(user: &str, resume: &str) -> String {
    format!(r#"{{"event":"joinRoom","id":1,"data":{{"bookId":7,"userId":"{user}"{resume}}}}}"#)
}

/// Fills the room. Returns what resumes it from its beginning.
async fn talk(services: &Arc<Services>, first: Vec<String>) -> String {
    let posts = (0..EVENTS).map(|n| format!(r#"{{"event":"message","id":2,"data":{{"bookId":7,"content":"{n}"}}}}"#));
    let said = first.into_iter().chain([join("writer", "")]).chain(posts).collect();
    let mut heard = connect(services, None, said, true);
    let (mut epoch, mut acks) = (None, 0);
    while acks < EVENTS {
        match heard.recv().await.unwrap().event {
            ServerEvent::PreviousMessages(state) => epoch = Some(state.epoch),
            ServerEvent::Ack(_) => acks += 1,
            ServerEvent::Error(reply) => panic!("{reply}"),
            _ => {}
        }
    }
    format!(r#","after":0,"epoch":"{}""#, epoch.unwrap().as_str())
}

/// What the answer to a resume is, and after how many seconds it came.
async fn resumed(mut heard: mpsc::UnboundedReceiver<ServerFrame>) -> (ServerEvent, u64) {
    let begun = Instant::now();
    loop {
        let frame = timeout(Duration::from_secs(30), heard.recv()).await.unwrap().unwrap();
        if frame.id == Some(1.into()) {
            return (frame.event, begun.elapsed().as_secs());
        }
    }
}

fn is_page((event, seconds): &(ServerEvent, u64)) -> bool {
    matches!(event, ServerEvent::Resumed(_)) && *seconds == 0
}

#[tokio::test(start_paused = true)]
async fn who_leaves_all_pages_lying_waits_for_themselves_alone() {
    let services = services(Auth::new(&cli(&[]).config.auth).unwrap());
    let resume = talk(&services, vec![authenticate("writer")]).await;
    let returning = |user: &str, takes| {
        let said = vec![authenticate(user), join(user, &resume)];
        connect(&services, None, said, takes)
    };
    let _deaf: Vec<_> = (0..GREEDY).map(|_| returning("ann", false)).collect();
    let bob = resumed(returning("bob", true)).await;
    assert!(is_page(&bob), "{bob:?}");
    let (ServerEvent::Error(reply), seconds) = resumed(returning("ann", true)).await else {
        panic!("all of her turns are taken")
    };
    assert_eq!((reply.code, seconds), (ErrorCode::Unavailable, 10), "{reply}");
    // Those who took nothing are let go, and nothing is owed for them.
    tokio::time::sleep(Duration::from_mins(2)).await;
    let ann = resumed(returning("ann", true)).await;
    assert!(is_page(&ann), "{ann:?}");
}

#[tokio::test(start_paused = true)]
async fn where_names_are_claimed_those_of_one_address_wait_for_each_other_alone() {
    let services = services(Auth::Claimed);
    let resume = talk(&services, Vec::new()).await;
    let (theirs, other): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let returning = |user: &str, from, takes| connect(&services, Some(from), vec![join(user, &resume)], takes);
    let names = (0..GREEDY).map(|n| format!("ann{n}"));
    let _deaf: Vec<_> = names.map(|name| returning(&name, theirs, false)).collect();
    let bob = resumed(returning("bob", other, true)).await;
    assert!(is_page(&bob), "{bob:?}");
    let carol = resumed(returning("carol", theirs, true)).await;
    assert!(matches!(carol, (ServerEvent::Error(_), 10)), "{carol:?}");
}
