//! What a room notices of a flood, for a minute, out of a process of its own.
//!
//! - *delivery*: from a send to its `message` on another client of the room, before, during and after the flood.
//! - *memory*: the server's resident set in each of them, and its peak. *CPU*: the server's, in cores.
//!
//! The attackers keep to loopback (127.0.0.2 to 127.0.0.5); what they send is [`Kind`].

mod attack;
mod phase;
mod table;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::{Args, ValueEnum};
use e2e::client::Client;
use e2e::server::program;
use e2e::{Server, Store};
use tokio::task::JoinSet;

use crate::machine;
use attack::Tally;
use phase::Phase;

/// The room that goes on, and how many listen to it beside the two who are measured.
const ROOM: u32 = 28520;
const LISTENERS: usize = 20;

/// What the attackers send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// At a pace, a fifth of them each: text that is no frame, binary frames, requests of rooms that were not joined, a head without an
    /// end, and bytes that are no HTTP.
    Garbage,
    /// Requests that are read and refused, as fast as they are taken, by peers that read no answer.
    Refused,
    /// Requests for the files of the page, as fast as they are answered; where it was not built, for what is always there.
    Files,
}

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What is sent.
    #[arg(long, value_enum, default_value = "garbage")]
    kind: Kind,
    /// Connections that are open, or being opened, at a time; 2,000 of garbage, 64 of what goes as fast as it can.
    #[arg(long)]
    connections: Option<usize>,
    /// What each of them sends a second, of garbage.
    #[arg(long, default_value_t = 20)]
    per_second: u32,
    /// How long the flood lasts.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How long it is quiet before and after.
    #[arg(long, default_value_t = 15)]
    quiet: u64,
    /// How often all of it is done, each time with a server of its own. Of more than one the table has the median, and the smallest
    /// and largest.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Flags of the server, behind `--`.
    #[arg(last = true)]
    server: Vec<String>,
    /// Only flood the server there: what the program starts itself as.
    #[arg(long, hide = true)]
    attack: Option<SocketAddr>,
}

impl Options {
    fn connections(&self) -> usize {
        self.connections.unwrap_or(match self.kind {
            Kind::Garbage => 2_000,
            Kind::Refused | Kind::Files => 64,
        })
    }
}

/// What one flood came to.
struct Round {
    phases: Vec<Phase>,
    attackers: Tally,
}

pub(crate) async fn run(options: &Options) {
    if let Some(target) = options.attack {
        println!("{}", attack::run(target, options).await);
        return;
    }
    let (connections, seconds) = (options.connections(), options.seconds);
    eprintln!(
        "{connections} connections flood a server with {:?}, for {seconds} s",
        options.kind
    );
    let mut rounds = Vec::new();
    for number in 1..=options.rounds {
        eprintln!("round {number} of {}", options.rounds);
        rounds.push(round(options).await);
    }
    // Stdout is the table of docs/operate.md as it stands there.
    let built = format!("a {} build of {}", machine::build_of(program()), machine::commit());
    print!("{}", table::of(&rounds, &built));
}

async fn round(options: &Options) -> Round {
    let store = Store::sqlite();
    let page = page().filter(|_| options.kind == Kind::Files);
    let page = page.iter().filter_map(|folder| folder.to_str());
    let flags = page.flat_map(|folder| ["--static-dir", folder]);
    let flags: Vec<&str> = flags.chain(options.server.iter().map(String::as_str)).collect();
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

    let quiet = Duration::from_secs(options.quiet);
    let mut phase = async |name, time| Phase::measure(name, &server, &mut sender, &mut listener, time).await;
    let before = phase("before", quiet).await;
    let attackers = start_attack(server.address(), options);
    let during = phase("during", Duration::from_secs(options.seconds)).await;
    let attackers = attackers.wait_with_output().expect("the flood ends");
    let after = phase("after", quiet).await;
    assert_eq!(room.len(), LISTENERS, "nobody in the room was closed");
    assert!(room.try_join_next().is_none(), "nobody in the room was closed");
    Round {
        phases: vec![before, during, after],
        attackers: String::from_utf8_lossy(&attackers.stdout).parse().unwrap_or_default(),
    }
}

/// The folder of the page, where it was built.
fn page() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/react/dist"));
    folder.join("index.html").is_file().then_some(folder)
}

fn start_attack(target: SocketAddr, options: &Options) -> Child {
    let program = std::env::current_exe().expect("this program has a path");
    let kind = options.kind.to_possible_value().expect("a kind has a name");
    let mut command = Command::new(program);
    command.arg("flood").stdout(Stdio::piped());
    for (flag, value) in [
        ("--attack", target.to_string()),
        ("--kind", kind.get_name().to_owned()),
        ("--connections", options.connections().to_string()),
        ("--per-second", options.per_second.to_string()),
        ("--seconds", options.seconds.to_string()),
    ] {
        command.args([flag, &value]);
    }
    command.spawn().expect("the flood can be started")
}
