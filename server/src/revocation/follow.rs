//! What was revoked at any node or by a command, brought to this node's connections.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{RevocationError, Revocations};
use crate::auth::revoked::Revoked;
use crate::metrics::Metrics;

/// How often the store is asked. With the second an unanswered question may take this keeps the promise of two.
const EVERY: Duration = Duration::from_millis(500);

/// After a longer silence all is read anew: what ended meanwhile may be forgotten in the store.
const SILENCE: Duration = Duration::from_mins(30);

/// How often what has ended is forgotten.
const FORGET: Duration = Duration::from_mins(1);

/// The task that follows. It ends by a panic alone.
pub type Following = JoinHandle<()>;

/// Reads all that stands, then follows what changes, until it is aborted. A node that cannot know who is revoked does not begin.
pub async fn follow(
    store: Arc<dyn Revocations>,
    revoked: Arc<Revoked>,
    metrics: Arc<Metrics>,
) -> Result<Following, RevocationError> {
    let (all, mark) = store.changes(None).await?;
    revoked.learn_all(all);
    metrics.heard_revocations();
    Ok(tokio::spawn(go_on(store, revoked, metrics, mark)))
}

async fn go_on(store: Arc<dyn Revocations>, revoked: Arc<Revoked>, metrics: Arc<Metrics>, mut mark: i64) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut heard, mut forgotten, mut is_heard) = (Instant::now(), Instant::now(), true);
    loop {
        ticks.tick().await;
        let since = (heard.elapsed() < SILENCE).then_some(mark);
        match store.changes(since).await {
            Ok((news, at)) => {
                match since {
                    Some(_) => revoked.learn(news),
                    None => revoked.learn_all(news),
                }
                (mark, heard) = (at, Instant::now());
                metrics.heard_revocations();
                if !is_heard {
                    tracing::info!("revocations are heard again");
                }
                is_heard = true;
            }
            Err(error) => {
                metrics.revocation_failures.inc();
                if is_heard {
                    tracing::warn!(%error, "what is revoked elsewhere is not heard; trying on");
                }
                is_heard = false;
            }
        }
        if forgotten.elapsed() >= FORGET {
            revoked.forget_ended();
            forgotten = Instant::now();
        }
    }
}
