//! What a delivery, and a member that says nothing, cost the server by either transport: two rooms of as many members on
//! one server, one on `/ws` and one on `/socket.io/`, taking turns. The messages come from a client of `/ws` in both.

use std::time::Duration;

use clap::Args;
use e2e::client::posting;
use e2e::{Client, Server, Store};
use tokio::time::{MissedTickBehavior, interval};

use crate::member::{Members, NATIVE, SOCKET_IO, Words};
use crate::resume::resident;

/// No limit, and no ping: what is measured is deliveries.
const FLAGS: [&str; 12] = [
    "--max-connections-per-address",
    "0",
    "--messages-per-second",
    "0",
    "--user-messages-per-second",
    "0",
    "--joins-per-second",
    "0",
    "--ping-interval",
    "0",
    "--idle-timeout",
    "0",
];

/// A user's time in `/proc` is told in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Members of each room.
    #[arg(long, default_value_t = 1_000)]
    members: u32,
    /// Messages a second.
    #[arg(long, default_value_t = 20)]
    rate: u32,
    /// Messages of a round, in each room.
    #[arg(long, default_value_t = 200)]
    messages: u32,
    /// Rounds, after one that does not count.
    #[arg(long, default_value_t = 7)]
    rounds: u32,
}

/// A room, and who talks in it.
struct Room {
    words: Words,
    book: u32,
    members: Members,
    speaker: Client,
}

pub(crate) async fn run(options: &Options) {
    let store = Store::sqlite();
    let server = Server::start_with(&store, &FLAGS).await;
    let mut rooms = Vec::new();
    for (book, words) in [(1, NATIVE), (2, SOCKET_IO)] {
        let before = resident(server.process().pid());
        let members = Members::enter(&server, words, book, options.members).await;
        let each = (resident(server.process().pid()) - before) * 1024.0 / f64::from(options.members);
        println!(
            "a member that has joined by {}: {each:.1} KiB of the server's memory",
            words.name
        );
        let mut speaker = Client::connect(&server, "speaker").await;
        speaker.join(book).await;
        rooms.push(Room {
            words,
            book,
            members,
            speaker,
        });
    }
    println!(
        "{} members a room, {} messages a second, {} messages a round; user and system time of the server",
        options.members, options.rate, options.messages
    );
    println!(
        "| round | {} us/delivery | {} us/delivery | ratio |",
        NATIVE.name, SOCKET_IO.name
    );
    println!("| --- | --- | --- | --- |");
    let mut ratios = Vec::new();
    for round in 0..=options.rounds {
        let mut costs = [0.0; 2];
        // In turns, and each first in every other round.
        for turn in 0..2 {
            let at = usize::from((round + turn) % 2 == 1);
            costs[at] = talk(&server, &mut rooms[at], options).await;
        }
        if round == 0 {
            continue;
        }
        let ratio = costs[1] / costs[0];
        println!("| {round} | {:.2} | {:.2} | {ratio:.2} |", costs[0], costs[1]);
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (ratios.first(), ratios.last()) else {
        return;
    };
    let median = ratios[ratios.len() / 2];
    println!(
        "a delivery by {} costs {median:.2} times one by {} (from {least:.2} to {most:.2})",
        SOCKET_IO.name, NATIVE.name
    );
}

/// Microseconds of the server's processors for a delivery.
async fn talk(server: &Server, room: &mut Room, options: &Options) -> f64 {
    let (before, told) = (processor_time(server.process().pid()), room.members.told());
    let mut pace = interval(Duration::from_secs(1) / options.rate);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for n in 0..options.messages {
        pace.tick().await;
        let content = format!("The Cheshire Cat scene is my favourite! ({n})");
        room.speaker.request(posting(room.book, &content, None)).await;
    }
    let deliveries = u64::from(options.messages) * u64::from(options.members);
    room.members.hear(told + deliveries).await;
    room.speaker.drain().await;
    let spent = processor_time(server.process().pid()).saturating_sub(before);
    assert_eq!(
        room.members.told(),
        told + deliveries,
        "{}: nothing came twice",
        room.words.name
    );
    #[allow(clippy::cast_precision_loss, reason = "a count of deliveries")]
    let deliveries = deliveries as f64;
    spent.as_secs_f64() * 1e6 / deliveries
}

/// User and system time of a process.
fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process of Linux");
    // The name, in brackets, may have spaces in it.
    let (_, fields) = stat.rsplit_once(')').expect("a line of stat");
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .map(|ticks| TICK * ticks.parse::<u32>().expect("a number of ticks"))
        .sum()
}
