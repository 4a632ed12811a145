//! Many who write, each as soon as an earlier send is acknowledged: what is durable in a second, and how long it took.

use std::time::Instant;

use super::{Figures, GENERATOR, Size, Spent, micros_each, per_cent, per_second};
use crate::load::{Ack, Crowd, Outcome, Role, Seat};
use crate::peer::Peer;
use crate::rounds::Samples;

const CONNECTIONS: u32 = 100;
const ROOMS: u32 = 50;

/// A connection that writes.
#[derive(Debug)]
struct Writer {
    said: u64,
    /// When the send under way of each number was sent.
    sent: Vec<Instant>,
}

pub(super) fn run(peer: &Peer, window: u32, size: Size) -> Outcome<Figures> {
    let mut crowd = Crowd::new(peer.address, peer.speech)?;
    let seats = (0..CONNECTIONS).map(|number| Seat {
        room: 1 + number % ROOMS,
        role: Role::Member,
    });
    crowd.enter(seats)?;
    let now = Instant::now();
    let mut writers: Vec<_> = (0..CONNECTIONS)
        .map(|_| Writer {
            said: 0,
            sent: vec![now; window as usize],
        })
        .collect();
    for number in 0..window {
        for connection in 0..CONNECTIONS {
            say(&mut crowd, &mut writers, connection, number)?;
        }
    }
    go_on(&mut crowd, &mut writers, now + size.warm_up)?;
    let (before, began) = (Spent::by_now(peer)?, Instant::now());
    let took = go_on(&mut crowd, &mut writers, began + size.time)?;
    let (spent, time) = (Spent::by_now(peer)?.since(before), began.elapsed());
    let acked = took.len() as u64;
    if acked == 0 {
        return Err(format!("nothing was acknowledged in {time:?}").into());
    }
    Ok(vec![
        ("acked/s", per_second(acked, time)),
        ("p50 ms", took.percentile(50) / 1e3),
        ("p99 ms", took.percentile(99) / 1e3),
        ("server us each", micros_each(spent.server, acked)),
        ("mongod us each", micros_each(spent.database, acked)),
        ("generator us each", micros_each(spent.generator, acked)),
        (GENERATOR, per_cent(spent.generator, time)),
    ])
}

/// Keeps every window full; how long each send took.
fn go_on(crowd: &mut Crowd, writers: &mut [Writer], end: Instant) -> Outcome<Samples> {
    let (mut took, mut acks) = (Samples::default(), Vec::new());
    loop {
        crowd.turn(end)?;
        let now = Instant::now();
        crowd.take_acks(&mut acks);
        for Ack { connection, number } in acks.drain(..) {
            let sent = writers[connection as usize].sent.get(number as usize - 1);
            took.push(now - *sent.ok_or_else(|| format!("no send was numbered {number}"))?);
            say(crowd, writers, connection, number - 1)?;
        }
        if now >= end {
            return Ok(took);
        }
    }
}

/// Numbers on the wire begin at 1.
fn say(crowd: &mut Crowd, writers: &mut [Writer], connection: u32, number: u32) -> Outcome<()> {
    let writer = &mut writers[connection as usize];
    writer.said += 1;
    writer.sent[number as usize] = Instant::now();
    crowd.send(connection, writer.said, number + 1)
}
