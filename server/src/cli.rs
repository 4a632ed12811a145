//! The command line: without a subcommand the program serves, with one it works on a log and ends.

use clap::builder::{OsStr, Resettable};
use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};

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

impl Cli {
    /// What the arguments and variables of this process say. What is wrong with them is told on stderr, and ends it.
    pub fn of_process() -> Self {
        let matches = without_empty_variables(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// What says who gets in, and who can listen in. Whoever set it to nothing did not mean that everybody does: reading it fails.
const GUARDS: [&str; 6] = [
    "auth_secret",
    "auth_public_key",
    "admin_secret",
    "auth_audience",
    "tls_cert",
    "tls_key",
];

/// Any other variable that is set to nothing is none: compose files and images set those that somebody may fill in.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &Arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        value.is_some_and(|value| value.is_empty())
    };
    let unless_empty = |arg: Arg| {
        if is_empty(&arg) && !GUARDS.contains(&arg.get_id().as_str()) {
            arg.env(Resettable::<OsStr>::Reset)
        } else {
            arg
        }
    };
    command.mut_args(unless_empty).mut_subcommands(without_empty_variables)
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
