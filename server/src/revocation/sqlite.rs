//! Revocations in a table beside the log's, in its file. A command may write them while a server runs.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use readrealm_protocol::Timestamp;
use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::{MOST, Mark, Page, RevocationError, Revocations, forgotten_before};
use crate::auth::revoked::{Revocation, Subject};
use crate::log::open::OpenError;

/// The log's writer holds the file for a batch at a time.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// `change` counts the writes: what is greater than the last one seen is new.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS revocations (
        subject TEXT PRIMARY KEY,
        at INTEGER NOT NULL,
        until INTEGER NOT NULL,
        change INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS revocations_by_change ON revocations (change);
";

const NEXT: &str = "(SELECT coalesce(max(change), 0) + 1 FROM revocations)";

/// One connection, used off the async threads.
pub(super) struct InSqlite(Arc<Mutex<Option<Connection>>>);

impl std::fmt::Debug for InSqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InSqlite").finish_non_exhaustive()
    }
}

impl InSqlite {
    pub(super) async fn open(path: &Path) -> Result<Self, OpenError> {
        let path = path.to_owned();
        let opening = tokio::task::spawn_blocking(move || {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            // The journal mode is the file's; this is the connection's own.
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "fullfsync", true)?;
            connection.execute_batch(TABLES)?;
            Ok(Self(Arc::new(Mutex::new(Some(connection)))))
        });
        let opened = opening.await.map_err(|error| error.to_string());
        let opened = opened.and_then(|opened| opened.map_err(|error: rusqlite::Error| error.to_string()));
        opened.map_err(|error| OpenError::Failed(format!("the revocations in it: {error}")))
    }

    async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Connection) -> Result<T, RevocationError> + Send + 'static,
    ) -> Result<T, RevocationError> {
        let connection = Arc::clone(&self.0);
        let acting = tokio::task::spawn_blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let closed = || RevocationError::Unavailable("the store is closed".to_owned());
            act(connection.as_mut().ok_or_else(closed)?)
        });
        acting
            .await
            .unwrap_or_else(|error| Err(RevocationError::Unavailable(error.to_string())))
    }
}

impl From<rusqlite::Error> for RevocationError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

fn revocation(row: &Row<'_>) -> rusqlite::Result<Option<Revocation>> {
    let subject: String = row.get(0)?;
    let (at, until) = (row.get(1)?, row.get(2)?);
    // One of a later server's kind is nobody's that this one knows.
    Ok(subject.parse().ok().map(|subject| Revocation {
        subject,
        at: Timestamp::from_millis(at),
        until: Timestamp::from_millis(until),
    }))
}

#[async_trait]
impl Revocations for InSqlite {
    async fn revoke(&self, revocation: &Revocation) -> Result<Revocation, RevocationError> {
        let Revocation { subject, at, until } = revocation.clone();
        let revoke = move |connection: &mut Connection| {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // The last change stays, or its number would be given twice.
            let forget = "DELETE FROM revocations WHERE until < ? AND change < (SELECT max(change) FROM revocations)";
            tx.prepare_cached(forget)?.execute([forgotten_before().as_millis()])?;
            let count = "SELECT count(*) FROM revocations WHERE subject <> ?";
            let others: i64 = tx
                .prepare_cached(count)?
                .query_row([subject.to_string()], |row| row.get(0))?;
            if others.unsigned_abs() >= MOST {
                return Err(RevocationError::Full);
            }
            let upsert = format!(
                "INSERT INTO revocations (subject, at, until, change) VALUES (?, ?, ?, {NEXT}) ON CONFLICT (subject) DO UPDATE \
                 SET at = max(at, excluded.at), until = max(until, excluded.until), change = excluded.change RETURNING at, until"
            );
            let asked = params![subject.to_string(), at.as_millis(), until.as_millis()];
            let stands = tx.prepare_cached(&upsert)?.query_row(asked, |row| {
                Ok(Revocation {
                    subject: subject.clone(),
                    at: Timestamp::from_millis(row.get(0)?),
                    until: Timestamp::from_millis(row.get(1)?),
                })
            })?;
            tx.commit()?;
            Ok(stands)
        };
        self.with(revoke).await
    }

    async fn lift(&self, subject: &Subject) -> Result<bool, RevocationError> {
        let (subject, now) = (subject.to_string(), Timestamp::now().as_millis());
        let lift = move |connection: &mut Connection| {
            let update =
                format!("UPDATE revocations SET until = ?2, change = {NEXT} WHERE subject = ?1 AND until > ?2");
            Ok(connection.execute(&update, params![subject, now])? > 0)
        };
        self.with(lift).await
    }

    async fn list(&self, after: Option<&Subject>, limit: u32) -> Result<Vec<Revocation>, RevocationError> {
        let after = after.map(Subject::to_string).unwrap_or_default();
        let list = move |connection: &mut Connection| {
            let select =
                "SELECT subject, at, until FROM revocations WHERE subject > ? AND until > ? ORDER BY subject LIMIT ?";
            let mut select = connection.prepare_cached(select)?;
            let rows = select.query_map(params![after, Timestamp::now().as_millis(), limit], revocation)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        };
        self.with(list).await
    }

    async fn changes(&self, after: &Mark, limit: u32) -> Result<Page, RevocationError> {
        let after = after.read.change;
        let changes = move |connection: &mut Connection| {
            let select = "SELECT subject, at, until, change FROM revocations WHERE change > ? ORDER BY change LIMIT ?";
            let mut select = connection.prepare_cached(select)?;
            let rows = select.query_map(params![after, limit], |row| {
                Ok((revocation(row)?, row.get::<_, i64>(3)?))
            })?;
            let (mut news, mut mark, mut count) = (Vec::new(), after, 0);
            for row in rows {
                let (revocation, change) = row?;
                news.extend(revocation);
                (mark, count) = (change, count + 1);
            }
            Ok(Page {
                news,
                mark: Mark::at(mark),
                is_last: count < limit,
            })
        };
        self.with(changes).await
    }

    async fn close(&self) {
        let connection = Arc::clone(&self.0);
        let closing = tokio::task::spawn_blocking(move || {
            connection.lock().unwrap_or_else(PoisonError::into_inner).take();
        });
        let _ = closing.await;
    }
}
