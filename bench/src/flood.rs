//! What a room notices of a flood: connections that open and send garbage, for a minute, out of a process of their own.
//!
//! - *delivery*: from a send to its `message` on another client of the room, before, during and after the flood.
//! - *memory*: the server's resident set in each of them, and its peak. *CPU*: the server's, in cores.
//!
//! The attackers keep to loopback (127.0.0.2 to 127.0.0.5), and to the pace they are given. A fifth of them each sends text that is no
//! frame, binary frames, requests of rooms that were not joined, a head without an end, and bytes that are no HTTP.

use std::net::SocketAddr;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use clap::Args;
use e2e::client::{Client, posting};
use e2e::{Server, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::rounds::Samples;

/// The room that goes on, and how many listen to it beside the two who are measured.
const ROOM: u32 = 28520;
const LISTENERS: usize = 20;

/// Between two measured sends.
const PACE: Duration = Duration::from_millis(100);

/// Before a connection that was closed comes back.
const PAUSE: Duration = Duration::from_millis(100);

/// A text frame of 16 bytes that is none of the protocol, masked with zeroes; a binary one; a request out of place.
const GARBAGE: &[u8] = b"\x81\x90\0\0\0\0garbage, garbage";
const BINARY: &[u8] = b"\x82\x84\0\0\0\0\xde\xad\xbe\xef";
const OUT_OF_PLACE: &[u8] = b"\x81\xb5\0\0\0\0{\"event\":\"message\",\"data\":{\"bookId\":1,\"content\":\"x\"}}";

const HANDSHAKE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: flood\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Connections that are open, or being opened, at a time.
    #[arg(long, default_value_t = 2_000)]
    connections: usize,
    /// What each of them sends a second.
    #[arg(long, default_value_t = 20)]
    per_second: u32,
    /// How long the flood lasts.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How long it is quiet before and after.
    #[arg(long, default_value_t = 15)]
    quiet: u64,
    /// Flags of the server, behind `--`.
    #[arg(last = true)]
    server: Vec<String>,
    /// Only flood the server there: what the program starts itself as.
    #[arg(long, hide = true)]
    attack: Option<SocketAddr>,
}

pub(crate) async fn run(options: &Options) {
    if let Some(target) = options.attack {
        return attack(target, options).await;
    }
    let store = Store::sqlite();
    let flags: Vec<&str> = options.server.iter().map(String::as_str).collect();
    let server = Server::start_with(&store, &flags).await;
    let mut room = JoinSet::new();
    for number in 0..LISTENERS {
        let mut listener = Client::connect(&server, &format!("listener-{number}")).await;
        listener.join(ROOM).await;
        room.spawn(async move { while listener.listen_text().await.is_ok() {} });
    }
    let mut sender = Client::connect(&server, "sender").await;
    let mut listener = Client::connect(&server, "listener").await;
    sender.join(ROOM).await;
    listener.join(ROOM).await;

    eprintln!(
        "{} connections send {} pieces of garbage a second each, for {} s",
        options.connections, options.per_second, options.seconds
    );
    // Stdout is the table of docs/operate.md as it stands there.
    println!("| the flood | p50 ms | p99 ms | longest ms | memory MiB | its peak so far MiB | CPU, cores |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let quiet = Duration::from_secs(options.quiet);
    phase("before", &server, &mut sender, &mut listener, quiet).await;
    let mut attackers = start_attack(server.address(), options);
    let flood = Duration::from_secs(options.seconds);
    phase("during", &server, &mut sender, &mut listener, flood).await;
    let _ = attackers.wait();
    phase("after", &server, &mut sender, &mut listener, quiet).await;
    assert_eq!(room.len(), LISTENERS, "nobody in the room was closed");
    assert!(room.try_join_next().is_none(), "nobody in the room was closed");
}

async fn phase(name: &str, server: &Server, sender: &mut Client, listener: &mut Client, time: Duration) {
    let (begun, cpu) = (Instant::now(), cpu_seconds(server));
    let mut samples = deliveries(sender, listener, name, time).await;
    let cores = (cpu_seconds(server) - cpu) / begun.elapsed().as_secs_f64();
    let samples = Samples::joined(std::iter::once(&mut samples));
    println!(
        "| {name} | {:.1} | {:.1} | {:.1} | {:.0} | {:.0} | {cores:.2} |",
        samples.percentile(50) / 1e3,
        samples.percentile(99) / 1e3,
        samples.percentile(100) / 1e3,
        mebibytes(server, "VmRSS:"),
        mebibytes(server, "VmHWM:"),
    );
}

/// Sends at a pace, and takes the time until each is delivered.
async fn deliveries(sender: &mut Client, listener: &mut Client, name: &str, time: Duration) -> Samples {
    let mut samples = Samples::default();
    let end = Instant::now() + time;
    let mut number = 0;
    while Instant::now() < end {
        number += 1;
        let words = format!("{name} {number}");
        let sent = Instant::now();
        let request = sender.request(posting(ROOM, &words, None)).await;
        while listener.next_message().await.content.as_str() != words {}
        samples.push(sent.elapsed());
        sender.answer(request).await.expect("it is taken");
        sender.drain().await;
        tokio::time::sleep_until((sent + PACE).into()).await;
    }
    samples
}

/// A line of `/proc/PID/status`, in MiB.
fn mebibytes(server: &Server, line: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process().pid())).unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|text| text.strip_prefix(line)?.split_whitespace().next()?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// User and system time of the server so far.
fn cpu_seconds(server: &Server) -> f64 {
    /// Of Linux, on every machine there is.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.process().pid())).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks = fields
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

fn start_attack(target: SocketAddr, options: &Options) -> Child {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.arg("flood");
    for (flag, value) in [
        ("--attack", target.to_string()),
        ("--connections", options.connections.to_string()),
        ("--per-second", options.per_second.to_string()),
        ("--seconds", options.seconds.to_string()),
    ] {
        command.args([flag, &value]);
    }
    command.spawn().expect("the flood can be started")
}

/// What became of the attackers' connections.
#[derive(Debug, Default)]
struct Tally {
    opened: u64,
    turned_away: u64,
    pieces: u64,
}

async fn attack(target: SocketAddr, options: &Options) {
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let between = Duration::from_secs(1) / options.per_second.max(1);
    let mut attackers = JoinSet::new();
    for number in 0..options.connections {
        attackers.spawn(async move {
            let mut tally = Tally::default();
            while Instant::now() < end {
                let left = end.saturating_duration_since(Instant::now());
                let _ = timeout(left, once(target, number, between, &mut tally)).await;
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
    eprintln!(
        "(the flood: {} connections opened, {} turned away, {} pieces sent)",
        all.opened, all.turned_away, all.pieces
    );
}

/// One connection, until the server has enough of it.
async fn once(target: SocketAddr, number: usize, between: Duration, tally: &mut Tally) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    let own = u8::try_from(number % 4).unwrap_or(0) + 2;
    socket.bind(SocketAddr::from(([127, 0, 0, own], 0)))?;
    let mut socket = socket.connect(target).await?;
    tally.opened += 1;
    let piece = match number % 5 {
        3 => &b"X-Head: without an end\r\n"[..],
        4 => &b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"[..],
        kind => {
            if !upgrade(&mut socket).await? {
                tally.turned_away += 1;
                return Ok(());
            }
            [GARBAGE, BINARY, OUT_OF_PLACE][kind]
        }
    };
    if number % 5 == 3 {
        socket.write_all(b"GET / HTTP/1.1\r\n").await?;
    }
    let (mut reader, mut writer) = socket.split();
    let send = async {
        let mut ticks = interval(between);
        loop {
            ticks.tick().await;
            writer.write_all(piece).await?;
            tally.pieces += 1;
        }
    };
    let mut sink = tokio::io::sink();
    tokio::select! {
        ended = send => ended,
        closed = tokio::io::copy(&mut reader, &mut sink) => closed.map(drop),
    }
}

/// Whether the server lets it in.
async fn upgrade(socket: &mut TcpStream) -> std::io::Result<bool> {
    socket.write_all(HANDSHAKE).await?;
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await?;
    Ok(answer.ends_with(b" 101"))
}
