//! What it costs to resume a long room from its beginning, while the room talks on: time, the server's memory, and what
//! those who talk notice.

use std::time::{Duration, Instant};

use clap::Args;
use e2e::client::{Client, posting, valid};
use e2e::{Server, Store};
use readrealm_protocol::{ClientEvent, Epoch, Seq};
use readrealm_server::log::open::{StoreUrl, open};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::rounds::Samples;
use crate::seed;

/// The room.
const BOOK: u32 = 1;

/// Where the client stands.
const AFTER: u64 = 10;

/// Between two messages of those who talk.
const PACE: Duration = Duration::from_millis(100);

/// How often the server's memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Events of the room.
    #[arg(long, default_value_t = 1_000_000)]
    events: u32,
    /// Clients who resume at once, after the one.
    #[arg(long, default_value_t = 50)]
    crowd: usize,
    /// Seconds after which the crowd is given up.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Engines.
    #[arg(long, value_delimiter = ',', default_values_t = ["sqlite".to_owned(), "mongodb".to_owned()])]
    engines: Vec<String>,
}

pub(crate) async fn run(options: &Options) {
    println!(
        "| engine | who | events told | s | events/s | server RSS MiB: before | peak | after | live p50 / p99 ms: before | meanwhile |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for engine in &options.engines {
        let store = match engine.as_str() {
            "sqlite" => Store::sqlite(),
            "mongodb" => Store::mongodb().await,
            other => panic!("there is no engine {other}: sqlite, mongodb"),
        };
        let url: StoreUrl = store.url().parse().expect("a store");
        let log = open(&url).await.expect("the log opens");
        seed::fill(&*log, &[(BOOK, options.events)]).await;
        log.close().await;
        drop(log);
        measure(engine, &store, options).await;
    }
}

async fn measure(engine: &str, store: &Store, options: &Options) {
    let server = Server::start(store).await;
    let mut talk = Talk::begin(&server).await;
    let before = talk.listen(Duration::from_secs(5)).await;
    for (who, clients) in [("one", 1), ("crowd", options.crowd)] {
        let memory = Memory::watch(server.process().pid());
        let began = Instant::now();
        let deadline = (who == "crowd").then(|| began + Duration::from_secs(options.seconds));
        let mut resuming = JoinSet::new();
        for number in 0..clients {
            let client = Client::connect(&server, &format!("{who}-{number}")).await;
            resuming.spawn(resume(client, talk.epoch.clone(), deadline));
        }
        let mut meanwhile = Samples::default();
        let mut told = Vec::new();
        while !resuming.is_empty() {
            tokio::select! {
                one = resuming.join_next() => told.extend(one.map(|one| one.expect("it resumes"))),
                sample = talk.next() => meanwhile.push(sample),
            }
        }
        let took = began.elapsed();
        let complete = told.iter().filter(|told| told.complete).count();
        let events: u64 = told.iter().map(|told| told.events).sum();
        let (first, peak, last) = memory.end().await;
        let ms = |samples: &Samples| {
            let (p50, p99) = (samples.percentile(50) / 1e3, samples.percentile(99) / 1e3);
            format!("{p50:.1} / {p99:.1}")
        };
        #[allow(clippy::cast_precision_loss, reason = "millions")]
        let rate = events as f64 / took.as_secs_f64();
        println!(
            "| {engine} | {complete} of {clients} to the end | {events} | {:.1} | {rate:.0} | {first:.0} | {peak:.0} | {last:.0} | {} | {} |",
            took.as_secs_f64(),
            ms(&before),
            ms(&meanwhile),
        );
    }
}

/// How far a client came.
struct Told {
    events: u64,
    complete: bool,
}

/// Resumes from near the beginning. Every page is looked into for its position alone: the server is measured.
async fn resume(mut client: Client, epoch: Epoch, deadline: Option<Instant>) -> Told {
    let ClientEvent::JoinRoom(mut join) = client.joining(BOOK) else {
        unreachable!()
    };
    (join.after, join.epoch) = (Some(valid::<Seq, u64>(AFTER)), Some(epoch));
    client.request(ClientEvent::JoinRoom(join)).await;
    let mut position = AFTER;
    loop {
        let told = |complete| Told {
            events: position - AFTER,
            complete,
        };
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return told(false);
        }
        let text = client.listen_text().await.expect("the connection lives");
        if !text.starts_with(r#"{"event":"resumed""#) {
            continue;
        }
        let seq = number_after(&text, r#""epoch":"#);
        assert!(
            seq > position || text.contains(r#""complete":true"#),
            "pages go forward: {position} to {seq}"
        );
        position = seq;
        if text.contains(r#""complete":true"#) {
            return Told {
                events: position - AFTER,
                complete: true,
            };
        }
    }
}

/// The `seq` of a page, which follows its epoch.
fn number_after(text: &str, mark: &str) -> u64 {
    let rest = text.split_once(mark).expect("a page").1;
    let rest = rest.split_once(r#""seq":"#).expect("its position").1;
    let digits = rest
        .split(|digit: char| !digit.is_ascii_digit())
        .next()
        .expect("a number");
    digits.parse().expect("a number")
}

/// Two who talk in the room all the while.
struct Talk {
    epoch: Epoch,
    sender: Client,
    listener: Client,
    number: u64,
    next: Instant,
}

impl Talk {
    async fn begin(server: &Server) -> Self {
        let mut sender = Client::connect(server, "sender").await;
        let mut listener = Client::connect(server, "listener").await;
        let epoch = sender.join(BOOK).await.epoch;
        listener.join(BOOK).await;
        Self {
            epoch,
            sender,
            listener,
            number: 0,
            next: Instant::now(),
        }
    }

    async fn listen(&mut self, time: Duration) -> Samples {
        let (mut samples, end) = (Samples::default(), Instant::now() + time);
        while Instant::now() < end {
            samples.push(self.next().await);
        }
        samples
    }

    /// The time from a send to its delivery. What is given up half-way is taken up by the next call.
    async fn next(&mut self) -> Duration {
        tokio::time::sleep_until(self.next.into()).await;
        self.next = Instant::now() + PACE;
        self.number += 1;
        let words = format!("live {}", self.number);
        let sent = Instant::now();
        self.sender.request(posting(BOOK, &words, None)).await;
        while self.listener.next_message().await.content.as_str() != words {}
        let took = sent.elapsed();
        self.sender.drain().await;
        took
    }
}

/// Looks at a process's memory until told to end.
struct Memory {
    end: watch::Sender<bool>,
    looking: JoinHandle<(f64, f64, f64)>,
}

impl Memory {
    fn watch(pid: u32) -> Self {
        let (end, ended) = watch::channel(false);
        let looking = tokio::spawn(async move {
            let first = resident(pid);
            let mut peak = first;
            while !*ended.borrow() {
                peak = peak.max(resident(pid));
                tokio::time::sleep(LOOK).await;
            }
            (first, peak, resident(pid))
        });
        Self { end, looking }
    }

    /// Before, at most, and now: in MiB.
    async fn end(self) -> (f64, f64, f64) {
        self.end.send_replace(true);
        self.looking.await.expect("it looks")
    }
}

/// Resident memory in MiB.
pub(crate) fn resident(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process of Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap_or_default();
    let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
