//! Two nodes on one replica set against one node alone, within the same rounds.
//!
//! - *acked/s*: writers with eight sends under way each, half of them on either node. One room, which both nodes write, and
//!   many, each of which both nodes write.
//! - *conflicts*: appends that met an event of the other node, per thousand acknowledged. From the servers' metrics.
//! - *delivery*: from a send on one node to its `message` on a client of the other (of the same, with one node), twenty a
//!   second, while the writers write, and without them.

use std::time::{Duration, Instant};

use clap::Args;
use e2e::client::{Client, posting};
use e2e::pair::UNLIMITED;
use e2e::replica_set::{ReplicaSet, Setup};
use e2e::{Server, Store};
use tokio::task::JoinSet;

use crate::rounds::Samples;

/// Sends of a writer under way.
const WINDOW: usize = 8;

/// Between two measured sends.
const PACE: Duration = Duration::from_millis(50);

/// Before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);

/// The room of the measured sends, and the first that is written.
const FIRST: u32 = 1;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Members of the replica sets.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 3])]
    members: Vec<usize>,
    /// Writers in all.
    #[arg(long, default_value_t = 16)]
    writers: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often each is measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// What one measurement brought.
#[derive(Debug, Default)]
struct Measured {
    acked_per_second: f64,
    conflicts_per_thousand: f64,
    loaded: Samples,
    idle: Samples,
}

pub(crate) async fn run(options: &Options) {
    println!(
        "{} writers, {WINDOW} sends under way each, {} rounds",
        options.writers, options.rounds
    );
    println!(
        "| mongods | rooms | one node acked/s | two nodes acked/s | ratio (min to max) | conflicts per 1000 | delivery, loaded, \
         p50 / p99 ms: one node | two nodes | idle: one node | two nodes |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for members in &options.members {
        let setup = Setup {
            members: *members,
            proxied: false,
            election_timeout: Duration::from_secs(10),
        };
        let set = ReplicaSet::start(setup).await;
        let many = u32::try_from(options.writers / 2).expect("a few rooms").max(1);
        for rooms in [1, many] {
            let mut one = Vec::new();
            let mut two = Vec::new();
            for round in 0..options.rounds {
                // They take turns, so that whatever else the machine does meets both alike.
                let database = format!("bench_{rooms}_{round}");
                for (nodes, all) in [(1, &mut one), (2, &mut two)] {
                    let url = set.url(&format!("{database}_{nodes}"), 0);
                    all.push(measure(&url, nodes, rooms, options).await);
                }
            }
            report(*members, rooms, one, two);
        }
    }
}

fn report(members: usize, rooms: u32, mut one: Vec<Measured>, mut two: Vec<Measured>) {
    let pairs = one.iter().zip(&two);
    let mut ratios: Vec<f64> = pairs
        .map(|(one, two)| two.acked_per_second / one.acked_per_second)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let rate = |all: &[Measured]| median(all.iter().map(|measured| measured.acked_per_second));
    let conflicts = median(two.iter().map(|measured| measured.conflicts_per_thousand));
    let mut times = |which: fn(&mut Measured) -> &mut Samples| {
        [&mut one, &mut two].map(|all| {
            let all = Samples::joined(all.iter_mut().map(which));
            format!("{:.1} / {:.1}", all.percentile(50) / 1e3, all.percentile(99) / 1e3)
        })
    };
    let [loaded_one, loaded_two] = times(|measured| &mut measured.loaded);
    let [idle_one, idle_two] = times(|measured| &mut measured.idle);
    println!(
        "| {members} | {rooms} | {:.0} | {:.0} | {:.2} ({:.2} to {:.2}) | {conflicts:.0} | {loaded_one} | {loaded_two} | {idle_one} | \
         {idle_two} |",
        rate(&one),
        rate(&two),
        median(ratios.iter().copied()),
        ratios.first().unwrap_or(&f64::NAN),
        ratios.last().unwrap_or(&f64::NAN),
    );
}

fn median(of: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = of.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

async fn measure(url: &str, nodes: usize, rooms: u32, options: &Options) -> Measured {
    let store = Store::at(url.to_owned());
    let mut servers = Vec::new();
    for _ in 0..nodes {
        servers.push(Server::start_with(&store, &UNLIMITED).await);
    }
    let mut measured = Measured::default();
    let (from, to) = (&servers[0], &servers[nodes - 1]);
    let mut sender = Client::connect(from, "sender").await;
    let mut listener = Client::connect(to, "listener").await;
    sender.join(FIRST).await;
    listener.join(FIRST).await;
    let time = Duration::from_secs(options.seconds);
    measured.idle = deliveries(&mut sender, &mut listener, time / 2).await;

    let began = Instant::now();
    let mut writers = JoinSet::new();
    for number in 0..options.writers {
        let client = Client::connect(&servers[number % nodes], &format!("writer-{number}")).await;
        // Writers of both nodes in each room.
        let room = FIRST + u32::try_from(number / 2).expect("a few") % rooms;
        writers.spawn(write(client, room, began + WARM_UP, began + WARM_UP + time));
    }
    tokio::time::sleep_until((began + WARM_UP).into()).await;
    let before = conflicts(&servers).await;
    measured.loaded = deliveries(&mut sender, &mut listener, time).await;
    let met = conflicts(&servers).await - before;
    let acked: u64 = writers.join_all().await.into_iter().sum();
    #[allow(clippy::cast_precision_loss, reason = "thousands")]
    {
        measured.acked_per_second = acked as f64 / time.as_secs_f64();
        measured.conflicts_per_thousand = met * 1e3 / acked as f64;
    }
    measured
}

/// How often a node's append met another's event.
async fn conflicts(servers: &[Server]) -> f64 {
    let mut met = 0.0;
    for server in servers {
        met += server
            .metrics()
            .await
            .of(r#"readrealm_append_stops_total{reason="conflict"}"#);
    }
    met
}

/// Sends at a pace, and takes the time until each is delivered.
async fn deliveries(sender: &mut Client, listener: &mut Client, time: Duration) -> Samples {
    let mut samples = Samples::default();
    let end = Instant::now() + time;
    let mut number = 0;
    while Instant::now() < end {
        number += 1;
        let words = format!("measured {number}");
        let sent = Instant::now();
        let request = sender.request(posting(FIRST, &words, None)).await;
        loop {
            let message = listener.next_message().await;
            if message.user_id.as_str() == "sender" && message.content.as_str() == words {
                break;
            }
        }
        samples.push(sent.elapsed());
        sender.answer(request).await.expect("it is taken");
        // What the room says meanwhile is nobody's business here.
        sender.drain().await;
        tokio::time::sleep_until((sent + PACE).into()).await;
    }
    samples
}

/// Writes until `end`. Returns how many were acknowledged from `start` on.
async fn write(mut client: Client, room: u32, start: Instant, end: Instant) -> u64 {
    client.join(room).await;
    let words = "The Cheshire Cat scene is my favourite, and I have read it more than once.";
    let (mut under_way, mut acked) = (0, 0);
    loop {
        let now = Instant::now();
        while under_way < WINDOW && now < end {
            client.request(posting(room, words, None)).await;
            under_way += 1;
        }
        if under_way == 0 {
            return acked;
        }
        let heard = client.listen_text().await.expect("the connection lives");
        // Decoding all that is delivered would measure the client.
        if heard.starts_with(r#"{"event":"ack""#) {
            under_way -= 1;
            acked += u64::from((start..end).contains(&Instant::now()));
        } else {
            assert!(!heard.starts_with(r#"{"event":"error""#), "{heard}");
        }
    }
}
