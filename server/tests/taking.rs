//! A peer that takes nothing is let go, also while an answer of its own waits to be written.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink, StreamExt, stream};
use readrealm_protocol::{CloseCode, codec};
use readrealm_server::auth::Auth;
use readrealm_server::cluster::Alone;
use readrealm_server::config::Limits;
use readrealm_server::connection::{End, Inbound, Outbound, Resumes, Services, UserLimits, run};
use readrealm_server::hub::Hub;
use readrealm_server::log::memory::MemoryLog;
use readrealm_server::log::{Appender, EventLog};
use readrealm_server::room::actor;
use readrealm_server::room::ambient::System;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A socket whose peer takes nothing.
struct Stuck;

impl Sink<Outbound> for Stuck {
    type Error = Infallible;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn start_send(self: Pin<&mut Self>, _: Outbound) -> Result<(), Infallible> {
        unreachable!("never ready")
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }
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

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_takes_its_answer_is_closed_within_the_idle_timeout() {
    let join = r#"{"event":"joinRoom","id":1,"data":{"bookId":1,"userId":"alice"}}"#;
    let reader = stream::iter([Inbound::Frame(codec::decode_client(join))]).chain(stream::pending());
    let ended = tokio::time::timeout(Duration::from_mins(2), run(reader, Stuck, services())).await;
    let Ok(End::Closed(close)) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(close.code, CloseCode::SlowConsumer);
}
