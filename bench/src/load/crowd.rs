//! Many connections to one server, on one thread.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::connection::Connection;
use super::{Outcome, Role, Speech, interrupted};

/// Handshakes under way at a time.
const AT_ONCE: usize = 256;

/// The longest anything that a crowd waits for may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest it may take a crowd to enter.
const ENTERING: Duration = Duration::from_mins(1);

/// How often a wait looks whether it was interrupted.
const LOOK: Duration = Duration::from_millis(100);

/// Bytes of one read, which all connections share; more than a page of history.
const BUFFER: usize = 256 * 1024;

/// Where a connection belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat {
    pub(crate) room: u32,
    pub(crate) role: Role,
}

/// A send that was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ack {
    /// Whose.
    pub(crate) connection: u32,
    /// The number it was sent with.
    pub(crate) number: u32,
}

/// What was heard, counted as it comes.
#[derive(Debug, Default)]
pub(super) struct Heads {
    told: Vec<u64>,
    acks: Vec<Ack>,
    joined: Vec<u32>,
}

impl Heads {
    pub(super) fn told(&mut self, room: u32) {
        self.told[room as usize] += 1;
    }

    pub(super) fn acked(&mut self, connection: u32, number: u32) {
        self.acks.push(Ack { connection, number });
    }

    pub(super) fn joined(&mut self, connection: u32) {
        self.joined.push(connection);
    }
}

/// Connections to one server.
#[derive(Debug)]
pub(crate) struct Crowd {
    server: SocketAddr,
    speech: Speech,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    connections: Vec<Connection>,
    heads: Heads,
}

impl Crowd {
    /// Nobody yet.
    pub(crate) fn new(server: SocketAddr, speech: Speech) -> Outcome<Self> {
        Ok(Self {
            server,
            speech,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            buffer: vec![0; BUFFER],
            connections: Vec::new(),
            heads: Heads::default(),
        })
    }

    /// These connect, and enter their rooms. They are numbered on from those that are there.
    pub(crate) fn enter(&mut self, seats: impl IntoIterator<Item = Seat>) -> Outcome<()> {
        let (mut seats, before) = (seats.into_iter().peekable(), self.connections.len());
        self.heads.joined.clear();
        let (began, mut deadline) = (Instant::now(), Instant::now() + PATIENCE);
        let mut inside = 0;
        while seats.peek().is_some() || inside < self.connections.len() - before {
            while self.connections.len() - before - inside < AT_ONCE {
                let Some(seat) = seats.next() else { break };
                self.connect(seat)?;
            }
            if began.elapsed() > ENTERING {
                return Err(format!("only {inside} connections got in within {ENTERING:?}").into());
            }
            self.turn(deadline)?;
            if self.heads.joined.len() > inside {
                inside = self.heads.joined.len();
                deadline = Instant::now() + PATIENCE;
            } else if Instant::now() >= deadline {
                return Err(format!("after {inside} connections nobody got in for {PATIENCE:?}").into());
            }
        }
        self.heads.joined.clear();
        Ok(())
    }

    fn connect(&mut self, seat: Seat) -> Outcome<()> {
        let number = self.connections.len();
        let mut socket = TcpStream::connect(self.server)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket, Token(number), interest)?;
        let room = seat.room as usize;
        if self.heads.told.len() <= room {
            self.heads.told.resize(room + 1, 0);
        }
        let number = u32::try_from(number)?;
        self.connections
            .push(Connection::new(socket, seat, number, self.speech));
        Ok(())
    }

    /// Joins a room with a connection that is inside another, or the same, and waits for the answer; how long it took.
    pub(crate) fn join(&mut self, connection: u32, room: u32) -> Outcome<Duration> {
        self.heads.joined.clear();
        let join = self.speech.join(room, connection);
        let began = Instant::now();
        self.connections[connection as usize].say(&join)?;
        self.wait("the answer to a join", |crowd| !crowd.heads.joined.is_empty())?;
        Ok(began.elapsed())
    }

    /// Leaves a room with a connection that is inside, and waits until that is so.
    pub(crate) fn leave(&mut self, connection: u32, room: u32) -> Outcome<()> {
        self.heads.acks.clear();
        let leave = self.speech.leave(room);
        self.connections[connection as usize].say(&leave)?;
        self.wait("the answer to a leave", |crowd| !crowd.heads.acks.is_empty())
    }

    /// Says a message, to be acknowledged by `number`.
    pub(crate) fn send(&mut self, connection: u32, nth: u64, number: u32) -> Outcome<()> {
        let connection_of = &mut self.connections[connection as usize];
        let text = self.speech.message(connection_of.seat.room, connection, nth, number);
        connection_of.say(&text)
    }

    /// Serves what is there, or the first that comes before `until`.
    pub(crate) fn turn(&mut self, until: Instant) -> Outcome<()> {
        if interrupted() {
            return Err("interrupted".into());
        }
        let time = until.saturating_duration_since(Instant::now()).min(LOOK);
        match self.poll.poll(&mut self.events, Some(time)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        for event in &self.events {
            let connection = &mut self.connections[event.token().0];
            if event.is_writable() {
                connection.writable()?;
            }
            if event.is_readable() {
                connection.readable(&mut self.buffer, &mut self.heads)?;
            }
        }
        Ok(())
    }

    /// Serves until this is so.
    pub(crate) fn wait(&mut self, what: &str, mut reached: impl FnMut(&Self) -> bool) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        while !reached(self) {
            if Instant::now() >= deadline {
                return Err(format!("waited {PATIENCE:?} for {what}").into());
            }
            self.turn(deadline)?;
        }
        Ok(())
    }

    /// Messages told in a room, to all of its members in sum.
    pub(crate) fn told(&self, room: u32) -> u64 {
        self.heads.told.get(room as usize).copied().unwrap_or(0)
    }

    /// Fails where not every member of a room was told so many messages since it came.
    pub(crate) fn all_told(&self, room: u32, messages: u64) -> Outcome<()> {
        let members = self.connections.iter().filter(|member| member.is_member_of(room));
        match members.map(|member| member.told).find(|told| *told != messages) {
            Some(told) => Err(format!("a member of room {room} was told {told} of {messages} messages").into()),
            None => Ok(()),
        }
    }

    /// Moves the acks that have come since into `into`.
    pub(crate) fn take_acks(&mut self, into: &mut Vec<Ack>) {
        into.clear();
        into.append(&mut self.heads.acks);
    }
}
