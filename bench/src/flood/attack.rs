//! The flood itself.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use super::{Kind, Options, page};

/// Before a connection that was closed comes back.
const PAUSE: Duration = Duration::from_millis(100);

/// Frames that go in one write where they go as fast as they are taken.
const TOGETHER: usize = 64;

/// A request of a room that was not joined, and one that does not exist.
const OUT_OF_PLACE: &[u8] = br#"{"event":"message","data":{"bookId":1,"content":"x"}}"#;
const UNKNOWN: &[u8] = br#"{"event":"x"}"#;

const HANDSHAKE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: flood\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

/// How an answer begins; its status follows.
const ANSWER: &[u8] = b"HTTP/1.1 ";

/// What became of the attackers' connections. It goes from process to process as three numbers.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) opened: u64,
    pub(super) turned_away: u64,
    pub(super) pieces: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.opened, self.turned_away, self.pieces)
    }
}

impl FromStr for Tally {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut numbers = text.split_whitespace().map(str::parse);
        let mut next = || numbers.next().unwrap_or(Ok(0));
        Ok(Self {
            opened: next()?,
            turned_away: next()?,
            pieces: next()?,
        })
    }
}

/// Floods the server there for as long as is said.
pub(super) async fn run(target: SocketAddr, options: &Options) -> Tally {
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let (kind, between) = (options.kind, Duration::from_secs(1) / options.per_second.max(1));
    let mut attackers = JoinSet::new();
    for number in 0..options.connections() {
        attackers.spawn(async move {
            let mut tally = Tally::default();
            while Instant::now() < end {
                let left = end.saturating_duration_since(Instant::now());
                let attack = async {
                    let socket = connect(target, number).await?;
                    tally.opened += 1;
                    match kind {
                        Kind::Garbage => garbage(socket, number % 5, between, &mut tally).await,
                        Kind::Refused => refused(socket, &mut tally).await,
                        Kind::Files => files(socket, &mut tally).await,
                    }
                };
                let _ = timeout(left, attack).await;
                sleep(PAUSE).await;
            }
            tally
        });
    }
    let mut all = Tally::default();
    while let Some(Ok(tally)) = attackers.join_next().await {
        all.opened += tally.opened;
        all.turned_away += tally.turned_away;
        all.pieces += tally.pieces;
    }
    all
}

async fn connect(target: SocketAddr, number: usize) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let own = u8::try_from(number % 4).unwrap_or(0) + 2;
    socket.bind(SocketAddr::from(([127, 0, 0, own], 0)))?;
    socket.connect(target).await
}

/// One connection, until the server has enough of it.
async fn garbage(mut socket: TcpStream, kind: usize, between: Duration, tally: &mut Tally) -> std::io::Result<()> {
    let piece = match kind {
        0 => frame(0x1, b"garbage, garbage"),
        1 => frame(0x2, b"\xde\xad\xbe\xef"),
        2 => frame(0x1, OUT_OF_PLACE),
        3 => b"X-Head: without an end\r\n".to_vec(),
        _ => b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(),
    };
    match kind {
        0..=2 if !upgrade(&mut socket, tally).await? => return Ok(()),
        3 => socket.write_all(b"GET / HTTP/1.1\r\n").await?,
        _ => {}
    }
    let (mut reader, mut writer) = socket.split();
    let send = async {
        let mut ticks = interval(between);
        loop {
            ticks.tick().await;
            writer.write_all(&piece).await?;
            tally.pieces += 1;
        }
    };
    let mut sink = tokio::io::sink();
    tokio::select! {
        ended = send => ended,
        closed = tokio::io::copy(&mut reader, &mut sink) => closed.map(drop),
    }
}

/// The same, without reading an answer.
async fn refused(mut socket: TcpStream, tally: &mut Tally) -> std::io::Result<()> {
    if !upgrade(&mut socket, tally).await? {
        return Ok(());
    }
    let pieces = [frame(0x1, UNKNOWN), frame(0x1, OUT_OF_PLACE)]
        .concat()
        .repeat(TOGETHER / 2);
    loop {
        socket.write_all(&pieces).await?;
        tally.pieces += TOGETHER as u64;
    }
}

/// Asks for one thing after the other without waiting for the answers, which are read and counted.
async fn files(mut socket: TcpStream, tally: &mut Tally) -> std::io::Result<()> {
    let paths = page().map_or_else(
        || vec!["/healthz".into(), "/metrics".into(), "/".into()],
        |page| paths(&page),
    );
    let requests = paths.iter().map(|path| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: flood\r\nAccept-Encoding: gzip\r\n\r\n");
        head.into_bytes()
    });
    let requests = requests.collect::<Vec<_>>().concat();
    let (mut reader, mut writer) = socket.split();
    let send = async {
        loop {
            writer.write_all(&requests).await?;
        }
    };
    let read = async {
        let (mut buffer, mut held) = (vec![0; 64 * 1024], 0);
        loop {
            let read = reader.read(&mut buffer[held..]).await?;
            if read == 0 {
                return Ok(());
            }
            let filled = held + read;
            for answer in buffer[..filled].windows(ANSWER.len() + 3) {
                if let Some(status) = answer.strip_prefix(ANSWER) {
                    tally.pieces += 1;
                    tally.turned_away += u64::from(status == b"429");
                }
            }
            // What may be the beginning of one.
            held = filled.min(ANSWER.len() + 2);
            buffer.copy_within(filled - held..filled, 0);
        }
    };
    tokio::select! {
        ended = send => ended,
        closed = read => closed,
    }
}

/// The page, and what it is made of.
fn paths(page: &Path) -> Vec<String> {
    let assets = page.join("assets").read_dir().into_iter().flatten().flatten();
    let names = assets.map(|file| file.file_name().to_string_lossy().into_owned());
    let names = names.filter(|name| Path::new(name).extension().is_none_or(|end| end != "gz"));
    std::iter::once("/".to_owned())
        .chain(names.map(|name| format!("/assets/{name}")))
        .collect()
}

/// A frame of less than 126 bytes, masked with zeroes.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap_or(0);
    [&[0x80 | opcode, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

/// Whether the server lets it in.
async fn upgrade(socket: &mut TcpStream, tally: &mut Tally) -> std::io::Result<bool> {
    socket.write_all(HANDSHAKE).await?;
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await?;
    let is_in = answer.ends_with(b" 101");
    tally.turned_away += u64::from(!is_in);
    Ok(is_in)
}
