//! A run: it begins with everything in order, harms it for a while, lets it come to rest, and judges.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use readrealm_protocol::{BookId, Seq};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::cluster::{Cluster, NODES};
use super::dice::Dice;
use super::faults::{Fault, Kind};
use super::ledger::{Ledger, STEADY};
use super::reader::{Habits, Phase, Reader, Settled};
use super::room::Room;
use super::stalls::{RECOVERY, Stalls};
use super::truth::{self, Truth, Truths};
use super::verdict::judge;
use super::{Options, Say};

/// The rooms.
const BOOKS: u32 = 4;

/// Clients that come and go, edit and withdraw.
const CLIENTS: usize = 12;

/// After the last fault everybody agrees within this time.
const AGREEMENT: Duration = Duration::from_mins(1);

/// How often it is looked whether they do.
const LOOK: Duration = Duration::from_millis(100);

/// Traffic before the first fault, and after the last.
const QUIET: Duration = Duration::from_secs(2);

/// Runs. Returns whether every promise was kept.
pub async fn run(options: Options) -> bool {
    let is_to_come = |kind: &Kind| options.wants(*kind) && (!options.short() || kind.is_cheap());
    if !Kind::ALL.iter().any(is_to_come) {
        let kinds: Vec<String> = Kind::ALL.iter().map(ToString::to_string).collect();
        println!("no kind of fault is like that; there are: {}", kinds.join(", "));
        return false;
    }
    let say = Say {
        started: Instant::now(),
        ledger: Ledger::default(),
    };
    say.line(&format!(
        "seed {}: starting three mongods and {NODES} nodes",
        options.seed
    ));
    let election = Duration::from_secs(if options.short() { 2 } else { 10 });
    let mut cluster = Cluster::start(election, &say).await;
    let crowd = Crowd::start(&cluster, &options, &say);
    tokio::time::sleep(QUIET).await;
    let mut stalls = Stalls::default();
    let harmed = harm(&mut cluster, &options, &mut stalls, &say).await;
    tokio::time::sleep(QUIET).await;
    say.line("faults are over: everybody comes to rest");
    let (readers, truths) = crowd.rest(&cluster, &say).await;
    say.line("judging");
    let agreed = agreement(&readers, &truths, &say.ledger);
    let counts = judge(&mut say.ledger.open(), &truths);
    report(&harmed, &stalls);
    let book = say.ledger.open();
    println!();
    println!("rooms: {}, events in the log: {}", truths.len(), counts.events);
    println!(
        "acknowledged: {} (and {} repeats of them)",
        counts.acked, book.duplicates
    );
    println!(
        "heard live: {} events; resumed with {} events; {} states and pages read",
        counts.live, counts.resumed, counts.pages
    );
    println!(
        "connections of clients: {}",
        readers.iter().map(|reader| reader.connections).sum::<u64>()
    );
    println!(
        "{} lost, {} doubled, {} reordered",
        counts.lost, counts.doubled, counts.reordered
    );
    println!(
        "{agreed} of {} clients, two who joined afresh among them: identical with the log",
        readers.len()
    );
    println!("broken promises: {}", book.broken_count);
    if book.broken_count > 0 {
        println!("what the nodes said: {:?}", cluster.write_logs(options.seed));
    }
    println!("once more: npm run chaos -- {}", command(&options));
    let happened = !harmed.is_empty() && counts.acked > 0 && counts.live > 0 && counts.resumed > 0;
    if !happened {
        println!("nothing is proven: no fault, or nothing said, heard or resumed");
    }
    book.broken_count == 0 && happened && agreed == readers.len()
}

fn command(options: &Options) -> String {
    let time = match options.time {
        None => "--short".to_owned(),
        Some(time) => format!("--minutes {}", time.as_secs_f64() / 60.0),
    };
    let only = options
        .only
        .as_ref()
        .map_or(String::new(), |only| format!(" --only '{only}'"));
    format!("{time} --seed {}{only}", options.seed)
}

/// How often each kind was at work.
type Harmed = BTreeMap<Kind, usize>;

/// One fault after another, some with a second on top.
async fn harm(cluster: &mut Cluster, options: &Options, stalls: &mut Stalls, say: &Say) -> Harmed {
    let mut dice = Dice::new(options.seed, 0);
    let mut harmed = Harmed::new();
    let until = Instant::now() + options.time.unwrap_or_default();
    let mut first = true;
    while std::mem::take(&mut first) || (!options.short() && Instant::now() < until) {
        for kind in dice.shuffled(&Kind::ALL) {
            let over = !options.short() && Instant::now() >= until;
            if over || (options.short() && !kind.is_cheap()) || !options.wants(kind) {
                continue;
            }
            let second = dice.pick(&Kind::ALL);
            let joined = dice.per_cent(30) && second.may_join(kind) && !options.short() && options.wants(second);
            let kinds: Vec<Kind> = [kind].into_iter().chain(joined.then_some(second)).collect();
            at_once(&kinds, cluster, options, &mut dice, (stalls, say)).await;
            for kind in kinds {
                *harmed.entry(kind).or_default() += 1;
            }
            let pause = if options.short() { 300 } else { dice.between(500, 4_000) };
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }
    harmed
}

async fn at_once(
    kinds: &[Kind],
    cluster: &mut Cluster,
    options: &Options,
    dice: &mut Dice,
    (stalls, say): (&mut Stalls, &Say),
) {
    let began = Instant::now();
    let mut faults = Vec::new();
    let mut longest = began;
    for kind in kinds {
        let (low, high) = kind.lasts(options.short());
        let lasts = dice.millis(low, high);
        let wait = dice.millis(0, 1_500);
        if !faults.is_empty() {
            tokio::time::sleep(wait).await;
        }
        match Fault::begin(*kind, cluster, dice, say).await {
            Some(fault) => faults.push(fault),
            None => say.ledger.broken(format!("no primary to harm: {kind}")),
        }
        longest = longest.max(Instant::now() + lasts);
    }
    tokio::time::sleep_until(longest).await;
    let gone: Vec<usize> = faults.iter().filter_map(Fault::node_gone).collect();
    // The last to come goes first: what a stopped member is to be told would not reach it.
    for fault in faults.iter().rev() {
        fault.end(cluster, say).await;
    }
    let ended = Instant::now();
    let name = faults
        .iter()
        .map(|fault| fault.kind.to_string())
        .collect::<Vec<_>>()
        .join(" + ");
    let took = stalls.recover(&name, (began, ended), &gone, &say.ledger).await;
    let acked = say.ledger.open().pulses.len();
    say.line(&format!(
        "  over after {:.1} s; both nodes go on, and hear each other, {:.2} s later ({acked} acknowledged)",
        (ended - began).as_secs_f64(),
        took.as_secs_f64()
    ));
    for (number, node) in cluster.nodes.iter_mut().enumerate() {
        if node.has_crashed() {
            say.ledger.broken(format!("node {number} ended by itself"));
            node.restart(say).await;
        }
    }
    // The next one harms a whole set: else the majority might go.
    if tokio::time::timeout(Duration::from_mins(1), cluster.set.whole())
        .await
        .is_err()
    {
        say.ledger
            .broken("the replica set did not become whole again".to_owned());
    }
}

fn report(harmed: &Harmed, stalls: &Stalls) {
    println!("\nfaults: {}", harmed.values().sum::<usize>());
    for (kind, times) in harmed {
        println!("  {times:>3} x {kind}");
    }
    println!(
        "\nlongest time without a new acknowledgement, per fault and living node (demanded: {RECOVERY:?} after its end)"
    );
    for line in stalls.lines() {
        println!("  {line}");
    }
    println!();
}

/// All clients.
struct Crowd {
    lives: JoinSet<Reader>,
    statuses: Vec<watch::Receiver<Settled>>,
    phase: watch::Sender<Phase>,
    seed: u64,
    books: Vec<BookId>,
    direct: Vec<SocketAddr>,
}

impl Crowd {
    fn start(cluster: &Cluster, options: &Options, say: &Say) -> Self {
        let (phase, _) = watch::channel(Phase::Busy);
        let direct: Vec<SocketAddr> = cluster.nodes.iter().map(|node| node.address).collect();
        let proxied: Vec<SocketAddr> = cluster.nodes.iter().map(|node| node.proxy.address()).collect();
        let mut crowd = Self {
            lives: JoinSet::new(),
            statuses: Vec::new(),
            phase,
            seed: options.seed,
            books: (1..=BOOKS).map(BookId::from).collect(),
            direct,
        };
        for number in 0..CLIENTS {
            // A third each stays with a node, and a third goes to either.
            let homes: Vec<_> = proxied.iter().copied().enumerate().collect();
            let homes = homes.get(number % 3).map_or(homes.clone(), |home| vec![*home]);
            let habits = Habits {
                homes,
                pace: (200, 500),
                window: 1 + number % 4,
                steady: false,
                forgets: if number < CLIENTS / 4 { 20 } else { 2 },
            };
            crowd.add(&format!("reader-{number}"), habits, say);
        }
        for node in 0..NODES {
            let habits = crowd.steady(node, 64);
            crowd.add(&format!("{STEADY}{node}"), habits, say);
        }
        crowd
    }

    /// One who goes past the proxy, and only ever posts.
    fn steady(&self, node: usize, window: usize) -> Habits {
        Habits {
            homes: vec![(node, self.direct[node])],
            pace: (100, 200),
            window,
            steady: true,
            forgets: 0,
        }
    }

    fn add(&mut self, user: &str, habits: Habits, say: &Say) {
        let dice = Dice::new(self.seed, 1 + self.statuses.len() as u64);
        let (reader, status) = Reader::new(
            user,
            &self.books,
            habits,
            dice,
            say.ledger.clone(),
            self.phase.subscribe(),
        );
        self.statuses.push(status);
        self.lives.spawn(reader.live());
    }

    /// Lets everybody bring to an end what they began, adds one newcomer to each node, and waits until all stand where the
    /// log does.
    async fn rest(mut self, cluster: &Cluster, say: &Say) -> (Vec<Reader>, Truths) {
        let client = cluster.set.client().await;
        self.phase.send_replace(Phase::Calm);
        let began = Instant::now();
        self.agree(&client, began, say).await;
        for node in 0..NODES {
            let habits = self.steady(node, 0);
            self.add(&format!("newcomer-{node}"), habits, say);
        }
        let truths = self.agree(&client, began, say).await;
        say.line(&format!("at rest after {:.1} s", began.elapsed().as_secs_f64()));
        self.phase.send_replace(Phase::Over);
        let mut readers = Vec::new();
        while let Some(reader) = self.lives.join_next().await {
            match reader {
                Ok(reader) => readers.push(reader),
                Err(error) => say.ledger.broken(format!("a client ended early: {error}")),
            }
        }
        (readers, truths)
    }

    async fn agree(&self, client: &mongodb::Client, began: Instant, say: &Say) -> Truths {
        loop {
            let statuses: Vec<Settled> = self.statuses.iter().map(|status| status.borrow().clone()).collect();
            let all: Option<Vec<_>> = statuses.iter().cloned().collect();
            let late = began.elapsed() > AGREEMENT;
            if all.is_some() || late {
                let truths = truth::read(client).await.expect("the database can be read");
                let head = |book: &BookId| truths.get(book).map_or(Seq::ZERO, Truth::head);
                let current = |status: &Settled| {
                    let rooms = status.as_ref()?;
                    rooms
                        .iter()
                        .all(|(book, position)| *position == head(book))
                        .then_some(())
                };
                if statuses.iter().all(|status| current(status).is_some()) {
                    return truths;
                }
                if late {
                    for (number, status) in statuses.iter().enumerate() {
                        if current(status).is_none() {
                            say.ledger
                                .broken(format!("client {number} did not come to rest: {status:?}"));
                        }
                    }
                    return truths;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// How many clients hold exactly what the log holds, in every room.
fn agreement(readers: &[Reader], truths: &Truths, ledger: &Ledger) -> usize {
    let empty = Truth::default();
    let same = |room: &Room| {
        let truth = truths.get(&room.book).unwrap_or(&empty);
        let held = room
            .history
            .newest_first()
            .map(|message| (message.seq, message.content.as_str()));
        room.position() == truth.head() && held.eq(truth.newest_first(truth.head(), truth.head().next()))
    };
    let mut agreed = 0;
    for reader in readers {
        match reader.rooms.iter().find(|room| !same(room)) {
            None => agreed += 1,
            Some(room) => ledger.broken(format!(
                "{} holds another room {} than the log, at {}",
                reader.user,
                room.book,
                room.position()
            )),
        }
    }
    agreed
}
