//! The command line: without a subcommand the program serves, with one it works on a log and ends.

use clap::{Parser, Subcommand};

use crate::admin::revoke::{Lift, Revoke, ShowRevocations};
use crate::admin::{LogCommand, import_messages::ImportMessages};
use crate::auth::mint::MintToken;
use crate::config::Config;
use crate::health::Health;

/// Durable chat rooms over WebSocket: one gapless order per room, and nothing acknowledged that could be lost.
///
/// Without a command it serves the rooms of `--store`. The commands work on that log instead; docs/admin.md tells of
/// each, with examples.
#[derive(Debug, Parser)]
#[command(name = "readrealm-server", version)]
pub struct Cli {
    /// What the server is to be.
    #[command(flatten)]
    pub config: Config,

    /// What is to be done instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What is to be done instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look into the event log, move it, mend it.
    #[command(subcommand)]
    Log(LogCommand),
    #[allow(missing_docs, reason = "its own words are its help")]
    ImportMessages(ImportMessages),
    #[allow(missing_docs, reason = "its own words are its help")]
    Token(MintToken),
    #[allow(missing_docs, reason = "its own words are its help")]
    Revoke(Revoke),
    #[allow(missing_docs, reason = "its own words are its help")]
    Lift(Lift),
    #[allow(missing_docs, reason = "its own words are its help")]
    Revocations(ShowRevocations),
    #[allow(missing_docs, reason = "its own words are its help")]
    Health(Health),
}
