//! `log export`: the log as JSON lines, to keep, to move, or to read elsewhere.

use std::path::PathBuf;

use clap::Args;
use futures_util::TryStreamExt;
use readrealm_protocol::{BookId, Seq};
use rustc_hash::FxHashSet;

use super::deleted::deleted;
use super::line::{End, Head, Line, VERSION};
use super::progress::Progress;
use super::writer::Output;
use super::{AdminError, book_id, counted};
use crate::log::inspect::{LogReader, open_reader};
use crate::log::open::StoreUrl;
use crate::log::record::Record;

/// Events of one room that are looked at together for deleted messages.
const TOGETHER: usize = 500;

/// Write the log, or some rooms of it, as JSON lines.
///
/// One line about the log, one for each event by room and position, one that counts.
///
/// A faithful copy, words of deleted messages included, as a restore needs it. Works beside a live server; each room is
/// then a prefix of what it becomes. Memory does not grow with the log.
#[derive(Debug, Args)]
pub struct Export {
    /// Only this room; repeatable.
    #[arg(long = "book", value_name = "BOOK", value_parser = book_id)]
    books: Vec<BookId>,

    /// Write into this file, which is replaced once the export is whole; stdout otherwise.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Write `[redacted]` for the words of messages that are deleted by now. Every position stays, and the result can be
    /// imported.
    #[arg(long)]
    without_deleted_words: bool,
}

/// Writes the events of an export.
struct Exporter {
    log: std::sync::Arc<dyn LogReader>,
    output: Output,
    progress: Progress,
    end: End,
    /// Events of one room, not yet written.
    held: Vec<Record>,
    last_room: Option<BookId>,
    without_deleted_words: bool,
}

impl Export {
    /// Runs the command.
    pub async fn run(self, store: &StoreUrl) -> Result<(), AdminError> {
        let log = open_reader(store).await?;
        let about = log.about().await?;
        let (Some(format), Some(epoch)) = (about.format, about.epoch) else {
            return Err(AdminError::refused("the log has no format or no epoch; see log verify"));
        };
        let mut books = self.books;
        books.sort_unstable();
        books.dedup();
        let mut exporter = Exporter {
            log,
            output: self.out.as_deref().map_or_else(|| Ok(Output::stdout()), Output::file)?,
            progress: Progress::new("events", None),
            end: End::default(),
            held: Vec::new(),
            last_room: None,
            without_deleted_words: self.without_deleted_words,
        };
        let head = Head {
            readrealm_export: VERSION,
            format,
            epoch,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            all_rooms: books.is_empty(),
            deleted_words: !self.without_deleted_words,
        };
        exporter.output.line(&Line::Head(head).text())?;
        if books.is_empty() {
            exporter.write(None).await?;
            exporter.end.whole = exporter.stood_still().await?;
        }
        for book in books {
            exporter.write(Some(book)).await?;
        }
        exporter.finish()
    }
}

impl Exporter {
    async fn write(&mut self, book: Option<BookId>) -> Result<(), AdminError> {
        let mut events = self.log.scan(book);
        while let Some(event) = events.try_next().await? {
            let record = event.record.map_err(|why| {
                let id = event.id.unwrap_or_default();
                AdminError::refused(format!("event {id:?} cannot be exported: {why}; see log verify"))
            })?;
            if self.last_room != Some(record.book_id) || self.held.len() >= TOGETHER {
                self.flush().await?;
                self.end.rooms += u64::from(self.last_room != Some(record.book_id));
                self.last_room = Some(record.book_id);
            }
            self.held.push(record);
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), AdminError> {
        let deleted = self.deleted().await?;
        let count = self.held.len() as u64;
        for mut record in self.held.drain(..) {
            if deleted.contains(&record.place) {
                record.redact(false);
            }
            // One form for an event, whichever engine had it.
            record.data.sort_all_objects();
            self.output.line(&Line::Event(Box::new(record)).text())?;
        }
        self.end.events += count;
        self.progress.add(count);
        Ok(())
    }

    /// The places of what is held whose messages are deleted by now, where that matters.
    async fn deleted(&self) -> Result<FxHashSet<Seq>, AdminError> {
        let Some(first) = self.held.first().filter(|_| self.without_deleted_words) else {
            return Ok(FxHashSet::default());
        };
        let places: FxHashSet<Seq> = self.held.iter().map(|record| record.place).collect();
        let places: Vec<Seq> = places.into_iter().collect();
        deleted(&*self.log, first.book_id, &places).await
    }

    /// Whether every room ends where the export has it end. A room never gets shorter, so equal sums say it of each.
    async fn stood_still(&self) -> Result<bool, AdminError> {
        let (mut rooms, mut events, mut last) = (0, 0, None);
        while let Some(book) = self.log.next_book(last).await? {
            rooms += 1;
            events += self.log.head(book).await?.seq.get();
            last = Some(book);
        }
        Ok(rooms == self.end.rooms && events == self.end.events)
    }

    fn finish(mut self) -> Result<(), AdminError> {
        self.output.line(&Line::End { end: self.end }.text())?;
        self.output.finish()?;
        self.progress.finish();
        let (rooms, events) = (counted(self.end.rooms, "room"), counted(self.end.events, "event"));
        eprintln!("exported {rooms}, {events}");
        Ok(())
    }
}
