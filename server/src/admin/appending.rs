//! Appends of a command, which has time: a log out of reach is waited for.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep};

use super::AdminError;
use crate::log::{Append, AppendOutcome, EventLog, Stop};

/// How long a log may be out of reach before a command gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// Appends, and where the log may come back, again what may not have been written. An outcome that stopped is a duplicate or a conflict.
pub(super) async fn append(log: &dyn EventLog, batch: Vec<Append>) -> Result<Vec<AppendOutcome>, AdminError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let outcomes = log.append(batch.clone()).await;
        let unsure = |outcome: &AppendOutcome| matches!(outcome.stopped, Some(Stop::Unknown | Stop::Unavailable));
        if !outcomes.iter().any(unsure) {
            return Ok(outcomes);
        }
        if let Some(why) = log.poisoned().now_or_never() {
            return Err(AdminError::refused(format!(
                "{why}; what was written before stays, so run the same command again once that is mended"
            )));
        }
        if Instant::now() >= deadline {
            let why = "the event log cannot be written; what was written stays, so run the same command again";
            return Err(AdminError::refused(why));
        }
        sleep(PAUSE).await;
    }
}
