//! Whether the log can be written, found out by writing: a row of `meta` that means nothing else.

use std::time::Duration;

use readrealm_protocol::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::writer::{Job, Writer, is_fatal};
use crate::log::ReadError;

/// The row, whose value is when it was written.
const ROW: &str = "written";

/// How long it may take, behind the batches that wait. A disk that takes longer is not ready for more.
const TIME: Duration = Duration::from_secs(2);

impl Writer {
    /// Writes the row as durably as an event.
    pub(super) async fn probe(&self) -> Result<(), ReadError> {
        self.poison.check()?;
        let closed = || ReadError::Unavailable("the log is closed".to_owned());
        let asked = async {
            let (reply, outcome) = oneshot::channel();
            let jobs = self.jobs().ok_or_else(closed)?;
            jobs.send(Job::Probe { reply }).await.map_err(|_| closed())?;
            outcome.await.map_err(|_| closed())
        };
        match timeout(TIME, asked).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => {
                if is_fatal(error.sqlite_error_code()) {
                    self.poison.set(format!("the log cannot be written: {error}"));
                }
                Err(ReadError::Unavailable(error.to_string()))
            }
            Ok(Err(closed)) => Err(closed),
            Err(_) => Err(ReadError::Unavailable(format!("nothing was written within {TIME:?}"))),
        }
    }
}

/// Unlike a batch's, its commit may fail without harm: nobody needs to know what became of it.
pub(super) fn write(connection: &mut Connection) -> rusqlite::Result<()> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        params![ROW, Timestamp::now().as_millis()],
    )?;
    tx.commit()
}
