//! The log in one SQLite file: the default, with nothing to install. One server per file.
//!
//! One thread writes, a batch to a transaction, durable once `COMMIT` returned (WAL, `synchronous=FULL`). Reads go
//! beside it, on a few connections of their own.

mod inspect;
mod keep;
mod probe;
mod reader;
mod schema;
mod vfs;
mod writer;

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use readrealm_protocol::{BookId, Epoch, Seq};

use super::open::OpenError;
use super::{Append, AppendOutcome, EventId, EventLog, Head, Page, PageQuery, ReadError, ReadLimit, StoredEvent, Tail};
pub use inspect::SqliteReader;
use reader::Readers;
use writer::Writer;

/// A log in a SQLite file, held by this process alone.
pub struct SqliteLog {
    path: PathBuf,
    epoch: Epoch,
    writer: Writer,
    readers: Readers,
}

impl SqliteLog {
    /// Opens the log at `path`, making it where there is none; its folder must exist. Fails where another server has
    /// it, where a newer one wrote it, or where what its promises rest on is not there.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let path = path.to_owned();
        let opening = tokio::task::spawn_blocking(move || {
            let opened = schema::open(&path)?;
            let writer = Writer::spawn(opened.connection, opened.lock)
                .map_err(|error| OpenError::Failed(format!("no thread for {}: {error}", path.display())))?;
            Ok(Self {
                epoch: opened.epoch,
                writer,
                readers: Readers::new(path.clone()),
                path,
            })
        });
        opening
            .await
            .unwrap_or_else(|error| Err(OpenError::Failed(error.to_string())))
    }
}

impl fmt::Debug for SqliteLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLog")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl EventLog for SqliteLog {
    fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    async fn append(&self, batch: Vec<Append>) -> Vec<AppendOutcome> {
        self.writer.append(batch).await
    }

    async fn head(&self, book: BookId) -> Result<Head, ReadError> {
        self.readers
            .read(move |connection| Ok(reader::head(connection, book)?))
            .await
    }

    async fn read_forward(&self, book: BookId, after: Seq, limit: ReadLimit) -> Result<Vec<StoredEvent>, ReadError> {
        self.readers
            .read(move |connection| reader::forward(connection, book, after, limit))
            .await
    }

    async fn read_page(&self, book: BookId, query: PageQuery) -> Result<Page, ReadError> {
        self.readers
            .read(move |connection| reader::page(connection, book, query))
            .await
    }

    async fn read_latest(&self, book: BookId, places: &[Seq]) -> Result<Vec<StoredEvent>, ReadError> {
        let places = places.to_vec();
        self.readers
            .read(move |connection| reader::latest(connection, book, &places))
            .await
    }

    async fn read_ids(&self, ids: &[EventId]) -> Result<Vec<StoredEvent>, ReadError> {
        let ids = ids.to_vec();
        self.readers
            .read(move |connection| reader::of_ids(connection, &ids))
            .await
    }

    async fn tail(&self) -> Result<Option<Tail>, ReadError> {
        Ok(None)
    }

    async fn ready(&self) -> Result<(), ReadError> {
        self.writer.probe().await
    }

    async fn poisoned(&self) -> String {
        self.writer.poison.wait().await
    }

    async fn close(&self) {
        self.readers.close();
        self.writer.close().await;
    }
}

/// The sentence for a file that could not be had.
fn file_error(path: &Path, error: &io::Error) -> OpenError {
    OpenError::Failed(format!("{}: {error}", path.display()))
}

/// The file that SQLite, or the log, keeps beside the log's own.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(suffix);
    beside.into()
}
