//! How long a connection lives by its token, on a clock that is wound on: no token, one that expires, one that is renewed.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clap::Parser;
use futures_util::{Sink, Stream, StreamExt, future, stream};
use readrealm_protocol::server::ServerFrame;
use readrealm_protocol::{CloseCode, ErrorCode, ServerEvent, codec};
use readrealm_server::auth::Auth;
use readrealm_server::cli::{Cli, Command};
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
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const SECRET: &str = "a secret of a test, of 32 bytes or more";

/// The program's arguments, with a secret.
fn cli(arguments: &[&str]) -> Cli {
    Cli::parse_from([&["readrealm-server", "--auth-secret", SECRET], arguments].concat())
}

fn token(arguments: &[&str]) -> String {
    let cli = cli(&[&["token"], arguments].concat());
    let Some(Command::Token(token)) = cli.command else {
        panic!("{cli:?}")
    };
    token.mint(&cli.config.auth).unwrap()
}

fn auth() -> Auth {
    Auth::new(&cli(&[]).config.auth).unwrap()
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
    let limits = Limits {
        handshake_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(45),
        ..Limits::off()
    };
    Arc::new(Services {
        hub: Hub::new(rooms, tasks),
        log,
        auth: auth(),
        users: UserLimits::new(&limits),
        limits,
        resumes: Resumes::default(),
        shutdown: CancellationToken::new(),
        next_connection: AtomicU64::new(1),
        metrics: Arc::default(),
    })
}

/// The other end of a connection, which hears everything, or nothing.
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
            let text = std::str::from_utf8(frame.bytes()).unwrap();
            let _ = told.send(codec::decode_server(text).unwrap());
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

fn authenticate(token: &str) -> String {
    format!(r#"{{"event":"authenticate","id":1,"data":{{"token":"{token}"}}}}"#)
}

fn join(book: u64) -> String {
    format!(r#"{{"event":"joinRoom","id":2,"data":{{"bookId":{book}}}}}"#)
}

/// Frames, each so many seconds after the one before; then nothing more, or a sign of life every ten seconds.
fn frames(frames: Vec<(u64, String)>, alive: bool) -> impl Stream<Item = Inbound> + Unpin {
    let spoken = stream::iter(frames).then(|(pause, text)| async move {
        tokio::time::sleep(Duration::from_secs(pause)).await;
        Inbound::Frame(codec::decode_client(&text))
    });
    let living = stream::repeat_with(|| ())
        .take(if alive { usize::MAX } else { 0 })
        .then(|()| async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            Inbound::Alive
        });
    Box::pin(spoken.chain(living).chain(stream::pending()))
}

/// How a connection ends on which these frames come, after how many seconds, and what it was told.
async fn lives(sent: Vec<(u64, String)>, alive: bool) -> (End, u64, Vec<ServerFrame>) {
    let (told, mut heard) = mpsc::unbounded_channel();
    let start = Instant::now();
    let run = run(frames(sent, alive), Told(Some(told)), services());
    let end = tokio::time::timeout(Duration::from_hours(48), run).await.unwrap();
    let mut frames = Vec::new();
    while let Ok(frame) = heard.try_recv() {
        frames.push(frame);
    }
    (end, start.elapsed().as_secs(), frames)
}

fn closed(end: &End) -> CloseCode {
    let End::Closed(close) = end else { panic!("{end:?}") };
    close.code
}

fn refused(frame: &ServerFrame) -> ErrorCode {
    let ServerEvent::Error(reply) = &frame.event else {
        panic!("{frame:?}")
    };
    reply.code
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_for_ten_seconds_is_unauthorised() {
    let (end, seconds, told) = lives(vec![], true).await;
    assert_eq!((closed(&end), seconds), (CloseCode::Unauthorized, 10));
    assert_eq!(told, []);
}

#[tokio::test(start_paused = true)]
async fn who_talks_and_shows_no_token_is_told_and_closed_all_the_same() {
    let (end, seconds, told) = lives(vec![(4, join(1)), (4, join(1)), (1, "nonsense".into())], true).await;
    assert_eq!((closed(&end), seconds), (CloseCode::Unauthorized, 10));
    let codes: Vec<_> = told.iter().map(refused).collect();
    assert_eq!(
        codes,
        [
            ErrorCode::Unauthorized,
            ErrorCode::Unauthorized,
            ErrorCode::MalformedFrame
        ]
    );
    assert_eq!(told[0].id, Some(2.into()));
}

#[tokio::test(start_paused = true)]
async fn a_token_in_time_is_in_time_and_ends_when_it_says() {
    let token = token(&["--sub", "ann", "--expires-in", "26h"]);
    let (end, seconds, told) = lives(vec![(9, authenticate(&token)), (0, join(1))], true).await;
    assert_eq!(closed(&end), CloseCode::AuthExpired);
    let expected = 9 + 26 * 3_600;
    assert!((expected - 2..=expected).contains(&seconds), "{seconds}");
    assert!(matches!(told[0].event, ServerEvent::Authenticated(_)), "{told:?}");
    assert!(matches!(told[1].event, ServerEvent::PreviousMessages(_)), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_connection_is_let_go_long_before_its_token_expires() {
    let token = token(&["--sub", "ann"]);
    let (end, seconds, _) = lives(vec![(5, authenticate(&token))], false).await;
    assert_eq!((end, seconds), (End::Gone, 50));
}

#[tokio::test(start_paused = true)]
async fn a_new_token_prolongs_and_a_shorter_one_shortens() {
    let [short, long] = ["60s", "600s"].map(|time| token(&["--sub", "ann", "--expires-in", time]));
    for (first, second, expected) in [(&short, &long, 30 + 600), (&long, &short, 30 + 60)] {
        let (end, seconds, _) = lives(vec![(0, authenticate(first)), (30, authenticate(second))], true).await;
        assert_eq!(closed(&end), CloseCode::AuthExpired);
        // The paused clock stands still for the token: at most the second it was made in is missing.
        assert!((expected - 2..=expected).contains(&seconds), "{seconds} of {expected}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_renewal_leaves_the_session_as_it_was() {
    let [mine, anothers] = ["ann", "bob"].map(|sub| token(&["--sub", sub, "--expires-in", "60s"]));
    let sent = [&mine, &anothers, &"a.b.c".to_owned()].map(|token| (9, authenticate(token)));
    let (end, seconds, told) = lives(sent.into(), true).await;
    assert_eq!(closed(&end), CloseCode::AuthExpired);
    assert!((67..=69).contains(&seconds), "{seconds}");
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[1..].iter().all(|frame| refused(frame) == ErrorCode::Unauthorized));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_no_answer_does_not_outlive_its_token() {
    let token = token(&["--sub", "ann", "--expires-in", "20s"]);
    let start = Instant::now();
    let end = run(
        frames(vec![(0, authenticate(&token)), (0, join(1))], true),
        Told(None),
        services(),
    )
    .await;
    assert_eq!(closed(&end), CloseCode::AuthExpired);
    assert!(start.elapsed() <= Duration::from_secs(22), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_a_refused_token_is_not_served() {
    let good = token(&["--sub", "ann"]);
    let other = "another secret of a test, of 32 bytes too";
    let bad = BASE64_URL_SAFE_NO_PAD.encode(other);
    let (end, seconds, told) = lives(
        vec![(0, authenticate(&bad)), (0, authenticate(&good)), (0, join(1))],
        true,
    )
    .await;
    assert_eq!((closed(&end), seconds), (CloseCode::Unauthorized, 0));
    assert_eq!(told.iter().map(refused).collect::<Vec<_>>(), [ErrorCode::Unauthorized]);
}

#[test]
fn the_secret_is_no_part_of_any_debug() {
    let shown = format!("{:?} {:?}", cli(&[]), auth());
    assert!(
        shown.contains("auth_secret: Some(Secret(…))") && !shown.contains(SECRET),
        "{shown}"
    );
}

/// Frames without end, as fast as they are read: like a socket's they take from the budget of their task.
fn flood(first: String, text: String) -> impl Stream<Item = Inbound> + Unpin {
    let flood = stream::iter([first]).chain(stream::repeat(text));
    Box::pin(flood.then(|text| async move {
        coop::cooperative(future::ready(())).await;
        Inbound::Frame(codec::decode_client(&text))
    }))
}

#[tokio::test]
async fn who_sends_without_pause_is_closed_all_the_same() {
    let mut services = services();
    Arc::get_mut(&mut services).unwrap().limits.outbox_bytes = 4_096;
    let elsewhere = r#"{"event":"leaveRoom","id":3,"data":{"bookId":7}}"#.to_owned();
    // Takes nothing, so its answers come to be too many.
    let run = run(
        flood(authenticate(&token(&["--sub", "ann"])), elsewhere),
        Told(None),
        services,
    );
    let end = tokio::time::timeout(Duration::from_secs(10), run).await;
    assert_eq!(closed(&end.expect("it ends")), CloseCode::SlowConsumer);
}
