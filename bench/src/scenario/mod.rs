//! What is asked of every peer.

mod append;
pub(crate) mod idle;
mod join;
pub(crate) mod talk;

use std::time::Duration;

use clap::ValueEnum;

use crate::load::Outcome;
use crate::peer::{Kind, Peer, Site};
use crate::process::cpu;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Scenario {
    /// One room of 1,000 members, 20 messages a second.
    Deliver,
    /// The same room, 32 messages under way all the time.
    Saturated,
    /// 200 rooms of 10 members, a message under way in each.
    Rooms,
    /// 100 connections in 50 rooms, each with 8 sends that are not acknowledged yet.
    Append,
    /// The same with one.
    AppendOne,
    /// 10,000 connections that have joined, and say nothing.
    Idle,
    /// A join's answer, in rooms of 50 to 200,000 stored events.
    Join,
}

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// What is measured, after what is not.
    pub(crate) time: Duration,
    pub(crate) warm_up: Duration,
    /// Joins of a room of 1,000,000 events, too.
    pub(crate) million: bool,
}

/// What was measured, by name: the first is what counts.
pub(crate) type Figures = Vec<(&'static str, f64)>;

/// What the load generator used of a processor.
pub(crate) const GENERATOR: &str = "generator % of a core";

impl Scenario {
    /// As it is called on the command line and in tables.
    pub(crate) fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether a peer can be asked this.
    pub(crate) fn suits(self, kind: Kind) -> bool {
        match self {
            Self::Saturated => kind != Kind::NestjsIndexed,
            Self::Deliver | Self::Rooms | Self::Idle => !matches!(kind, Kind::FloorShared | Kind::NestjsIndexed),
            Self::Append | Self::AppendOne => kind.appends() && kind != Kind::NestjsIndexed,
            Self::Join => kind == Kind::Nchan || kind.appends() && kind.is_column(),
        }
    }

    /// Starts the peer, measures it, and ends it.
    pub(crate) async fn run(self, kind: Kind, site: &Site, how: Size) -> Outcome<Figures> {
        if self == Self::Join {
            return join::run(kind, site, how.million).await;
        }
        let peer = kind.start(site).await?;
        let figures = tokio::task::block_in_place(|| match self {
            Self::Deliver => talk::run(&peer, &talk::DELIVER, how),
            Self::Saturated => talk::run(&peer, &talk::SATURATED, how),
            Self::Rooms => talk::run(&peer, &talk::ROOMS, how),
            Self::Append => append::run(&peer, 8, how),
            Self::AppendOne => append::run(&peer, 1, how),
            Self::Idle | Self::Join => idle::run(&peer, idle::CONNECTIONS),
        });
        peer.end().await;
        figures
    }
}

/// Processor time of all who take part, at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) server: Duration,
    database: Duration,
    generator: Duration,
}

impl Spent {
    pub(crate) fn by_now(peer: &Peer) -> Outcome<Self> {
        Ok(Self {
            server: cpu(&peer.server)?,
            database: cpu(&peer.database)?,
            generator: cpu(&[std::process::id()])?,
        })
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            server: self.server.saturating_sub(before.server),
            database: self.database.saturating_sub(before.database),
            generator: self.generator.saturating_sub(before.generator),
        }
    }
}

/// Microseconds of each of so many.
#[allow(clippy::cast_precision_loss, reason = "counts of a run")]
pub(crate) fn micros_each(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}

/// So many in a second.
#[allow(clippy::cast_precision_loss, reason = "counts of a run")]
fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// The part of a processor that was used, in per cent.
fn per_cent(used: Duration, time: Duration) -> f64 {
    100.0 * used.as_secs_f64() / time.as_secs_f64()
}
