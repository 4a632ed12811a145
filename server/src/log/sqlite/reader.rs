//! Reads, each on a connection of its own and off the async threads, beside the writer.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use readrealm_protocol::{BookId, Seq, Timestamp, UserId};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, config::DbConfig, params, types::Type};
use tokio::sync::Semaphore;

use super::schema::BUSY_TIMEOUT;
use crate::log::engine::Budget;
use crate::log::page::PageFold;
use crate::log::record::Record;
use crate::log::{EventId, Head, Page, PageQuery, ReadError, ReadLimit, StoredEvent};

/// Reads at a time; more wait.
const CONNECTIONS: usize = 4;

const FORWARD: &str = "WHERE book = ? AND seq > ? ORDER BY seq";

// Left to itself, SQLite would look for the newest event at a place through the whole room.
const PAGE: &str = "INDEXED BY events_by_place WHERE book = ? AND place < ? ORDER BY place DESC, seq DESC";
const LATEST: &str = "INDEXED BY events_by_place WHERE book = ? AND place = ? ORDER BY seq DESC LIMIT 1";
const OF_ID: &str = "WHERE id = ?";

/// A few read-only connections, opened when first needed.
pub(super) struct Readers {
    path: PathBuf,
    turns: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            turns: Arc::new(Semaphore::new(CONNECTIONS)),
            idle: Arc::default(),
        }
    }

    /// Runs `read` on a connection that nobody else uses meanwhile.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let closed = |_| ReadError::Unavailable("the log is closed".to_owned());
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(closed)?;
        let (path, idle) = (self.path.clone(), Arc::clone(&self.idle));
        // The turn and the connection are the thread's: who asked may go away before it is done.
        let reading = tokio::task::spawn_blocking(move || {
            let known = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match known {
                Some(connection) => connection,
                None => connect(&path)?,
            };
            let result = read(&connection)?;
            if !turn.semaphore().is_closed() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            Ok(result)
        });
        reading
            .await
            .map_err(|error| ReadError::Unavailable(error.to_string()))?
    }

    pub(super) fn close(&self) {
        self.turns.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn connect(path: &PathBuf) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::FromSqlConversionFailure(..) => Self::Corrupt(error.to_string()),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

pub(super) fn head(connection: &Connection, book: BookId) -> rusqlite::Result<Head> {
    let select = "SELECT seq, at FROM events WHERE book = ? ORDER BY seq DESC LIMIT 1";
    let read = |row: &Row<'_>| {
        Ok(Head {
            seq: seq(row, 0)?,
            at: Timestamp::from_millis(row.get(1)?),
        })
    };
    let head = connection
        .prepare_cached(select)?
        .query_row([integer(book.get())], read)
        .optional()?;
    Ok(head.unwrap_or(Head::EMPTY))
}

pub(super) fn forward(
    connection: &Connection,
    book: BookId,
    after: Seq,
    limit: ReadLimit,
) -> Result<Vec<StoredEvent>, ReadError> {
    let mut statement = connection.prepare_cached(&select(FORWARD))?;
    let mut rows = statement.query(params![integer(book.get()), integer(after.get())])?;
    let mut budget = Budget::new(limit);
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let event = record(row)?.read()?;
        if !budget.admits(&event) {
            break;
        }
        events.push(event);
    }
    Ok(events)
}

pub(super) fn page(connection: &Connection, book: BookId, query: PageQuery) -> Result<Page, ReadError> {
    let at = match query.at {
        Some(at) => at,
        None => head(connection, book)?.seq,
    };
    let mut fold = PageFold::new(at, query.limit);
    let mut statement = connection.prepare_cached(&select(PAGE))?;
    let mut rows = statement.query(params![integer(book.get()), integer(query.end(at).get())])?;
    while let Some(row) = rows.next()? {
        if fold.push(&record(row)?.read()?) {
            break;
        }
    }
    Ok(fold.finish(book))
}

pub(super) fn latest(connection: &Connection, book: BookId, places: &[Seq]) -> Result<Vec<StoredEvent>, ReadError> {
    let mut statement = connection.prepare_cached(&select(LATEST))?;
    let mut events = Vec::with_capacity(places.len());
    for place in places {
        let key = params![integer(book.get()), integer(place.get())];
        if let Some(record) = statement.query_row(key, record).optional()? {
            events.push(record.read()?);
        }
    }
    Ok(events)
}

pub(super) fn of_ids(connection: &Connection, ids: &[EventId]) -> Result<Vec<StoredEvent>, ReadError> {
    let mut statement = connection.prepare_cached(&select(OF_ID))?;
    let mut events = Vec::new();
    for id in ids {
        if let Some(record) = statement.query_row(params![id.as_str()], record).optional()? {
            events.push(record.read()?);
        }
    }
    Ok(events)
}

/// A query for whole events, as [`record`] reads them.
pub(super) fn select(rest: &str) -> String {
    format!("SELECT id, book, seq, place, type, v, at, by, data FROM events {rest}")
}

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let by: String = row.get(7)?;
    let data: String = row.get(8)?;
    Ok(Record {
        id: row.get(0)?,
        book_id: row
            .get(1)
            .and_then(|book: i64| checked(1, BookId::try_from(book.cast_unsigned())))?,
        seq: seq(row, 2)?,
        place: seq(row, 3)?,
        kind: row.get(4)?,
        v: row.get(5)?,
        at: Timestamp::from_millis(row.get(6)?),
        by: checked(7, UserId::try_from(by.as_str()))?,
        data: checked(8, serde_json::from_str(&data))?,
    })
}

fn seq(row: &Row<'_>, column: usize) -> rusqlite::Result<Seq> {
    row.get(column)
        .and_then(|seq: i64| checked(column, Seq::try_from(seq.cast_unsigned())))
}

fn checked<T, E: std::error::Error + Send + Sync + 'static>(column: usize, value: Result<T, E>) -> rusqlite::Result<T> {
    value.map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Null, Box::new(error)))
}

/// Ids and positions are below 2^53.
pub(super) fn integer(value: u64) -> i64 {
    value.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::sqlite::schema;

    #[test]
    fn every_read_is_a_search_by_an_index() {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = schema::open(&folder.path().join("log.db")).expect("a log").connection;
        let plan = |rest: &str| -> String {
            let mut statement = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {}", select(rest)))
                .expect("a plan");
            let steps = statement
                .query_map([9, 9], |row| row.get::<_, String>(3))
                .expect("steps");
            steps.collect::<Result<Vec<_>, _>>().expect("steps").join("; ")
        };
        assert_eq!(
            plan(FORWARD),
            "SEARCH events USING INDEX sqlite_autoindex_events_1 (book=? AND seq>?)"
        );
        assert_eq!(
            plan(PAGE),
            "SEARCH events USING INDEX events_by_place (book=? AND place<?)"
        );
        assert_eq!(
            plan(LATEST),
            "SEARCH events USING INDEX events_by_place (book=? AND place=?)"
        );
    }
}
