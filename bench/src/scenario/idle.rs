//! Connections that have joined and say nothing: what memory each costs the server, and how fast they come in.
//!
//! Memory is the processes' own (`Pss`); what the kernel keeps for a socket is the same for every server, and not in it.

use std::time::{Duration, Instant};

use super::{Figures, GENERATOR, Spent, micros_each, per_cent, per_second};
use crate::load::{Crowd, Outcome, Role, Seat};
use crate::peer::Peer;
use crate::process::memory;

const CONNECTIONS: u32 = 10_000;
const ROOMS: u32 = 10;

/// They come first, and what a server allocates for the first of all is not counted.
const FIRST: u32 = 100;

/// Memory is at rest when it has not fallen for so long; it is waited for so long at most.
const REST: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(6);

pub(super) fn run(peer: &Peer) -> Outcome<Figures> {
    let mut crowd = Crowd::new(peer.address, peer.speech)?;
    let seats = |count| {
        (0..count).map(|number| Seat {
            room: 1 + number % ROOMS,
            role: Role::Member,
        })
    };
    crowd.enter(seats(FIRST))?;
    let empty = at_rest(&mut crowd, peer)?;
    let (before, began) = (Spent::by_now(peer)?, Instant::now());
    crowd.enter(seats(CONNECTIONS))?;
    let (took, spent) = (began.elapsed(), Spent::by_now(peer)?.since(before));
    let full = at_rest(&mut crowd, peer)?;
    #[allow(clippy::cast_precision_loss, reason = "bytes of a process")]
    let each = full.saturating_sub(empty) as f64 / f64::from(CONNECTIONS);
    Ok(vec![
        ("KB/connection", each / 1e3),
        ("connects/s", per_second(u64::from(CONNECTIONS), took)),
        ("server us/connect", micros_each(spent.server, u64::from(CONNECTIONS))),
        (GENERATOR, per_cent(spent.generator, took)),
    ])
}

fn at_rest(crowd: &mut Crowd, peer: &Peer) -> Outcome<u64> {
    let deadline = Instant::now() + PATIENCE;
    let (mut least, mut since) = (u64::MAX, Instant::now());
    while since.elapsed() < REST && Instant::now() < deadline {
        let now = memory(&peer.server)?;
        // By a part in two hundred: what is less is noise.
        if now < least - least / 200 {
            (least, since) = (now, Instant::now());
        }
        let next = Instant::now() + Duration::from_millis(200);
        while Instant::now() < next {
            crowd.turn(next)?;
        }
    }
    memory(&peer.server)
}
