//! The floor's server: what the kernel asks for a delivery, and nothing else. One thread; a message that comes on `/pub/ROOM`
//! is written to every socket of `/sub/ROOM`, each time by a write of its own, or `--share` of them in one.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use clap::Args;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::load::frame::{self, TEXT};
use crate::load::{Outcome, interrupted};

const LISTENER: Token = Token(usize::MAX);

/// How long a message waits for others to share its write with.
const PATIENCE: Duration = Duration::from_millis(20);

/// No more than what a publisher may have under way.
const BUFFER: usize = 64 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Messages that share a write.
    #[arg(long, default_value_t = 1)]
    share: usize,
}

#[derive(Debug, Default)]
struct Room {
    members: Vec<usize>,
    /// Frames that wait for others to share their write.
    waiting: Vec<u8>,
    count: usize,
}

struct Client {
    socket: TcpStream,
    room: Option<u32>,
    kept: Vec<u8>,
}

struct Floor {
    share: usize,
    clients: Vec<Option<Client>>,
    rooms: HashMap<u32, Room>,
}

/// Serves until it is killed.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let mut listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut floor = Floor {
        share: options.share.max(1),
        clients: Vec::new(),
        rooms: HashMap::new(),
    };
    let (mut events, mut buffer) = (Events::with_capacity(1024), vec![0; BUFFER]);
    while !interrupted() {
        let waiting = floor.rooms.values().any(|room| room.count > 0);
        match poll.poll(&mut events, waiting.then_some(PATIENCE)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        if waiting && events.is_empty() {
            floor.flush();
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut socket, _)) = listener.accept() {
                    socket.set_nodelay(true)?;
                    let token = Token(floor.clients.len());
                    poll.registry().register(&mut socket, token, Interest::READABLE)?;
                    floor.clients.push(Some(Client {
                        socket,
                        room: None,
                        kept: Vec::new(),
                    }));
                }
            } else if let Some(mut client) = floor.clients[event.token().0].take() {
                // Taken out, so that the rooms can be written while it is read.
                if floor.read(event.token().0, &mut client, &mut buffer) {
                    floor.clients[event.token().0] = Some(client);
                }
            }
        }
    }
    Ok(())
}

impl Floor {
    /// Whether the client is still there.
    fn read(&mut self, at: usize, client: &mut Client, buffer: &mut [u8]) -> bool {
        loop {
            match client.socket.read(buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    client.kept.extend_from_slice(&buffer[..count]);
                    self.serve(at, client);
                    if count < buffer.len() {
                        return true;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    fn serve(&mut self, at: usize, client: &mut Client) {
        let bytes = std::mem::take(&mut client.kept);
        let mut from = 0;
        if client.room.is_none() {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                client.kept = bytes;
                return;
            };
            from = end + 4;
            let (member, room) = asked(&bytes[..end]);
            client.room = Some(room);
            let room = self.rooms.entry(room).or_default();
            if member {
                room.members.push(at);
            }
            // The load asks for no proof of a handshake.
            let _ = client.socket.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
        }
        while let Some(frame) = frame::first(&bytes[from..]) {
            from += frame.end;
            if let (TEXT, Some(room)) = (frame.opcode, client.room) {
                self.tell(room, frame.payload);
            }
        }
        client.kept.extend_from_slice(&bytes[from..]);
    }

    fn tell(&mut self, room: u32, text: &[u8]) {
        let Some(room) = self.rooms.get_mut(&room) else { return };
        frame::plain(TEXT, text, &mut room.waiting);
        room.count += 1;
        if room.count >= self.share {
            write(room, &mut self.clients);
        }
    }

    /// Nobody else will share these writes.
    fn flush(&mut self) {
        for room in self.rooms.values_mut().filter(|room| room.count > 0) {
            write(room, &mut self.clients);
        }
    }
}

/// Writes what waits to every member.
fn write(room: &mut Room, clients: &mut [Option<Client>]) {
    for member in &room.members {
        if let Some(client) = &mut clients[*member] {
            // What a socket does not take is lost, and the load says so: it never has more under way than a socket holds.
            let _ = client.socket.write(&room.waiting);
        }
    }
    room.waiting.clear();
    room.count = 0;
}

/// Whether a request is a member's, and of which room: `GET /sub/7 HTTP/1.1`.
fn asked(request: &[u8]) -> (bool, u32) {
    let request = String::from_utf8_lossy(request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let room = path.rsplit('/').next().and_then(|room| room.parse().ok());
    (path.starts_with("/sub/"), room.unwrap_or_default())
}
