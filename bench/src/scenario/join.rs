//! From a join to the newest messages of the room, in rooms of very different sizes.
//!
//! - *hot*: the room is in the server's memory, where it keeps rooms there. Who joins has left it just before.
//! - *cold*: the server was started a moment ago, and has served another room.
//!
//! Nchan knows no joins: there it is from the connection to the last of the 50 messages that it keeps, of 50 that were said.
//!
//! The sizes take turns, so that whatever else the machine does meets all of them alike.

use std::time::{Duration, Instant};

use super::Figures;
use crate::load::{Crowd, Outcome, Role, Seat, Speech};
use crate::peer::{Kind, Peer, Site};
use crate::rounds::Samples;

/// Events of the rooms, smallest first, by what a join of each is called.
const ROOMS: [Room; 4] = [
    Room::new(1, 50, "ms hot, 50", "ms cold, 50"),
    Room::new(2, 10_000, "ms hot, 10,000", "ms cold, 10,000"),
    Room::new(3, 200_000, "ms hot, 200,000", "ms cold, 200,000"),
    Room::new(4, 1_000_000, "ms hot, 1,000,000", "ms cold, 1,000,000"),
];

/// A room that is joined first of all, unmeasured.
const OTHER: u32 = 5;

const HOT_SAMPLES: u32 = 200;
const HOT_WARM_UP: u32 = 50;
/// What nchan keeps.
const BUFFERED: u64 = 50;

const HOT_TIME: Duration = Duration::from_secs(6);
const COLD_SAMPLES: u32 = 5;

#[derive(Debug, Clone, Copy)]
struct Room {
    number: u32,
    events: u32,
    hot: &'static str,
    cold: &'static str,
}

impl Room {
    const fn new(number: u32, events: u32, hot: &'static str, cold: &'static str) -> Self {
        Self {
            number,
            events,
            hot,
            cold,
        }
    }
}

pub(super) async fn run(kind: Kind, site: &Site, million: bool) -> Outcome<Figures> {
    // Without an index it would look at a million messages for every join, and that takes it seconds.
    let rooms = &ROOMS[..if million && kind != Kind::Nestjs { 4 } else { 3 }];
    let sizes: Vec<_> = rooms
        .iter()
        .map(|room| (room.number, room.events))
        .chain([(OTHER, 50)])
        .collect();
    let mut peer = kind.start_with(site, &sizes).await?;
    if peer.speech == Speech::Raw {
        let took = tokio::task::block_in_place(|| buffered(&peer))?;
        peer.end().await;
        return Ok(vec![(ROOMS[0].hot, took.percentile(50) / 1e3)]);
    }
    let hot = tokio::task::block_in_place(|| hot(&peer, rooms))?;
    let mut cold = vec![Samples::default(); rooms.len()];
    for _ in 0..COLD_SAMPLES {
        if !peer.restart().await {
            break;
        }
        tokio::task::block_in_place(|| -> Outcome<()> {
            let mut crowd = enter(&peer)?;
            for (room, samples) in rooms.iter().zip(&mut cold) {
                samples.push(crowd.join(0, room.number)?);
            }
            Ok(())
        })?;
    }
    peer.end().await;
    let ms = |samples: &Samples| samples.percentile(50) / 1e3;
    let hot = rooms.iter().zip(&hot).map(|(room, samples)| (room.hot, ms(samples)));
    let cold = rooms.iter().zip(&cold).map(|(room, samples)| (room.cold, ms(samples)));
    Ok(hot.chain(cold).filter(|(_, ms)| !ms.is_nan()).collect())
}

fn enter(peer: &Peer) -> Outcome<Crowd> {
    let mut crowd = Crowd::new(peer.address, peer.speech)?;
    crowd.enter([Seat {
        room: OTHER,
        role: Role::Member,
    }])?;
    Ok(crowd)
}

fn hot(peer: &Peer, rooms: &[Room]) -> Outcome<Vec<Samples>> {
    let mut crowd = enter(peer)?;
    let mut all = vec![Samples::default(); rooms.len()];
    let began = Instant::now();
    for round in 0..HOT_WARM_UP + HOT_SAMPLES {
        // Where a join takes so long, few will do.
        if began.elapsed() > HOT_TIME && all[0].len() >= 5 {
            break;
        }
        for (room, samples) in rooms.iter().zip(&mut all) {
            if round > 0 {
                crowd.leave(0, room.number)?;
            }
            let took: Duration = crowd.join(0, room.number)?;
            if round >= HOT_WARM_UP || began.elapsed() > HOT_TIME / 2 {
                samples.push(took);
            }
        }
    }
    Ok(all)
}

fn buffered(peer: &Peer) -> Outcome<Samples> {
    let mut crowd = Crowd::new(peer.address, peer.speech)?;
    let seat = |role| Seat { room: OTHER, role };
    crowd.enter([seat(Role::Publisher), seat(Role::Member)])?;
    for number in 1..=BUFFERED {
        crowd.send(0, number, 1)?;
        crowd.wait("a message", |crowd| crowd.told(OTHER) == number)?;
    }
    let mut samples = Samples::default();
    for round in 0..HOT_WARM_UP + HOT_SAMPLES {
        let (before, began) = (crowd.told(OTHER), Instant::now());
        crowd.enter([seat(Role::Member)])?;
        crowd.wait("the buffer", |crowd| crowd.told(OTHER) == before + BUFFERED)?;
        if round >= HOT_WARM_UP {
            samples.push(began.elapsed());
        }
    }
    Ok(samples)
}
