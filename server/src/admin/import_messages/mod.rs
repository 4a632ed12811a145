//! `import-messages`: the `messages` collection of an existing Mongoose chat becomes the beginning of the log.

mod convert;
mod report;
mod room;
mod source;

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use futures_util::TryStreamExt;
use readrealm_protocol::BookId;

use super::progress::Progress;
use super::writer::Output;
use super::{AdminError, book_id, ended};
use crate::config::StoreUrlParser;
use crate::log::inspect::open_reader;
use crate::log::keep::{LogKeeper, open_keeper};
use crate::log::open::{OpenError, StoreUrl};
use report::Report;
use room::{Import, NO_BOOK};
use source::Source;

/// Bring the `messages` collection of an existing Mongoose chat into the log.
///
/// Each document becomes a post, in the order of `createdAt`, with its time, its user and its `_id` (as `clientMessageId`).
///
/// May be run again, also after a crash or when more messages came in meanwhile: only new ones are appended. Times never
/// go back within a room, so a late one that is older stands last, at the room's last time. An index on `bookId` in the
/// collection helps; without one, each room reads all of it.
#[derive(Debug, Args)]
pub struct ImportMessages {
    /// The database that has the collection, as `mongodb://localhost/readrealm`.
    #[arg(long, value_name = "URL", value_parser = StoreUrlParser)]
    from: StoreUrl,

    /// The collection.
    #[arg(long, value_name = "NAME", default_value = "messages")]
    collection: String,

    /// Only this room.
    #[arg(long, value_name = "BOOK", value_parser = book_id)]
    book: Option<BookId>,

    /// Also import into rooms that have live events: after these, and at their last time.
    #[arg(long)]
    into_live_rooms: bool,

    /// Read and count everything, and write nothing.
    #[arg(long)]
    dry_run: bool,

    /// Write documents that are skipped into this file, a JSON line each with the reason.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

impl ImportMessages {
    /// Runs the command on the log at `store`.
    pub async fn run(self, store: &StoreUrl) -> ExitCode {
        ended(self.import(store).await)
    }

    async fn import(self, store: &StoreUrl) -> Result<(), AdminError> {
        let StoreUrl::Mongo(from) = &self.from else {
            return Err(AdminError::refused("--from must be a mongodb:// URL"));
        };
        let source = Source::open(from, &self.collection).await?;
        if self.dry_run {
            return self.rooms(store, &source, None).await;
        }
        let log = open_keeper(store).await?;
        let imported = self.rooms(store, &source, Some(&*log)).await;
        log.close().await;
        imported
    }

    async fn rooms(&self, store: &StoreUrl, source: &Source, log: Option<&dyn LogKeeper>) -> Result<(), AdminError> {
        // A dry run may be made before there is a log.
        let reader = match open_reader(store).await {
            Ok(reader) => Some(reader),
            Err(OpenError::Missing(_)) if log.is_none() => None,
            Err(error) => return Err(error.into()),
        };
        let size = source.size().await?;
        let mut import = Import {
            source,
            reader,
            log,
            into_live_rooms: self.into_live_rooms,
            report: Report::new(self.rejects.as_deref().map(Output::file).transpose()?),
            progress: Progress::new("messages", self.book.is_none().then_some(size)),
        };
        if size > 100_000 && !source.has_index().await {
            let hint = "the collection has no index that begins with bookId: each room will read all of it";
            import.progress.say(hint);
        }
        let spellings = source.spellings().await?;
        for (book, spellings) in &spellings.rooms {
            if self.book.is_none_or(|only| only == *book) {
                import.room(*book, spellings).await?;
            }
        }
        for value in spellings.none.iter().filter(|_| self.book.is_none()) {
            let mut documents = std::pin::pin!(source.with_book(value).await?);
            while let Some(document) = documents.try_next().await? {
                import.progress.add(1);
                import.skip(&document, NO_BOOK)?;
            }
        }
        let Import { report, progress, .. } = import;
        progress.finish();
        for line in report.lines(self.dry_run) {
            super::say(&line)?;
        }
        let refused = report.refused.len() as u64;
        report.finish()?;
        if refused > 0 {
            let rooms = super::counted(refused, "room");
            return Err(AdminError::refused(format!("{rooms} not imported")));
        }
        Ok(())
    }
}
