//! What became of the old messages: counted, told within bounds, and in a file of rejects where that is asked for.

use std::collections::BTreeMap;

use mongodb::bson::Document;
use readrealm_protocol::BookId;
use serde_json::json;

use crate::admin::writer::Output;
use crate::admin::{AdminError, counted, visible};

/// Skipped documents that are told one by one.
const TOLD: u64 = 20;

/// The account of an import.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Posts appended.
    pub(super) imported: u64,
    /// Posts that were in the log already.
    pub(super) known: u64,
    /// Of these, how many had other words: they were changed in the collection since, or redacted in the log.
    pub(super) changed: u64,
    /// Posts older than what their room held: they have its time.
    pub(super) late: u64,
    /// Posts without a usable name.
    pub(super) nameless: u64,
    /// Posts without a usable `createdAt`.
    pub(super) timeless: u64,
    /// Rooms that were not touched, and why.
    pub(super) refused: Vec<(BookId, &'static str)>,
    skipped: u64,
    reasons: BTreeMap<&'static str, u64>,
    rejects: Option<Output>,
}

impl Report {
    /// An empty one, which writes skipped documents into `rejects`.
    pub(super) fn new(rejects: Option<Output>) -> Self {
        Self {
            rejects,
            ..Self::default()
        }
    }

    /// Counts a document that cannot become a message. Returns the line to tell of it, within bounds.
    pub(super) fn skip(&mut self, document: &Document, reason: &'static str) -> Result<Option<String>, AdminError> {
        self.skipped += 1;
        *self.reasons.entry(reason).or_default() += 1;
        if let Some(rejects) = &mut self.rejects {
            rejects.line(&json!({ "reason": reason, "document": document }).to_string())?;
        }
        let id = document
            .get("_id")
            .map_or_else(|| "none".to_owned(), ToString::to_string);
        Ok((self.skipped <= TOLD).then(|| format!("skipped _id {}: {reason}", visible(&id))))
    }

    /// The account, a line each.
    pub(super) fn lines(&self, dry_run: bool) -> Vec<String> {
        let would = if dry_run { "would be " } else { "" };
        let mut lines = vec![format!(
            "{} {would}imported, {} there already, {} skipped",
            counted(self.imported, "message"),
            self.known,
            self.skipped
        )];
        let mut tell = |count: u64, what: &str| {
            if count > 0 {
                lines.push(format!("  {count} {what}"));
            }
        };
        for (reason, count) in &self.reasons {
            tell(*count, &format!("skipped: {reason}"));
        }
        tell(self.nameless, "without a usable username: the userId stands for it");
        tell(
            self.timeless,
            "without a date in createdAt: another form of it, or the time of _id, stands for it",
        );
        tell(
            self.late,
            "older than what their room held: they stand last in it, at its last time",
        );
        tell(
            self.changed,
            "of those there have other words in the collection: the log keeps its own",
        );
        for (book, why) in &self.refused {
            lines.push(format!("  room {book} was left alone: {why}"));
        }
        lines
    }

    /// Ends the file of rejects.
    pub(super) fn finish(self) -> Result<(), AdminError> {
        self.rejects.map_or(Ok(()), Output::finish)
    }
}
