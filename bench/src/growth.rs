//! How cost grows with members, rooms, history and connections. Each is measured in rounds, in which the sizes take turns.
//!
//! - *members*, *rooms*: one message under way at a time, in all rooms together: the server's CPU for each.
//! - *history*: joins of a room in memory by who has just left it: the server's CPU, and the time until the answer.
//! - *connections*: what each takes of the server and of the kernel; what the server keeps when they have left, and takes when as
//!   many come again.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use e2e::mongod::Mongod;

use crate::load::{Crowd, Outcome, Role, Seat};
use crate::peer::{Kind, Peer, Site};
use crate::process::memory;
use crate::report::spread;
use crate::rounds::Samples;
use crate::scenario::{Figures, Size, Spent, idle, micros_each, talk};

const MEMBERS: [u32; 3] = [10, 100, 1_000];
const ROOMS: [u32; 3] = [1, 50, 200];
const ROOM: u32 = 10;
const HISTORY: [(u32, u32); 3] = [(1, 50), (2, 10_000), (3, 200_000)];
const CONNECTIONS: [u32; 2] = [1_000, 10_000];

/// Joins of a room in a row: enough for the processor's time, which is told in hundredths of a second.
const JOINS: u32 = 5_000;

/// A room that is joined first of all, unmeasured.
const OTHER: u32 = 4;

/// Who has gone is a member for ten seconds more.
const GONE: Duration = Duration::from_secs(12);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What it grows with; all where nothing is named.
    #[arg(long, value_delimiter = ',')]
    only: Vec<With>,
    /// One of ours.
    #[arg(long, default_value = "ours-sqlite")]
    server: Kind,
    /// How often each size is measured.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of each measurement of messages, after one that does not count.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum With {
    Members,
    Rooms,
    History,
    Connections,
}

/// What a size was found to take, a row for each size and round.
type Found = Vec<(String, Figures)>;

pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let kind = options.server;
    if !kind.is_ours() {
        return Err(format!("{} is not ours: growth is told of ours alone", kind.name()).into());
    }
    let mongod = if kind.stores_in_mongodb() {
        Some(Mongod::shared_at_full_size().await)
    } else {
        None
    };
    let site = Site { mongod };
    println!(
        "{}, {} rounds\n\n| with | what | median (least to most) |\n| --- | --- | --- |",
        kind.name(),
        options.rounds
    );
    for with in With::value_variants() {
        if !options.only.is_empty() && !options.only.contains(with) {
            continue;
        }
        let found = match with {
            With::Members => talks(options, &site, &MEMBERS.map(|members| (1, members))).await?,
            With::Rooms => talks(options, &site, &ROOMS.map(|rooms| (rooms, ROOM))).await?,
            With::History => history(options, &site).await?,
            With::Connections => connections(options, &site).await?,
        };
        print(&found);
    }
    Ok(())
}

/// One line for each size and figure, in the order they came.
fn print(found: &Found) {
    let mut told: Vec<(&str, &str)> = Vec::new();
    for (size, figures) in found {
        for (figure, _) in figures {
            if told.contains(&(size, figure)) {
                continue;
            }
            told.push((size, figure));
            let same = found
                .iter()
                .filter(|(other, _)| other == size)
                .flat_map(|(_, figures)| figures);
            let values = same.filter(|(other, _)| other == figure).map(|(_, value)| *value);
            println!("| {size} | {figure} | {} |", spread(values.collect()));
        }
    }
}

/// Messages one at a time in so many rooms of so many members.
async fn talks(options: &Options, site: &Site, sizes: &[(u32, u32)]) -> Outcome<Found> {
    let how = Size {
        time: Duration::from_secs(options.seconds),
        warm_up: Duration::from_secs(1),
        million: false,
    };
    let mut found = Found::new();
    for _ in 0..options.rounds {
        for (rooms, members) in sizes.iter().copied() {
            let shape = talk::Shape {
                rooms,
                members,
                pace: None,
                window: 1,
                in_turn: true,
            };
            let peer = options.server.start(site).await?;
            let figures = tokio::task::block_in_place(|| talk::run(&peer, &shape, how));
            peer.end().await;
            let each = figures?
                .into_iter()
                .find(|(name, _)| *name == "us/delivery")
                .map_or(f64::NAN, |(_, each)| each);
            let name = format!("{rooms} {} of {members}", if rooms == 1 { "room" } else { "rooms" });
            found.push((name, vec![("the server's CPU us a message", each * f64::from(members))]));
        }
    }
    Ok(found)
}

async fn history(options: &Options, site: &Site) -> Outcome<Found> {
    let rooms = [&HISTORY[..], &[(OTHER, 50)]].concat();
    let peer = options.server.start_with(site, &rooms).await?;
    let found = tokio::task::block_in_place(|| joins(&peer, options.rounds));
    peer.end().await;
    found
}

fn joins(peer: &Peer, rounds: u32) -> Outcome<Found> {
    let mut crowd = Crowd::new(peer.address, peer.speech)?;
    let (room, role) = (OTHER, Role::Member);
    crowd.enter([Seat { room, role }])?;
    for (room, _) in HISTORY {
        crowd.join(0, room)?;
    }
    let mut found = Found::new();
    // The first round finds the rooms and everything else cold.
    for round in 0..=rounds {
        for (room, stored) in HISTORY {
            let (before, mut took) = (Spent::by_now(peer)?, Samples::default());
            for _ in 0..JOINS {
                crowd.leave(0, room)?;
                took.push(crowd.join(0, room)?);
            }
            let spent = Spent::by_now(peer)?.since(before);
            if round > 0 {
                let figures = vec![
                    (
                        "the server's CPU us a leave and join",
                        micros_each(spent.server, u64::from(JOINS)),
                    ),
                    ("us from a join to its answer, p50", took.percentile(50)),
                ];
                found.push((format!("{stored} stored"), figures));
            }
        }
    }
    Ok(found)
}

async fn connections(options: &Options, site: &Site) -> Outcome<Found> {
    let mut found = Found::new();
    for _ in 0..options.rounds {
        for count in CONNECTIONS {
            let peer = options.server.start(site).await?;
            let figures = tokio::task::block_in_place(|| come_and_go(&peer, count));
            peer.end().await;
            found.push((format!("{count} connections"), figures?));
        }
    }
    Ok(found)
}

#[allow(clippy::cast_precision_loss, reason = "bytes of a process")]
fn come_and_go(peer: &Peer, count: u32) -> Outcome<Figures> {
    let first = memory(&peer.server)?;
    let mut figures = idle::run(peer, count)?;
    figures.retain(|(name, _)| *name != crate::scenario::GENERATOR && *name != "connects/s");
    let each = |bytes: u64| bytes.saturating_sub(first) as f64 / f64::from(count) / 1e3;
    // The crowd of `idle` has gone by now.
    let mut crowd = Crowd::new(peer.address, peer.speech)?;
    let end = Instant::now() + GONE;
    while Instant::now() < end {
        crowd.turn(end)?;
    }
    let kept = idle::at_rest(&mut crowd, peer)?;
    crowd.enter((0..count).map(|number| Seat {
        room: 1 + number % ROOM,
        role: Role::Member,
    }))?;
    let again = idle::at_rest(&mut crowd, peer)?;
    figures.push(("KB kept of each when all have left", each(kept)));
    figures.push(("KB of each when as many came again", each(again)));
    Ok(figures)
}
