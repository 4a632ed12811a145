//! Members of a room that do nothing but count what they are told, at as little cost as can be: they share the machine
//! with the server that is measured. The same code for both transports, which differ by a few texts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use e2e::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a transport is spoken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    /// What it is called.
    pub(crate) name: &'static str,
    path: &'static str,
    /// How `previousMessages` begins.
    joined: &'static str,
    /// How a message begins.
    told: &'static str,
    /// What is sent first, before the join.
    hello: Option<&'static str>,
    /// The event of a join around its data.
    join: (&'static str, &'static str),
}

/// The protocol of this project.
pub(crate) const NATIVE: Words = Words {
    name: "/ws",
    path: "/ws",
    joined: r#"{"event":"previousMessages""#,
    told: r#"{"event":"message""#,
    hello: None,
    join: (r#"{"event":"joinRoom","id":1,"data":"#, "}"),
};

/// Socket.IO over WebSocket.
pub(crate) const SOCKET_IO: Words = Words {
    name: "/socket.io/",
    path: "/socket.io/?EIO=4&transport=websocket",
    joined: r#"42["previousMessages""#,
    told: r#"42["newMessage""#,
    hello: Some("40"),
    join: (r#"42["joinRoom","#, "]"),
};

/// A room's members.
#[derive(Debug)]
pub(crate) struct Members {
    told: Arc<AtomicU64>,
    joined: Arc<AtomicU64>,
}

impl Members {
    /// So many enter a room.
    pub(crate) async fn enter(server: &Server, words: Words, book: u32, count: u32) -> Self {
        let (told, joined) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let members = Self { told, joined };
        for n in 0..count {
            let mut socket = TcpStream::connect(server.address()).await.expect("the server listens");
            socket.set_nodelay(true).expect("a socket");
            let join = format!(
                r#"{}{{"bookId":{book},"userId":"{book}-{n}"}}{}"#,
                words.join.0, words.join.1
            );
            shake_hands(&mut socket, words.path).await;
            for text in words.hello.into_iter().chain([&*join]) {
                socket
                    .write_all(&frame(1, text.as_bytes()))
                    .await
                    .expect("the server reads");
            }
            let (told, joined) = (Arc::clone(&members.told), Arc::clone(&members.joined));
            tokio::spawn(listen(socket, words, told, joined));
        }
        wait(|| members.joined.load(Ordering::Relaxed) == u64::from(count)).await;
        members
    }

    /// Messages told to all of them, in sum.
    pub(crate) fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    /// Waits until so many were told.
    pub(crate) async fn hear(&self, count: u64) {
        wait(|| self.told() >= count).await;
    }
}

async fn wait(reached: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(
            Instant::now() < deadline,
            "the members did not hear everything in a minute"
        );
        sleep(Duration::from_millis(5)).await;
    }
}

async fn shake_hands(socket: &mut TcpStream, path: &str) {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: \
         13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.expect("the server reads");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(socket.read_u8().await.expect("the server answers"));
    }
    assert!(
        answer.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

/// A client's frame, masked with zeros. At most 125 bytes.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short frame");
    let mut frame = vec![0x80 | opcode, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

async fn listen(mut socket: TcpStream, words: Words, told: Arc<AtomicU64>, joined: Arc<AtomicU64>) {
    let (mut buffer, mut filled) = (vec![0; 64 * 1024], 0);
    loop {
        match socket.read(&mut buffer[filled..]).await {
            Ok(0) | Err(_) => return,
            Ok(read) => filled += read,
        }
        let mut at = 0;
        while let Some((opcode, payload, end)) = next_frame(&buffer[at..filled]) {
            let payload = &buffer[at..][payload..end];
            at += end;
            if payload.starts_with(words.told.as_bytes()) {
                told.fetch_add(1, Ordering::Relaxed);
            } else if payload.starts_with(words.joined.as_bytes()) {
                joined.fetch_add(1, Ordering::Relaxed);
            } else if opcode == 9 || payload == b"2" {
                let pong = if opcode == 9 {
                    frame(10, payload)
                } else {
                    frame(1, b"3")
                };
                if socket.write_all(&pong).await.is_err() {
                    return;
                }
            }
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
        if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
    }
}

/// The opcode of a server's frame, where its payload begins, and where it ends; `None` where it is not whole.
fn next_frame(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (payload, length) = match second {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (
            10,
            u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?).try_into().ok()?,
        ),
        short => (2, usize::from(short)),
    };
    (payload + length <= bytes.len()).then_some((first & 15, payload, payload + length))
}
