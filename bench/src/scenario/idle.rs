//! Connections that have joined and say nothing: what memory each costs the server, and how fast they come in.
//!
//! Memory is the processes' own (`Pss`). What the kernel keeps for a socket is the same for every server, not in it, and told beside it: by
//! how much the machine's `Slab` has grown, for each of the two ends.

use std::time::{Duration, Instant};

use super::{Figures, GENERATOR, Spent, micros_each, per_cent, per_second};
use crate::load::{Crowd, Outcome, Role, Seat};
use crate::peer::Peer;
use crate::process::{memory, slab};

pub(crate) const CONNECTIONS: u32 = 10_000;
const ROOMS: u32 = 10;

/// They come first, and what a server allocates for the first of all is not counted.
const FIRST: u32 = 100;

/// Memory is at rest when it has not fallen for so long; it is waited for so long at most.
const REST: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(6);

pub(crate) fn run(peer: &Peer, connections: u32) -> Outcome<Figures> {
    let mut crowd = Crowd::new(peer.address, peer.speech)?;
    let seats = |count| {
        (0..count).map(|number| Seat {
            room: 1 + number % ROOMS,
            role: Role::Member,
        })
    };
    crowd.enter(seats(FIRST))?;
    let (empty, kernel) = (at_rest(&mut crowd, peer)?, slab()?);
    let (before, began) = (Spent::by_now(peer)?, Instant::now());
    crowd.enter(seats(connections))?;
    let (took, spent) = (began.elapsed(), Spent::by_now(peer)?.since(before));
    let (full, sockets) = (at_rest(&mut crowd, peer)?, slab()?.saturating_sub(kernel));
    #[allow(clippy::cast_precision_loss, reason = "bytes of a process")]
    let kb_each = |bytes: u64| bytes as f64 / f64::from(connections) / 1e3;
    Ok(vec![
        ("KB/connection", kb_each(full.saturating_sub(empty))),
        ("connects/s", per_second(u64::from(connections), took)),
        ("server us/connect", micros_each(spent.server, u64::from(connections))),
        ("kernel KB/socket", kb_each(sockets) / 2.0),
        (GENERATOR, per_cent(spent.generator, took)),
    ])
}

pub(crate) fn at_rest(crowd: &mut Crowd, peer: &Peer) -> Outcome<u64> {
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
