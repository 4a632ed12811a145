//! Changes to the file that are no appends, each on a connection of its own beside the writer, which waits.

use async_trait::async_trait;
use readrealm_protocol::{BookId, Epoch, Seq};
use rusqlite::{Connection, TransactionBehavior, params};

use super::{SqliteLog, reader, schema};
use crate::log::ReadError;
use crate::log::keep::{Erased, LogKeeper};
use crate::log::record::Record;
use crate::log::redaction::Words;

const AT_PLACE: &str = "INDEXED BY events_by_place WHERE book = ? AND place = ? ORDER BY seq";

impl SqliteLog {
    /// Runs `change` on a connection that leaves nothing of what it overwrites.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        self.writer.poison.check()?;
        let path = self.path.clone();
        let changing = tokio::task::spawn_blocking(move || {
            let mut connection = Connection::open(&path)?;
            schema::configure(&connection)?;
            connection.pragma_update(None, "secure_delete", true)?;
            change(&mut connection)
        });
        changing
            .await
            .unwrap_or_else(|error| Err(ReadError::Unavailable(error.to_string())))
    }
}

#[async_trait]
impl LogKeeper for SqliteLog {
    async fn in_use(&self) -> Result<Option<String>, ReadError> {
        Ok(None)
    }

    async fn own_epoch(&self) -> Result<(), ReadError> {
        let own = |connection: &mut Connection| {
            let insert = "INSERT INTO meta (key, value) VALUES (?, TRUE) ON CONFLICT DO NOTHING";
            connection.execute(insert, [schema::OWN_EPOCH])?;
            Ok(())
        };
        self.change(own).await
    }

    async fn set_epoch(&self, epoch: &Epoch) -> Result<(), ReadError> {
        let epoch = epoch.clone();
        let set = move |connection: &mut Connection| {
            connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", [epoch.as_str()])?;
            Ok(())
        };
        self.change(set).await
    }

    async fn erase(&self, book: BookId, places: &[Seq], names: bool) -> Result<Erased, ReadError> {
        let places = places.to_vec();
        self.change(move |connection| erase(connection, book, &places, names))
            .await
    }

    /// Old words may lie in free pages, also of long before: the file is written anew, and its write-ahead log ended.
    async fn scrub(&self) -> Result<(), ReadError> {
        let scrub = |connection: &mut Connection| {
            connection.execute_batch("VACUUM")?;
            let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            if busy != 0 {
                let reader = "another program reads the file, so its write-ahead log could not be ended: do it again";
                return Err(ReadError::Unavailable(reader.to_owned()));
            }
            Ok(())
        };
        self.change(scrub).await
    }
}

fn erase(connection: &mut Connection, book: BookId, places: &[Seq], names: bool) -> Result<Erased, ReadError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut erased = Erased::default();
    for place in places {
        let mut statement = tx.prepare_cached(&reader::select(AT_PLACE))?;
        let key = params![reader::integer(book.get()), reader::integer(place.get())];
        let records: Vec<Record> = statement.query_map(key, reader::record)?.collect::<Result<_, _>>()?;
        for mut record in records {
            erased.unknown += u64::from(record.words() == Words::Unknown);
            if record.redact(names) {
                let update = "UPDATE events SET data = ? WHERE book = ? AND seq = ?";
                tx.prepare_cached(update)?.execute(params![
                    record.data.to_string(),
                    reader::integer(book.get()),
                    reader::integer(record.seq.get())
                ])?;
                erased.rewritten += 1;
            }
        }
    }
    tx.commit()?;
    Ok(erased)
}
