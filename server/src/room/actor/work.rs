//! The one thing a room is doing with the log, and its clock.

use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use readrealm_protocol::Seq;
use tokio::time::sleep_until;

use crate::log::{AppendOutcome, Page, ReadError, StoredEvent};

/// Work that ended.
pub(super) enum Done {
    /// An append that began at a position.
    Appended(Option<Seq>, AppendOutcome),
    /// The newest events of these places, and those that bear the ids of the changes to them.
    Latest(Vec<Seq>, Result<(Vec<StoredEvent>, Vec<StoredEvent>), ReadError>),
    CaughtUp(Result<Vec<StoredEvent>, ReadError>),
    Refilled(Result<Page, ReadError>),
    Paused,
}

/// Work that is to wait.
pub(super) fn paused_until(until: Instant) -> BoxFuture<'static, Done> {
    async move {
        sleep_until(until.into()).await;
        Done::Paused
    }
    .boxed()
}

/// The runtime's clock, which a simulation may stop and wind on.
pub(super) fn clock() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Waits for the work under way to end; for ever where there is none.
pub(super) async fn run_work(work: &mut Option<BoxFuture<'static, Done>>) -> Done {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// Waits for a time, or for ever.
pub(super) async fn wait_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
