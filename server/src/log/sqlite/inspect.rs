//! A look into the file beside a live server, after one, or after a crash: without the lock, and without writing.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use readrealm_protocol::{BookId, Seq};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, config::DbConfig, params};

use super::schema::{self, Holds};
use super::{beside, file_error, reader};
use crate::log::inspect::{About, LogReader, RawEvent, RawEvents};
use crate::log::open::OpenError;
use crate::log::{EventId, Head, Page, PageQuery, ReadError, ReadLimit, StoredEvent};

/// Events of a page of a scan.
const PAGE: u32 = 500;

/// Reads that are done again because a server began to write meanwhile.
const TRIES: usize = 10;

const SCAN: &str = "WHERE (book, seq) > (?, ?) ORDER BY book, seq LIMIT ?";
const SCAN_ROOM: &str = "WHERE book = ? AND seq > ? ORDER BY seq LIMIT ?";
const COLUMNS: [&str; 9] = ["_id", "bookId", "seq", "place", "type", "v", "at", "by", "data"];

/// A SQLite log that is looked at.
#[derive(Clone)]
pub struct SqliteReader {
    path: PathBuf,
    held: Arc<Mutex<Option<Held>>>,
}

/// A connection, and what the file was when it was opened.
struct Held {
    connection: Connection,
    /// `None` where SQLite itself keeps reader and writer apart.
    at_rest: Option<Stamp>,
}

/// The file as nobody writes it: there is no write-ahead log, so a change of the file shows in its time or length.
#[derive(PartialEq, Eq)]
struct Stamp(u64, SystemTime);

impl Stamp {
    /// `None` where there is something in the write-ahead log.
    fn of(path: &Path) -> std::io::Result<Option<Self>> {
        let file = fs::metadata(path)?;
        let written = fs::metadata(beside(path, "-wal")).is_ok_and(|wal| wal.len() > 0);
        Ok((!written).then_some(Self(file.len(), file.modified()?)))
    }
}

impl Held {
    /// Without a write-ahead log, opening the file in the ordinary way would make one: it is read as it lies, and that
    /// it lies still is checked after each read.
    fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |error: rusqlite::Error| OpenError::Failed(format!("{}: {error}", path.display()));
        let at_rest = Stamp::of(path).map_err(|error| file_error(path, &error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = if at_rest.is_some() {
            Connection::open_with_flags(immutable(path), flags | OpenFlags::SQLITE_OPEN_URI)
        } else {
            Connection::open_with_flags(path, flags)
        };
        let connection = connection.map_err(failed)?;
        connection.busy_timeout(schema::BUSY_TIMEOUT).map_err(failed)?;
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map_err(failed)?;
        Ok(Self { connection, at_rest })
    }

    fn is_true_of(&self, path: &Path) -> bool {
        self.at_rest.is_none() || Stamp::of(path).is_ok_and(|now| now == self.at_rest)
    }
}

/// The file as a URI, by which SQLite is told that it does not change.
fn immutable(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for c in path.to_string_lossy().chars() {
        match c {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            c => uri.push(c),
        }
    }
    uri + "?immutable=1"
}

impl SqliteReader {
    /// Opens the file at `path` to look into it. Fails where there is none, or it is no log of this format.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        if !path.is_file() {
            return Err(OpenError::Missing(path.display().to_string()));
        }
        let path = path.to_owned();
        let opening = tokio::task::spawn_blocking(move || {
            let held = Held::open(&path)?;
            if schema::check_owner(&held.connection, &path)? == Holds::Nothing {
                return Err(OpenError::Missing(path.display().to_string()));
            }
            Ok(Self {
                path,
                held: Arc::new(Mutex::new(Some(held))),
            })
        });
        opening
            .await
            .unwrap_or_else(|error| Err(OpenError::Failed(error.to_string())))
    }

    /// Reads, again and again where the file changed under the read.
    async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let this = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let mut slot = this.held.lock().unwrap_or_else(PoisonError::into_inner);
            for _ in 0..TRIES {
                let held = match slot.take() {
                    Some(held) if held.is_true_of(&this.path) => held,
                    _ => Held::open(&this.path).map_err(|error| ReadError::Unavailable(error.to_string()))?,
                };
                let result = read(&held.connection);
                if held.is_true_of(&this.path) {
                    *slot = Some(held);
                    return result;
                }
            }
            Err(ReadError::Unavailable(format!(
                "{} changes all the time without a write-ahead log",
                this.path.display()
            )))
        });
        reading
            .await
            .unwrap_or_else(|error| Err(ReadError::Unavailable(error.to_string())))
    }

    /// The next page of a scan, and where it ends: as stored, since what is there may be no room and no position.
    async fn scan_page(
        &self,
        book: Option<BookId>,
        after: (i64, i64),
    ) -> Result<(Vec<RawEvent>, (i64, i64)), ReadError> {
        let rest = if book.is_some() { SCAN_ROOM } else { SCAN };
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&reader::select(rest))?;
            let mut rows = statement.query(params![after.0, after.1, PAGE])?;
            let (mut events, mut end) = (Vec::new(), after);
            while let Some(row) = rows.next()? {
                end = (row.get(1)?, row.get(2)?);
                events.push(raw(row));
            }
            Ok((events, end))
        })
        .await
    }
}

fn raw(row: &Row<'_>) -> RawEvent {
    let number = |column| {
        row.get::<_, i64>(column)
            .ok()
            .and_then(|value| u64::try_from(value).ok())
    };
    RawEvent {
        id: row.get(0).ok(),
        book: number(1).and_then(|book| BookId::try_from(book).ok()),
        seq: number(2).and_then(|seq| Seq::try_from(seq).ok()),
        record: reader::record(row).map_err(|error| match error {
            rusqlite::Error::FromSqlConversionFailure(column, _, why) => format!("{}: {why}", COLUMNS[column]),
            error => error.to_string(),
        }),
    }
}

impl fmt::Debug for SqliteReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteReader")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl LogReader for SqliteReader {
    async fn about(&self) -> Result<About, ReadError> {
        let about = |connection: &Connection| {
            Ok(About {
                format: schema::meta_value(connection, "format")?,
                epoch: schema::meta_value(connection, "epoch")?,
                owns_epoch: schema::meta_value::<bool>(connection, schema::OWN_EPOCH)?.unwrap_or(false),
            })
        };
        self.read(about).await
    }

    async fn defects(&self) -> Result<Vec<String>, ReadError> {
        self.read(|connection| Ok(schema::missing_indexes(connection)?)).await
    }

    async fn next_book(&self, after: Option<BookId>) -> Result<Option<BookId>, ReadError> {
        let after = after.map_or(-1, |book| reader::integer(book.get()));
        let next = move |connection: &Connection| {
            let select = "SELECT book FROM events WHERE book > ? ORDER BY book LIMIT 1";
            let book: Option<i64> = connection
                .prepare_cached(select)?
                .query_row([after], |row| row.get(0))
                .optional()?;
            let book = book.map(|book| BookId::try_from(book.cast_unsigned()));
            book.transpose()
                .map_err(|invalid| ReadError::Corrupt(invalid.to_string()))
        };
        self.read(next).await
    }

    fn scan(&self, book: Option<BookId>) -> RawEvents {
        let start = match book {
            Some(book) => (reader::integer(book.get()), i64::MIN),
            None => (i64::MIN, i64::MIN),
        };
        let this = self.clone();
        let pages = stream::try_unfold(Some(start), move |after| {
            let this = this.clone();
            async move {
                let Some(after) = after else {
                    return Ok::<_, ReadError>(None);
                };
                let (events, end) = this.scan_page(book, after).await?;
                let next = (events.len() >= PAGE as usize).then_some(end);
                Ok(Some((stream::iter(events.into_iter().map(Ok)), next)))
            }
        });
        pages.try_flatten().boxed()
    }

    async fn repeated_ids(&self, book: Option<BookId>, limit: usize) -> Result<Vec<(String, u64)>, ReadError> {
        let find = move |connection: &Connection| {
            // Of one room by its own rows: by their ids it would look up every row of the log to see whose it is.
            let rows = if book.is_some() {
                "INDEXED BY events_by_place WHERE book = ?1"
            } else {
                "WHERE ?1 IS NULL"
            };
            let select =
                format!("SELECT id, count(*) FROM events {rows} GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT ?2");
            let book = book.map(|book| reader::integer(book.get()));
            let limit = u32::try_from(limit).unwrap_or(u32::MAX);
            let count = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()));
            let mut statement = connection.prepare(&select)?;
            let found = statement.query_map(params![book, limit], count)?;
            Ok(found.collect::<Result<_, _>>()?)
        };
        self.read(find).await
    }

    async fn head(&self, book: BookId) -> Result<Head, ReadError> {
        self.read(move |connection| Ok(reader::head(connection, book)?)).await
    }

    async fn read_forward(&self, book: BookId, after: Seq, limit: ReadLimit) -> Result<Vec<StoredEvent>, ReadError> {
        self.read(move |connection| reader::forward(connection, book, after, limit))
            .await
    }

    async fn read_page(&self, book: BookId, query: PageQuery) -> Result<Page, ReadError> {
        self.read(move |connection| reader::page(connection, book, query)).await
    }

    async fn read_latest(&self, book: BookId, places: &[Seq]) -> Result<Vec<StoredEvent>, ReadError> {
        let places = places.to_vec();
        self.read(move |connection| reader::latest(connection, book, &places))
            .await
    }

    async fn read_ids(&self, ids: &[EventId]) -> Result<Vec<StoredEvent>, ReadError> {
        let ids = ids.to_vec();
        self.read(move |connection| reader::of_ids(connection, &ids)).await
    }
}
