//! How long a join takes, in rooms of very different sizes.
//!
//! - *hot*: `joinRoom` to `previousMessages` on an open socket, the room being in memory.
//! - *from the log*: `GET /rooms/{bookId}/messages`, which reads the newest page from the log each time, as a room that
//!   is not in memory does when it is joined.
//!
//! The sizes take turns, so that whatever else the machine does meets all of them alike.

use std::time::Instant;

use clap::Args;
use e2e::{Client, Server, Store};
use readrealm_protocol::BookId;
use readrealm_server::log::open::{StoreUrl, open};

use crate::rounds::Samples;
use crate::seed;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Events of the rooms, smallest first.
    #[arg(long, value_delimiter = ',', default_values_t = [50, 10_000, 1_000_000])]
    sizes: Vec<u32>,
    /// Samples of each size, after as many tenths of them unmeasured.
    #[arg(long, default_value_t = 500)]
    samples: u32,
    /// Engines.
    #[arg(long, value_delimiter = ',', default_values_t = ["sqlite".to_owned(), "mongodb".to_owned()])]
    engines: Vec<String>,
}

pub(crate) async fn run(options: &Options) {
    println!(
        "| engine | events | seeded/s | hot p50 us | p99 us | x smallest | from the log p50 us | p99 us | x smallest |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for engine in &options.engines {
        let store = match engine.as_str() {
            "sqlite" => Store::sqlite(),
            "mongodb" => Store::mongodb().await,
            other => panic!("there is no engine {other}: sqlite, mongodb"),
        };
        measure(engine, &store, options).await;
    }
}

async fn measure(engine: &str, store: &Store, options: &Options) {
    let url: StoreUrl = store.url().parse().expect("a store");
    let log = open(&url).await.expect("the log opens");
    let mut seeded = Vec::new();
    for size in &options.sizes {
        seeded.push(seed::fill(&*log, BookId::from(*size), *size).await);
    }
    log.close().await;
    drop(log);

    let server = Server::start_with(store, &["--joins-per-second", "0"]).await;
    let mut client = Client::connect(&server, "bench").await;
    let mut samples: Vec<_> = options
        .sizes
        .iter()
        .map(|_| (Samples::default(), Samples::default()))
        .collect();
    for round in 0..options.samples + options.samples / 10 {
        for (size, (hot, read)) in options.sizes.iter().zip(&mut samples) {
            let started = Instant::now();
            let state = client.join(*size).await;
            let joined = started.elapsed();
            assert_eq!((state.seq.get(), state.messages.len().min(40)), (u64::from(*size), 40));
            let started = Instant::now();
            let (status, _) = server.get(&format!("/rooms/{size}/messages")).await;
            let answered = started.elapsed();
            assert_eq!(status, 200);
            if round >= options.samples / 10 {
                hot.push(joined);
                read.push(answered);
            }
        }
    }
    let (hot0, read0) = (samples[0].0.percentile(50), samples[0].1.percentile(50));
    for ((size, seeded), (hot, read)) in options.sizes.iter().zip(seeded).zip(&samples) {
        println!(
            "| {engine} | {size} | {seeded:.0} | {:.0} | {:.0} | {:.2} | {:.0} | {:.0} | {:.2} |",
            hot.percentile(50),
            hot.percentile(99),
            hot.percentile(50) / hot0,
            read.percentile(50),
            read.percentile(99),
            read.percentile(50) / read0,
        );
    }
}
