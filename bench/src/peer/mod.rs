//! What is measured side by side. Each is started for one measurement, and ended with it.

mod database;
mod nchan;
mod nestjs;
mod ours;
mod program;
mod socketioxide;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use e2e::mongod::Mongod;

use crate::load::{Outcome, Speech};
use program::Program;

/// How long a peer may take to end, before it is killed.
const ENDING: Duration = Duration::from_secs(10);

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    /// NestJS, Socket.IO and Mongoose on MongoDB: what was replaced.
    Nestjs,
    /// The same with an index for its one query.
    NestjsIndexed,
    /// The Socket.IO server of Rust, which stores nothing.
    Socketioxide,
    /// Publish and subscribe in nginx, in C, which keeps 50 messages in memory.
    Nchan,
    /// One `write()` per socket and message.
    Floor,
    /// One `write()` per socket and eight messages.
    FloorShared,
    /// `readrealm-server` on SQLite.
    OursSqlite,
    /// `readrealm-server` on MongoDB.
    OursMongodb,
    /// `readrealm-server --store memory:`, for profiles: no column of the table.
    Memory,
    /// `readrealm-server` on SQLite, spoken to by Socket.IO: no column either.
    OverSocketio,
}

/// What the peers of a run share.
#[derive(Debug)]
pub(crate) struct Site {
    /// A replica set of one member.
    pub(crate) mongod: Option<Arc<Mongod>>,
}

/// A running peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) speech: Speech,
    /// Its processes.
    pub(crate) server: Vec<u32>,
    /// Those of the database it stores in.
    pub(crate) database: Vec<u32>,
    /// Which one that is.
    stored: Option<String>,
    running: Running,
}

#[derive(Debug)]
enum Running {
    Ours(Box<ours::Ours>),
    Program(Program),
}

impl Kind {
    /// As it is called on the command line and in tables.
    pub(crate) fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Installs what it needs, once; an error says why it cannot be measured here.
    pub(crate) fn prepare(self) -> Outcome<()> {
        match self {
            Self::Nestjs | Self::NestjsIndexed => nestjs::prepare(),
            Self::Nchan => nchan::prepare(),
            _ => Ok(()),
        }
    }

    /// Starts it with an empty store.
    pub(crate) async fn start(self, site: &Site) -> Outcome<Peer> {
        self.start_with(site, &[]).await
    }

    /// Starts it with rooms of so many stored events.
    pub(crate) async fn start_with(self, site: &Site, rooms: &[(u32, u32)]) -> Outcome<Peer> {
        match self {
            Self::Nestjs | Self::NestjsIndexed => nestjs::start(self, site, rooms).await,
            Self::Socketioxide => socketioxide::start().await,
            Self::Nchan => nchan::start().await,
            Self::Floor => floor(1).await,
            Self::FloorShared => floor(8).await,
            Self::OursSqlite | Self::OursMongodb | Self::Memory | Self::OverSocketio => {
                ours::start(self, site, rooms).await
            }
        }
    }

    /// Whether it stands in the table.
    pub(crate) fn is_column(self) -> bool {
        !matches!(self, Self::Memory | Self::OverSocketio)
    }

    /// Whether it is this project's server.
    pub(crate) fn is_ours(self) -> bool {
        matches!(
            self,
            Self::OursSqlite | Self::OursMongodb | Self::Memory | Self::OverSocketio
        )
    }

    /// Whether it keeps all that is said.
    pub(crate) fn appends(self) -> bool {
        !matches!(self, Self::Socketioxide | Self::Nchan | Self::Floor | Self::FloorShared)
    }

    /// Whether it needs a mongod.
    pub(crate) fn stores_in_mongodb(self) -> bool {
        matches!(self, Self::OursMongodb | Self::Nestjs | Self::NestjsIndexed)
    }
}

impl Peer {
    /// Ends it and starts it anew, on what it has stored; whether it is one that can be.
    pub(crate) async fn restart(&mut self) -> bool {
        let Running::Ours(ours) = &mut self.running else {
            return false;
        };
        self.server = vec![ours.restart().await];
        true
    }

    /// Ends it, and waits until it and what it stored in a mongod are gone.
    pub(crate) async fn end(self) {
        match self.running {
            Running::Ours(ours) => ours.end().await,
            Running::Program(program) => program.end().await,
        }
        if let Some(url) = self.stored
            && let Err(error) = database::forget(&url).await
        {
            println!("{url} was not dropped: {error}");
        }
    }
}

async fn floor(share: u32) -> Outcome<Peer> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.args(["floor", "--share", &share.to_string()]);
    let program = Program::start("the floor", command).await?;
    Ok(Peer {
        address: program.address,
        speech: Speech::Raw,
        server: vec![program.pid()],
        database: Vec::new(),
        stored: None,
        running: Running::Program(program),
    })
}
