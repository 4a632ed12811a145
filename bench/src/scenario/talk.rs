//! Rooms in which one member writes: what a delivery costs the server.
//!
//! A message is under way until it is acknowledged, where the server does that, and until it has been told as often as the room
//! has members. So nobody is overrun, and every server has the same to do. At the end every member was told every message once.

use std::time::{Duration, Instant};

use super::{Figures, GENERATOR, Size, Spent, micros_each, per_cent, per_second};
use crate::load::{Ack, Crowd, Outcome, Role, Seat};
use crate::peer::Peer;

/// Who talks, and how much.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) rooms: u32,
    /// Of each room, who writes among them.
    pub(crate) members: u32,
    /// Between two messages of a room; none: as fast as it goes.
    pub(crate) pace: Option<Duration>,
    /// Messages under way, in each room.
    pub(crate) window: u64,
    /// One message under way in all rooms together, which take turns.
    pub(crate) in_turn: bool,
}

pub(super) const DELIVER: Shape = Shape {
    rooms: 1,
    members: 1_000,
    pace: Some(Duration::from_millis(50)),
    window: 32,
    in_turn: false,
};

pub(super) const SATURATED: Shape = Shape {
    rooms: 1,
    members: 1_000,
    pace: None,
    window: 32,
    in_turn: false,
};

pub(super) const ROOMS: Shape = Shape {
    rooms: 200,
    members: 10,
    pace: None,
    window: 1,
    in_turn: false,
};

/// One room as its writer sees it.
#[derive(Debug)]
struct Room {
    number: u32,
    writer: u32,
    sent: u64,
    acked: u64,
}

struct Talk<'a> {
    shape: &'a Shape,
    crowd: Crowd,
    acknowledges: bool,
    rooms: Vec<Room>,
    /// The room of each connection.
    room_of: Vec<usize>,
    acks: Vec<Ack>,
}

pub(crate) fn run(peer: &Peer, shape: &Shape, size: Size) -> Outcome<Figures> {
    let mut talk = Talk::begin(peer, shape)?;
    talk.go_on(size.warm_up)?;
    let (before, told, began) = (Spent::by_now(peer)?, talk.told(), Instant::now());
    talk.go_on(size.time)?;
    let (spent, took) = (Spent::by_now(peer)?.since(before), began.elapsed());
    let deliveries = talk.told() - told;
    for room in &talk.rooms {
        talk.crowd.all_told(room.number, room.sent)?;
    }
    Ok(vec![
        ("us/delivery", micros_each(spent.server, deliveries)),
        ("deliveries/s", per_second(deliveries, took)),
        ("mongod us/delivery", micros_each(spent.database, deliveries)),
        ("generator us/delivery", micros_each(spent.generator, deliveries)),
        (GENERATOR, per_cent(spent.generator, took)),
    ])
}

impl<'a> Talk<'a> {
    fn begin(peer: &Peer, shape: &'a Shape) -> Outcome<Self> {
        let mut crowd = Crowd::new(peer.address, peer.speech)?;
        let seats =
            |role, members| (1..=shape.rooms).flat_map(move |room| (0..members).map(move |_| Seat { room, role }));
        crowd.enter(seats(Role::Member, shape.members))?;
        let mut room_of: Vec<_> = (0..shape.rooms as usize)
            .flat_map(|room| (0..shape.members).map(move |_| room))
            .collect();
        let apart = peer.speech.publishes_apart();
        if apart {
            crowd.enter(seats(Role::Publisher, 1))?;
            room_of.extend(0..shape.rooms as usize);
        }
        let rooms = (0..shape.rooms).map(|room| Room {
            number: room + 1,
            writer: if apart {
                shape.rooms * shape.members + room
            } else {
                room * shape.members
            },
            sent: 0,
            acked: 0,
        });
        Ok(Self {
            shape,
            crowd,
            acknowledges: peer.speech.acknowledges(),
            rooms: rooms.collect(),
            room_of,
            acks: Vec::new(),
        })
    }

    /// Talks for some time, and until all that was said is heard.
    fn go_on(&mut self, time: Duration) -> Outcome<()> {
        let end = Instant::now() + time;
        let mut next = Instant::now();
        loop {
            let now = Instant::now();
            if now >= end {
                break;
            }
            if self.shape.pace.is_none() || now >= next {
                next += self.shape.pace.unwrap_or_default();
                self.speak()?;
            }
            self.crowd
                .turn(if self.shape.pace.is_some() { next.min(end) } else { end })?;
            self.hear();
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.rooms.iter().any(|room| self.under_way(room) > 0) {
            if Instant::now() > deadline {
                let sent: u64 = self.rooms.iter().map(|room| room.sent).sum();
                let due = sent * u64::from(self.shape.members);
                return Err(format!("{} of {due} deliveries came", self.told()).into());
            }
            self.crowd.turn(deadline)?;
            self.hear();
        }
        Ok(())
    }

    /// Fills every room's window, or says one message where there is a pace or a turn.
    fn speak(&mut self) -> Outcome<()> {
        if self.shape.in_turn {
            let busy = self.rooms.iter().any(|room| self.under_way(room) > 0);
            return if busy { Ok(()) } else { self.speak_next() };
        }
        for at in 0..self.rooms.len() {
            while self.under_way(&self.rooms[at]) < self.shape.window {
                let room = &mut self.rooms[at];
                room.sent += 1;
                self.crowd.send(room.writer, room.sent, 1)?;
                if self.shape.pace.is_some() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// In the room that has said the least.
    fn speak_next(&mut self) -> Outcome<()> {
        if let Some(room) = self.rooms.iter_mut().min_by_key(|room| room.sent) {
            room.sent += 1;
            self.crowd.send(room.writer, room.sent, 1)?;
        }
        Ok(())
    }

    fn hear(&mut self) {
        self.crowd.take_acks(&mut self.acks);
        for ack in &self.acks {
            self.rooms[self.room_of[ack.connection as usize]].acked += 1;
        }
    }

    fn under_way(&self, room: &Room) -> u64 {
        let told = self.crowd.told(room.number) / u64::from(self.shape.members);
        room.sent - if self.acknowledges { told.min(room.acked) } else { told }
    }

    fn told(&self) -> u64 {
        self.rooms.iter().map(|room| self.crowd.told(room.number)).sum()
    }
}
