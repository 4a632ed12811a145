//! What an operator does to a log: one subcommand a file, each thin over [`crate::log`]. docs/admin.md is the manual.
//!
//! Exit codes: 0 done; 1 not done, or not wholly, and stderr says why; 2 the command line is wrong. `log verify` alone
//! says 1 for findings and 2 for a log that could not be read.

mod appending;
pub mod check;
mod deleted;
pub mod export;
pub mod history;
pub mod import;
pub mod import_messages;
pub mod line;
pub mod new_epoch;
pub mod progress;
pub mod redact;
pub mod revoke;
pub mod verify;
pub mod writer;

use std::{fmt, io, process::ExitCode, str::FromStr};

use clap::Subcommand;
use readrealm_protocol::BookId;

use crate::log::ReadError;
use crate::log::inspect::open_reader;
use crate::log::open::{OpenError, StoreUrl};
use crate::revocation::RevocationError;

/// What to do with a log.
#[derive(Debug, Subcommand)]
#[allow(missing_docs, reason = "each command's own words are its help")]
pub enum LogCommand {
    Verify(verify::Verify),
    Export(export::Export),
    Import(import::Import),
    History(history::RoomHistory),
    Redact(redact::Redact),
    NewEpoch(new_epoch::NewEpoch),
}

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The log could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log could not be read, or changed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The revocations could not be read, or changed.
    #[error(transparent)]
    Revocation(#[from] RevocationError),
    /// A file, or stdin or stdout, failed.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// It is not to be done, for this reason.
    #[error("{0}")]
    Refused(String),
}

impl AdminError {
    fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }
}

/// Runs a subcommand of `log` on the log at `store`.
pub async fn run(command: LogCommand, store: &StoreUrl) -> ExitCode {
    match command {
        LogCommand::Verify(command) => match command.run(store).await {
            Ok(sound) => ExitCode::from(u8::from(!sound)),
            Err(error) => failed(&error, 2),
        },
        LogCommand::Export(command) => ended(command.run(store).await),
        LogCommand::Import(command) => ended(command.run(store).await),
        LogCommand::History(command) => ended(command.run(store).await),
        LogCommand::Redact(command) => ended(command.run(store).await),
        LogCommand::NewEpoch(command) => ended(command.run(store).await),
    }
}

/// The exit code of a command that is done or not.
pub fn ended(result: Result<(), AdminError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error, 1),
    }
}

fn failed(error: &AdminError, code: u8) -> ExitCode {
    // Whoever read the output has enough of it, as `head` does.
    if !matches!(error, AdminError::File(_, error) if error.kind() == io::ErrorKind::BrokenPipe) {
        eprintln!("readrealm-server: {error}");
    }
    ExitCode::from(code)
}

/// Prints a line on stdout.
fn say(line: &str) -> Result<(), AdminError> {
    let mut output = writer::Output::stdout();
    output.line(line)?;
    output.finish()
}

/// A book id on the command line.
fn book_id(text: &str) -> Result<BookId, String> {
    let rule = "must be an integer from 0 to 2^53-1";
    let number = u64::from_str(text).map_err(|_| rule.to_owned())?;
    BookId::try_from(number).map_err(|_| rule.to_owned())
}

/// A command that changes a log makes none: a wrong path, or a wrong database, is a mistake.
async fn must_exist(store: &StoreUrl) -> Result<(), AdminError> {
    let about = open_reader(store).await?.about().await?;
    if about.format.is_none() {
        return Err(AdminError::refused("the log has no format; see log verify"));
    }
    Ok(())
}

/// `3 rooms`, `1 room`.
fn counted(count: u64, thing: &str) -> impl fmt::Display {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// Text for a terminal: no character of it moves the cursor, or turns the order of what follows.
fn visible(text: &str) -> String {
    let acts = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .flat_map(|c| {
            let escaped = acts(c).then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}
