//! From the log's tail to the rooms in memory: what other nodes append, and a net under what may be missed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::hub::Hub;
use crate::log::{EventLog, ReadError};

/// How often rooms look whether the tail has kept something from them without an error.
const SWEEP: Duration = Duration::from_secs(30);

/// The first wait before the tail is opened again, in milliseconds; it doubles…
const REOPEN_FIRST: u64 = 100;

/// …up to this one.
const REOPEN_LONGEST: u64 = 5_000;

/// Follows the log until `stop`. Returns at once where this process is the only writer.
pub async fn follow(log: Arc<dyn EventLog>, hub: Hub, stop: CancellationToken) {
    let mut wait = REOPEN_FIRST;
    while !stop.is_cancelled() {
        let followed = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            followed = follow_once(&*log, &hub, &mut wait) => followed,
        };
        hub.set_following(matches!(followed, Ok(Followed::SoleWriter)));
        if !matches!(followed, Ok(Followed::SoleWriter)) {
            hub.metrics().tail_losses.inc();
        }
        match followed {
            Ok(Followed::SoleWriter) => return stop.cancelled().await,
            Ok(Followed::Ended) => tracing::warn!("the tail of the log ended; opening it again"),
            Err(error) => tracing::warn!(%error, "the tail of the log broke; opening it again"),
        }
        let pause = hub.ambient().pause(wait / 2..=wait);
        wait = (wait * 2).min(REOPEN_LONGEST);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

enum Followed {
    SoleWriter,
    Ended,
}

async fn follow_once(log: &dyn EventLog, hub: &Hub, wait: &mut u64) -> Result<Followed, ReadError> {
    let Some(mut tail) = log.tail().await? else {
        return Ok(Followed::SoleWriter);
    };
    // The tail stands at "now": only then is it safe to read what was missed before it.
    hub.catch_up();
    hub.set_following(true);
    *wait = REOPEN_FIRST;
    let mut sweep = tokio::time::interval_at(tokio::time::Instant::now() + SWEEP, SWEEP);
    loop {
        tokio::select! {
            biased;
            _ = sweep.tick() => hub.catch_up(),
            event = tail.next() => {
                let Some(event) = event.transpose()? else { return Ok(Followed::Ended) };
                hub.metrics().tailed(event.at);
                hub.pass_on(event)?;
            }
        }
    }
}
