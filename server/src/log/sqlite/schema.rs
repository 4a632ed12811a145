//! The file: its tables, its settings, and the proof at start-up that they are what the log's promises rest on.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
    time::Duration,
};

use readrealm_protocol::Epoch;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, ffi, params};

use super::{beside, file_error, vfs};
use crate::log::engine::new_epoch;
use crate::log::open::OpenError;
use crate::log::record::FORMAT;

/// The row of `meta` that says that no import is to replace the epoch.
pub(super) const OWN_EPOCH: &str = "ownEpoch";

/// Older versions may lose a commit when a checkpoint and a write meet in the WAL (mended in 3.51.3).
const OLDEST_SQLITE: i32 = 3_051_003;

/// For other programs that hold the file for a moment, such as a backup. The log itself never waits on itself.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Rows stand in the order they came, whatever their rooms: what a message costs is the pages it touches, and so those of a batch
/// share theirs (ADR 11). A row is found by its position; by its id, so that a send is idempotent for ever; and by its place, so
/// that a page is read in the order of its messages. A type or a time means what [`crate::log::record::Record`] says.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS events (
        book INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        place INTEGER NOT NULL,
        id TEXT NOT NULL,
        type TEXT NOT NULL,
        v INTEGER NOT NULL,
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        data TEXT NOT NULL,
        PRIMARY KEY (book, seq)
    ) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS events_by_id ON events (id);
    CREATE INDEX IF NOT EXISTS events_by_place ON events (book, place, seq);
";

/// The indexes a log must have: their columns, and whether they must be unique.
const INDEXES: [(&str, bool); 3] = [("book,seq", true), ("id", true), ("book,place,seq", false)];

/// A log that is safe to write.
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// Keeps other servers out for as long as it lives.
    pub(super) lock: File,
    pub(super) epoch: Epoch,
}

pub(super) fn open(path: &Path) -> Result<Opened, OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Failed(format!("{}: {error}", path.display()));
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let vfs = vfs::name().map_err(|code| failed(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)))?;
    let mut connection = Connection::open_with_flags_and_vfs(path, flags, vfs).map_err(failed)?;
    // Before anything is written: the settings stay in a file, and another program's is not to be touched.
    if check_owner(&connection, path)? == Holds::NoFormat {
        let why = format!("{} has no format in its table meta; see log verify", path.display());
        return Err(OpenError::Unsound(why));
    }
    let lock = lock(path)?;
    configure(&connection).map_err(failed)?;
    check_settings(&connection)?;
    let epoch = prepare(&mut connection, path)?;
    check_indexes(&connection)?;
    Ok(Opened {
        connection,
        lock,
        epoch,
    })
}

/// The log's own lock, for SQLite's would let a second server in between two transactions.
fn lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = beside(path, ".lock");
    let opened = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path);
    let file = opened.map_err(|error| file_error(&lock_path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.display().to_string())),
        Err(TryLockError::Error(error)) => Err(file_error(&lock_path, &error)),
    }
}

pub(super) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    // On macOS alone, where fsync does not reach the disk.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    // KiB: ids are spread over their index, and a batch touches many of its pages.
    connection.pragma_update(None, "cache_size", -32 * 1024)?;
    // The write-ahead log is written by commits alone, so that what a rollback leaves held back there (`vfs`) is nothing.
    connection.pragma_update(None, "cache_spill", false)?;
    // Pages, 64 MiB: what is written most is the end of each room and of each index, over and over; the fewer
    // checkpoints, the less often the same page goes to the file.
    connection.pragma_update(None, "wal_autocheckpoint", 16_384)?;
    // Every read is by the index made for it, whatever its values: none is to be planned anew because of them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Above what a checkpoint leaves, so that the file is not cut and grown again each time.
    connection.pragma_update(None, "journal_size_limit", 80 * 1024 * 1024)
}

fn check_settings(connection: &Connection) -> Result<(), OpenError> {
    let unsound = |error: rusqlite::Error| OpenError::Unsound(error.to_string());
    let journal: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .map_err(unsound)?;
    let synchronous: i64 = connection
        .pragma_query_value(None, "synchronous", |row| row.get(0))
        .map_err(unsound)?;
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(OpenError::Unsound(format!(
            "SQLite {} is older than 3.51.3",
            rusqlite::version()
        )));
    }
    if journal != "wal" || synchronous != 2 {
        return Err(OpenError::Unsound(format!(
            "journal_mode is {journal} and synchronous {synchronous}, where wal and 2 are needed"
        )));
    }
    Ok(())
}

/// Makes what is missing, in one transaction. Returns the epoch.
fn prepare(connection: &mut Connection, path: &Path) -> Result<Epoch, OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Failed(format!("{}: {error}", path.display()));
    let tx = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(failed)?;
    check_owner(&tx, path)?;
    tx.execute_batch(TABLES).map_err(failed)?;
    let insert = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING";
    tx.execute(insert, params!["format", FORMAT]).map_err(failed)?;
    tx.execute(insert, params!["epoch", new_epoch().as_str()])
        .map_err(failed)?;
    let epoch: String = meta_value(&tx, "epoch").map_err(failed)?.unwrap_or_default();
    tx.commit().map_err(failed)?;
    Epoch::try_from(epoch.as_str()).map_err(|invalid| OpenError::Unsound(invalid.to_string()))
}

/// What a file holds that is not another program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Nothing,
    Log,
    /// The tables of a log, which does not say its format: a log always does.
    NoFormat,
}

/// The tables are this log's, or there are none, and of a format that this server knows.
pub(super) fn check_owner(connection: &Connection, path: &Path) -> Result<Holds, OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Failed(format!("{}: {error}", path.display()));
    let tables = "SELECT count(*), count(*) FILTER (WHERE name IN ('meta', 'events')) FROM sqlite_schema \
                  WHERE type = 'table'";
    let (tables, ours): (i64, i64) = connection
        .query_row(tables, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(failed)?;
    if tables == 0 {
        return Ok(Holds::Nothing);
    }
    if ours < 2 {
        return Err(OpenError::Failed(format!(
            "{} is the database of another program",
            path.display()
        )));
    }
    match meta_value(connection, "format").map_err(failed)? {
        Some(found) if found > FORMAT => Err(OpenError::NewerFormat { found, known: FORMAT }),
        Some(_) => Ok(Holds::Log),
        None => Ok(Holds::NoFormat),
    }
}

pub(super) fn meta_value<T: rusqlite::types::FromSql>(
    connection: &Connection,
    key: &str,
) -> rusqlite::Result<Option<T>> {
    connection
        .query_row("SELECT value FROM meta WHERE key = ?", [key], |row| row.get(0))
        .optional()
}

fn check_indexes(connection: &Connection) -> Result<(), OpenError> {
    let missing = missing_indexes(connection).map_err(|error| OpenError::Unsound(error.to_string()))?;
    missing
        .into_iter()
        .next()
        .map_or(Ok(()), |defect| Err(OpenError::Unsound(defect)))
}

/// The indexes that are not there, or are not unique, each as a sentence.
pub(super) fn missing_indexes(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let list = r#"
        SELECT group_concat(i.name ORDER BY i.seqno), l."unique" AND NOT l.partial
        FROM pragma_index_list('events') l, pragma_index_info(l.name) i GROUP BY l.name"#;
    let found: Vec<(String, bool)> = connection
        .prepare(list)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let missing = INDEXES.iter().filter(|(columns, unique)| {
        !found
            .iter()
            .any(|(name, is_unique)| name == columns && (*is_unique || !unique))
    });
    Ok(missing
        .map(|(columns, unique)| {
            let kind = if *unique { "unique index" } else { "index" };
            format!("table events has no {kind} on ({columns})")
        })
        .collect())
}
